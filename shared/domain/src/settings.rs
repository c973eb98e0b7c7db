//! What holds for a whole deployment, not for one organisation of it.

/// A deployment's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// A login verifies the e-mail address before it asks for the second factor, not after it (design 4.2; decision 0013).
    pub email_before_mfa: bool,
    /// Who has an authenticator is asked for its code directly. Otherwise the factor is chosen at each login.
    pub totp_first: bool,
}
