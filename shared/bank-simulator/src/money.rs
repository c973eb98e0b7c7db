//! Euro amounts as whole cents.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Euros in whole cents; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Cents(pub(crate) i64);

impl Cents {
    pub(crate) const ZERO: Self = Self(0);

    /// Reads a decimal that is not negative and has no fraction of a cent; none if it is anything else or too large.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let cents: i64 = match fraction.len() {
            0 => 0,
            1 => fraction.parse::<i64>().ok()? * 10,
            2 => fraction.parse().ok()?,
            _ => return None,
        };
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        whole.checked_mul(100)?.checked_add(cents).map(Self)
    }

    /// The sum, if it can be held.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, if it can be held.
    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount without its sign, as amounts stand beside a credit or debit mark.
    pub(crate) fn magnitude(self) -> String {
        let cents = self.0.unsigned_abs();
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(formatter, "{sign}{}", self.magnitude())
    }
}

#[cfg(test)]
mod tests {
    use super::Cents;

    #[test]
    fn amounts_are_exact() {
        for (text, cents) in [
            ("0", 0),
            ("1", 100),
            ("1.5", 150),
            ("0.01", 1),
            (".10", 10),
            ("7.00000", 700),
            ("92233720368547758.07", i64::MAX),
        ] {
            assert_eq!(Cents::parse(text), Some(Cents(cents)), "{text}");
        }
        for text in ["", ".", "-1", "+1", "1.001", "1e3", "1,5", " 1", "92233720368547758.08", "NaN"] {
            assert_eq!(Cents::parse(text), None, "{text}");
        }
        assert_eq!(Cents(-105).to_string(), "-1.05");
        assert_eq!(Cents(1_000_000_000).to_string(), "10000000.00");
    }
}
