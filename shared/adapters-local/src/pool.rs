//! The user pool on one machine: passwords, codes, second factors and tokens, in table `avain-users` of the embedded store.
//!
//! Follows the steps of accounts and logins (brief 2.2, 2.3) with the answers of Cognito, which plays this part in
//! AWS. A user is one item; every change reads it, changes it and puts it back on condition that it is still the one that
//! was read. So a code is right once and a wrong try always counts, however many calls run at the same time.

mod codes;
mod factors;
mod keys;
mod passwords;
mod table;
mod totp;
pub(crate) mod user;

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::names::{Login, Mode};
use avain_domain::ports::{
    Clock, Factor, Identity, IdentityError, NewUser, Random, SignIn, TokenSet, Unavailable, Vault,
};
use avain_domain::rewrap::Outcome;
use avain_domain::secret::Password;
use dynoxide::Database;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;

pub use argon2::Params as PasswordCost;

use self::codes::CodeKey;
use self::passwords::Passwords;
use self::table::Table;
use self::totp::TotpKey;
use self::user::{User, username};
use crate::error::Error;
use crate::outbox::{CodeKind, Message, Outbox};
use crate::random;
use crate::tokens::{self, AccessToken, PoolTokens};

/// How often a change is tried when others change the same user. Each round at least one of them succeeds.
const ROUNDS: usize = 16;

/// What a pool is made of.
pub struct PoolParts {
    /// The store; the pool makes its table there.
    pub database: Database,
    /// Seals the pool's signing key and code key.
    pub vault: Arc<dyn Vault>,
    /// Where codes go.
    pub outbox: Arc<Outbox>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// `iss` of the tokens.
    pub issuer: String,
    /// Cost of a password's Argon2id hash. `PasswordCost::default()` (19 MiB, two passes) except in tests, which would
    /// spend their time on nothing else. A stored hash keeps the cost that it was made with.
    pub password_cost: PasswordCost,
}

/// The pool.
pub struct UserPool {
    table: Table,
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    passwords: Passwords,
    codes: CodeKey,
    totp: TotpKey,
    tokens: PoolTokens,
    email_before_mfa: bool,
}

/// Re-wraps the keys of the pool in this store under the vault's current root key, if there are any; what became of each.
pub(crate) async fn rewrap_keys(database: Database, vault: &dyn Vault) -> Result<Vec<Outcome>, Unavailable> {
    keys::rewrap(&Table::open(database).await?, vault).await
}

/// What a login must do next, decided inside a change and carried out after it.
enum Next {
    VerifyPhone(Message),
    /// The factor, its message if it has one, the session.
    SecondFactor(Factor, Option<Message>, String),
    /// Where an SMS would go, and the session.
    ChooseFactor(String, String),
    VerifyEmail(Message, User),
    Done(User),
}

impl UserPool {
    /// Opens the pool, and makes its table and keys at the first time.
    pub async fn open(parts: PoolParts) -> Result<Self, Error> {
        let table = Table::open(parts.database).await?;
        let signing = keys::load_or_make(&table, &*parts.vault, keys::SIGNING).await?;
        let codes = keys::load_or_make(&table, &*parts.vault, keys::CODES).await?;
        let totp = keys::load_or_make(&table, &*parts.vault, keys::TOTP).await?;
        Ok(Self {
            table,
            outbox: parts.outbox,
            passwords: Passwords::new(parts.password_cost, &*parts.random)?,
            clock: parts.clock,
            random: parts.random,
            codes: CodeKey::new(codes.expose()),
            totp: TotpKey::new(totp.expose())?,
            tokens: PoolTokens::new(signing.expose(), parts.issuer)?,
            email_before_mfa: false,
        })
    }

    /// Whether an admin's e-mail address is verified before the second factor is asked for (decision 0013).
    #[must_use]
    pub fn with_email_before_mfa(self, email_before_mfa: bool) -> Self {
        Self { email_before_mfa, ..self }
    }

    /// How many passwords were hashed, to keep or to compare: the work that must be the same for everybody (R20).
    #[must_use]
    pub fn passwords_hashed(&self) -> u64 {
        self.passwords.computed()
    }

