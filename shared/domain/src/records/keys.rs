//! Certificates and keys: those of banks, those that sign and receive, and private keys under seal.

use time::OffsetDateTime;

use crate::names::{Bank, Email, OrganisationId};

/// Where a bank certificate is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum CertificateState {
    /// The key is kept, the bank has been or is being asked.
    Pending,
    /// Issued.
    Active {
        /// X.509, DER.
        certificate: Vec<u8>,
        /// The end of its validity: by it the watch finds the record.
        expires: OffsetDateTime,
        /// The bank's folders for this user; empty while the bank has not told them.
        target_ids: Vec<String>,
    },
}

/// An account's certificate at a bank.
#[derive(Debug, Clone, PartialEq)]
pub struct BankCertificate {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// Company name in the certificate request.
    pub company: String,
    /// Web Services user id at the bank.
    pub user_id: String,
    /// The private key.
    pub key: KeyId,
    /// State.
    pub state: CertificateState,
    /// The second pair, where the bank wants one for encryption.
    pub encryption: Option<EncryptionPair>,
    /// The last attempt to renew it, since it was issued.
    pub renewal: Option<Renewal>,
    /// Accounts that may use it; each has a [`Share`] of it.
    pub shared_to: Vec<Email>,
    /// When the enrolment or import began.
    pub started: OffsetDateTime,
}

impl BankCertificate {
    /// The certificate itself (X.509, DER), once there is one.
    #[must_use]
    pub fn issued(&self) -> Option<&[u8]> {
        match &self.state {
            CertificateState::Active { certificate, .. } => Some(certificate),
            CertificateState::Pending => None,
        }
    }
}

/// A certificate for encryption and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct EncryptionPair {
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: KeyId,
}

/// An attempt to renew a certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Renewal {
    /// When the bank was asked.
    pub tried: OffsetDateTime,
    /// The new private key, while the bank may have issued a certificate for it.
    pub key: Option<KeyId>,
}

/// That an account uses another account's certificate at a bank. It is there exactly as long as the certificate names the
/// account in its `shared_to`: both change in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The account that uses it.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// The account whose certificate it is.
    pub owner: Email,
    /// The certificate's private key when it was shared, so that both can be read at once. A renewal makes another.
    pub key: KeyId,
    /// When it was shared.
    pub since: OffsetDateTime,
}

/// A certificate that is used no more. Its private key is destroyed.
#[derive(Debug, Clone, PartialEq)]
pub struct RetiredCertificate {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// Eight hex digits that tell it from others of the bank.
    pub mark: String,
    /// Web Services user id at the bank.
    pub user_id: String,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// The second certificate, X.509, DER, where there was one.
    pub encryption: Option<Vec<u8>>,
    /// When it was retired.
    pub at: OffsetDateTime,
}

/// What a PGP key is registered for; a key has one purpose (brief 2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgpPurpose {
    /// Certificates are exported to it, encrypted.
    Export,
    /// Its signatures authorise uploads.
    Authorize,
}

impl PgpPurpose {
    /// From its name in the API.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "export" => Some(Self::Export),
            "authorize" => Some(Self::Authorize),
            _ => None,
        }
    }

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Authorize => "authorize",
        }
    }
}

/// A registered public PGP key.
#[derive(Debug, Clone, PartialEq)]
pub struct PgpKey {
    /// Account.
    pub email: Email,
    /// Fingerprint of the primary key, upper-case hex.
    pub fingerprint: String,
    /// Its purpose.
    pub purpose: PgpPurpose,
    /// The public key (OpenPGP transferable public key), binary.
    pub public_key: Vec<u8>,
    /// When it was registered.
    pub created: OffsetDateTime,
}

/// Names a sealed private key; all of it is the associated data of the seal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// Owner of the data key. The service's own keys belong to organisation `service`.
    pub organisation: OrganisationId,
    /// Whose key: an account's e-mail, or `service`.
    pub holder: String,
    /// What it is.
    pub kind: KeyKind,
    /// Which one: for a bank key `BANK/UUID`.
    pub id: String,
}

/// What a data key seals: part of the vault's encryption context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Private keys of bank certificates.
    Bank,
    /// Files fetched from banks.
    File,
    /// The service's own keys: passwords, challenges, tokens.
    Service,
}

impl KeyKind {
    /// Its name in the encryption context.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bank => "bank-key",
            Self::File => "file",
            Self::Service => "service-key",
        }
    }

    /// From its name in the encryption context.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bank, Self::File, Self::Service].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A private key under a data key of the vault.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedKey {
    /// Its name.
    pub id: KeyId,
    /// Sealed bytes: see `seal`.
    pub sealed: Vec<u8>,
}
