//! Bank certificates: enrolling one, telling which there are (brief 1.3).

use time::Duration;

use crate::names::Bank;
use crate::ports::{BankChannel, BankError, BankUser, CertificateSummary, CommitError, Enrolment, Store};
use crate::records::{BankCertificate, CertificateState, KeyId, KeyKind, Record, SealedKey, Write};
use crate::seal::Sealer;
use crate::secret::Password;
use crate::session::Caller;
use crate::{Context, Failure, audit};

/// How long an enrolment may be under way before another may take its place: longer than the bank calls may last.
const PENDING: Duration = Duration::seconds(60);

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

/// Makes a key, keeps it sealed, gets the bank's certificate for it, and keeps that. Nothing remains of an enrolment that the
/// bank refuses; the key of one whose answer is not known stays.
pub async fn enrol(
    context: Context<'_>,
    store: &dyn Store,
    sealer: &Sealer,
    banks: &dyn BankChannel,
    caller: &Caller,
    request: EnrolmentRequest<'_>,
) -> Result<(), Failure> {
    let bank = check(banks, caller, &request)?;
    let before = caller.certificate(bank);
    if let Some(stored) = before {
        match stored.record.state {
            CertificateState::Active { .. } => return Err(Failure::Exists("Bank certificate(s) already exists")),
            CertificateState::Pending if context.now() - stored.record.started < PENDING => {
                return Err(Failure::Exists("Enrolment already in progress"));
            }
            CertificateState::Pending => {}
        }
    }

    let key = banks.generate_key(bank)?;
    let id = KeyId {
        organisation: caller.organisation().clone(),
        holder: caller.login.email.as_str().to_owned(),
        kind: KeyKind::Bank,
        id: format!("{}/{}", bank.as_str(), context.uuid()),
    };
    let kept_key = SealedKey { id: id.clone(), sealed: sealer.seal(&id, key.expose()).await? };
    let pending = BankCertificate {
        email: caller.login.email.clone(),
        bank,
        company: request.company.to_owned(),
        user_id: request.user_id.to_owned(),
        key: id,
        state: CertificateState::Pending,
        started: context.now(),
    };
    let (record, version) = (Record::Certificate(pending.clone()), before.map_or(1, |stored| stored.version + 1));
    let reserve = match before {
        None => Write::Insert(record),
        Some(stored) => Write::Replace(record, stored.version),
    };
    match store.commit(vec![reserve, Write::Insert(Record::SealedKey(kept_key.clone()))]).await {
        Err(CommitError::Conflict { index: 0, .. }) => return Err(Failure::Exists("Enrolment already in progress")),
        outcome => outcome?,
    }

    let enrolment =
        Enrolment { bank, user_id: request.user_id, company: request.company, code: &request.code, key: &key };
    let certificate = match banks.enrol(enrolment).await {
        Ok(certificate) => certificate,
        Err(error) => {
            let nothing_issued = matches!(
                error,
                BankError::Refused { .. } | BankError::NotConnected | BankError::Field(_) | BankError::NotMade(_)
            );
            if nothing_issued {
                let forget = vec![
                    Write::Delete(Record::Certificate(pending).key(), version),
                    Write::Delete(Record::SealedKey(kept_key).key(), 1),
                ];
                store.commit(forget).await?;
            }
            return Err(error.into());
        }
    };
    // Where this fails, the certificate is usable all the same, and the first use asks again.
    let user = BankUser { bank, user_id: request.user_id, certificate: &certificate, key: &key, target_id: None };
    let target_ids = banks.target_ids(user).await.unwrap_or_default();

    // One that cannot be read is kept all the same (its code is spent), and watched as one that ends now.
    let expires = banks.summary(&certificate).map_or_else(|_| context.now(), |summary| summary.expires);
    let active = BankCertificate { state: CertificateState::Active { certificate, expires, target_ids }, ..pending };
    let event = audit::completed(context, caller.organisation(), &caller.login, "certificate.enrol", bank.as_str());
    Ok(store.commit(vec![Write::Replace(Record::Certificate(active), version), event]).await?)
}

fn check(banks: &dyn BankChannel, caller: &Caller, request: &EnrolmentRequest<'_>) -> Result<Bank, Failure> {
    let invalid = |name: &str| Failure::Invalid(name.to_owned());
    let bank = caller.bank(banks, request.bank)?;
    banks.check_enrolment(bank, request.user_id, request.code.expose()).map_err(invalid)?;
    let company = request.company;
    if company.trim().is_empty() || company.chars().count() > 64 || company.chars().any(char::is_control) {
        return Err(invalid("Company"));
    }
    // The simulator knows no agreements, so what was registered stands for one (brief 2.9).
    if bank == Bank::SIMULATOR && company != caller.account.company {
        return Err(invalid("Company (not the registered one)"));
    }
    Ok(bank)
}

/// A certificate as the API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Bank.
    pub bank: Bank,
    /// Web Services user id.
    pub user_id: String,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// What people read in it.
    pub summary: CertificateSummary,
}

/// The account's own certificates, by bank.
pub fn list(banks: &dyn BankChannel, caller: &Caller) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    for stored in &caller.certificates {
        if let CertificateState::Active { certificate, .. } = &stored.record.state {
            listed.push(Listed {
                bank: stored.record.bank,
                user_id: stored.record.user_id.clone(),
                certificate: certificate.clone(),
                summary: banks.summary(certificate)?,
            });
        }
    }
    listed.sort_by_key(|it| it.bank.as_str());
    Ok(listed)
}
