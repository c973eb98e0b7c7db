//! Bank certificates (brief 1.3): enrolling one here; importing, exporting, sharing, retiring and listing in the rooms below.

mod export;
mod import;
mod list;
mod renew;
mod retire;
mod share;

use time::{Duration, OffsetDateTime};

use crate::names::{Bank, Email, OrganisationId};
use crate::ports::{BankChannel, BankError, BankUser, CommitError, Enrolment, Store};
use crate::records::{
    BankCertificate, CertificateState, EncryptionPair, Key, KeyId, KeyKind, Record, SealedKey, Stored, Write,
};
use crate::seal::Sealer;
use crate::secret::{Password, Secret};
use crate::session::Caller;
use crate::{Context, Failure, audit};

pub use export::{Exported, configure, export};
pub use import::{ImportRequest, PemPair, import};
pub use list::{Connection, Descriptor, Listing, Purpose, list};
pub(crate) use list::{own, retired};
pub use renew::{Renewed, renew_due};
pub use retire::{Retirement, retire};
pub use share::{ShareVisit, Sharing, share, unshare};

/// How long an enrolment may be under way before another may take its place: longer than the bank calls may last.
const PENDING: Duration = Duration::seconds(60);
/// The text for a bank that the account has a certificate for.
const EXISTS: &str = "Bank certificate(s) already exists";
/// The text for a bank that is being asked for a certificate.
const IN_PROGRESS: &str = "Enrolment already in progress";

/// What the caller gives.
pub struct EnrolmentRequest<'a> {
    /// The bank's name.
    pub bank: &'a str,
    /// Web Services user id.
    pub user_id: &'a str,
    /// Company name, as in the agreement with the bank.
    pub company: &'a str,
    /// The code from the bank.
    pub code: Password,
}

/// Makes a key (two at banks that encrypt), keeps it sealed, gets the bank's certificate for it, and keeps that. Nothing remains
/// of an enrolment that the bank refuses; the keys of one whose answer is not known stay.
pub async fn enrol(
    context: Context<'_>,
    store: &dyn Store,
    sealer: &Sealer,
    banks: &dyn BankChannel,
    caller: &Caller,
    request: EnrolmentRequest<'_>,
) -> Result<(), Failure> {
    let bank = check(banks, caller, &request)?;
    let before = replaceable(context, caller, bank)?;

    let id = key_id(context, caller, bank);
    let signing = NewKey::make(banks, sealer, bank, id.clone()).await?;
    let encryption =
        if bank.encrypts() { Some(NewKey::make(banks, sealer, bank, encryption_key_id(&id)).await?) } else { None };
    let keys = || [Some(&signing), encryption.as_ref()].into_iter().flatten().map(|it| it.record.clone());
    let pending = BankCertificate {
        email: caller.login.email.clone(),
        bank,
        company: request.company.to_owned(),
        user_id: request.user_id.to_owned(),
        key: id,
        state: CertificateState::Pending,
        encryption: None,
        renewal: None,
        shared_to: Vec::new(),
        started: context.now(),
    };
    let (record, version) = (Record::Certificate(pending.clone()), before.map_or(1, |stored| stored.version + 1));
    let reserve = put(record, before);
    let tell = |outcome: &str, bank_said: Option<(&str, &str)>| {
        let (organisation, login) = (caller.organisation(), &caller.login);
        audit::answered(context, organisation, login, "certificate.enrol", outcome, bank.as_str(), bank_said)
    };
    let mut started = vec![reserve, tell("started", None), caller.unchanged()];
    started.extend(keys().map(Write::Insert));
    match store.commit(started).await {
        Err(CommitError::Conflict { index: 0, .. }) => return Err(Failure::Exists(IN_PROGRESS)),
        outcome => outcome?,
    }

    let enrolment = Enrolment {
        bank,
        user_id: request.user_id,
        company: request.company,
        code: &request.code,
        key: &signing.key,
        encryption_key: encryption.as_ref().map(|it| &it.key),
    };
    let issued = match banks.enrol(enrolment).await {
        Ok(issued) => issued,
        Err(error) => {
            if error.nothing_done() {
                let mut forget = vec![
                    Write::Delete(Record::Certificate(pending).key(), version),
                    match &error {
                        BankError::Refused { code, text } => tell("rejected", Some((code, text))),
                        _ => tell("failed", None),
                    },
                ];
                forget.extend(keys().map(|it| Write::Delete(it.key(), 1)));
                store.commit(forget).await?;
            }
            return Err(error.into());
        }
    };
    let second = issued.encryption.as_ref();
    let encryption_pair =
        second.map(|it| EncryptionPair { certificate: it.clone(), key: encryption_key_id(&pending.key) });
    // Where this fails, the certificate is usable all the same, and the first use asks again.
    let user = BankUser {
        bank,
        user_id: request.user_id,
        certificate: &issued.certificate,
        key: &signing.key,
        decryption_key: encryption.as_ref().map(|it| &it.key),
        target_id: None,
    };
    let target_ids =
        if banks.has_folders(bank) { banks.target_ids(user).await.unwrap_or_default() } else { Vec::new() };

    // The pair is of use while both are.
    let ends = |der: &[u8]| ends(banks, der, context.now());
    let expires = issued.encryption.iter().map(|it| ends(it)).fold(ends(&issued.certificate), OffsetDateTime::min);
    let state = CertificateState::Active { certificate: issued.certificate, expires, target_ids };
    let active = BankCertificate { state, encryption: encryption_pair, ..pending };
    let event = tell("completed", Some(("00", "")));
    Ok(share::commit_own(store, caller, bank, vec![Write::Replace(Record::Certificate(active), version), event])
        .await?)
}

