//! Which pools, and what a login is called there.

use std::fmt::Write as _;

use avain_domain::names::{Login, Mode};
use aws_lc_rs::digest::{SHA256, digest};

/// A user pool and its one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    id: String,
    client_id: String,
}

impl Pool {
    /// From the pool's id (`REGION_NAME`) and the client's, or `None` if they do not have Cognito's shape.
    #[must_use]
    pub fn new(id: &str, client_id: &str) -> Option<Self> {
        let (region, name) = id.split_once('_')?;
        let region_fits = region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = !region.is_empty() && region_fits && word(name) && word(client_id);
        fits.then(|| Self { id: id.to_owned(), client_id: client_id.to_owned() })
    }

    /// The pool's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The client's id: `aud` of id tokens, `client_id` of access tokens.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `iss` of the tokens; the keys are published below it.
    #[must_use]
    pub fn issuer(&self) -> String {
        let region = self.id.split('_').next().unwrap_or_default();
        format!("https://cognito-idp.{region}.amazonaws.com/{}", self.id)
    }
}

/// The pools of the two modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools {
    /// Second factor required.
    pub admin: Pool,
    /// Password only.
    pub data: Pool,
}

impl Pools {
    pub(super) fn of(&self, mode: Mode) -> &Pool {
        match mode {
            Mode::Admin => &self.admin,
            Mode::Data => &self.data,
        }
    }
}

/// The name that a login has in its pool: `e_`, the SHA-256 of the e-mail address in lower-case hexadecimal digits,
/// `__`, the mode.
///
/// Not the readable form that ISECure uses (`e_` and the address with `_at_` for `@`, brief 2.2): there `a@b_at_c` and
/// `a_at_b@c` are one user. An escaped form would be as unambiguous as this one, but names end at 128 characters and
/// addresses at 254. Digits and small letters stay apart also in a pool that does not tell case. Who looks for a user
/// in the pool filters by the attribute `email`.
#[must_use]
pub fn username(login: &Login) -> String {
    let hash = digest(&SHA256, login.email.as_str().as_bytes());
    let mut name = hash.as_ref().iter().fold("e_".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    name += "__";
    name + login.mode.as_str()
}
