//! The user pools on Cognito: the steps of accounts and logins (brief 2.2, 2.3), each as a server-side call.
//!
//! Two pools, because Cognito requires a second factor of all of a pool's users or of none for sure: `admin` requires
//! it, `data` has none. Each has one client with a secret. The secret is what keeps the service the only one that can
//! make users: without it anybody who has seen an id token (it names the client) could sign up at Cognito with an
//! organisation of his choice. The calls of each operation, and what the pools must be set to, are in
//! `docs/cognito.md`.

mod exceptions;
mod factors;
mod keys;
mod not_twice;
mod pools;
mod secrets;
mod tokens;

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::names::{Login, Mode, OrganisationId};
use avain_domain::ports::{Clock, Factor, Identity, IdentityError, NewUser, SignIn, TokenSet, Unavailable};
use avain_domain::secret::{Password, Secret};
use aws_lc_rs::hmac;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::operation::admin_get_user::AdminGetUserOutput;
use aws_sdk_cognitoidentityprovider::operation::admin_initiate_auth::AdminInitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, SmsMfaSettingsType, SoftwareTokenMfaSettingsType,
    UserStatusType, VerifySoftwareTokenResponseType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use self::exceptions::{Call, Refusal};
use self::factors::Challenge;
use self::not_twice::not_twice;
use self::tokens::Issued;

pub use self::keys::{HttpsKeys, KeySource};
pub use self::pools::{Pool, Pools, username};
pub use self::tokens::CognitoTokens;

/// Longer than a registration lasts, in seconds.
const REGISTRATION: i64 = 60;

/// Longest password that Cognito takes, in characters.
const LONGEST_PASSWORD: usize = 256;

/// The secrets of the pools' clients, as Cognito made them.
#[derive(Clone)]
pub struct ClientSecrets {
    /// Of the admin pool's client.
    pub admin: Secret,
    /// Of the data pool's client.
    pub data: Secret,
}

/// The user pools.
pub struct CognitoIdentity {
    client: Client,
    pools: Pools,
    secrets: ClientSecrets,
    tokens: Arc<CognitoTokens>,
    clock: Arc<dyn Clock>,
}

/// A login as the calls name it.
struct User<'a> {
    login: &'a Login,
    pool: &'a Pool,
    name: String,
    /// HMAC-SHA256 of name and client id under the client's secret, base64: goes where the client identifies itself.
    secret_hash: String,
}

impl CognitoIdentity {
    /// On pools whose settings are those of `docs/cognito.md`. `tokens` are the same pools'.
    #[must_use]
    pub fn new(
        client: Client,
        pools: Pools,
        secrets: ClientSecrets,
        tokens: Arc<CognitoTokens>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, pools, secrets, tokens, clock }
    }

    fn user<'a>(&'a self, login: &'a Login) -> User<'a> {
        let (pool, name) = (self.pools.of(login.mode), username(login));
        let secret = match login.mode {
            Mode::Admin => &self.secrets.admin,
            Mode::Data => &self.secrets.data,
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let hash = hmac::sign(&key, format!("{name}{}", pool.client_id()).as_bytes());
        User { login, pool, name, secret_hash: STANDARD.encode(hash) }
    }
}

#[async_trait]
impl Identity for CognitoIdentity {
    /// Cognito has no conditional deletion: of two registrations that replace the same left-over at the same moment,
    /// one may delete what the other has just made. Both callers can register again.
    async fn sign_up(&self, new: NewUser<'_>) -> Result<(), IdentityError> {
        let user = self.user(new.login);
        match self.make(&user, &new).await {
            Err(Refusal::UserExists) => {}
            other => return Ok(other?),
        }
        match self.read(&user).await {
            Ok(there) if !self.is_left_over(&there) => return Err(IdentityError::UserExists),
            Ok(_) => drop(self.delete(&user).await?),
            // Another call has deleted it meanwhile.
            Err(Refusal::NoUser) => {}
            Err(other) => return Err(other.into()),
        }
        Ok(self.make(&user, &new).await?)
    }

