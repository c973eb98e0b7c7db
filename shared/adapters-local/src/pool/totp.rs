//! Authenticators: time-based one-time passwords (RFC 6238) with SHA-1, six digits and steps of 30 seconds, which is what
//! authenticators do with a secret alone. A step before and after the present one is heard too; no step is heard twice.

use avain_domain::names::Login;
use avain_domain::ports::{Random, Unavailable};
use avain_domain::secret::{Password, Secret};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::gcm::Gcm;

/// Seconds.
const STEP: i64 = 30;

/// Bytes: as many as SHA-1 gives (RFC 4226, 4, R6).
const SECRET: usize = 20;

/// An authenticator as it is stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Authenticator {
    /// Sealed under the pool's key, base64.
    secret: String,
    /// The latest step whose code was right.
    last_step: Option<i64>,
}

/// The pool's key for the secrets: a copy of its table makes no codes.
pub(crate) struct TotpKey(Gcm);

impl TotpKey {
    pub(crate) fn new(key: &[u8]) -> Result<Self, Unavailable> {
        Ok(Self(Gcm::new(key)?))
    }

    /// One that has made no code yet. `sub` is the user's.
    pub(crate) fn authenticator(
        &self,
        login: &Login,
        sub: &str,
        secret: &Secret,
    ) -> Result<Authenticator, Unavailable> {
        let sealed = self.0.seal(&associated(login, sub), secret.expose())?;
        Ok(Authenticator { secret: STANDARD.encode(sealed), last_step: None })
    }

    /// Whether the code is right; if so, it and those before it are not any more.
    pub(crate) fn spend(
        &self,
        authenticator: &mut Authenticator,
        login: &Login,
        sub: &str,
        given: &str,
        now: OffsetDateTime,
    ) -> Result<bool, Unavailable> {
        let damaged = || Unavailable("the secret of an authenticator does not open".to_owned());
        let sealed = STANDARD.decode(&authenticator.secret).map_err(|_| damaged())?;
        let secret = self.0.open(&associated(login, sub), &sealed).ok_or_else(damaged)?;
        let present = now.unix_timestamp().div_euclid(STEP);
        let found = (present - 1..=present + 1)
            .filter(|step| authenticator.last_step.is_none_or(|last| *step > last))
            .find(|step| verify_slices_are_equal(code(&secret, *step).as_bytes(), given.as_bytes()).is_ok());
        if found.is_some() {
            authenticator.last_step = found;
        }
        Ok(found.is_some())
    }
}

/// A new secret.
pub(crate) fn new_secret(random: &dyn Random) -> Secret {
    let mut bytes = vec![0; SECRET];
    random.fill(&mut bytes);
    Secret::new(bytes)
}

/// In RFC 4648's letters, for people and QR codes. A secret has whole groups: there is no padding.
pub(crate) fn base32(secret: &Secret) -> Password {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(SECRET / 5 * 8);
    for group in secret.expose().chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        text.extend(
            (0..8).rev().map(|at| char::from(LETTERS[usize::try_from(bits >> (5 * at) & 31).unwrap_or_default()])),
        );
    }
    Password::new(text)
}

/// The code of a step (RFC 4226, 5.3).
fn code(secret: &Secret, step: i64) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose());
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(mac.as_ref()[19] & 15);
    let number = mac.as_ref()[at..at + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    Zeroizing::new(format!("{:06}", (number & 0x7fff_ffff) % 1_000_000))
}

/// Whose secret it is, so that it does not open as another user's.
fn associated(login: &Login, sub: &str) -> Vec<u8> {
    format!("avain authenticator\n{}\n{}\n{sub}", login.email, login.mode.as_str()).into_bytes()
}

#[cfg(test)]
mod tests {
    use avain_domain::names::{Email, Mode};

    use super::*;
    use crate::random::SystemRandom;

    /// RFC 6238, appendix B: times, and the last six of the eight digits there, which are the code of six.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn rfc_secret() -> Secret {
        Secret::new(b"12345678901234567890".to_vec())
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (time, expected) in VECTORS {
            assert_eq!(*code(&rfc_secret(), time / STEP), expected, "{time}");
        }
    }

    #[test]
    fn another_implementation_reads_the_secret_and_makes_the_same_codes() {
        for step in [0, 1, 37_037_036, 60_000_000, i64::from(u32::MAX) + 1] {
            let secret = new_secret(&SystemRandom);
            let Some(theirs) = avain_test_support::totp::code(base32(&secret).expose(), step * STEP) else { return };
            assert_eq!(*code(&secret, step), theirs);
        }
    }

    #[test]
    fn base32_is_that_of_other_programs() {
        assert_eq!(base32(&rfc_secret()).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(&new_secret(&SystemRandom)).expose().len(), 32);
    }

    fn login(mode: Mode) -> Login {
        Login { email: Email::parse("anna@example.com").unwrap(), mode }
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn one_step_either_side_is_heard_and_none_twice() {
        let (key, anna) = (TotpKey::new(&[7; 32]).unwrap(), login(Mode::Admin));
        let fresh = || key.authenticator(&anna, "sub", &rfc_secret()).unwrap();
        let mut right = Vec::new();
        for (distance, expected) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            // Both ends of the step.
            for second in [3000, 3029] {
                let given = code(&rfc_secret(), 100 + distance);
                right.push(key.spend(&mut fresh(), &anna, "sub", &given, at(second)).unwrap() == expected);
            }
        }
        assert!(right.iter().all(|it| *it), "{right:?}");

        let mut used = fresh();
        let mut spend = |step: i64| key.spend(&mut used, &anna, "sub", &code(&rfc_secret(), step), at(3000)).unwrap();
        assert_eq!([100, 100, 99, 101, 101, 100].map(&mut spend), [true, false, false, true, false, false]);
        for given in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
            assert!(!key.spend(&mut fresh(), &anna, "sub", given, at(59)).unwrap(), "{given}");
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_user_and_key_only() {
        let (key, anna) = (TotpKey::new(&[7; 32]).unwrap(), login(Mode::Admin));
        let mut sealed = key.authenticator(&anna, "sub", &rfc_secret()).unwrap();
        let given = code(&rfc_secret(), 1);
        assert!(key.spend(&mut sealed, &login(Mode::Data), "sub", &given, at(59)).is_err());
        assert!(key.spend(&mut sealed, &anna, "another", &given, at(59)).is_err());
        assert!(TotpKey::new(&[8; 32]).unwrap().spend(&mut sealed, &anna, "sub", &given, at(59)).is_err());
        assert!(key.spend(&mut sealed, &anna, "sub", &given, at(59)).unwrap());
        let again = key.authenticator(&anna, "sub", &rfc_secret()).unwrap();
        assert!(again.secret != sealed.secret, "sealed with a nonce of its own");
    }
}
