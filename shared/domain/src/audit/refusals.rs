//! The trail of refusals: what was asked and not done. Whoever asks can have these written, so there is a cap for each hour,
//! an end to their keeping, and no address in them that belongs to nobody.

use sha2::{Digest, Sha256};
use time::Duration;

use super::chain::hex;
use super::{TEXT, clean, id};
use crate::names::{Login, OrganisationId};
use crate::ports::{CommitError, Store};
use crate::records::{Counter, Key, Record, Refusal, Trail, Write};
use crate::{Context, Failure};

/// Refusals kept for an account in an hour, and for all login names that share a part (see [`part`]).
const MOST: u64 = 60;
/// How long a refusal is kept.
const KEPT: Duration = Duration::days(30);
/// How long one is kept that is about a name that nobody has.
const KEPT_FOR_NOBODY: Duration = Duration::days(1);
/// How long a count is kept: its hour, and as long as clocks may differ.
const KEPT_COUNT: Duration = Duration::hours(2);

/// Who asked.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// The bearer of a genuine token.
    Known(&'a Login, &'a OrganisationId),
    /// Somebody who names a login and may be anybody.
    Claimed(&'a Login),
}

/// What was refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The action that it would have been.
    pub action: &'a str,
    /// `request` or `authorization`.
    pub phase: &'a str,
    /// `rejected` or `not_found`.
    pub outcome: &'a str,
    /// What it would have been done to.
    pub object: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The bank's code.
    pub bank_code: Option<&'a str>,
}

/// Keeps a refusal, or does nothing where the cap of the hour is reached. For a claimed login this is the same work whether or
/// not there is such an account: one read, one transaction.
pub async fn keep_refusal(
    context: Context<'_>,
    store: &dyn Store,
    who: Who<'_>,
    refused: Refused<'_>,
) -> Result<(), Failure> {
    let at = context.now();
    let (counter, trail, actor, target, object) = match who {
        Who::Known(login, organisation) => {
            let counter = format!("account/{}", login.email);
            let trail = Trail::Organisation(organisation.clone());
            (counter, trail, Some(login.clone()), None, clean(refused.object, TEXT))
        }
        Who::Claimed(login) => {
            let hash = Sha256::digest(login.email.as_str());
            // One counter for names that exist and names that do not, so that neither waits where the other does not.
            let counter = format!("login/{:02x}", part(&hash));
            match organisation(store, login).await? {
                Some(it) => {
                    (counter, Trail::Organisation(it), None, Some(login.clone()), login.mode.as_str().to_owned())
                }
                None => (counter, Trail::Nobody(part(&hash)), None, None, hex(&hash)),
            }
        }
    };
    let kept = if matches!(trail, Trail::Nobody(_)) { KEPT_FOR_NOBODY } else { KEPT };
    let refusal = Refusal {
        trail,
        id: id(context, at),
        at,
        action: refused.action.to_owned(),
        phase: refused.phase.to_owned(),
        outcome: refused.outcome.to_owned(),
        actor,
        target,
        request_id: context.request_id.to_owned(),
        object,
        reason: clean(refused.reason, TEXT),
        bank_code: refused.bank_code.map(|code| clean(code, super::BANK_CODE)),
        expires: at + kept,
    };
    let counter = Counter::Refusals(counter, at.unix_timestamp().div_euclid(3600));
    let writes = vec![Write::Count(counter, MOST, at + KEPT_COUNT), Write::Insert(Record::Refusal(refusal))];
    match store.commit(writes).await {
        Ok(()) | Err(CommitError::Conflict { index: 0, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// One of 256 parts that login names fall into.
fn part(hash: &[u8]) -> u8 {
    hash.first().copied().unwrap_or_default()
}

async fn organisation(store: &dyn Store, login: &Login) -> Result<Option<OrganisationId>, Failure> {
    let found = store.get(&[Key::Account(login.email.clone())]).await?;
    Ok(found.into_iter().find_map(|stored| match stored.record {
        Record::Account(account) => Some(account.organisation),
        _ => None,
    }))
}