    /// The attributes first: a user who was confirmed and whose phone is not verified could not log in.
    async fn trust(&self, login: &Login, phone: bool, email: bool) -> Result<(), IdentityError> {
        let user = self.user(login);
        let verified = [("phone_number_verified", phone), ("email_verified", email)];
        let verified = verified.into_iter().filter(|(_, trusted)| *trusted);
        let attributes: Result<Vec<_>, _> =
            verified.map(|(name, _)| AttributeType::builder().name(name).value("true").build()).collect();
        let request = self.client.admin_update_user_attributes().user_pool_id(user.pool.id()).username(&user.name);
        let request =
            request.set_user_attributes(Some(attributes.map_err(|_| failed("an attribute could not be made"))?));
        request.send().await.map_err(|error| Refusal::of(Call::AdminUpdateUserAttributes, &error))?;
        if !phone {
            return Ok(());
        }
        let request = self.client.admin_confirm_sign_up().user_pool_id(user.pool.id()).username(&user.name);
        match request.send().await.map_err(|error| Refusal::of(Call::AdminConfirmSignUp, &error)) {
            Ok(_) | Err(Refusal::Confirmed) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// An unknown user, another phone and a verified phone all read as "no such code": who has an account cannot be
    /// asked here.
    async fn confirm_phone(&self, login: &Login, phone: &str, code: &str) -> Result<(), IdentityError> {
        let user = self.user(login);
        let there = match self.read(&user).await {
            Err(Refusal::NoUser) => return Err(IdentityError::CodeExpired),
            other => other?,
        };
        let registered =
            there.user_attributes().iter().any(|it| it.name() == "phone_number" && it.value() == Some(phone));
        if !registered || there.user_status() != Some(&UserStatusType::Unconfirmed) {
            return Err(IdentityError::CodeExpired);
        }
        check_shape(code)?;
        let request = self
            .client
            .confirm_sign_up()
            .client_id(user.pool.client_id())
            .secret_hash(&user.secret_hash)
            .username(&user.name)
            .confirmation_code(code);
        request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::ConfirmSignUp, &error))?;
        Ok(())
    }

    /// In admin mode tokens that come without a second factor are dropped. Cognito's guide says that a user's first
    /// login may give them even where the pool requires one; so SMS is then turned on for the user, and the login is
    /// tried once more.
    async fn sign_in(&self, login: &Login, password: &Password) -> Result<SignIn, IdentityError> {
        // No user has such a password, and Cognito would answer that a parameter is not valid.
        if !(1..=LONGEST_PASSWORD).contains(&password.expose().chars().count()) {
            return Err(IdentityError::WrongCredentials);
        }
        let user = self.user(login);
        let mut answer = match self.initiate(&user, password).await {
            Err(Refusal::NotConfirmed) => return self.resend_phone_code(&user).await,
            other => other?,
        };
        if login.mode == Mode::Admin && answer.challenge_name().is_none() {
            self.turn_sms_on(&user).await?;
            answer = self.initiate(&user, password).await?;
        }
        match (login.mode, answer.challenge_name) {
            (Mode::Admin, Some(name)) => factors::asked(&name, answer.session, answer.challenge_parameters),
            (Mode::Admin, None) => Err(failed("the admin pool let a login in without a second factor; it was refused")),
            (Mode::Data, Some(name)) => Err(factors::not_answered(&name)),
            (Mode::Data, None) => self.after_factors(&user, answer.authentication_result).await,
        }
    }

