//! Letting another account of the organisation use one's certificates (design, decision 12).
//!
//! A certificate names in `shared_to` the accounts that may use it, and each of those has a `Share` that says whose
//! certificate it uses at the bank. Both sides change in one transaction, so neither ever says what the other does not.

use crate::names::{Bank, Email};
use crate::ports::{CommitError, Store};
use crate::records::{BankCertificate, Key, Record, Share, Stored, Write};
use crate::session::{Caller, Visitor};
use crate::{Context, Failure, audit};

/// Accounts that one certificate is shared with, at most: they all change in one transaction when it is retired.
const MAX_SHARED_TO: usize = 50;
/// How often an own certificate meets changes of the share that it takes the place of.
const ROUNDS: u32 = 3;

/// With whom an account shares, after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharing {
    /// Accounts that use one of its certificates.
    pub to: Vec<Email>,
    /// Accounts of which it uses a certificate.
    pub from: Vec<Email>,
}

/// A caller who shares, with what one read tells of both accounts.
pub struct ShareVisit {
    caller: Caller,
    target: Email,
    of_target: Vec<Stored>,
}

impl ShareVisit {
    /// Reads what both accounts have at every bank in one go, and admits the caller.
    pub async fn enter(store: &dyn Store, visitor: Visitor, target: Email) -> Result<Self, Failure> {
        let mut keys = visitor.keys();
        keys.push(Key::Account(target.clone()));
        for bank in Bank::NAMES.into_iter().filter_map(Bank::parse) {
            for email in [visitor.email(), &target] {
                keys.push(Key::Certificate(email.clone(), bank));
                keys.push(Key::Share(email.clone(), bank));
            }
        }
        let records = store.get(&keys).await?;
        let (of_target, own): (Vec<Stored>, _) = records.into_iter().partition(|stored| is_of(&target, &stored.record));
        // The caller as its own target is found out when it is known who calls.
        let own = if *visitor.email() == target { of_target.clone() } else { own };
        Ok(Self { caller: visitor.enter_with(store, own).await?, target, of_target })
    }
}

fn is_of(email: &Email, record: &Record) -> bool {
    match record {
        Record::Account(it) => it.email == *email,
        Record::Certificate(it) => it.email == *email,
        Record::Share(it) => it.email == *email,
        Record::Mode(it) => it.login.email == *email,
        _ => false,
    }
}

/// Lets the target use the caller's certificates at all banks for which it has nothing.
pub async fn share(context: Context<'_>, store: &dyn Store, visit: ShareVisit) -> Result<Sharing, Failure> {
    let ShareVisit { mut caller, target, of_target } = visit;
    if caller.login.email == target {
        return Err(Failure::Invalid("ExtEmail (your own account)".to_owned()));
    }
    let account = of_target.iter().find_map(|stored| match &stored.record {
        Record::Account(it) if it.organisation == *caller.organisation() => Some(stored.version),
        _ => None,
    });
    let unchanged = Write::Check(Key::Account(target.clone()), account.ok_or(Failure::NotFound)?);
    let has = |bank: Bank| {
        of_target.iter().any(|stored| match &stored.record {
            Record::Certificate(it) => it.bank == bank,
            Record::Share(it) => it.bank == bank,
            _ => false,
        })
    };
    if caller.certificates.iter().all(|it| it.record.issued().is_none()) {
        return Err(Failure::NoCertificate);
    }
    let mut writes = vec![unchanged];
    let mut banks = Vec::new();
    let free = |it: &&mut Stored<BankCertificate>| it.record.issued().is_some() && !has(it.record.bank);
    for stored in caller.certificates.iter_mut().filter(free) {
        let certificate = &mut stored.record;
        if certificate.shared_to.len() >= MAX_SHARED_TO {
            return Err(Failure::Invalid(format!("ExtEmail (at most {MAX_SHARED_TO} accounts)")));
        }
        certificate.shared_to.push(target.clone());
        banks.push(certificate.bank.as_str());
        writes.push(Write::Insert(Record::Share(Share {
            email: target.clone(),
            bank: certificate.bank,
            owner: certificate.email.clone(),
            key: certificate.key.clone(),
            since: context.now(),
        })));
        writes.push(Write::Absent(Key::Certificate(target.clone(), certificate.bank)));
        writes.push(Write::Replace(Record::Certificate(certificate.clone()), stored.version));
    }
    if !banks.is_empty() {
        writes.push(told(context, &caller, "certificate.share", &target, &banks));
        store.commit(writes).await?;
    }
    Ok(sharing(&caller))
}

