//! Organisations: made with an API key at registration; their agreement is changed by the operator, their policy by their owner.
//!
//! Both are copied into each account of the organisation, where calls read them (decision 0015).

use sha2::{Digest, Sha256};

use crate::names::{Bank, Email, OrganisationId};
use crate::ports::{CommitError, Gateway, Random, Store};
use crate::records::{
    Account, Agreement, ApiKey, Audited, Key, Organisation, Policy, Record, SignatureRule, Stored, Write,
};
use crate::session::Caller;
use crate::{Context, Failure, audit, members};

/// Length of an API key; letters and digits, the first a letter (brief 2.2), 5.9 bits each.
const API_KEY_LENGTH: usize = 40;

/// SHA-256 of an API key, lower-case hex: what the store keeps of it.
#[must_use]
pub fn api_key_hash(key: &str) -> String {
    format!("{:x}", Sha256::digest(key))
}

/// A new organisation, its API key in clear, which the gateway knows, and the writes that keep them. Without those the key is
/// nobody's: each try makes another.
pub(crate) async fn create(
    context: Context<'_>,
    gateway: &dyn Gateway,
    company: &str,
    owner: &Email,
) -> Result<(Organisation, String, Vec<Write>), Failure> {
    let organisation = Organisation {
        id: OrganisationId(context.uuid()),
        name: company.to_owned(),
        owner: owner.clone(),
        agreement: Agreement::Test,
        policy: Policy::default(),
        created: context.now(),
    };
    let key = api_key(context.random);
    gateway.admit(&organisation.id, &key).await?;
    let record = ApiKey { hash: api_key_hash(&key), organisation: organisation.id.clone() };
    let records = [
        Record::Organisation(organisation.clone()),
        Record::ApiKey(record),
        Record::Audited(Audited { organisation: organisation.id.clone() }),
    ];
    let writes = records.into_iter().map(Write::Insert).collect();
    Ok((organisation, key, writes))
}

/// The organisation of an API key.
pub(crate) async fn by_api_key(store: &dyn Store, key: &str) -> Result<Option<Stored<Organisation>>, Failure> {
    for stored in store.get(&[Key::ApiKey(api_key_hash(key))]).await? {
        if let Record::ApiKey(record) = stored.record {
            return organisation(store, record.organisation).await;
        }
    }
    Ok(None)
}

/// An organisation, if there is one of this id.
pub async fn organisation(store: &dyn Store, id: OrganisationId) -> Result<Option<Stored<Organisation>>, Failure> {
    Ok(store.get(&[Key::Organisation(id)]).await?.into_iter().find_map(of_record))
}

fn of_record(stored: Stored) -> Option<Stored<Organisation>> {
    match stored.record {
        Record::Organisation(record) => Some(Stored { record, version: stored.version }),
        _ => None,
    }
}

/// How often a change of what others change too is tried.
const ROUNDS: usize = 4;
/// Accounts that change in one transaction.
const TOGETHER: usize = 50;
/// Organisations read at once.
const READ: usize = 100;

/// Changes an organisation's service agreement, as the operator does it. Gives the organisation as it is then. Safe to repeat.
pub async fn set_agreement(
    context: Context<'_>,
    store: &dyn Store,
    id: &OrganisationId,
    agreement: Agreement,
) -> Result<Organisation, Failure> {
    let told = audit::operated(context, id, "organisation.agreement", agreement.as_str());
    set_terms(store, id, |it| Organisation { agreement, ..it }, told).await
}

/// Replaces the policy of the caller's organisation; for the owner of the API key. Safe to repeat: where it broke off, accounts may
/// have the old one still, and repeating gives them the new one.
pub async fn set_policy(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    policy: &Policy,
) -> Result<(), Failure> {
    if !caller.account.owner {
        return Err(Failure::NotOwner);
    }
    let told = audit::completed(context, caller.organisation(), &caller.login, "organisation.policy", &summary(policy));
    set_terms(store, caller.organisation(), |it| Organisation { policy: policy.clone(), ..it }, told).await.map(drop)
}