    /// A session is unknown, used, expired or another login's: Cognito has one answer for all of them.
    async fn answer_factor(&self, login: &Login, session: &str, code: &str) -> Result<SignIn, IdentityError> {
        let Some((Challenge::Code(factor), session)) = session_of(login, session) else {
            return Err(IdentityError::NoSession);
        };
        check_shape(code)?;
        let user = self.user(login);
        let answer = match self.respond(&user, Challenge::Code(factor), session, code).await.map_err(Into::into) {
            // An authenticator's code that was used already; one that is too old is a mismatch.
            Err(IdentityError::CodeExpired) if factor == Factor::Totp => return Err(IdentityError::WrongCode),
            other => other?,
        };
        match answer.challenge_name {
            Some(name) => Err(factors::not_answered(&name)),
            None => self.after_factors(&user, answer.authentication_result).await,
        }
    }

    async fn choose_factor(&self, login: &Login, session: &str, factor: Factor) -> Result<SignIn, IdentityError> {
        let Some((Challenge::Choice, session)) = session_of(login, session) else {
            return Err(IdentityError::NoSession);
        };
        let answer = self.respond(&self.user(login), Challenge::Choice, session, factors::name_of(factor)).await?;
        let name = answer.challenge_name.ok_or_else(|| failed("a choice of second factors was not followed by one"))?;
        match factors::asked(&name, answer.session, answer.challenge_parameters)? {
            SignIn::SecondFactor { factor: asked, session } if asked == factor => {
                Ok(SignIn::SecondFactor { factor, session })
            }
            _ => Err(failed("another second factor was asked for than was chosen")),
        }
    }

    async fn begin_totp(&self, login: &Login, access_token: &str) -> Result<Password, IdentityError> {
        self.check_admins_token(login, access_token).await?;
        let request = self.client.associate_software_token().access_token(access_token);
        let answer = request.send().await.map_err(|error| Refusal::of(Call::AssociateSoftwareToken, &error))?;
        let secret = answer.secret_code.map(Password::new);
        secret.ok_or_else(|| failed("an authenticator was begun without a secret"))
    }

    async fn confirm_totp(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.check_admins_token(login, access_token).await?;
        check_shape(code)?;
        let request = self.client.verify_software_token().access_token(access_token).user_code(code);
        let answer = request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::VerifySoftwareToken, &error))?;
        match answer.status {
            Some(VerifySoftwareTokenResponseType::Success) => Ok(()),
            _ => Err(IdentityError::WrongCode),
        }
    }

    async fn prefer_factor(
        &self,
        login: &Login,
        access_token: &str,
        preferred: Option<Factor>,
    ) -> Result<(), IdentityError> {
        self.check_admins_token(login, access_token).await?;
        let sms = SmsMfaSettingsType::builder().enabled(true).preferred_mfa(preferred == Some(Factor::Sms));
        let totp = SoftwareTokenMfaSettingsType::builder().enabled(true).preferred_mfa(preferred == Some(Factor::Totp));
        let request = self.client.set_user_mfa_preference().access_token(access_token);
        let request = request.sms_mfa_settings(sms.build()).software_token_mfa_settings(totp.build());
        request.send().await.map_err(|error| Refusal::of(Call::SetUserMFAPreference, &error))?;
        Ok(())
    }

    /// Cognito looks at a session only to answer it, so its shape is all that is checked: what is turned off here, a recovery
    /// code has paid for, and nobody is let in by it (decision 0012).
    async fn drop_authenticator(&self, login: &Login, session: &str) -> Result<(), IdentityError> {
        session_of(login, session).ok_or(IdentityError::NoSession)?;
        let user = self.user(login);
        let sms = SmsMfaSettingsType::builder().enabled(true).preferred_mfa(true);
        let totp = SoftwareTokenMfaSettingsType::builder().enabled(false).preferred_mfa(false);
        let request = self
            .client
            .admin_set_user_mfa_preference()
            .user_pool_id(user.pool.id())
            .username(&user.name)
            .sms_mfa_settings(sms.build())
            .software_token_mfa_settings(totp.build());
        match request.send().await.map_err(|error| Refusal::of(Call::AdminSetUserMFAPreference, &error)) {
            Err(Refusal::NoUser) => Err(IdentityError::NoSession),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// Nothing is sent to a user whose address is not verified, and Cognito's own limit for one user is kept to in silence.
    async fn begin_reset(&self, login: &Login) -> Result<(), IdentityError> {
        let user = self.user(login);
        let request = self
            .client
            .forgot_password()
            .client_id(user.pool.client_id())
            .secret_hash(&user.secret_hash)
            .username(&user.name);
        match request.send().await.map_err(|error| Refusal::of(Call::ForgotPassword, &error)) {
            Ok(_) | Err(Refusal::NoUser) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    async fn reset(&self, login: &Login, code: &str, new_password: &Password) -> Result<(), IdentityError> {
        check_shape(code)?;
        let user = self.user(login);
        let request = self
            .client
            .confirm_forgot_password()
            .client_id(user.pool.client_id())
            .secret_hash(&user.secret_hash)
            .username(&user.name)
            .confirmation_code(code)
            .password(new_password.expose());
        request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::ConfirmForgotPassword, &error))?;
        Ok(())
    }

    async fn verify_email(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.check_token(login, access_token).await?;
        check_shape(code)?;
        let request = self.client.verify_user_attribute().access_token(access_token).attribute_name("email").code(code);
        request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::VerifyUserAttribute, &error))?;
        Ok(())
    }

    /// Of an unknown user there is nothing to end.
    async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        let user = self.user(login);
        let request = self.client.admin_user_global_sign_out().user_pool_id(user.pool.id()).username(&user.name);
        match request.send().await.map_err(|error| Refusal::of(Call::AdminUserGlobalSignOut, &error)) {
            Ok(_) | Err(Refusal::NoUser) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// Where an answer was lost and the SDK has asked again, the second answer is that there is no such user.
    async fn remove(&self, login: &Login) -> Result<bool, IdentityError> {
        Ok(self.delete(&self.user(login)).await?)
    }
}

