//! What the rules need from outside, as object-safe traits.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::names::{Bank, Email, Login, OrganisationId};
use crate::notices::Notice;
use crate::records::{Key, KeyKind, Shelf, Stored, Stretch, Write};
use crate::secret::{Password, Secret};

/// The time.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> OffsetDateTime;
}

/// Randomness fit for keys.
pub trait Random: Send + Sync {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// A dependency failed or throttled: nothing can be said about the request. The text is for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why a transaction was not applied. Nothing of it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A write's condition does not hold: the write at this index met this record, or none.
    #[error("write {index} of the transaction met another version")]
    Conflict {
        /// Index in the transaction.
        index: usize,
        /// What is there.
        current: Option<Box<Stored>>,
    },
    /// The store failed; whether the transaction was applied is not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The end of a bank certificate, as the store finds it by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// Whose certificate.
    pub organisation: OrganisationId,
    /// The account's.
    pub account: Email,
    /// At which bank.
    pub bank: Bank,
    /// The end of its validity.
    pub expires: OffsetDateTime,
}

/// The records. Reads are strongly consistent, but for [`Store::expiring`].
#[async_trait]
pub trait Store: Send + Sync {
    /// An account's own partition in one query: the account, its modes, certificates, shares and PGP keys.
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable>;
    /// The records with these keys (at most 100) in one read; those absent are left out.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable>;
    /// A stretch of records that lie in the order of their ids, in one query for each megabyte.
    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable>;
    /// The ends of active bank certificates from one moment to another, both included; a change of a moment ago may not show.
    async fn expiring(&self, from: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<Expiring>, Unavailable>;
    /// All of the writes (at most 100, an event counting twice; no two on one key), or none.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError>;
}

/// Sealed bytes of files by name.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps the bytes durably; the same name again is the same bytes.
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Unavailable>;
    /// The bytes, if there are any of that name.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Unavailable>;
}

/// What a data key is for: the encryption context {service, kind, organisation}.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyContext {
    /// What it seals.
    pub kind: KeyKind,
    /// Whose it is.
    pub organisation: OrganisationId,
}

/// A data key in clear (32 bytes) and wrapped by the vault.
#[derive(Clone)]
pub struct DataKey {
    /// 32 bytes for AES-256-GCM.
    pub plaintext: Secret,
    /// The same, sealed by the vault's root key.
    pub wrapped: Vec<u8>,
}

/// Versions of the vault's root key (R28). What is sealed names the version of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyVersions {
    /// What is sealed now gets this one.
    pub current: u32,
    /// A key that was sealed under a lower one does not open.
    pub minimum: u32,
}

impl Default for KeyVersions {
    /// The first version, and nothing before it.
    fn default() -> Self {
        Self { current: 1, minimum: 1 }
    }
}

/// The root of all sealing.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Which versions of the root key there are; as long as it was never changed, the first.
    fn versions(&self) -> KeyVersions {
        KeyVersions::default()
    }
    /// Makes a data key for a context.
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable>;
    /// Opens a wrapped data key; any other context than its own fails.
    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable>;
}

/// Why the user pool did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// Wrong password or unknown user: one answer, in the same time.
    #[error("wrong credentials")]
    WrongCredentials,
    /// There is such a user already.
    #[error("the user exists")]
    UserExists,
    /// The code is not the one that was sent.
    #[error("wrong code")]
    WrongCode,
    /// The code is too old, or was tried five times, or there is none.
    #[error("the code has expired")]
    CodeExpired,
    /// The session of the second factor, or the access token, is unknown, used, expired or another login's.
    #[error("no such session")]
    NoSession,
    /// The pool hears no more attempts of this user, or sends it no more codes, for some time.
    #[error("too many attempts")]
    TooMany,
    /// The pool failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A user to be made.
pub struct NewUser<'a> {
    /// Account and mode.
    pub login: &'a Login,
    /// Password of this mode.
    pub password: &'a Password,
    /// Phone number with `+`.
    pub phone: &'a str,
    /// The organisation's API key, kept as the user's attribute: the API answers it at login.
    pub api_key: &'a str,
    /// Organisation.
    pub organisation: &'a OrganisationId,
    /// Whether the account made the API key.
    pub owner: bool,
    /// Whether the phone will be trusted ([`Identity::trust`]): a code to it is of no use.
    pub phone_trusted: bool,
}