    /// Checks this pool's tokens and publishes its key.
    #[must_use]
    pub fn tokens(&self) -> PoolTokens {
        self.tokens.clone()
    }

    /// Changes a user, or makes it: `step` may run several times, and what it decided last is what was stored.
    async fn change<T: Send>(
        &self,
        login: &Login,
        step: impl Fn(&mut Option<User>) -> T + Send + Sync,
    ) -> Result<T, Unavailable> {
        for _ in 0..ROUNDS {
            let stored = self.table.user(login).await?;
            let (mut user, version) = stored.map_or((None, None), |(user, version)| (Some(user), Some(version)));
            let before = user.clone();
            let result = step(&mut user);
            let stands = match user {
                Some(user) if before.as_ref() != Some(&user) => self.table.put_user(login, &user, version).await?,
                _ => true,
            };
            if stands {
                return Ok(result);
            }
        }
        Err(Unavailable("a user is being changed by too many calls at once".to_owned()))
    }

    fn phone_code(&self, user: &mut User, login: &Login, now: OffsetDateTime) -> Message {
        let (code, text) = self.codes.issue(CodeKind::Phone, login, now, &*self.random);
        user.phone_code = Some(code);
        Message { at: now, kind: CodeKind::Phone, login: login.clone(), to: user.phone.clone(), code: text }
    }

    fn after_factors(&self, user: &mut User, login: &Login, now: OffsetDateTime) -> Next {
        if user.email_verified {
            return Next::Done(user.clone());
        }
        let (code, text) = self.codes.issue(CodeKind::Email, login, now, &*self.random);
        user.email_code = Some(code);
        let message =
            Message { at: now, kind: CodeKind::Email, login: login.clone(), to: user.email.clone(), code: text };
        Next::VerifyEmail(message, user.clone())
    }

    async fn carry_out(&self, next: Next, now: OffsetDateTime) -> Result<SignIn, IdentityError> {
        match next {
            Next::VerifyPhone(message) => {
                self.send(message).await?;
                Ok(SignIn::VerifyPhone)
            }
            Next::SecondFactor(factor, message, session) => {
                if let Some(message) = message {
                    self.send(message).await?;
                }
                Ok(SignIn::SecondFactor { factor, session })
            }
            Next::ChooseFactor(destination, session) => Ok(SignIn::ChooseFactor {
                factors: vec![Factor::Sms, Factor::Totp],
                sms_destination: Some(destination),
                session,
            }),
            Next::VerifyEmail(message, user) => {
                let access_token = self.tokens.address_token(&user, now, &*self.random)?;
                self.send(message).await?;
                Ok(SignIn::VerifyEmail { access_token })
            }
            Next::Done(user) => Ok(SignIn::Done(TokenSet {
                id_token: self.tokens.id_token(&user, now, &*self.random)?,
                access_token: self.tokens.access_token(&user, now, &*self.random)?,
                expires_in: tokens::LIFE,
                organisation: user.organisation(),
                owner: user.owner,
                api_key: user.api_key,
            })),
        }
    }

    /// The access token, if it is this login's. Whether it was revoked, the user says.
    fn token_of(&self, login: &Login, token: &str, now: OffsetDateTime) -> Result<AccessToken, IdentityError> {
        let token = self.tokens.verify_access(token, now).filter(|token| token.username == username(login));
        token.ok_or(IdentityError::NoSession)
    }

    async fn send(&self, message: Message) -> Result<(), Unavailable> {
        let outbox = Arc::clone(&self.outbox);
        blocking(move || outbox.send(message)).await
    }
}

#[async_trait]
impl Identity for UserPool {
    async fn sign_up(&self, user: NewUser<'_>) -> Result<(), IdentityError> {
        let login = user.login;
        let password = self.passwords.hash(user.password, &*self.random).await?;
        let sub = random::uuid(&*self.random);
        let now = self.clock.now();
        let message = self
            .change(login, |slot| {
                if slot.as_ref().is_some_and(|there| !there.is_left_over(now)) {
                    return Err(IdentityError::UserExists);
                }
                let trusted = user.phone_trusted;
                let user = slot.insert(User::new(&user, sub.clone(), password.clone(), now));
                Ok((!trusted).then(|| self.phone_code(user, login, now)))
            })
            .await??;
        match message {
            Some(message) => Ok(self.send(message).await?),
            None => Ok(()),
        }
    }

