//! The attempt counter of a login (R21): counted before the password is looked at, so that parallel guesses are counted
//! too; kept for unknown users alike. Wrong codes of the second factor count too.

use time::{Duration, OffsetDateTime};

use crate::Failure;
use crate::challenge::Challenge;
use crate::names::Login;
use crate::ports::{CommitError, Store};
use crate::records::{Attempts, Key, Record, SpentChallenge, Stored, Write};

/// Failures that are answered plainly; from the next on, waiting begins.
const FREE: u32 = 5;
/// After so long without an attempt the count starts anew; also the longest wait.
const QUIET: Duration = Duration::minutes(15);
/// How often a count is tried anew when others change it.
const ROUNDS: usize = 8;

/// An attempt that was counted and may now be judged.
#[derive(Debug)]
pub struct Attempt {
    counted: Stored<Attempts>,
    /// False if the challenge was not good, or had been spent before.
    pub challenge_good: bool,
}

/// Spends the challenge and counts the attempt as a failure, in one transaction.
///
/// Fails with [`Failure::AttemptLimit`], the challenge spent and the count unchanged, while the login has to wait.
pub async fn begin(
    store: &dyn Store,
    now: OffsetDateTime,
    login: &Login,
    challenge: Option<&Challenge>,
) -> Result<Attempt, Failure> {
    let mut spend = challenge.map(|it| SpentChallenge { id: it.id.clone(), expires: it.expires });
    let mut before: Option<Stored<Attempts>> = None;
    // Each round answers one conflict; more than this many means that others are at the same login all the time.
    for _ in 0..ROUNDS {
        let waiting = before.as_ref().and_then(|stored| wait(&stored.record, now));
        let counted = count(login, before.as_ref(), now);
        let write = waiting.is_none().then(|| counted.write());
        let writes: Vec<Write> =
            spend.clone().map(|it| Write::Insert(Record::SpentChallenge(it))).into_iter().chain(write).collect();
        let outcome = if writes.is_empty() { Ok(()) } else { store.commit(writes).await };
        match outcome {
            Ok(()) => {
                if let Some(seconds) = waiting {
                    return Err(Failure::AttemptLimit { retry_after: seconds });
                }
                return Ok(Attempt { counted, challenge_good: spend.is_some() });
            }
            Err(CommitError::Conflict { index: 0, .. }) if spend.is_some() => spend = None,
            Err(CommitError::Conflict { current, .. }) => before = current.and_then(|stored| attempts(*stored)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::AttemptLimit { retry_after: 1 })
}

/// Counts a failure that no challenge came before: a wrong code of the second factor.
pub async fn count_failure(store: &dyn Store, now: OffsetDateTime, login: &Login) -> Result<(), Failure> {
    let mut before: Option<Stored<Attempts>> = None;
    for _ in 0..ROUNDS {
        match store.commit(vec![count(login, before.as_ref(), now).write()]).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict { current, .. }) => before = current.and_then(|stored| attempts(*stored)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::AttemptLimit { retry_after: 1 })
}

/// Forgets the count, in the transaction of the success that ends it.
#[must_use]
pub fn forget(login: &Login) -> Write {
    Write::Forget(Key::Attempts(login.clone()))
}

impl Attempt {
    /// What a wrong attempt is answered: from the sixth on, with the time to wait.
    #[must_use]
    pub fn failed(&self) -> Failure {
        let failures = self.counted.record.failures;
        if failures <= FREE {
            return Failure::WrongCredentials;
        }
        Failure::AttemptLimit { retry_after: seconds(pause(failures)) }
    }

    /// Takes this one attempt back: its password was right, but the login is not done. Failures before it stay, so that
    /// whoever has the password cannot guess codes for ever.
    pub async fn take_back(self, store: &dyn Store) -> Result<(), Failure> {
        let Stored { record, version } = self.counted;
        let key = Key::Attempts(record.login.clone());
        let write = match record.failures - 1 {
            0 => Write::Delete(key, version),
            failures => Write::Replace(Record::Attempts(Attempts { failures, ..record }), version),
        };
        match store.commit(vec![write]).await {
            // Another attempt was counted meanwhile: then this one stays counted too.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The count with one failure more, at the version that it gets.
fn count(login: &Login, before: Option<&Stored<Attempts>>, now: OffsetDateTime) -> Stored<Attempts> {
    let failures = before.filter(|it| now - it.record.last < QUIET).map_or(0, |it| it.record.failures) + 1;
    let record = Attempts { login: login.clone(), failures, last: now };
    Stored { record, version: before.map_or(1, |it| it.version + 1) }
}

impl Stored<Attempts> {
    fn write(&self) -> Write {
        let record = Record::Attempts(self.record.clone());
        match self.version {
            1 => Write::Insert(record),
            version => Write::Replace(record, version - 1),
        }
    }
}

/// Seconds that the login still has to wait, if any.
fn wait(attempts: &Attempts, now: OffsetDateTime) -> Option<u64> {
    let until = attempts.last + (attempts.failures >= FREE).then(|| pause(attempts.failures))?;
    (now < until).then(|| seconds(until - now))
}

/// One second after the fifth failure, twice as long after each further one.
fn pause(failures: u32) -> Duration {
    Duration::seconds(1_i64 << (failures - FREE).min(20)).min(QUIET)
}

fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.whole_seconds()).unwrap_or(0).max(1)
}

fn attempts(stored: Stored) -> Option<Stored<Attempts>> {
    match stored.record {
        Record::Attempts(record) => Some(Stored { record, version: stored.version }),
        _ => None,
    }
}
