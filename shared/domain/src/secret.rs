//! Bytes and words that must not leak: wiped when dropped, without Debug.

use zeroize::Zeroizing;

/// Secret bytes: a private key in PKCS#8 DER, a data key, a file in clear.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as they are needed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A password as the user typed it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for as long as it is needed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it has at least 20 characters with a lower, an upper, a digit and a special one (R23).
    #[must_use]
    pub fn is_strong(&self) -> bool {
        let has = |what: fn(char) -> bool| self.0.chars().any(what);
        self.0.chars().count() >= 20
            && has(char::is_lowercase)
            && has(char::is_uppercase)
            && has(|c| c.is_ascii_digit())
            && has(|c| !c.is_alphanumeric())
    }
}
