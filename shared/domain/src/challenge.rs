//! Login challenges: `base64(HMAC-SHA256(key, e-mail|mode|milliseconds|uuid))|milliseconds|uuid` (brief 2.1). Stateless until
//! spent; the two operations that give them out are interchangeable.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime};

use crate::Context;
use crate::names::Login;
use crate::service_keys::ServiceKeys;

/// How long a challenge may be answered.
const LIFE: Duration = Duration::minutes(5);

/// A challenge whose MAC and age are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// UUID, by which it is spent.
    pub id: String,
    /// Its timestamp, which the encrypted password must repeat.
    pub milliseconds: i64,
    /// When it can no longer be answered.
    pub expires: OffsetDateTime,
}

/// A fresh challenge for a login, whether or not there is such a user.
#[must_use]
pub fn issue(context: Context<'_>, keys: &ServiceKeys, login: &Login) -> String {
    let milliseconds = context.now().unix_timestamp_nanos() / 1_000_000;
    let id = context.uuid();
    let mac = hmac::sign(keys.challenge_key(), message(login, &milliseconds.to_string(), &id).as_bytes());
    format!("{}|{milliseconds}|{id}", STANDARD.encode(mac))
}

/// The challenge, if it was issued here for this login and is not too old.
#[must_use]
pub fn check(now: OffsetDateTime, keys: &ServiceKeys, login: &Login, text: &str) -> Option<Challenge> {
    let mut parts = text.split('|');
    let (mac, milliseconds, id) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let mac = STANDARD.decode(mac).ok()?;
    hmac::verify(keys.challenge_key(), message(login, milliseconds, id).as_bytes(), &mac).ok()?;
    let milliseconds: i64 = milliseconds.parse().ok()?;
    let issued = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    let fresh = issued <= now && now < issued + LIFE;
    fresh.then(|| Challenge { id: id.to_owned(), milliseconds, expires: issued + LIFE })
}

fn message(login: &Login, milliseconds: &str, id: &str) -> String {
    format!("{}|{}|{milliseconds}|{id}", login.email, login.mode.as_str())
}
