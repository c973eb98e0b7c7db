//! What differs between banks, as data (brief 10).

use std::ops::RangeInclusive;

pub mod nordea;

/// One bank's ways.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The bank's key in the API.
    pub bank: &'static str,
    /// `ReceiverId` of the request header.
    pub receiver_id: &'static str,
    /// Production addresses; none where the address is a matter of the deployment.
    pub endpoints: Option<Endpoints>,
    /// The root that the answers from there chain to, PEM; it changes rarely, and then here.
    pub pinned_root: Option<&'static str>,
    /// The bank's words for the status of a file.
    pub status_words: StatusWords,
    /// What goes into `TargetId`.
    pub target_id: TargetIdRule,
    /// The response code by which the bank says that a list is empty, besides 00 with an empty list.
    pub empty_list_code: Option<&'static str>,
    /// How a customer gets its first certificate.
    pub enrolment: Enrolment,
}

/// The two addresses of a bank.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    /// `CorporateFileService`.
    pub files: &'static str,
    /// `CertificateService`.
    pub certificates: &'static str,
}

/// The bank's words for NEW, DLD and ALL.
#[derive(Debug, Clone, Copy)]
pub struct StatusWords {
    /// Not yet downloaded.
    pub new: &'static str,
    /// Downloaded.
    pub downloaded: &'static str,
    /// Both.
    pub all: &'static str,
}

/// Whether requests on files carry a `TargetId`.
#[derive(Debug, Clone, Copy)]
pub enum TargetIdRule {
    /// One of the customer's, as `GetUserInfo` lists them.
    Required,
    /// None, even where one is known.
    Omitted,
    /// Always this one.
    Fixed(&'static str),
}

/// How a customer gets its first certificate.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// WS user ids.
    pub user_id: Shape,
    /// Codes that the bank gives the customer for this.
    pub code: Shape,
    /// How the request proves that the sender has the code.
    pub proof: Proof,
    /// Namespace of `CertApplicationRequest` and `CertApplicationResponse`.
    pub namespace: &'static str,
    /// The element Service of the request.
    pub service: &'static str,
    /// Subject of the PKCS#10 request, in this order; what is stated here is also required of the issued certificate.
    pub subject: &'static [SubjectPart],
}

/// What a text may look like.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Length in characters.
    pub length: RangeInclusive<usize>,
    /// Characters allowed.
    pub characters: Characters,
}

/// A set of ASCII characters.
#[derive(Debug, Clone, Copy)]
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

/// How a certificate request proves knowledge of the activation code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// HMAC-SHA1 over the DER of the PKCS#10 request, keyed with the code; the code itself is not sent.
    Hmac,
    /// The HMAC, and the code itself in `TransferKey`.
    HmacAndTransferKey,
}

/// One attribute of a certificate request's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectPart {
    /// countryName.
    Country(&'static str),
    /// commonName: the company's name as in the agreement with the bank.
    CompanyAsCommonName,
    /// serialNumber (2.5.4.5): the WS user id.
    UserIdAsSerialNumber,
}

const PROFILES: [&Profile; 2] = [&nordea::NORDEA, &nordea::SIMULATOR];

/// The profile of a bank by its key; none for banks that are not served.
#[must_use]
pub fn profile(bank: &str) -> Option<&'static Profile> {
    PROFILES.into_iter().find(|profile| profile.bank == bank)
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

impl Shape {
    /// Whether a text has this shape.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        self.length.contains(&text.len())
            && text.bytes().all(|byte| match self.characters {
                Characters::Digits => byte.is_ascii_digit(),
                Characters::Alphanumeric => byte.is_ascii_alphanumeric(),
                Characters::Printable => byte == b' ' || byte.is_ascii_graphic(),
                Characters::PrintableWithoutSpace => byte.is_ascii_graphic(),
            })
    }
}
