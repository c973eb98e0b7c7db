//! A user as the pool keeps it.

use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Factor, NewUser, Unavailable};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::codes::{Code, Tries};
use super::totp::Authenticator;
use crate::tokens::AccessToken;

/// Longer than a registration lasts, in seconds.
const REGISTRATION: i64 = 60;

/// One user: an account in one mode. The JSON document in the table; no Debug, it has the API key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) mode: String,
    /// UUID; another one where the name is registered anew.
    pub(crate) sub: String,
    /// Argon2id, PHC string.
    pub(crate) password: String,
    pub(crate) phone: String,
    pub(crate) api_key: String,
    pub(crate) organisation: String,
    /// Whether the account made the API key.
    pub(crate) owner: bool,
    /// When it was made, Unix seconds.
    pub(crate) created: i64,
    pub(crate) phone_verified: bool,
    pub(crate) email_verified: bool,
    /// Tokens issued before this second are revoked: the second after the latest sign-out.
    pub(crate) tokens_valid_from: Option<i64>,
    pub(crate) phone_code: Option<Code>,
    pub(crate) email_code: Option<Code>,
    #[serde(default)]
    pub(crate) reset_code: Option<Code>,
    #[serde(default)]
    pub(crate) waiting: Option<Waiting>,
    /// The one that logins ask for.
    #[serde(default)]
    pub(crate) authenticator: Option<Authenticator>,
    /// One that was begun: it waits for its first code.
    #[serde(default)]
    pub(crate) new_authenticator: Option<Authenticator>,
    /// Of an authenticator and SMS.
    #[serde(default)]
    pub(crate) preferred: Option<Preferred>,
}

/// A login that waits for its second factor. A later login takes its place.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// SHA-256 of the session, base64url.
    pub(crate) session: String,
    pub(crate) asked: Asked,
}

/// What a login waits for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Asked {
    Sms(Code),
    Totp(Tries),
    Choice(Tries),
}

impl Asked {
    /// How long and how often there may be an answer.
    pub(crate) fn tries(&self) -> &Tries {
        match self {
            Self::Sms(code) => &code.tries,
            Self::Totp(tries) | Self::Choice(tries) => tries,
        }
    }
}

/// A factor as it is stored.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Preferred {
    Sms,
    Totp,
}

impl From<Factor> for Preferred {
    fn from(factor: Factor) -> Self {
        match factor {
            Factor::Sms => Self::Sms,
            Factor::Totp => Self::Totp,
        }
    }
}

impl User {
    /// A new user: nothing verified.
    pub(crate) fn new(user: &NewUser<'_>, sub: String, password: String, now: OffsetDateTime) -> Self {
        Self {
            email: user.login.email.as_str().to_owned(),
            mode: user.login.mode.as_str().to_owned(),
            sub,
            password,
            phone: user.phone.to_owned(),
            api_key: user.api_key.to_owned(),
            organisation: user.organisation.0.clone(),
            owner: user.owner,
            created: now.unix_timestamp(),
            phone_verified: false,
            email_verified: false,
            tokens_valid_from: None,
            phone_code: None,
            email_code: None,
            reset_code: None,
            waiting: None,
            authenticator: None,
            new_authenticator: None,
            preferred: None,
        }
    }

    /// What a registration that broke off leaves behind; one that is under way is younger.
    pub(crate) fn is_left_over(&self, now: OffsetDateTime) -> bool {
        !self.phone_verified && now.unix_timestamp() - self.created >= REGISTRATION
    }

    pub(crate) fn login(&self) -> Result<Login, Unavailable> {
        let unreadable = || Unavailable("a user's name in the pool cannot be read".to_owned());
        Ok(Login {
            email: Email::parse(&self.email).ok_or_else(unreadable)?,
            mode: Mode::parse(&self.mode).ok_or_else(unreadable)?,
        })
    }

    pub(crate) fn organisation(&self) -> OrganisationId {
        OrganisationId(self.organisation.clone())
    }

    /// The `iat` of a token issued now. Tokens have whole seconds: those of the sign-out's own second die with it, and a login
    /// right after it, in the same second, gets a token of the next.
    pub(crate) fn issue_second(&self, now: OffsetDateTime) -> i64 {
        now.unix_timestamp().max(self.tokens_valid_from.unwrap_or_default())
    }

    /// Whether a valid access token is this user's and was not revoked.
    pub(crate) fn accepts(&self, token: &AccessToken) -> bool {
        token.sub == self.sub && self.tokens_valid_from.is_none_or(|from| token.iat >= from)
    }
}

/// The name that Cognito has for a login (brief 2.2).
pub(crate) fn username(login: &Login) -> String {
    format!("e_{}__{}", login.email.as_str().replace('@', "_at_"), login.mode.as_str())
}
