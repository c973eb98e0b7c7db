//! Logging in and out (brief 2.3), and who the caller of an authenticated operation is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::{Duration, OffsetDateTime};

use crate::challenge::{self, Challenge};
use crate::lockout::{self, Attempt};
use crate::names::{Bank, Email, Login, Mode, OrganisationId};
use crate::organisations::api_key_hash;
use crate::ports::{
    BankChannel, Claims, CommitError, Factor, Identity, IdentityError, SignIn, Store, TokenSet, Tokens,
};
use crate::records::{
    Account, Agreement, BankCertificate, Counter, Key, ModeRecord, PgpKey, Record, RecoveryCodes, RetiredCertificate,
    Share, SpentChallenge, Stored, Write,
};
use crate::secret::Password;
use crate::service_keys::ServiceKeys;
use crate::{Context, Failure, audit};

/// The answer to a challenge: what Register, Login and PasswordReset carry.
pub struct ChallengeAnswer<'a> {
    /// Account and mode.
    pub login: &'a Login,
    /// The challenge, verbatim.
    pub challenge: &'a str,
    /// RSA-OAEP of `password||timestamp`; `None` if it was not even base64.
    pub encrypted: Option<&'a [u8]>,
}

/// Logs in with a password: two store transactions, one call of the user pool.
pub async fn login(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    keys: &ServiceKeys,
    answer: ChallengeAnswer<'_>,
) -> Result<SignIn, Failure> {
    let (attempt, password) = open_answer(context, store, keys, &answer).await?;
    if !attempt.challenge_good {
        return Err(attempt.failed());
    }
    // To a good challenge, what does not decrypt costs what a wrong password costs (R18, R20): the pool is asked all the same.
    let password = password.unwrap_or_else(|| nobodys_password(context));
    let step = match identity.sign_in(answer.login, &password).await {
        Ok(step) => step,
        Err(IdentityError::WrongCredentials) => return Err(attempt.failed()),
        Err(error) => return Err(error.into()),
    };
    match &step {
        // Of a user whose phone is not verified a pool may say so whatever the password was: such an attempt stays counted.
        SignIn::VerifyPhone => {}
        SignIn::SecondFactor { .. } | SignIn::ChooseFactor { .. } => attempt.take_back(store).await?,
        // Verified before the second factor, which is still to come.
        SignIn::VerifyEmail { .. } if answer.login.mode == Mode::Admin => attempt.take_back(store).await?,
        SignIn::VerifyEmail { .. } | SignIn::Done(_) => store.commit(passed(context, answer.login, &step)).await?,
    }
    Ok(step)
}

/// Chooses among several second factors: one call of the user pool. No code is looked at, so nothing is counted.
pub async fn choose_factor(
    identity: &dyn Identity,
    login: &Login,
    session: &str,
    factor: Factor,
) -> Result<SignIn, Failure> {
    Ok(identity.choose_factor(login, session, factor).await?)
}