/// The tokens of a login whose phone and e-mail are verified.
#[derive(Clone)]
pub struct TokenSet {
    /// For the Authorization header.
    pub id_token: String,
    /// For operations on the user itself.
    pub access_token: String,
    /// Life of both in seconds.
    pub expires_in: u32,
    /// The user's API key.
    pub api_key: String,
    /// The user's organisation.
    pub organisation: OrganisationId,
    /// Whether the user's account made the API key.
    pub owner: bool,
}

/// A second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// A code by SMS to the verified phone. Every admin has it.
    Sms,
    /// The code of an authenticator (RFC 6238: SHA-1, six digits, steps of 30 seconds), good once.
    Totp,
}

/// Where a login stands after its right password, or after its second factor.
pub enum SignIn {
    /// The phone is not verified; its code was sent again.
    VerifyPhone,
    /// A code is asked for: one that was sent by SMS, or the authenticator's.
    SecondFactor {
        /// Which.
        factor: Factor,
        /// Goes with the code. Opaque, single use, ten minutes.
        session: String,
    },
    /// The user has several factors and prefers none: one is to be chosen.
    ChooseFactor {
        /// Those that there are: at least two.
        factors: Vec<Factor>,
        /// Where an SMS would go, all but its last digits hidden; where the pool tells.
        sms_destination: Option<String>,
        /// Goes with the choice. Opaque, single use, ten minutes.
        session: String,
    },
    /// The e-mail address is not verified; its code was sent.
    VerifyEmail {
        /// Good for verifying the address only.
        access_token: String,
    },
    /// Logged in.
    Done(TokenSet),
}

