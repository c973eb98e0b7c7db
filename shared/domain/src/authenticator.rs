//! Setting an authenticator up, and getting by without it (brief 2.3; decision 0012).

use crate::names::Login;
use crate::notices::Notice;
use crate::ports::{CommitError, Factor, Identity, Store, TokenSet};
use crate::records::{Account, Key, Record, RecoveryCodes, Stored, Write};
use crate::recovery::{CODES, RecoveryCode};
use crate::secret::Password;
use crate::session::Holdings;
use crate::{Context, Failure, Settings, audit, lockout};

/// Begins at the end of a login, both verifications done. Gives the authenticator's secret, base32.
pub async fn begin(identity: &dyn Identity, login: &Login, tokens: &TokenSet) -> Result<Password, Failure> {
    Ok(identity.begin_totp(login, &tokens.access_token).await?)
}

/// Confirms it with its first code and makes its recovery codes, which replace earlier ones. One store transaction; two
/// calls of the user pool: the second says which factor a login asks for, as the deployment has it. Should that one fail,
/// the authenticator is good, and the login asks as before.
pub async fn confirm(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    settings: Settings,
    login: &Login,
    access_token: &str,
    code: &str,
) -> Result<Vec<RecoveryCode>, Failure> {
    let holdings = Holdings::of(store.account(&login.email).await?, login);
    let (Some(account), Some(registered)) = (holdings.account, holdings.mode) else { return Err(Failure::NoSession) };
    identity.confirm_totp(login, access_token, code).await?;

    let codes: Vec<RecoveryCode> = (0..CODES).map(|_| RecoveryCode::new(context.random)).collect();
    let hashes = codes.iter().map(RecoveryCode::hash).collect();
    let record = Record::RecoveryCodes(RecoveryCodes { login: login.clone(), hashes, created: context.now() });
    let write = match holdings.recovery_codes {
        Some(earlier) => Write::Replace(record, earlier.version),
        None => Write::Insert(record),
    };
    let mode = login.mode.as_str();
    let event = audit::completed(context, &account.organisation, login, "session.enrol-authenticator", mode);
    // Of an account that is being deleted nothing new is kept.
    let unchanged = Write::Check(Key::Mode(login.clone()), registered.version);
    store.commit(vec![write, unchanged, event]).await?;

    let preferred = settings.totp_first.then_some(Factor::Totp);
    let outcome = identity.prefer_factor(login, access_token, preferred).await;
    outcome.map_err(|error| Failure::NotPreferred(error.to_string()))?;
    Ok(codes)
}

/// Turns the authenticator off with a recovery code, which is good no more. Nobody is let in: password and SMS are still asked
/// for, at a new login. One read, one transaction, one call of the user pool. A wrong code counts as a failed attempt.
pub async fn recover(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
    session: &str,
    code: &RecoveryCode,
) -> Result<Notice, Failure> {
    let Some((account, codes)) = find(store, login).await? else { return wrong(context, store, login).await };
    let hash = code.hash();
    let hashes: Vec<String> = codes.record.hashes.iter().filter(|it| **it != hash).cloned().collect();
    if hashes.len() == codes.record.hashes.len() {
        return wrong(context, store, login).await;
    }
    // First: a code that is gone while the authenticator stays would be of no use to anybody. Again, it does nothing.
    identity.drop_authenticator(login, session).await?;
    let left = hashes.len();
    let record = Record::RecoveryCodes(RecoveryCodes { hashes, ..codes.record });
    let mode = login.mode.as_str();
    let event = audit::completed(context, &account.organisation, login, "session.recovery-code", mode);
    match store.commit(vec![Write::Replace(record, codes.version), event]).await {
        Ok(()) => Ok(Notice::RecoveryCode { left }),
        // Used at the same moment.
        Err(CommitError::Conflict { .. }) => wrong(context, store, login).await,
        Err(error) => Err(error.into()),
    }
}

async fn find(store: &dyn Store, login: &Login) -> Result<Option<(Account, Stored<RecoveryCodes>)>, Failure> {
    let keys = [Key::Account(login.email.clone()), Key::RecoveryCodes(login.clone())];
    let holdings = Holdings::of(store.get(&keys).await?, login);
    Ok(holdings.account.zip(holdings.recovery_codes))
}

async fn wrong<T>(context: Context<'_>, store: &dyn Store, login: &Login) -> Result<T, Failure> {
    lockout::count_failure(store, context.now(), login).await?;
    Err(Failure::WrongCode)
}