    /// Of an unknown user there is nothing to trust.
    async fn trust(&self, login: &Login, phone: bool, email: bool) -> Result<(), IdentityError> {
        self.change(login, |slot| {
            let user = slot.as_mut().ok_or_else(|| Unavailable("a user to be trusted is not there".to_owned()))?;
            if phone {
                user.phone_verified = true;
                user.phone_code = None;
            }
            user.email_verified |= email;
            Ok(())
        })
        .await?
    }

    /// An unknown user, another phone and a verified phone all read as "no such code": who has an account cannot be asked
    /// here.
    async fn confirm_phone(&self, login: &Login, phone: &str, code: &str) -> Result<(), IdentityError> {
        let now = self.clock.now();
        self.change(login, |slot| {
            let user = slot.as_mut().filter(|user| user.phone == phone).ok_or(IdentityError::CodeExpired)?;
            self.codes.spend(&mut user.phone_code, CodeKind::Phone, login, code, now)?;
            user.phone_verified = true;
            Ok(())
        })
        .await?
    }

    async fn sign_in(&self, login: &Login, password: &Password) -> Result<SignIn, IdentityError> {
        let known = self.table.user(login).await?.map(|(user, _)| user.password);
        if !self.passwords.verify(password, known.as_deref()).await? {
            return Err(IdentityError::WrongCredentials);
        }
        let now = self.clock.now();
        let next = self
            .change(login, |slot| {
                // The user may have been replaced while the password was checked.
                let user = slot
                    .as_mut()
                    .filter(|user| Some(&user.password) == known.as_ref())
                    .ok_or(IdentityError::WrongCredentials)?;
                Ok::<_, IdentityError>(match login.mode {
                    _ if !user.phone_verified => Next::VerifyPhone(self.phone_code(user, login, now)),
                    Mode::Admin if self.email_before_mfa && !user.email_verified => {
                        self.after_factors(user, login, now)
                    }
                    Mode::Admin => self.second_factor(user, login, now),
                    Mode::Data => self.after_factors(user, login, now),
                })
            })
            .await??;
        self.carry_out(next, now).await
    }

    /// A session whose five tries are over answers `CodeExpired` and never opens again; one that was used, or replaced by a later
    /// login, or whose ten minutes are over, is `NoSession`.
    async fn answer_factor(&self, login: &Login, session: &str, code: &str) -> Result<SignIn, IdentityError> {
        let now = self.clock.now();
        let next = self
            .change(login, |slot| {
                let user = slot.as_mut().ok_or(IdentityError::NoSession)?;
                self.check_factor(user, login, session, code, now)?;
                Ok::<_, IdentityError>(self.after_factors(user, login, now))
            })
            .await??;
        self.carry_out(next, now).await
    }

    async fn choose_factor(&self, login: &Login, session: &str, factor: Factor) -> Result<SignIn, IdentityError> {
        let now = self.clock.now();
        let next = self
            .change(login, |slot| {
                let user = slot.as_mut().ok_or(IdentityError::NoSession)?;
                self.take_choice(user, login, session, factor, now)
            })
            .await??;
        self.carry_out(next, now).await
    }

    async fn begin_totp(&self, login: &Login, access_token: &str) -> Result<Password, IdentityError> {
        let now = self.clock.now();
        let token = self.token_of(login, access_token, now)?;
        let secret = totp::new_secret(&*self.random);
        self.change(login, |slot| {
            let user = with_factors(slot, login, &token)?;
            user.new_authenticator = Some(self.totp.authenticator(login, &user.sub, &secret)?);
            Ok::<_, IdentityError>(())
        })
        .await??;
        Ok(totp::base32(&secret))
    }