/// The user pool: passwords, second factors, verification codes (six digits, ten minutes, five tries, single use) and tokens.
/// It sends its codes itself.
#[async_trait]
pub trait Identity: Send + Sync {
    /// Makes a user and sends the phone's code, but for a phone that will be trusted where the pool can do without. What a registration that broke off left behind is replaced: a user of this
    /// name that is a minute old and whose phone was never verified.
    async fn sign_up(&self, user: NewUser<'_>) -> Result<(), IdentityError>;
    /// Takes phone, e-mail address or both of a new user as verified: the integrator has done it. A code that was sent to the phone
    /// is good no more. Safe to repeat.
    async fn trust(&self, login: &Login, phone: bool, email: bool) -> Result<(), IdentityError>;
    /// Verifies the phone with the registration's code.
    async fn confirm_phone(&self, login: &Login, phone: &str, code: &str) -> Result<(), IdentityError>;
    /// Checks the password and says what comes next: in admin mode a second factor always.
    async fn sign_in(&self, login: &Login, password: &Password) -> Result<SignIn, IdentityError>;
    /// Answers the second factor that the session is of.
    async fn answer_factor(&self, login: &Login, session: &str, code: &str) -> Result<SignIn, IdentityError>;
    /// Chooses among several: [`SignIn::SecondFactor`] of the one chosen. An SMS is sent now.
    async fn choose_factor(&self, login: &Login, session: &str, factor: Factor) -> Result<SignIn, IdentityError>;
    /// Begins to set up an authenticator for an admin whose login is done, whose access token this is. Gives its secret in
    /// base32; an earlier authenticator is good until the new one is confirmed.
    async fn begin_totp(&self, login: &Login, access_token: &str) -> Result<Password, IdentityError>;
    /// Confirms the authenticator with its first code. SMS stays; say with [`Identity::prefer_factor`] which one a login asks for.
    async fn confirm_totp(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError>;
    /// Which factor a login of an admin with a confirmed authenticator asks for: this one, or with `None` the one that is
    /// chosen each time. Both stay on.
    async fn prefer_factor(
        &self,
        login: &Login,
        access_token: &str,
        preferred: Option<Factor>,
    ) -> Result<(), IdentityError>;
    /// Turns the authenticator of a login off, whose second factor the session is of; SMS stays. The session is of no more use,
    /// and nobody is let in by it. Again, it does nothing. A pool that cannot look at a session checks its shape only.
    async fn drop_authenticator(&self, login: &Login, session: &str) -> Result<(), IdentityError>;
    /// Sends a code for a new password to the verified e-mail address; the one sent before is good no more. Where there is
    /// no such user, or nothing of it is verified, nothing is sent, and the answer is the same.
    async fn begin_reset(&self, login: &Login) -> Result<(), IdentityError>;
    /// Sets another password with that code. Second factors stay as they are. Whoever has not the code learns nothing:
    /// [`IdentityError::WrongCode`], whether or not there is a code or a user.
    async fn reset(&self, login: &Login, code: &str, new_password: &Password) -> Result<(), IdentityError>;
    /// Verifies the e-mail address; the access token must be this login's.
    async fn verify_email(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError>;
    /// Ends all sessions of the login.
    async fn sign_out(&self, login: &Login) -> Result<(), IdentityError>;
    /// Removes the user for good; whether there was one.
    async fn remove(&self, login: &Login) -> Result<bool, IdentityError>;
}

/// What a verified id token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Account and mode.
    pub login: Login,
    /// Organisation.
    pub organisation: OrganisationId,
    /// When it was issued (whole seconds).
    pub issued: OffsetDateTime,
    /// When the user last gave the second factor or password (whole seconds).
    pub authenticated: OffsetDateTime,
}

/// Checks id tokens: signature against the pool's published keys, issuer, audience, use, expiry.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// The claims, or `None` for anything but a valid id token.
    async fn verify(&self, id_token: &str, now: OffsetDateTime) -> Result<Option<Claims>, Unavailable>;
}

/// Why a bank call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BankError {
    /// The bank's verified answer is no: its code (two digits) and text (cleaned, at most 512 characters).
    #[error("the bank refused: {code} {text}")]
    Refused {
        /// Code.
        code: String,
        /// Text.
        text: String,
    },
    /// The request surely did not arrive: the connection was not made.
    #[error("the bank is not reachable")]
    NotConnected,
    /// The connection broke, or the answer was an HTTP error: the request may have arrived.
    #[error("the connection to the bank broke")]
    Interrupted,
    /// No answer in time: the request may have arrived.
    #[error("the bank did not answer in time")]
    TimedOut,
    /// The answer cannot be read, or belongs to another request.
    #[error("the bank's answer cannot be read: {0}")]
    Unreadable(String),
    /// A signature of the answer, or its signer's certificate, is not valid.
    #[error("the signature of the bank's answer is not valid: {0}")]
    Signature(String),
    /// Nothing was sent: this value of the caller's cannot go into the bank's message.
    #[error("not acceptable in the bank's message: {0}")]
    Field(&'static str),
    /// Nothing was sent: the bank did not tell what it signs with, or told what cannot be trusted.
    #[error("the bank's own certificates cannot be had: {0}")]
    NotReady(String),
    /// Nothing was sent: our own key or configuration is at fault.
    #[error("the request could not be made: {0}")]
    NotMade(String),
}

impl BankError {
    /// Whether the bank surely has done nothing: it refused, or nothing was sent to it.
    #[must_use]
    pub fn nothing_done(&self) -> bool {
        matches!(self, Self::Refused { .. }) || self.not_sent()
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn not_sent(&self) -> bool {
        matches!(self, Self::NotConnected | Self::NotReady(_) | Self::Field(_) | Self::NotMade(_))
    }
}

/// What an enrolment needs.
pub struct Enrolment<'a> {
    /// Bank.
    pub bank: Bank,
    /// Web Services user id.
    pub user_id: &'a str,
    /// Company name for the certificate request.
    pub company: &'a str,
    /// The code that the bank gave out: a secret.
    pub code: &'a Password,
    /// The new private key, PKCS#8 DER.
    pub key: &'a Secret,
    /// The second new private key, at banks whose customers have a pair for encryption.
    pub encryption_key: Option<&'a Secret>,
}

/// What a renewal needs.
pub struct RenewalRequest<'a> {
    /// Whose certificate, with the key that it is for.
    pub user: BankUser<'a>,
    /// Company name for the certificate request.
    pub company: &'a str,
    /// The new private key, PKCS#8 DER.
    pub key: &'a Secret,
    /// The second new private key, at banks whose customers have a pair for encryption.
    pub encryption_key: Option<&'a Secret>,
}

/// What a bank issued, X.509 DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// For the key that requests are signed with.
    pub certificate: Vec<u8>,
    /// For the second key, where there is one.
    pub encryption: Option<Vec<u8>>,
}

/// Who calls the bank, with what.
pub struct BankUser<'a> {
    /// Bank.
    pub bank: Bank,
    /// Web Services user id.
    pub user_id: &'a str,
    /// Certificate, DER.
    pub certificate: &'a [u8],
    /// Its private key, PKCS#8 DER.
    pub key: &'a Secret,
    /// The private key that the bank's answers are encrypted for, PKCS#8 DER, at banks that encrypt.
    pub decryption_key: Option<&'a Secret>,
    /// The folder to use, where the bank has folders.
    pub target_id: Option<&'a str>,
}

/// A file status of the API: the bank's own words differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStatus {
    /// Not yet downloaded.
    New,
    /// Downloaded.
    Downloaded,
    /// Any.
    All,
}

