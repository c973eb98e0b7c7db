//! The names by which things are known: checked once where they enter, carried as types.

use std::fmt;

/// An e-mail address, lower-cased; the account's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// At most 254 characters of printable ASCII without space, with exactly one `@` that has something on both sides.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let well_formed = text.len() <= 254
            && !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'|' | b'#' | b'/'));
        well_formed.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The two modes of an account (brief 2.2): `admin` enrols certificates and keys with a second factor, `data` moves files
/// unattended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Certificates and keys; second factor.
    Admin,
    /// Files; password only.
    Data,
}

impl Mode {
    /// From its name in the API.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "data" => Some(Self::Data),
            _ => None,
        }
    }

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Data => "data",
        }
    }
}

/// Who logs in: an account in one of its modes, each with a password of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Login {
    /// The account.
    pub email: Email,
    /// Its mode.
    pub mode: Mode,
}

/// An organisation's id (UUID text); `counterparty_guid` where a bank's interface calls it so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrganisationId(pub String);

/// A bank's key in the API, one of [`Bank::NAMES`]. Which of them a deployment has, the bank channel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bank(&'static str);

impl Bank {
    /// The bank that exists for trying things out.
    pub const SIMULATOR: Self = Self("simulator");

    /// Every bank of the API (brief 2.8).
    pub const NAMES: [&'static str; 12] = [
        "nordea",
        "osuuspankki",
        "danskebank",
        "aktia",
        "sp",
        "shb",
        "pop",
        "spankki",
        "alandsbanken",
        "SEB",
        "omasp",
        "simulator",
    ];

    /// From its key, as written there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|name| *name == text).map(Self)
    }

    /// Its key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether its customers have a second certificate, for encryption (brief 2.8).
    #[must_use]
    pub fn encrypts(self) -> bool {
        self.0 == "danskebank"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in "\\PC{0,300}|[a-zA-Z+.@|#/ ]{0,260}|.{0,9}@.{0,9}") {
            let Some(email) = Email::parse(&text) else { return Ok(()) };
            prop_assert_eq!(email.as_str(), text.to_ascii_lowercase());
            prop_assert_eq!(Email::parse(email.as_str()), Some(email.clone()));
            prop_assert!(email.as_str().len() <= 254 && email.as_str().matches('@').count() == 1);
            prop_assert!(!email.as_str().contains(['|', '#', '/', ' ', '\n', '\0']));
        }

        #[test]
        fn a_common_address_is_one(local in "[a-z0-9.+_-]{1,64}", domain in "[a-z0-9-]{1,60}(\\.[a-z0-9-]{1,60}){0,2}") {
            let text = format!("{local}@{domain}");
            prop_assert_eq!(Email::parse(&text), Some(Email(text)));
        }
    }
}