fn check(banks: &dyn BankChannel, caller: &Caller, request: &EnrolmentRequest<'_>) -> Result<Bank, Failure> {
    let invalid = |name: &str| Failure::Invalid(name.to_owned());
    let bank = caller.bank(banks, request.bank)?;
    banks.check_enrolment(bank, request.user_id, request.code.expose()).map_err(invalid)?;
    check_company(caller, bank, request.company)?;
    Ok(bank)
}

fn check_company(caller: &Caller, bank: Bank, company: &str) -> Result<(), Failure> {
    let invalid = |what: &str| Failure::Invalid(what.to_owned());
    if company.trim().is_empty() || company.chars().count() > 64 || company.chars().any(char::is_control) {
        return Err(invalid("Company"));
    }
    // The simulator knows no agreements, so what was registered stands for one (brief 2.9).
    if bank == Bank::SIMULATOR && company != caller.account.company {
        return Err(invalid("Company (not the registered one)"));
    }
    Ok(())
}

/// The record that a new certificate may take the place of: none, or an enrolment that was given up.
fn replaceable<'a>(
    context: Context<'_>,
    caller: &'a Caller,
    bank: Bank,
) -> Result<Option<&'a Stored<BankCertificate>>, Failure> {
    let before = caller.certificate(bank);
    if let Some(stored) = before {
        match stored.record.state {
            CertificateState::Active { .. } => return Err(Failure::Exists(EXISTS)),
            CertificateState::Pending if context.now() - stored.record.started < PENDING => {
                return Err(Failure::Exists(IN_PROGRESS));
            }
            CertificateState::Pending => {}
        }
    }
    Ok(before)
}

/// Puts the record where `before` was, or nothing.
fn put(record: Record, before: Option<&Stored<BankCertificate>>) -> Write {
    match before {
        None => Write::Insert(record),
        Some(stored) => Write::Replace(record, stored.version),
    }
}

/// A new private key, and what is kept of it.
struct NewKey {
    key: Secret,
    record: Record,
}

impl NewKey {
    async fn make(banks: &dyn BankChannel, sealer: &Sealer, bank: Bank, id: KeyId) -> Result<Self, Failure> {
        let key = banks.generate_key(bank)?;
        let at_rest = sealer.seal(&id, key.expose()).await?;
        Ok(Self { key, record: Record::SealedKey(SealedKey { id, sealed: at_rest }) })
    }
}

/// The second key's name is the first's with a word more: the key of an enrolment whose answer is not known can be found.
fn encryption_key_id(signing: &KeyId) -> KeyId {
    KeyId { id: format!("{}/encryption", signing.id), ..signing.clone() }
}

/// The end of a certificate. One that cannot be read is kept all the same, as the bank has issued it, and is watched as one that ends
/// now.
fn ends(banks: &dyn BankChannel, der: &[u8], now: OffsetDateTime) -> OffsetDateTime {
    banks.summary(der).map_or(now, |summary| summary.expires)
}

/// A name for a new private key of the caller's account.
fn key_id(context: Context<'_>, caller: &Caller, bank: Bank) -> KeyId {
    new_key_id(context, caller.organisation(), &caller.login.email, bank)
}

/// A name for a new private key of an account.
fn new_key_id(context: Context<'_>, organisation: &OrganisationId, account: &Email, bank: Bank) -> KeyId {
    KeyId {
        organisation: organisation.clone(),
        holder: account.as_str().to_owned(),
        kind: KeyKind::Bank,
        id: format!("{}/{}", bank.as_str(), context.uuid()),
    }
}

/// The sealed keys of these names that are there: one read.
pub(crate) async fn sealed_keys(store: &dyn Store, names: &[Key]) -> Result<Vec<SealedKey>, Failure> {
    let found = store.get(names).await?.into_iter();
    Ok(found.filter_map(|it| if let Record::SealedKey(key) = it.record { Some(key) } else { None }).collect())
}

/// The private key of this name, opened.
pub(crate) async fn open_key(sealer: &Sealer, id: &KeyId, at_rest: &[SealedKey]) -> Result<Secret, Failure> {
    let found = at_rest.iter().find(|it| it.id == *id);
    let key = found.ok_or_else(|| Failure::Internal("the certificate's key is missing".to_owned()))?;
    sealer.open(id, &key.sealed).await
}
