//! Recovery codes: ten for each authenticator, each good once in its place.

use sha2::{Digest, Sha256};

use crate::ports::Random;
use crate::secret::Password;

/// How many are made.
pub const CODES: usize = 10;
/// Letters of a code: 5 bits each, 140 bits.
const LENGTH: usize = 28;
/// Letters between hyphens.
const GROUP: usize = 4;
/// Base32 (RFC 4648).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A code as it is compared: upper case, without hyphens.
pub struct RecoveryCode(Password);

impl RecoveryCode {
    /// What has the shape of one, in any case, hyphens and blanks ignored. No code of a second factor has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|it| !matches!(it, '-' | ' ')).map(|it| it.to_ascii_uppercase());
        // No more than could be one: nobody makes us copy a megabyte.
        let letters: String = letters.take(LENGTH + 1).collect();
        let fits = letters.len() == LENGTH && letters.bytes().all(|it| LETTERS.contains(&it));
        fits.then(|| Self(Password::new(letters)))
    }

    /// A new one.
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; LENGTH]);
        random.fill(bytes.as_mut());
        let letters = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        Self(Password::new(letters.collect()))
    }

    /// As people get it: seven groups of four with hyphens between them.
    #[must_use]
    pub fn text(&self) -> Password {
        let mut text = String::with_capacity(LENGTH / GROUP * (GROUP + 1));
        for (at, letter) in self.0.expose().chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Password::new(text)
    }

    /// SHA-256, lower-case hex: what the store keeps of it.
    pub(crate) fn hash(&self) -> String {
        format!("{:x}", Sha256::digest(self.0.expose()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Bytes(u8);

    impl Random for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = self.0.wrapping_add(u8::try_from(at).unwrap_or_default());
            }
        }
    }

    #[test]
    fn a_code_is_seven_groups_of_four_letters() {
        assert_eq!(RecoveryCode::new(&Bytes(0)).text().expose(), "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23");
        assert_eq!(RecoveryCode::new(&Bytes(30)).text().expose(), "67AB-CDEF-GHIJ-KLMN-OPQR-STUV-WXYZ");
    }

    #[test]
    fn case_hyphens_and_blanks_do_not_matter() {
        let code = RecoveryCode::new(&Bytes(7));
        for text in [
            code.text().expose().to_owned(),
            code.text().expose().to_lowercase(),
            code.text().expose().replace('-', ""),
            code.text().expose().replace('-', " "),
            format!("--{}-", code.text().expose()),
        ] {
            assert_eq!(RecoveryCode::parse(&text).map(|it| it.hash()), Some(code.hash()), "{text}");
        }
        for text in [
            "",
            "123456",
            "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ2",
            "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ233",
            "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ21",
            "ABCD_EFGH_IJKL_MNOP_QRST_UVWX_YZ23",
        ] {
            assert!(RecoveryCode::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_not(text in any::<String>()) {
            let code = RecoveryCode::parse(&text);
            prop_assert!(code.is_none_or(|it| it.text().expose().len() == 34));
        }
    }
}