/// Takes back whatever the target uses of the caller's. Nothing else takes its place.
pub async fn unshare(
    context: Context<'_>,
    store: &dyn Store,
    mut caller: Caller,
    target: &Email,
) -> Result<Sharing, Failure> {
    let mut writes = Vec::new();
    let mut banks = Vec::new();
    let shared = |it: &&mut Stored<BankCertificate>| it.record.shared_to.contains(target);
    for stored in caller.certificates.iter_mut().filter(shared) {
        let certificate = &mut stored.record;
        certificate.shared_to.retain(|it| it != target);
        banks.push(certificate.bank.as_str());
        writes.push(Write::Replace(Record::Certificate(certificate.clone()), stored.version));
        writes.push(Write::Forget(Key::Share(target.clone(), certificate.bank)));
    }
    if banks.is_empty() {
        return Err(Failure::NotFound);
    }
    writes.push(told(context, &caller, "certificate.unshare", target, &banks));
    store.commit(writes).await?;
    Ok(sharing(&caller))
}

fn told(context: Context<'_>, caller: &Caller, action: &str, target: &Email, banks: &[&str]) -> Write {
    let object = format!("{target} {}", banks.join(" "));
    audit::completed(context, caller.organisation(), &caller.login, action, &object)
}

fn sharing(caller: &Caller) -> Sharing {
    let unique = |mut emails: Vec<Email>| {
        emails.sort();
        emails.dedup();
        emails
    };
    Sharing {
        to: unique(caller.certificates.iter().flat_map(|it| it.record.shared_to.clone()).collect()),
        from: unique(caller.shares.iter().map(|it| it.record.owner.clone()).collect()),
    }
}

/// Commits what makes a certificate the account's own. It takes the place of a share, which ends in the same transaction;
/// where there is none, there is none when the transaction is done.
pub(super) async fn commit_own(
    store: &dyn Store,
    caller: &Caller,
    bank: Bank,
    writes: Vec<Write>,
) -> Result<(), CommitError> {
    let mut share = caller.share(bank).cloned();
    for round in 1.. {
        let mut all = writes.clone();
        all.extend(ended(store, caller, bank, share.as_ref()).await?);
        match store.commit(all).await {
            // The share, or the certificate that it is of, was changed meanwhile. What a bank has issued is not lost for it.
            Err(CommitError::Conflict { index, .. }) if index >= writes.len() && round < ROUNDS => {}
            outcome => return outcome,
        }
        let found = store.get(&[Key::Share(caller.login.email.clone(), bank)]).await?;
        share = found.into_iter().find_map(|stored| match stored.record {
            Record::Share(record) => Some(Stored { record, version: stored.version }),
            _ => None,
        });
    }
    Ok(())
}

/// The writes that end a share on both sides, or that hold it absent.
async fn ended(
    store: &dyn Store,
    caller: &Caller,
    bank: Bank,
    share: Option<&Stored<Share>>,
) -> Result<Vec<Write>, CommitError> {
    let email = &caller.login.email;
    let key = Key::Share(email.clone(), bank);
    let Some(share) = share else { return Ok(vec![Write::Absent(key)]) };
    let mut writes = vec![Write::Delete(key, share.version)];
    for stored in store.get(&[Key::Certificate(share.record.owner.clone(), bank)]).await? {
        if let Record::Certificate(mut certificate) = stored.record {
            certificate.shared_to.retain(|it| it != email);
            writes.push(Write::Replace(Record::Certificate(certificate), stored.version));
        }
    }
    Ok(writes)
}
