//! Taking certificates and private keys out, and forbidding it for good.

use zeroize::Zeroizing;

use crate::names::Bank;
use crate::ports::Store;
use crate::records::{Account, Export, Key, KeyId, PgpKey, PgpPurpose, Record, Write};
use crate::seal::Sealer;
use crate::session::Caller;
use crate::{Context, Failure, audit, keys, pem, pgp};

/// Says whether the account's certificates may be exported. Disabling is for good; what holds already is no change.
pub async fn configure(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    export: Export,
) -> Result<(), Failure> {
    match (caller.account.export, export) {
        (Export::Disabled, Export::Allowed) => Err(Failure::ExportDisabled),
        (Export::Allowed, Export::Allowed) | (Export::Disabled, Export::Disabled) => Ok(()),
        (Export::Allowed, Export::Disabled) => {
            let account = Record::Account(Account { export, ..caller.account.clone() });
            let action = "certificate.disable-export";
            let event =
                audit::completed(context, caller.organisation(), &caller.login, action, caller.login.email.as_str());
            Ok(store.commit(vec![Write::Replace(account, caller.account_version), event]).await?)
        }
    }
}

/// A certificate and its private key on their way out.
pub struct Exported {
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// The private key in PEM (PKCS#8), in an armored PGP message.
    pub encrypted_key: String,
}

/// Takes the account's own certificate for the bank out, its private key encrypted to a registered export key.
pub async fn export(
    context: Context<'_>,
    store: &dyn Store,
    sealer: &Sealer,
    caller: &Caller,
    bank: &str,
    pgp_key_id: &str,
) -> Result<Vec<Exported>, Failure> {
    let bank = caller.agreed(Bank::parse(bank).ok_or(Failure::UnknownBank)?)?;
    let stored = caller.issued(bank).ok_or(Failure::NoCertificate)?;
    let certificate = &stored.record;
    if caller.account.export == Export::Disabled {
        return Err(Failure::ExportDisabled);
    }
    let recipient = export_key(caller, pgp_key_id)?;
    let mut pairs = vec![(certificate.issued().ok_or(Failure::NoCertificate)?, &certificate.key)];
    pairs.extend(certificate.encryption.iter().map(|it| (it.certificate.as_slice(), &it.key)));

    let names: Vec<Key> = pairs.iter().map(|(_, id)| Key::SealedKey((*id).clone())).collect();
    let at_rest = store.get(&names).await?;
    let mut taken_out = Vec::new();
    for (certificate, id) in pairs {
        let key = at_rest.iter().find_map(|stored| match &stored.record {
            Record::SealedKey(key) if key.id == *id => Some(key.sealed.as_slice()),
            _ => None,
        });
        let encrypted_key = encrypted(context, sealer, id, key, recipient).await?;
        taken_out.push(Exported { certificate: certificate.to_vec(), encrypted_key });
    }
    let object = format!("{} {}", bank.as_str(), recipient.fingerprint);
    let event = audit::completed(context, caller.organisation(), &caller.login, "certificate.export", &object);
    // Nothing goes out after export was disabled, or of a certificate that was retired meanwhile.
    let allowed = Write::Check(Key::Account(caller.login.email.clone()), caller.account_version);
    let live = Write::Check(Key::Certificate(caller.login.email.clone(), bank), stored.version);
    store.commit(vec![event, allowed, live]).await?;
    Ok(taken_out)
}

async fn encrypted(
    context: Context<'_>,
    sealer: &Sealer,
    id: &KeyId,
    at_rest: Option<&[u8]>,
    recipient: &PgpKey,
) -> Result<String, Failure> {
    let missing = || Failure::Internal("the certificate's key is missing".to_owned());
    let key = sealer.open(id, at_rest.ok_or_else(missing)?).await?;
    let pem = Zeroizing::new(pem::encode("PRIVATE KEY", key.expose()));
    pgp::encrypt(&recipient.public_key, pem.as_bytes(), context.random, context.now())
        .map_err(|problem| Failure::Invalid(format!("PgpKeyId ({})", keys::advice(problem))))
}

/// The registered export key of this id, or of this fingerprint: short ids can be made to collide, and then the id says
/// nothing.
fn export_key<'a>(caller: &'a Caller, id: &str) -> Result<&'a PgpKey, Failure> {
    let is_meant = |key: &&PgpKey| {
        key.purpose == PgpPurpose::Export
            && (pgp::short_id(&key.fingerprint).eq_ignore_ascii_case(id) || key.fingerprint.eq_ignore_ascii_case(id))
    };
    let mut found = caller.pgp_keys.iter().map(|it| &it.record).filter(is_meant);
    let key = found.next().ok_or(Failure::NoExportKey)?;
    match found.next() {
        None => Ok(key),
        Some(_) => Err(Failure::Invalid("PgpKeyId (several keys have it: give the fingerprint)".to_owned())),
    }
}