/// Answers the second factor: one store transaction, one call of the user pool. A wrong code counts as a failed attempt.
pub async fn answer_factor(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
    session: &str,
    code: &str,
) -> Result<SignIn, Failure> {
    match identity.answer_factor(login, session, code).await {
        Ok(step) => {
            store.commit(passed(context, login, &step)).await?;
            Ok(step)
        }
        Err(IdentityError::WrongCode) => {
            lockout::count_failure(store, context.now(), login).await?;
            Err(Failure::WrongCode)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends every session of the login at once: the account's record refuses its tokens from now on, the pool forgets them.
pub async fn logout(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    caller: &Caller,
    login: &Login,
) -> Result<(), Failure> {
    if caller.login != *login {
        return Err(Failure::WrongMode);
    }
    let mode = ModeRecord { tokens_valid_from: Some(next_second(context.now())), ..caller.mode.record.clone() };
    let event = audit::completed(context, &caller.account.organisation, login, "session.logout", login.mode.as_str());
    store.commit(vec![Write::Replace(Record::Mode(mode), caller.mode.version), event]).await?;
    Ok(identity.sign_out(login).await?)
}

/// Tokens carry whole seconds, and one issued in this very second must die too. The user pool issues later ones of this
/// second for the next.
pub(crate) fn next_second(now: OffsetDateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now.unix_timestamp() + 1).unwrap_or(now)
}

/// Spends the challenge and opens the password, for what guesses no password: `None` where anything was wrong with either.
pub(crate) async fn spend_challenge(
    context: Context<'_>,
    store: &dyn Store,
    keys: &ServiceKeys,
    answer: &ChallengeAnswer<'_>,
) -> Result<Option<Password>, Failure> {
    let Some(challenge) = challenge::check(context.now(), keys, answer.login, answer.challenge) else {
        return Ok(None);
    };
    let spent = SpentChallenge { id: challenge.id.clone(), expires: challenge.expires };
    match store.commit(vec![Write::Insert(Record::SpentChallenge(spent))]).await {
        Ok(()) => Ok(answer.encrypted.and_then(|encrypted| decrypt(keys, &challenge, encrypted))),
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Nobody has it, not even by chance: 256 random bits.
fn nobodys_password(context: Context<'_>) -> Password {
    let mut bytes = [0; 32];
    context.random.fill(&mut bytes);
    Password::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// Spends the challenge, counts the attempt, and opens the password: `None` where anything was wrong with either.
pub(crate) async fn open_answer(
    context: Context<'_>,
    store: &dyn Store,
    keys: &ServiceKeys,
    answer: &ChallengeAnswer<'_>,
) -> Result<(Attempt, Option<Password>), Failure> {
    let now = context.now();
    let challenge = challenge::check(now, keys, answer.login, answer.challenge);
    let attempt = lockout::begin(store, now, answer.login, challenge.as_ref()).await?;
    let encrypted = answer.encrypted.unwrap_or_default();
    let password = challenge.filter(|_| attempt.challenge_good).and_then(|it| decrypt(keys, &it, encrypted));
    Ok((attempt, password))
}

fn decrypt(keys: &ServiceKeys, challenge: &Challenge, encrypted: &[u8]) -> Option<Password> {
    let (password, timestamp) = keys.open_password(encrypted)?;
    (timestamp == challenge.milliseconds).then_some(password)
}

/// What is written when every factor was right.
fn passed(context: Context<'_>, login: &Login, step: &SignIn) -> Vec<Write> {
    let mut writes = vec![lockout::forget(login)];
    if let SignIn::Done(TokenSet { organisation, .. }) = step {
        writes.push(audit::completed(context, organisation, login, "session.login", login.mode.as_str()));
    }
    writes
}

/// Which modes may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// Either.
    Both,
    /// This one.
    Only(Mode),
}

/// So far the clock of the user pool may be behind the service's.
const CLOCKS: Duration = Duration::seconds(5);

/// A caller whose token is genuine, before its account was read.
pub struct Visitor {
    claims: Claims,
    api_key_hash: String,
    modes: Modes,
    at: OffsetDateTime,
}

impl Visitor {
    /// Checks the token. The API key is compared when the account is at hand.
    pub async fn identify(
        context: Context<'_>,
        tokens: &dyn Tokens,
        id_token: Option<&str>,
        api_key: Option<&str>,
        modes: Modes,
    ) -> Result<Self, Failure> {
        let at = context.now();
        let claims = tokens.verify(id_token.ok_or(Failure::Unauthorized)?, at).await?;
        let claims = claims.ok_or(Failure::Unauthorized)?;
        Ok(Self { claims, api_key_hash: api_key.map(api_key_hash).unwrap_or_default(), modes, at })
    }

    /// The account that the token names.
    #[must_use]
    pub fn email(&self) -> &Email {
        &self.claims.login.email
    }

    /// Account and mode that the token names.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.claims.login
    }

    /// The organisation that the token names.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationId {
        &self.claims.organisation
    }

    /// What [`Visitor::enter_with`] needs at least.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        vec![Key::Account(self.claims.login.email.clone()), Key::Mode(self.claims.login.clone())]
    }

    /// Reads the account's partition (one read) and admits the caller.
    pub async fn enter(self, store: &dyn Store) -> Result<Caller, Failure> {
        let records = store.account(self.email()).await?;
        self.enter_with(store, records).await
    }

    /// Admits the caller by the records that were read: the token is not revoked, the API key is the account's, the calls of
    /// this minute are not too many (one write, where the organisation's policy limits them), the mode may do this.
    pub async fn enter_with(self, store: &dyn Store, records: Vec<Stored>) -> Result<Caller, Failure> {
        let Claims { login, organisation, issued, authenticated } = self.claims;
        let holdings = Holdings::of(records, &login);
        let (Some(account), Some(mode)) = (holdings.account, holdings.mode) else { return Err(Failure::Unauthorized) };
        // A token of an earlier account of this address is none of this one's.
        let earlier = issued < mode.record.created - CLOCKS;
        let revoked = earlier || mode.record.tokens_valid_from.is_some_and(|from| issued < from);
        if revoked || account.organisation != organisation {
            return Err(Failure::Unauthorized);
        }
        if account.api_key_hash != self.api_key_hash {
            return Err(Failure::InvalidApiKey);
        }
        if let Some(most) = account.policy.calls_per_minute {
            count_call(store, &organisation, most, self.at).await?;
        }
        if let Modes::Only(only) = self.modes
            && only != login.mode
        {
            return Err(Failure::WrongMode);
        }
        Ok(Caller {
            login,
            account,
            account_version: holdings.account_version,
            authenticated,
            mode,
            certificates: holdings.certificates,
            shares: holdings.shares,
            retired: holdings.retired,
            pgp_keys: holdings.pgp_keys,
        })
    }
}

/// Counts a call of an organisation that may make so many in a minute.
async fn count_call(
    store: &dyn Store,
    organisation: &OrganisationId,
    most: u32,
    at: OffsetDateTime,
) -> Result<(), Failure> {
    const MINUTE: i64 = 60;
    // The count goes when no clock has its minute any more.
    const KEPT: Duration = Duration::hours(1);
    let (minute, second) = (at.unix_timestamp().div_euclid(MINUTE), at.unix_timestamp().rem_euclid(MINUTE));
    let counter = Counter::Calls(organisation.clone(), minute);
    match store.commit(vec![Write::Count(counter, most.into(), at + KEPT)]).await {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict { .. }) => {
            Err(Failure::RateLimited { retry_after: u64::try_from(MINUTE - second).unwrap_or(1) })
        }
        Err(error) => Err(error.into()),
    }
}

