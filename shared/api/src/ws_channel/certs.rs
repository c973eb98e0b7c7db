//! Bank certificates (brief 1.3).

use avain_domain::certificates::{self, EnrolmentRequest, Listed};
use avain_domain::pem;
use avain_domain::secret::Password;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::success;
use crate::call::{Call, Running};

/// ListCerts.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let listed = certificates::list(call.deps().banks()?, &caller)?;
        let certs: Vec<Value> = listed.iter().map(descriptor).collect();
        let connections: Vec<Value> = listed.iter().map(connection).collect();
        Ok(success("OK", json!({ "Certs": certs, "Connections": connections, "Retired": [] })))
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

fn descriptor(listed: &Listed) -> Value {
    json!({
        "CertName": format!("{}_customer_signing_cert", listed.bank.as_str()),
        "Expires": openssl_time(listed.summary.expires),
        "Subject": listed.user_id,
        "Issuer": listed.summary.issuer,
        "Serial": listed.summary.serial,
        "PEM": pem::encode("CERTIFICATE", &listed.certificate),
    })
}

fn connection(listed: &Listed) -> Value {
    let certificate = json!({ "Purpose": "signing", "Expires": openssl_time(listed.summary.expires) });
    json!({ "Bank": listed.bank.as_str(), "Access": "direct", "Certificates": [certificate] })
}

/// As OpenSSL prints it: `Oct 28 06:30:08 2017 GMT`, the day padded with a blank.
fn openssl_time(at: OffsetDateTime) -> String {
    let form = format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second] [year] GMT");
    at.to_offset(time::UtcOffset::UTC).format(form).unwrap_or_default()
}
