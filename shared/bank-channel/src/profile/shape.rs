//! What user ids and codes look like.

use serde::Deserialize;

/// What a text may look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Shortest, characters.
    pub min: usize,
    /// Longest, characters.
    pub max: usize,
    /// Characters allowed.
    pub characters: Characters,
    /// Whether the last digit is a check digit by Luhn's rule (modulus 10).
    #[serde(default)]
    pub luhn: bool,
}

/// A set of ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    /// 0 to 9.
    Digits,
    /// Letters and digits.
    Alphanumeric,
    /// Space to tilde.
    Printable,
    /// Exclamation mark to tilde.
    PrintableWithoutSpace,
}

impl Shape {
    /// Whether a text has this shape.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        (self.min..=self.max).contains(&text.len())
            && text.bytes().all(|byte| match self.characters {
                Characters::Digits => byte.is_ascii_digit(),
                Characters::Alphanumeric => byte.is_ascii_alphanumeric(),
                Characters::Printable => byte == b' ' || byte.is_ascii_graphic(),
                Characters::PrintableWithoutSpace => byte.is_ascii_graphic(),
            })
            && (!self.luhn || passes_luhn(text))
    }
}

/// From the last digit on every second one counts double, with 9 taken off what exceeds it; the sum ends in 0.
fn passes_luhn(digits: &str) -> bool {
    let value = |(at, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0');
        match digit << (at % 2) {
            over @ 10.. => over - 9,
            within => within,
        }
    };
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.bytes().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}