/// Changes an organisation's terms: first its own record, with the event, so that accounts registered from now on have them; then
/// the copies in its accounts.
async fn set_terms(
    store: &dyn Store,
    id: &OrganisationId,
    change: impl Fn(Organisation) -> Organisation,
    told: Write,
) -> Result<Organisation, Failure> {
    for _ in 0..ROUNDS {
        let Stored { record, version } = organisation(store, id.clone()).await?.ok_or(Failure::NotFound)?;
        let changed = change(record.clone());
        // What holds already is no change; that its copies are there is seen to all the same.
        let current = if changed == record {
            Stored { record, version }
        } else {
            match store.commit(vec![Write::Replace(Record::Organisation(changed.clone()), version), told.clone()]).await
            {
                Ok(()) => Stored { record: changed, version: version + 1 },
                // Another change came before: this one is made to what that has left.
                Err(CommitError::Conflict { index: 0, .. }) => continue,
                Err(error) => return Err(error.into()),
            }
        };
        for some in members::of(store, id).await?.chunks(TOGETHER) {
            copy_terms(store, &current, some).await?;
        }
        return Ok(current.record);
    }
    Err(Failure::Unavailable("the organisation is being changed by others; repeat".to_owned()))
}

/// Gives these accounts the organisation's terms, where they do not have them, or newer ones.
async fn copy_terms(store: &dyn Store, from: &Stored<Organisation>, accounts: &[Email]) -> Result<(), Failure> {
    let keys: Vec<Key> = accounts.iter().cloned().map(Key::Account).collect();
    for _ in 0..ROUNDS {
        let copies: Vec<Write> =
            store.get(&keys).await?.into_iter().filter_map(|stored| with_terms(stored, from)).collect();
        if copies.is_empty() {
            return Ok(());
        }
        match store.commit(copies).await {
            Ok(()) => return Ok(()),
            // An account was changed, or deleted, meanwhile.
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Unavailable("accounts are being changed by others; repeat".to_owned()))
}

fn with_terms(Stored { record, version }: Stored, from: &Stored<Organisation>) -> Option<Write> {
    let Record::Account(account) = record else { return None };
    let older = account.organisation == from.record.id && account.terms < from.version;
    let (agreement, policy) = (from.record.agreement, from.record.policy.clone());
    let copy = Account { agreement, policy, terms: from.version, ..account };
    older.then_some(Write::Replace(Record::Account(copy), version))
}

/// A policy in the words of the API, on one line: for the audit trail and the operator.
#[must_use]
pub fn summary(policy: &Policy) -> String {
    let calls = policy.calls_per_minute.map_or_else(|| "-".to_owned(), |calls| calls.to_string());
    let mut parts = vec![
        format!("SkipPhoneVerification {}", policy.skip_phone_verification),
        format!("SkipEmailVerification {}", policy.skip_email_verification),
        format!("CallsPerMinute {calls}"),
    ];
    parts.extend(policy.signatures.iter().map(|SignatureRule { bank, file_type, required }| {
        let (bank, file_type) = (bank.map_or("*", Bank::as_str), file_type.as_deref().unwrap_or("*"));
        format!("{required} signatures for {bank} {file_type}")
    }));
    parts.join(", ")
}

/// Every organisation that there is, for the operator.
pub async fn all(store: &dyn Store) -> Result<Vec<Stored<Organisation>>, Failure> {
    let mut found = Vec::new();
    for some in audit::audited(store).await?.chunks(READ) {
        let keys: Vec<Key> = some.iter().cloned().map(Key::Organisation).collect();
        found.extend(store.get(&keys).await?.into_iter().filter_map(of_record));
    }
    Ok(found)
}

fn api_key(random: &dyn Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..API_KEY_LENGTH).map(|at| pick(random, if at == 0 { LETTERS } else { CHARACTERS })).collect()
}

/// One of the characters, each as likely as the others.
fn pick(random: &dyn Random, characters: &[u8]) -> char {
    let limit = 256 / characters.len() * characters.len();
    loop {
        let mut byte = [0];
        random.fill(&mut byte);
        let at = usize::from(byte[0]);
        if at < limit {
            return char::from(characters[at % characters.len()]);
        }
    }
}
