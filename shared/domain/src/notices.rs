//! What somebody is told by e-mail after it has happened, so that whoever did not do it finds out.

/// A notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A recovery code took the place of the authenticator, which is off now.
    RecoveryCode {
        /// How many codes are left.
        left: usize,
    },
    /// The password of a mode was reset, and its sessions have ended.
    PasswordReset,
    /// The password of a mode was reset, and its sessions could not be ended.
    OnlyPasswordReset,
}

impl Notice {
    /// The subject of the e-mail.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        match self {
            Self::RecoveryCode { .. } => "Avain: a recovery code was used",
            Self::PasswordReset | Self::OnlyPasswordReset => "Avain: your password was reset",
        }
    }

    /// Its text: what happened, and what to do if it was somebody else. Names no secret.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::RecoveryCode { left } => format!(
                "A recovery code was used at a login to your account. The authenticator is off, and codes come by SMS again. \
                 Recovery codes left: {left}. If it was not you: somebody has your password and your recovery codes. \
                 Reset the password now, then set up an authenticator again, which makes new recovery codes."
            ),
            Self::PasswordReset => "The password of your account was reset with a code that was sent to this address, and \
                 every session of it has ended. If it was not you: somebody reads your e-mail. Secure your mailbox first, \
                 then reset the password again."
                .to_owned(),
            Self::OnlyPasswordReset => "The password of your account was reset with a code that was sent to this address. \
                 Sessions that were open may last up to an hour more: resetting the password again ends them at once. \
                 If it was not you: somebody reads your e-mail. Secure your mailbox first, then reset the password again."
                .to_owned(),
        }
    }
}
