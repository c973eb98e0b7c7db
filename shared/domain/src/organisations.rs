//! Organisations: made with an API key at registration, changed by the operator.

use sha2::{Digest, Sha256};

use crate::names::{Email, OrganisationId};
use crate::ports::{CommitError, Gateway, Random, Store};
use crate::records::{Account, Agreement, ApiKey, Audited, Key, Organisation, Policy, Record, Stored, Write};
use crate::{Context, Failure, audit};

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

async fn organisation(store: &dyn Store, id: OrganisationId) -> Result<Option<Stored<Organisation>>, Failure> {
    let found = store.get(&[Key::Organisation(id)]).await?;
    Ok(found.into_iter().find_map(|stored| match stored.record {
        Record::Organisation(record) => Some(Stored { record, version: stored.version }),
        _ => None,
    }))
}

/// Changes an organisation's service agreement, as the operator does it: first the organisation, so that accounts
/// registered from now on have it, then each of the accounts named. Safe to repeat.
pub async fn set_agreement(
    context: Context<'_>,
    store: &dyn Store,
    id: &OrganisationId,
    accounts: &[Email],
    agreement: Agreement,
) -> Result<(), Failure> {
    let current = organisation(store, id.clone()).await?.ok_or(Failure::NotFound)?;
    let changed = Organisation { agreement, ..current.record };
    let event = |object: &str| audit::operated(context, id, "organisation.agreement", object);
    store
        .commit(vec![Write::Replace(Record::Organisation(changed), current.version), event(agreement.as_str())])
        .await?;
    for email in accounts {
        for stored in store.get(&[Key::Account(email.clone())]).await? {
            if let Record::Account(record) = stored.record
                && record.organisation == *id
            {
                let changed = Account { agreement, ..record };
                let told = event(&format!("{} for {email}", agreement.as_str()));
                match store.commit(vec![Write::Replace(Record::Account(changed), stored.version), told]).await {
                    Ok(()) => {}
                    Err(CommitError::Conflict { .. }) => {
                        return Err(Failure::Unavailable("the account was changed meanwhile; repeat".to_owned()));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
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
