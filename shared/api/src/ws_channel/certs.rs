//! Bank certificates (brief 1.3).

use avain_domain::certificates::{
    self, Connection, Descriptor, EnrolmentRequest, ImportRequest, PemPair, ShareVisit, Sharing,
};
use avain_domain::names::Email;
use avain_domain::records::Export;
use avain_domain::secret::Password;
use avain_domain::{Failure, pem};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::success;
use crate::call::{Call, Running};

/// ListCerts.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let listing = certificates::list(call.deps().store()?, call.deps().banks()?, &caller).await?;
        let certs: Vec<Value> = listing.own.iter().map(descriptor).collect();
        let connections: Vec<Value> = listing.connections.iter().map(connection).collect();
        let retired: Vec<Value> = listing.retired.iter().map(retired).collect();
        Ok(success("OK", json!({ "Certs": certs, "Connections": connections, "Retired": retired })))
    })
}

/// ConfigCerts.
pub(crate) fn configure<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let body = call.body()?;
        let export = Export::parse(body.text("Export")?).ok_or_else(|| Failure::Invalid("Export".to_owned()))?;
        certificates::configure(call.context(), call.deps().store()?, &caller, export).await?;
        Ok(success(&format!("Export {}", export.as_str()), json!({})))
    })
}

/// ShareCerts.
pub(crate) fn share<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (store, visitor) = (call.deps().store()?, call.visitor().await?);
        let target = match call.email("ExtEmail") {
            Ok(target) => target,
            Err(invalid) => {
                // Who may not call is told that first.
                visitor.enter(store).await?;
                return Err(invalid);
            }
        };
        let visit = ShareVisit::enter(store, visitor, target).await?;
        Ok(sharing("Certificates shared", &certificates::share(call.context(), store, visit).await?))
    })
}

/// UnshareCerts.
pub(crate) fn unshare<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let target = call.email("ExtEmail")?;
        let left = certificates::unshare(call.context(), call.deps().store()?, caller, &target).await?;
        Ok(sharing("Certificates not shared any more", &left))
    })
}

/// ExportCert.
pub(crate) fn export<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, key_id, deps) = (call.path("Bank")?, call.query("PgpKeyId")?, call.deps());
        let key_id = key_id.ok_or(Failure::Missing)?;
        let exported =
            certificates::export(call.context(), deps.store()?, deps.sealer()?, &caller, &bank, &key_id).await?;
        let pairs: Vec<Value> = exported
            .iter()
            .map(|it| {
                json!({
                    "Certificate": pem::encode("CERTIFICATE", &it.certificate),
                    "EncryptedPrivateKey": it.encrypted_key,
                })
            })
            .collect();
        Ok(success("OK", json!({ "CertsAndKeys": pairs })))
    })
}

/// ImportCert.
pub(crate) fn import<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, body, deps) = (call.path("Bank")?, call.body()?, call.deps());
        let encryption = match (body.optional("EncCertificate")?, body.optional_or("EncPrivatekey", "EncPrivateKey")?) {
            (Some(certificate), Some(key)) => Some(PemPair { certificate, key }),
            (None, None) => None,
            _ => return Err(Failure::Missing),
        };
        let request = ImportRequest {
            bank: &bank,
            user_id: body.text("WsUserId")?,
            company: body.text("Company")?,
            signing: PemPair { certificate: body.text("Certificate")?, key: body.text("PrivateKey")? },
            encryption,
        };
        let warnings =
            certificates::import(call.context(), deps.store()?, deps.sealer()?, deps.banks()?, &caller, request)
                .await?;
        Ok(success("Certificate imported", json!({ "Warnings": warnings })))
    })
}

/// RetireCert.
pub(crate) fn retire<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, account) = (call.path("Bank")?, call.query("Account")?);
        let parse = |text: String| Email::parse(&text).ok_or_else(|| Failure::Invalid("Account".to_owned()));
        let account = account.map(parse).transpose()?;
        let retirement =
            certificates::retire(call.context(), call.deps().store()?, &caller, &bank, account.as_ref()).await?;
        let names = json!({ "Bank": retirement.bank.as_str(), "RetiredCertNames": retirement.names });
        Ok(success("Certificate retired", names))
    })
}

/// EnrollCert.
pub(crate) fn enroll<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, body, deps) = (call.path("Bank")?, call.body()?, call.deps());
        let request = EnrolmentRequest {
            bank: &bank,
            user_id: body.text("WsUserId")?,
            company: body.text("Company")?,
            code: Password::new(body.text("Code")?.to_owned()),
        };
        certificates::enrol(call.context(), deps.store()?, deps.sealer()?, deps.banks()?, &caller, request).await?;
        Ok(success("Certificate enrolled", json!({})))
    })
}

/// A certificate of an account's.
pub(super) fn descriptor(it: &Descriptor) -> Value {
    json!({
        "CertName": it.name,
        "Expires": openssl_time(it.summary.expires),
        "Subject": it.user_id,
        "Issuer": it.summary.issuer,
        "Serial": it.summary.serial,
        "PEM": pem::encode("CERTIFICATE", &it.certificate),
    })
}

fn connection(it: &Connection) -> Value {
    let certificates: Vec<Value> = it
        .certificates
        .iter()
        .map(|(purpose, expires)| json!({ "Purpose": purpose.as_str(), "Expires": openssl_time(*expires) }))
        .collect();
    let access = if it.shared { "shared" } else { "direct" };
    json!({ "Bank": it.bank.as_str(), "Access": access, "Certificates": certificates })
}

/// A certificate that an account used to have.
pub(super) fn retired(it: &Descriptor) -> Value {
    json!({
        "CertName": it.name,
        "Bank": it.bank.as_str(),
        "Purpose": it.purpose.as_str(),
        "Expires": openssl_time(it.summary.expires),
    })
}

fn sharing(text: &str, sharing: &Sharing) -> Value {
    let texts = |emails: &[Email]| emails.iter().map(|it| it.as_str().to_owned()).collect::<Vec<String>>();
    success(text, json!({ "SharedTo": texts(&sharing.to), "SharedFrom": texts(&sharing.from) }))
}

/// As OpenSSL prints it: `Oct 28 06:30:08 2017 GMT`, the day padded with a blank.
fn openssl_time(at: OffsetDateTime) -> String {
    let form = format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second] [year] GMT");
    at.to_offset(time::UtcOffset::UTC).format(form).unwrap_or_default()
}