    /// Without a beginning there is nothing to confirm: `CodeExpired`.
    async fn confirm_totp(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let token = self.token_of(login, access_token, now)?;
        self.change(login, |slot| {
            let user = with_factors(slot, login, &token)?;
            let mut new = user.new_authenticator.clone().ok_or(IdentityError::CodeExpired)?;
            if !self.totp.spend(&mut new, login, &user.sub, code, now)? {
                return Err(IdentityError::WrongCode);
            }
            user.authenticator = Some(new);
            user.new_authenticator = None;
            Ok(())
        })
        .await?
    }

    async fn prefer_factor(
        &self,
        login: &Login,
        access_token: &str,
        preferred: Option<Factor>,
    ) -> Result<(), IdentityError> {
        let token = self.token_of(login, access_token, self.clock.now())?;
        self.change(login, |slot| {
            let user = with_factors(slot, login, &token)?;
            if user.authenticator.is_none() {
                return Err(Unavailable("a factor was to be preferred where there is one only".to_owned()).into());
            }
            user.preferred = preferred.map(Into::into);
            Ok(())
        })
        .await?
    }

    async fn drop_authenticator(&self, login: &Login, session: &str) -> Result<(), IdentityError> {
        let now = self.clock.now();
        self.change(login, |slot| {
            let user = slot.as_mut().filter(|_| login.mode == Mode::Admin).ok_or(IdentityError::NoSession)?;
            Self::drop_factor(user, session, now)
        })
        .await?
    }

    async fn begin_reset(&self, login: &Login) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let message = self
            .change(login, |slot| {
                let user = slot.as_mut().filter(|user| user.phone_verified && user.email_verified)?;
                let (code, text) = self.codes.issue(CodeKind::Reset, login, now, &*self.random);
                user.reset_code = Some(code);
                Some(Message {
                    at: now,
                    kind: CodeKind::Reset,
                    login: login.clone(),
                    to: user.email.clone(),
                    code: text,
                })
            })
            .await?;
        match message {
            Some(message) => Ok(self.send(message).await?),
            None => Ok(()),
        }
    }

    /// The hash is made first, whatever the code is: an unknown user costs what a known one costs.
    async fn reset(&self, login: &Login, code: &str, new_password: &Password) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let hash = self.passwords.hash(new_password, &*self.random).await?;
        self.change(login, |slot| {
            let user = slot.as_mut().ok_or(IdentityError::WrongCode)?;
            self.codes.spend_in_silence(&mut user.reset_code, CodeKind::Reset, login, code, now)?;
            user.password.clone_from(&hash);
            user.tokens_valid_from = Some(now.unix_timestamp() + 1);
            user.waiting = None;
            Ok(())
        })
        .await?
    }

    async fn verify_email(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let token = self.token_of(login, access_token, now)?;
        self.change(login, |slot| {
            let user = slot.as_mut().filter(|user| user.accepts(&token)).ok_or(IdentityError::NoSession)?;
            self.codes.spend(&mut user.email_code, CodeKind::Email, login, code, now)?;
            user.email_verified = true;
            Ok(())
        })
        .await?
    }

    /// Of an unknown user there is nothing to end.
    async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        let now = self.clock.now();
        self.change(login, |slot| {
            if let Some(user) = slot {
                user.tokens_valid_from = Some(now.unix_timestamp() + 1);
                user.waiting = None;
            }
        })
        .await?;
        Ok(())
    }

    async fn remove(&self, login: &Login) -> Result<bool, IdentityError> {
        for _ in 0..ROUNDS {
            let Some((_, version)) = self.table.user(login).await? else { return Ok(false) };
            if self.table.delete_user(login, version).await? {
                return Ok(true);
            }
        }
        Err(Unavailable("a user is being changed by too many calls at once".to_owned()).into())
    }
}

/// The user that has second factors, if the token is good for it.
fn with_factors<'u>(
    slot: &'u mut Option<User>,
    login: &Login,
    token: &AccessToken,
) -> Result<&'u mut User, IdentityError> {
    let user = slot.as_mut();
    let user = user.filter(|user| login.mode == Mode::Admin && !token.is_for_address() && user.accepts(token));
    user.ok_or(IdentityError::NoSession)
}

/// Work that waits for the disk or fills the processor, off the threads that serve calls.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unavailable> + Send + 'static,
) -> Result<T, Unavailable> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(Unavailable("work of the user pool broke off".to_owned())))
}