/// An admitted caller with what was read of its account.
pub struct Caller {
    /// Account and mode.
    pub login: Login,
    /// The account.
    pub account: Account,
    /// Version of the account's record.
    pub account_version: u64,
    /// When the user last gave the second factor or password (whole seconds).
    pub authenticated: OffsetDateTime,
    /// The mode's record.
    pub mode: Stored<ModeRecord>,
    /// Bank certificates.
    pub certificates: Vec<Stored<BankCertificate>>,
    /// Certificates of others that it may use.
    pub shares: Vec<Stored<Share>>,
    /// Certificates that it uses no more.
    pub retired: Vec<RetiredCertificate>,
    /// PGP keys, by time of registration.
    pub pgp_keys: Vec<Stored<PgpKey>>,
}

impl Caller {
    /// The bank of this name, if this deployment has it and the organisation's service agreement allows it (decision 10).
    pub fn bank(&self, banks: &dyn BankChannel, name: &str) -> Result<Bank, Failure> {
        let known = Bank::parse(name).ok_or(Failure::UnknownBank)?;
        let bank = banks.bank(name).ok_or(match known {
            Bank::SIMULATOR => Failure::NoSimulator,
            _ => Failure::UnknownBank,
        })?;
        self.agreed(bank)
    }

    /// The bank, if the organisation's service agreement allows it.
    pub fn agreed(&self, bank: Bank) -> Result<Bank, Failure> {
        match self.account.agreement {
            Agreement::Active => Ok(bank),
            Agreement::Test if bank == Bank::SIMULATOR => Ok(bank),
            Agreement::Test | Agreement::Suspended => Err(Failure::NoAgreement),
        }
    }

    /// The account's certificate record for the bank, in whatever state.
    #[must_use]
    pub fn certificate(&self, bank: Bank) -> Option<&Stored<BankCertificate>> {
        self.certificates.iter().find(|it| it.record.bank == bank)
    }

    /// The account's own certificate for the bank, once issued.
    #[must_use]
    pub fn issued(&self, bank: Bank) -> Option<&Stored<BankCertificate>> {
        self.certificate(bank).filter(|it| it.record.issued().is_some())
    }

    /// What the account may use of another's at the bank, where it has nothing of its own.
    #[must_use]
    pub fn share(&self, bank: Bank) -> Option<&Stored<Share>> {
        self.shares.iter().find(|it| it.record.bank == bank)
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationId {
        &self.account.organisation
    }

    /// Holds that the account is still what was read, in a transaction that gives it something: one that is being deleted gets
    /// nothing any more.
    pub(crate) fn unchanged(&self) -> Write {
        Write::Check(Key::Account(self.login.email.clone()), self.account_version)
    }
}

/// The records of one account, sorted out.
#[derive(Default)]
pub(crate) struct Holdings {
    pub(crate) account: Option<Account>,
    pub(crate) account_version: u64,
    pub(crate) mode: Option<Stored<ModeRecord>>,
    pub(crate) certificates: Vec<Stored<BankCertificate>>,
    pub(crate) shares: Vec<Stored<Share>>,
    pub(crate) retired: Vec<RetiredCertificate>,
    pub(crate) pgp_keys: Vec<Stored<PgpKey>>,
    pub(crate) recovery_codes: Option<Stored<RecoveryCodes>>,
}

impl Holdings {
    /// Of the modes and the recovery codes, those of this login.
    pub(crate) fn of(records: Vec<Stored>, login: &Login) -> Self {
        let mut holdings = Self::default();
        for Stored { record, version } in records {
            match record {
                Record::Account(record) => {
                    holdings.account = Some(record);
                    holdings.account_version = version;
                }
                Record::Mode(record) if record.login == *login => holdings.mode = Some(Stored { record, version }),
                Record::Certificate(record) => holdings.certificates.push(Stored { record, version }),
                Record::Share(record) => holdings.shares.push(Stored { record, version }),
                Record::Retired(record) => holdings.retired.push(record),
                Record::RecoveryCodes(record) if record.login == *login => {
                    holdings.recovery_codes = Some(Stored { record, version });
                }
                Record::PgpKey(record) => holdings.pgp_keys.push(Stored { record, version }),
                _ => {}
            }
        }
        holdings.pgp_keys.sort_by_key(|it| it.record.created);
        holdings
    }
}