/// A file as the bank lists it (brief 1.4); texts as the bank gave them, the status in the API's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDescriptor {
    /// File type.
    pub file_type: String,
    /// `NEW`, `DLD`, or another word of the bank's.
    pub status: String,
    /// ISO 8601 date and time.
    pub timestamp: String,
    /// Reference, made by the bank.
    pub reference: String,
    /// Service id, may be empty.
    pub service_id: String,
    /// Folder.
    pub target_id: String,
}

/// What people read in a certificate (brief 1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Beginning of validity.
    pub begins: OffsetDateTime,
    /// End of validity.
    pub expires: OffsetDateTime,
    /// Common name of the issuer.
    pub issuer: String,
    /// Serial number, upper-case hex.
    pub serial: String,
    /// `SubjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
}

/// A file that should be readable and is not. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file cannot be read: {0}")]
pub struct UnreadableFile(pub String);

/// The banks. Every answer was verified before any of it is given out.
#[async_trait]
pub trait BankChannel: Send + Sync {
    /// The bank of this name, if this deployment has it.
    fn bank(&self, name: &str) -> Option<Bank>;
    /// Whether user id and code have the shape that the bank gives out; else the name of the wrong one (`WsUserId`, `Code`).
    fn check_enrolment(&self, bank: Bank, user_id: &str, code: &str) -> Result<(), &'static str>;
    /// Whether a user id has the shape that the bank gives out.
    fn user_id_fits(&self, bank: Bank, user_id: &str) -> bool;
    /// Whether a certificate, DER, was issued by an authority that is known here as the bank's.
    fn knows_issuer(&self, bank: Bank, certificate: &[u8]) -> bool;
    /// A new private key of the kind that the bank wants, PKCS#8 DER.
    fn generate_key(&self, bank: Bank) -> Result<Secret, BankError>;
    /// Gets certificates for the keys, each checked to be for its key and user.
    async fn enrol(&self, enrolment: Enrolment<'_>) -> Result<Issued, BankError>;
    /// Whether the bank renews certificates over this channel.
    fn renews(&self, bank: Bank) -> bool;
    /// Gets certificates for new keys in place of those in use, each checked to be for its key and user.
    async fn renew(&self, renewal: RenewalRequest<'_>) -> Result<Issued, BankError>;
    /// Whether requests on files name a folder of the user's, which the bank has to be asked for.
    fn has_folders(&self, bank: Bank) -> bool;
    /// The user's folders.
    async fn target_ids(&self, user: BankUser<'_>) -> Result<Vec<String>, BankError>;
    /// The bank's list; empty where the bank says that there is nothing.
    async fn list(
        &self,
        user: BankUser<'_>,
        status: FileStatus,
        file_type: Option<&str>,
    ) -> Result<Vec<FileDescriptor>, BankError>;
    /// A file's bytes as the bank sent them (uncompressed); `None` if the bank has no such file.
    async fn download(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, BankError>;
    /// Sends a file.
    async fn upload(&self, user: BankUser<'_>, file_type: &str, file_name: &str, bytes: &[u8])
    -> Result<(), BankError>;
    /// Whether the bank lets its customers delete files.
    fn deletes(&self, bank: Bank) -> bool;
    /// Has a file deleted that the bank has not taken on yet.
    async fn delete(&self, user: BankUser<'_>, file_type: &str, reference: &str) -> Result<(), BankError>;
    /// The ids of the bank accounts that a file to or from a bank is about, each once, without blanks: those of a camt.052,
    /// camt.053 or camt.054, and the debtors' of a pain.001. None where it is something else; an error where it is, or says that
    /// it is, one of them and cannot be read.
    fn accounts_in(&self, file_type: &str, bytes: &[u8]) -> Result<Vec<String>, UnreadableFile>;
    /// What people read in a certificate, DER.
    fn summary(&self, certificate: &[u8]) -> Result<CertificateSummary, BankError>;
}

/// What stands in front of the operations and asks for an API key before any of them runs. It knows keys, not whose they are:
/// the operation checks that again, against the token.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Lets calls with this key in (20 to 128 characters, never given here before). After a failure the key may be known
    /// and of no use: it is not tried again.
    async fn admit(&self, organisation: &OrganisationId, api_key: &str) -> Result<(), Unavailable>;
}

/// Tells people by e-mail what has happened to their account.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a notice to the login's address.
    async fn notify(&self, login: &Login, notice: Notice) -> Result<(), Unavailable>;
}