impl CognitoIdentity {
    async fn check_token(&self, login: &Login, access_token: &str) -> Result<(), IdentityError> {
        let fits = self.tokens.is_access_token_of(access_token, login, self.clock.now()).await?;
        if fits { Ok(()) } else { Err(IdentityError::NoSession) }
    }

    /// The data pool has no second factors.
    async fn check_admins_token(&self, login: &Login, access_token: &str) -> Result<(), IdentityError> {
        match login.mode {
            Mode::Admin => self.check_token(login, access_token).await,
            Mode::Data => Err(IdentityError::NoSession),
        }
    }

    async fn make(&self, user: &User<'_>, new: &NewUser<'_>) -> Result<(), Refusal> {
        let attributes = [
            ("email", user.login.email.as_str()),
            ("phone_number", new.phone),
            ("custom:apikey", new.api_key),
            ("custom:organisation", &new.organisation.0),
            ("custom:mode", user.login.mode.as_str()),
            ("custom:account_type", if new.owner { tokens::OWNER } else { "customer" }),
        ];
        let attributes = attributes.map(|(name, value)| AttributeType::builder().name(name).value(value).build());
        let attributes: Result<Vec<_>, _> = attributes.into_iter().collect();
        let request = self
            .client
            .sign_up()
            .client_id(user.pool.client_id())
            .secret_hash(&user.secret_hash)
            .username(&user.name)
            .password(new.password.expose())
            .set_user_attributes(Some(attributes.map_err(|_| Refusal::failed("an attribute could not be made"))?));
        request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::SignUp, &error))?;
        Ok(())
    }

    async fn read(&self, user: &User<'_>) -> Result<AdminGetUserOutput, Refusal> {
        let request = self.client.admin_get_user().user_pool_id(user.pool.id()).username(&user.name);
        request.send().await.map_err(|error| Refusal::of(Call::AdminGetUser, &error))
    }

    /// What a registration that broke off leaves behind; one that is under way is younger.
    fn is_left_over(&self, user: &AdminGetUserOutput) -> bool {
        let age = user.user_create_date().map(|made| self.clock.now().unix_timestamp() - made.secs());
        user.user_status() == Some(&UserStatusType::Unconfirmed) && age.is_some_and(|age| age >= REGISTRATION)
    }

    /// Whether there was such a user.
    async fn delete(&self, user: &User<'_>) -> Result<bool, Refusal> {
        let request = self.client.admin_delete_user().user_pool_id(user.pool.id()).username(&user.name);
        match request.send().await.map_err(|error| Refusal::of(Call::AdminDeleteUser, &error)) {
            Ok(_) => Ok(true),
            Err(Refusal::NoUser) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn initiate(&self, user: &User<'_>, password: &Password) -> Result<AdminInitiateAuthOutput, Refusal> {
        let request = self
            .client
            .admin_initiate_auth()
            .user_pool_id(user.pool.id())
            .client_id(user.pool.client_id())
            .auth_flow(AuthFlowType::AdminUserPasswordAuth)
            .auth_parameters("USERNAME", &user.name)
            .auth_parameters("PASSWORD", password.expose())
            .auth_parameters("SECRET_HASH", &user.secret_hash);
        request.send().await.map_err(|error| Refusal::of(Call::AdminInitiateAuth, &error))
    }

    async fn resend_phone_code(&self, user: &User<'_>) -> Result<SignIn, IdentityError> {
        let request = self
            .client
            .resend_confirmation_code()
            .client_id(user.pool.client_id())
            .secret_hash(&user.secret_hash)
            .username(&user.name);
        request.send().await.map_err(|error| Refusal::of(Call::ResendConfirmationCode, &error))?;
        Ok(SignIn::VerifyPhone)
    }

    async fn turn_sms_on(&self, user: &User<'_>) -> Result<(), Refusal> {
        let request = self
            .client
            .admin_set_user_mfa_preference()
            .user_pool_id(user.pool.id())
            .username(&user.name)
            .sms_mfa_settings(SmsMfaSettingsType::builder().enabled(true).build());
        request.send().await.map_err(|error| Refusal::of(Call::AdminSetUserMFAPreference, &error))?;
        Ok(())
    }

    async fn after_factors(
        &self,
        user: &User<'_>,
        result: Option<AuthenticationResultType>,
    ) -> Result<SignIn, IdentityError> {
        let result = result.unwrap_or_else(|| AuthenticationResultType::builder().build());
        let (Some(id_token), Some(access_token)) = (result.id_token, result.access_token) else {
            return Err(failed("a login was answered without tokens"));
        };
        let issued = Issued::read(&id_token).filter(|issued| issued.username == user.name);
        let issued = issued.ok_or_else(|| failed("a login was answered with an id token that is not its own"))?;
        if !issued.email_verified {
            let request = self.client.get_user_attribute_verification_code();
            let request = request.access_token(&access_token).attribute_name("email");
            request.send().await.map_err(|error| Refusal::of(Call::GetUserAttributeVerificationCode, &error))?;
            return Ok(SignIn::VerifyEmail { access_token });
        }
        Ok(SignIn::Done(TokenSet {
            expires_in: u32::try_from(result.expires_in).map_err(|_| failed("tokens with a negative life"))?,
            owner: issued.account_type == tokens::OWNER,
            api_key: issued.api_key,
            organisation: OrganisationId(issued.organisation),
            id_token,
            access_token,
        }))
    }
}

/// A session of a second factor, taken apart; none has one in data mode.
fn session_of<'a>(login: &Login, session: &'a str) -> Option<(Challenge, &'a str)> {
    factors::open_session(session).filter(|_| login.mode == Mode::Admin)
}

/// No code is of another shape, and Cognito would answer that a parameter is not valid.
fn check_shape(code: &str) -> Result<(), IdentityError> {
    let six_digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if six_digits { Ok(()) } else { Err(IdentityError::WrongCode) }
}

fn failed(what: &str) -> IdentityError {
    Unavailable(format!("Cognito: {what}")).into()
}
