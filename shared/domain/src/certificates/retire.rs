//! Putting a certificate out of use for good.

use std::fmt::Write as _;

use super::list::retired_names;
use crate::names::{Bank, Email};
use crate::ports::Store;
use crate::records::{BankCertificate, Key, Record, RetiredCertificate, Stored, Write};
use crate::session::Caller;
use crate::{Context, Failure, audit};

/// What was retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// Bank.
    pub bank: Bank,
    /// The names that its certificates have now.
    pub names: Vec<String>,
}

/// Retires the caller's certificate for the bank, or for the owner of the API key that of an account under the key. The
/// private key is destroyed, shares of the certificate end, and the bank can be enrolled at anew.
pub async fn retire(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    bank: &str,
    account: Option<&Email>,
) -> Result<Retirement, Failure> {
    // Nothing is asked of the bank: neither its presence here nor the service agreement matters.
    let bank = Bank::parse(bank).ok_or(Failure::UnknownBank)?;
    let found = match account {
        Some(email) if *email != caller.login.email => anothers(store, caller, email, bank).await?,
        _ => caller.certificate(bank).cloned(),
    };
    let Stored { record: certificate, version } = found.ok_or(Failure::NoCertificate)?;
    let der = certificate.issued().ok_or(Failure::NoCertificate)?.to_vec();

    let mark = mark(context);
    let names = retired_names(bank, &mark, certificate.encryption.is_some());
    let object = format!("{} {}", certificate.email, names.join(" "));
    let keys = [Some(&certificate.key), certificate.encryption.as_ref().map(|it| &it.key)];
    let mut writes = vec![Write::Delete(Key::Certificate(certificate.email.clone(), bank), version)];
    writes.extend(keys.into_iter().flatten().map(|key| Write::Forget(Key::SealedKey(key.clone()))));
    writes.extend(certificate.shared_to.iter().map(|email| Write::Forget(Key::Share(email.clone(), bank))));
    writes.push(Write::Insert(Record::Retired(RetiredCertificate {
        email: certificate.email,
        bank,
        mark,
        user_id: certificate.user_id,
        certificate: der,
        encryption: certificate.encryption.map(|it| it.certificate),
        at: context.now(),
    })));
    writes.push(audit::completed(context, caller.organisation(), &caller.login, "certificate.retire", &object));
    store.commit(writes).await?;
    Ok(Retirement { bank, names })
}

/// The certificate of an account under the caller's API key; another organisation's is as absent.
async fn anothers(
    store: &dyn Store,
    caller: &Caller,
    email: &Email,
    bank: Bank,
) -> Result<Option<Stored<BankCertificate>>, Failure> {
    if !caller.account.owner {
        return Err(Failure::NotOwner);
    }
    let (mut certificate, mut known) = (None, false);
    for Stored { record, version } in
        store.get(&[Key::Account(email.clone()), Key::Certificate(email.clone(), bank)]).await?
    {
        match record {
            Record::Account(it) => known = it.organisation == *caller.organisation(),
            Record::Certificate(record) => certificate = Some(Stored { record, version }),
            _ => {}
        }
    }
    Ok(certificate.filter(|_| known))
}

fn mark(context: Context<'_>) -> String {
    let mut bytes = [0; 4];
    context.random.fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
