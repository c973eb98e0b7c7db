//! The parts of a profile.

use avain_xml_security::encryption::Cipher;
use avain_xml_security::{C14n, Hash, enveloped};
use serde::Deserialize;
use time::{Date, Duration, OffsetDateTime};

use super::{Shape, words};

/// The addresses of a bank in each environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// For real money.
    pub production: Option<Addresses>,
    /// For tests.
    pub test: Option<Addresses>,
}

/// The two addresses of a bank.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// File operations.
    pub files: String,
    /// Certificates.
    pub certificates: String,
}

/// The bank's words for NEW, DLD and ALL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusWords {
    /// Not yet downloaded.
    pub new: String,
    /// Downloaded.
    pub downloaded: String,
    /// Both.
    pub all: String,
}

/// Whether requests on files carry a `TargetId`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetIdRule {
    /// One of the customer's, as `GetUserInfo` lists them.
    Required,
    /// None, even where one is known.
    Omitted,
    /// Always this one.
    Fixed(String),
}

/// How requests are signed, and what is taken in answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Hash of both layers of a request.
    #[serde(deserialize_with = "words::hash")]
    pub hash: Hash,
    /// Canonicalisation of the application request's `SignedInfo`.
    #[serde(deserialize_with = "words::c14n")]
    pub signed_info: C14n,
    /// The application request's transform after enveloped-signature; none means inclusive canonicalisation.
    #[serde(default, deserialize_with = "words::optional_c14n")]
    pub second_transform: Option<C14n>,
    /// Hashes taken in answers that arrive.
    #[serde(deserialize_with = "words::hashes")]
    pub accepted: Vec<Hash>,
    /// The last day of SHA-1 in answers, for judging saved ones; none where it is not known.
    #[serde(default, deserialize_with = "words::optional_day")]
    pub sha1_until: Option<Date>,
}

/// Whether files are packed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// Which uploads are packed.
    pub upload: Packed,
    /// Whether downloads are asked for packed. What comes packed unasked is unpacked all the same.
    pub download: bool,
    /// `CompressionMethod`.
    pub method: String,
}

/// Which uploads are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packed {
    /// None.
    Never,
    /// XML only.
    Xml,
    /// All.
    Always,
}

/// How application requests are encrypted to the bank's certificate, and answers to the customer's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// Of requests.
    #[serde(deserialize_with = "words::cipher")]
    pub cipher: Cipher,
    /// Taken in answers.
    #[serde(deserialize_with = "words::ciphers")]
    pub accepted: Vec<Cipher>,
    /// `Recipient` of the encrypted key.
    pub recipient: Option<String>,
}

/// Operations beyond list, download and upload.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// `DeleteFile`.
    pub delete: bool,
    /// `GetUserInfo`.
    pub user_info: bool,
}

/// How a customer gets a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// How the first request proves that the sender has the bank's code.
    pub kind: Proof,
    /// WS user ids.
    pub user_id: Shape,
    /// Codes that the bank gives the customer for this.
    pub code: Shape,
    /// Subject of the PKCS#10 request, in this order.
    pub subject: Vec<SubjectPart>,
    /// Where the issued certificate names the user; none where it is not known to.
    pub user_id_in: Option<NamePart>,
    /// For how many months certificates are issued, where it is known.
    pub validity_months: Option<u32>,
    /// How many days before expiry the bank takes a renewal at the earliest; none where it is not known.
    pub renewal_days: Option<u32>,
}

/// How the first request proves knowledge of the bank's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// HMAC-SHA1 over the DER of the PKCS#10 request, keyed with the code; the code itself is not sent.
    Hmac,
    /// The HMAC, and the code itself in `TransferKey`.
    HmacAndTransferKey,
    /// The code in `TransferKey`.
    TransferKey,
    /// The code as PIN in a request that is encrypted to the bank.
    PkiFactory,
}

/// One attribute of a certificate request's subject.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectPart {
    /// countryName.
    Country(String),
    /// commonName: the company's name as in the agreement with the bank.
    CompanyAsCommonName,
    /// organizationName: the company's name.
    CompanyAsOrganisation,
    /// commonName: the WS user id.
    UserIdAsCommonName,
    /// serialNumber (2.5.4.5): the WS user id.
    UserIdAsSerialNumber,
    /// surname (2.5.4.4): the WS user id.
    UserIdAsSurname,
}

/// An attribute of an issued certificate's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamePart {
    /// commonName.
    CommonName,
    /// serialNumber (2.5.4.5).
    SerialNumber,
    /// surname (2.5.4.4).
    Surname,
}

/// The certificate service that shares the common envelope: getCertificate with a `CertApplicationRequest`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateService {
    /// Namespace of the operations and their headers.
    pub operations: String,
    /// Namespace of `CertApplicationRequest` and `CertApplicationResponse`.
    pub documents: String,
    /// The element Command of the first request; none is sent where there is none.
    pub command: Option<String>,
    /// The same of a renewal.
    pub renewal_command: Option<String>,
    /// The element Compression; none is sent where there is none.
    pub compression: Option<bool>,
    /// The element Service.
    pub service: String,
    /// What the element Content is base64 of.
    pub request_form: Form,
    /// What an issued certificate is base64 of.
    pub certificate_form: Form,
    /// Whether the envelopes of answers are signed. Requests' never are.
    pub envelope_signed: bool,
    /// Part of the common name of the issuing certificates that certify the bank's signers, where the bank tells its issuing
    /// certificates (getServiceCertificates); the others certify customers.
    pub service_certificates: Option<String>,
}

/// How a certificate or a request for one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// DER.
    Der,
    /// PEM.
    Pem,
}

/// Danske Bank's certificate service (bank-channel brief 5.2).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PkiFactory {
    /// Decimal serial number of the bank's root.
    pub root_serial_number: String,
    /// `KeyGeneratorType`.
    pub key_generator: String,
    /// The words for the environments.
    pub environments: EnvironmentWords,
}

/// The words of PKI Factory for the environments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentWords {
    /// For real money.
    pub production: String,
    /// For tests.
    pub test: String,
}

impl Signing {
    /// How an application request's signature is written.
    pub(crate) fn form(&self) -> enveloped::Form {
        enveloped::Form { hash: self.hash, signed_info: self.signed_info, second_transform: self.second_transform }
    }
}

impl Enrolment {
    /// When the bank takes a renewal at the earliest, where it says so, of a certificate that ends then.
    #[must_use]
    pub fn renewal_from(&self, not_after: OffsetDateTime) -> Option<OffsetDateTime> {
        self.renewal_days.map(|days| not_after - Duration::days(days.into()))
    }
}

impl StatusWords {
    /// The common word (NEW, DLD) for the bank's own; words without a common one stay as they are.
    #[must_use]
    pub fn common<'a>(&self, word: &'a str) -> &'a str {
        match word {
            word if word == self.new => "NEW",
            word if word == self.downloaded => "DLD",
            other => other,
        }
    }
}
