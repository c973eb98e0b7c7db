//! Another password for who has forgotten his (brief 2.3; decision 0014). No way around the second factor: the code goes to the
//! e-mail address, that of an admin's login to the phone or the authenticator.

use crate::names::Login;
use crate::notices::Notice;
use crate::ports::{CommitError, Identity, Store};
use crate::records::{ModeRecord, Record, Stored, Write};
use crate::service_keys::ServiceKeys;
use crate::session::{ChallengeAnswer, Holdings, next_second, open_answer};
use crate::{Context, Failure, audit, lockout};

/// How often the end of the sessions is written anew when others change the mode's record.
const ROUNDS: usize = 8;

/// Sends a code. It counts as a failed attempt of the login, known or not: so a stranger cannot fill a mailbox, and whoever has
/// the mailbox does not get fresh tries at the second factor. One store transaction, one call of the user pool.
pub async fn begin(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
) -> Result<(), Failure> {
    lockout::begin(store, context.now(), login, None).await?;
    Ok(identity.begin_reset(login).await?)
}

/// A password that was set.
pub struct Reset {
    /// What its owner is told, whatever came after.
    pub notice: Notice,
    /// Whether every session of the login has ended. Where that failed, the caller is told so, and a new reset ends them.
    pub ended: Result<(), Failure>,
}

/// Sets the password of an answered challenge with that code, and ends every session of the login. The attempt is counted
/// before it is judged, and stays counted until a login is finished.
pub async fn finish(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    keys: &ServiceKeys,
    answer: ChallengeAnswer<'_>,
    code: &str,
) -> Result<Reset, Failure> {
    let login = answer.login;
    let (attempt, password) = open_answer(context, store, keys, &answer).await?;
    let Some(password) = password else { return Err(attempt.failed()) };
    if !password.is_strong() {
        return Err(Failure::WeakPassword);
    }
    let holdings = Holdings::of(store.account(&login.email).await?, login);
    // Asked whoever it is: an unknown user costs what a known one costs.
    identity.reset(login, code, &password).await?;
    let (Some(account), Some(mode)) = (holdings.account, holdings.mode) else { return Err(Failure::WrongCode) };
    let event = audit::completed(context, &account.organisation, login, "account.reset-password", login.mode.as_str());
    let ended = end_sessions(context, store, identity, login, mode, event).await;
    let notice = if ended.is_ok() { Notice::PasswordReset } else { Notice::OnlyPasswordReset };
    Ok(Reset { notice, ended })
}

/// The password is set by now: another change of the record at the same moment must not keep the old sessions.
async fn end_sessions(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
    mut mode: Stored<ModeRecord>,
    event: Write,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for _ in 0..ROUNDS {
        let ended = ModeRecord { tokens_valid_from: Some(next_second(context.now())), ..mode.record };
        outcome = store.commit(vec![Write::Replace(Record::Mode(ended), mode.version), event.clone()]).await;
        let Err(CommitError::Conflict { current: Some(current), .. }) = &outcome else { break };
        match &current.record {
            Record::Mode(record) if record.login == *login => {
                mode = Stored { record: record.clone(), version: current.version };
            }
            _ => break,
        }
    }
    outcome?;
    Ok(identity.sign_out(login).await?)
}
