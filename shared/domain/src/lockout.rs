//! The attempt counter of a login (R21): counted before the password is looked at, so that parallel guesses are counted
//! too; kept for unknown users alike.

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

/// An attempt that was counted and may now be judged.
#[derive(Debug)]
pub struct Attempt {
    login: Login,
    failures: u32,
    version: u64,
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
    for _ in 0..8 {
        let waiting = before.as_ref().and_then(|stored| wait(&stored.record, now));
        let failures = before.as_ref().filter(|it| now - it.record.last < QUIET).map_or(0, |it| it.record.failures) + 1;
        let counted = Record::Attempts(Attempts { login: login.clone(), failures, last: now });
        let count = match (&before, waiting) {
            (_, Some(_)) => None,
            (None, None) => Some(Write::Insert(counted)),
            (Some(stored), None) => Some(Write::Replace(counted, stored.version)),
        };
        let writes: Vec<Write> =
            spend.clone().map(|it| Write::Insert(Record::SpentChallenge(it))).into_iter().chain(count).collect();
        let outcome = if writes.is_empty() { Ok(()) } else { store.commit(writes).await };
        match outcome {
            Ok(()) => {
                if let Some(seconds) = waiting {
                    return Err(Failure::AttemptLimit { retry_after: seconds });
                }
                let version = before.map_or(1, |stored| stored.version + 1);
                let challenge_good = spend.is_some();
                return Ok(Attempt { login: login.clone(), failures, version, challenge_good });
            }
            Err(CommitError::Conflict { index: 0, .. }) if spend.is_some() => spend = None,
            Err(CommitError::Conflict { current, .. }) => before = current.and_then(|stored| attempts(*stored)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::AttemptLimit { retry_after: 1 })
}

impl Attempt {
    /// What a wrong attempt is answered: from the sixth on, with the time to wait.
    #[must_use]
    pub fn failed(&self) -> Failure {
        if self.failures <= FREE {
            return Failure::WrongCredentials;
        }
        Failure::AttemptLimit { retry_after: seconds(pause(self.failures)) }
    }

    /// Takes the count back after a right attempt, in one transaction with what else the success writes.
    pub async fn succeeded(self, store: &dyn Store, also: Vec<Write>) -> Result<(), Failure> {
        let key = Key::Attempts(self.login);
        let mut version = Some(self.version);
        for _ in 0..8 {
            let forget = version.map(|version| Write::Delete(key.clone(), version));
            let writes: Vec<Write> = also.iter().cloned().chain(forget).collect();
            if writes.is_empty() {
                return Ok(());
            }
            match store.commit(writes).await {
                Ok(()) => return Ok(()),
                // A parallel attempt was counted, or took the count back: a success forgets it all the same.
                Err(CommitError::Conflict { index, current }) if index == also.len() => {
                    version = current.map(|stored| stored.version);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Unavailable("the attempt counter is changed all the time".to_owned()))
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
