//! What can go wrong, said so that the caller knows whose fault it is and what is known about the outcome.

use std::fmt;

use avain_xml_security::{Distrust, Error as Reason};

/// Why a request was not built, or an answer not accepted. Only [`Error::Refused`] is the bank's own word: after every
/// other error of an answer the outcome at the bank is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller: this field is empty, too long for the schema, missing, or holds a character that XML cannot carry.
    #[error("the request cannot be built: {0} is not acceptable")]
    Field(&'static str),
    /// The caller: the bank does not offer this operation.
    #[error("the bank does not offer {0}")]
    NotOffered(&'static str),
    /// The caller: requests to this bank are encrypted, and the bank's certificate for that was not given.
    #[error("the bank's encryption certificate is not known: ask for it with GetBankCertificate")]
    NoBankCertificate,
    /// The caller: the private key cannot be made or used.
    #[error("the private key cannot be used")]
    Key,
    /// The bank or the network: what came is not an answer of this protocol.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The bank or somebody between: not decrypted with the customer's key. One word for every reason.
    #[error("the answer cannot be decrypted with the customer's key")]
    Decryption,
    /// Somebody between, or a root that is not pinned: a signature, the signer's certificate or the time of validity is
    /// not acceptable.
    #[error("the {layer} of the answer is not to be trusted: {reason}{}", advice(reason))]
    Untrusted {
        /// Which of the two signatures.
        layer: Layer,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The answer is signed by the bank, but this field belongs to another request.
    #[error("the answer belongs to another request: {0} differs")]
    AnotherRequest(&'static str),
    /// The bank's signed refusal.
    #[error("refused by the bank: {code} {text}")]
    Refused {
        /// Response code, two digits (brief 2.6).
        code: String,
        /// The bank's text without control characters, at most 512 characters. Branch on the code, never on this.
        text: String,
    },
    /// A fault. Faults are not signed, so this says nothing certain about the outcome.
    #[error("the bank's service answered with a fault: {unverified}")]
    Fault {
        /// The code that the fault has, if any, cleaned. As unverified as the text.
        code: Option<String>,
        /// The fault's code and text, cleaned: for the operator's log, not for decisions and not for customers.
        unverified: String,
    },
    /// The bank issued a certificate that is not the one asked for.
    #[error("the issued certificate is not the one asked for: {0}")]
    Certificate(&'static str),
}

/// What to do about a root that is not pinned: never to trust it silently (R45).
fn advice(reason: &Reason) -> &'static str {
    match reason {
        Reason::Certificate(Distrust::UnknownRoot { .. }) => {
            ". If the bank has announced a new root, compare the fingerprint with the bank's own word, by another way than \
             this channel, and add the root's PEM to those of the bank; until then its answers are not used"
        }
        _ => "",
    }
}

/// One of the two signed parts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The SOAP envelope (WS-Security).
    Envelope,
    /// The application response inside it.
    Application,
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Envelope => "envelope",
            Self::Application => "application response",
        })
    }
}
