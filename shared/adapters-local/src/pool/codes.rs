//! Six-digit codes: random, ten minutes, five tries, single use, bound to kind and login (R22; design, decision 15).

use avain_domain::names::Login;
use avain_domain::ports::{IdentityError, Random};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::outbox::CodeKind;

const LIFE_SECONDS: i64 = 600;
const TRIES: u8 = 5;

/// A code that was sent. Only its HMAC under the pool's key is kept: a million hashes would be no obstacle.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// 16 random bytes, base64url.
    nonce: String,
    /// HMAC-SHA256, base64url.
    mac: String,
    #[serde(flatten)]
    pub(crate) tries: Tries,
}

/// How long and how often there may be an answer.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// Unix time in seconds.
    expires: i64,
    tries_left: u8,
}

impl Tries {
    pub(crate) fn new(now: OffsetDateTime) -> Self {
        Self { expires: now.unix_timestamp() + LIFE_SECONDS, tries_left: TRIES }
    }

    pub(crate) fn are_over(&self, now: OffsetDateTime) -> bool {
        self.tries_left == 0 || self.are_late(now)
    }

    /// Whether the ten minutes are over.
    pub(crate) fn are_late(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() >= self.expires
    }

    /// Judges an answer: late, or wrong, which costs a try, or right.
    pub(crate) fn judge(&mut self, now: OffsetDateTime, right: bool) -> Result<(), IdentityError> {
        if self.are_over(now) {
            return Err(IdentityError::CodeExpired);
        }
        if !right {
            self.tries_left -= 1;
            return Err(IdentityError::WrongCode);
        }
        Ok(())
    }
}

/// The pool's key for codes.
pub(crate) struct CodeKey(hmac::Key);

impl CodeKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A new code, to be kept and to be sent.
    pub(crate) fn issue(
        &self,
        kind: CodeKind,
        login: &Login,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> (Code, Zeroizing<String>) {
        let text = six_digits(random);
        let mut nonce = [0; 16];
        random.fill(&mut nonce);
        let nonce = URL_SAFE_NO_PAD.encode(nonce);
        let mac = hmac::sign(&self.0, &bound(kind, login, &nonce, &text));
        (Code { mac: URL_SAFE_NO_PAD.encode(mac), nonce, tries: Tries::new(now) }, text)
    }

    /// Whether this is the code; a wrong one costs a try. The caller removes a code that was right.
    pub(crate) fn check(
        &self,
        code: &mut Code,
        kind: CodeKind,
        login: &Login,
        given: &str,
        now: OffsetDateTime,
    ) -> Result<(), IdentityError> {
        let right = self.is_right(code, kind, login, given);
        code.tries.judge(now, right)
    }

    /// As [`CodeKey::spend`], for who must not learn whether there is a code: it is a wrong one, unless it is the one that was
    /// sent, and too late.
    pub(crate) fn spend_in_silence(
        &self,
        slot: &mut Option<Code>,
        kind: CodeKind,
        login: &Login,
        given: &str,
        now: OffsetDateTime,
    ) -> Result<(), IdentityError> {
        let Some(code) = slot else { return Err(IdentityError::WrongCode) };
        let right = self.is_right(code, kind, login, given);
        if !right && code.tries.are_over(now) {
            return Err(IdentityError::WrongCode);
        }
        code.tries.judge(now, right)?;
        *slot = None;
        Ok(())
    }

    fn is_right(&self, code: &Code, kind: CodeKind, login: &Login, given: &str) -> bool {
        let mac = URL_SAFE_NO_PAD.decode(&code.mac).unwrap_or_default();
        hmac::verify(&self.0, &bound(kind, login, &code.nonce, given), &mac).is_ok()
    }

    /// Checks the code that is there, if any, and removes it if it was right.
    pub(crate) fn spend(
        &self,
        slot: &mut Option<Code>,
        kind: CodeKind,
        login: &Login,
        given: &str,
        now: OffsetDateTime,
    ) -> Result<(), IdentityError> {
        let code = slot.as_mut().ok_or(IdentityError::CodeExpired)?;
        self.check(code, kind, login, given, now)?;
        *slot = None;
        Ok(())
    }
}

/// No part but the last can have a line break.
fn bound(kind: CodeKind, login: &Login, nonce: &str, code: &str) -> Zeroizing<Vec<u8>> {
    let (kind, mode) = (kind.as_str(), login.mode.as_str());
    Zeroizing::new(format!("{kind}\n{}\n{mode}\n{nonce}\n{code}", login.email).into_bytes())
}

/// Each of the million codes is equally likely: of the 2^32 draws, those above the last whole million are drawn again.
fn six_digits(random: &dyn Random) -> Zeroizing<String> {
    const CODES: u32 = 1_000_000;
    const FAIR: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let mut bytes = Zeroizing::new([0; 4]);
        random.fill(bytes.as_mut());
        let draw = u32::from_be_bytes(*bytes);
        if draw < FAIR {
            return Zeroizing::new(format!("{:06}", draw % CODES));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemRandom;

    /// Gives these numbers.
    struct Draws(Mutex<VecDeque<u32>>);

    impl Random for Draws {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.lock().unwrap().pop_front().unwrap().to_be_bytes());
        }
    }

    fn drawn(numbers: &[u32]) -> String {
        six_digits(&Draws(Mutex::new(numbers.iter().copied().collect()))).to_string()
    }

    #[test]
    fn numbers_above_the_last_whole_million_are_drawn_again() {
        assert_eq!(drawn(&[4_293_999_999]), "999999");
        assert_eq!(drawn(&[4_294_000_000, u32::MAX, 7]), "000007");
    }

    proptest! {
        #[test]
        fn every_fair_number_gives_its_own_six_digits(number in 0_u32..4_294_000_000) {
            prop_assert_eq!(drawn(&[number]), format!("{:06}", number % 1_000_000));
        }
    }

    /// 100,000 codes: each digit in each place 10,000 times, within seven standard deviations (95 each).
    #[test]
    fn digits_are_equally_frequent() {
        let mut counts = [[0_u32; 10]; 6];
        for _ in 0..100_000 {
            for (place, digit) in six_digits(&SystemRandom).bytes().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|count| (9335..=10665).contains(count)), "{counts:?}");
    }
}
