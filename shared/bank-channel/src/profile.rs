//! What differs between banks, as data: one TOML file for each in `profiles/` (bank-channel brief 10), and whatever an
//! operator adds. A bank about which nothing public is known has no file here.

use std::sync::{Arc, OnceLock};

use avain_xml_security::{Hash, Policy};
use serde::Deserialize;
use time::Date;

use crate::request::Environment;

mod fields;
mod shape;
mod words;

pub use fields::{
    Addresses, CertificateService, Compression, Encryption, Endpoints, Enrolment, EnvironmentWords, Form, NamePart,
    Offers, Packed, PkiFactory, Proof, Signing, StatusWords, SubjectPart, TargetIdRule,
};
pub use shape::{Characters, Shape};

/// One bank's ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The bank's key in the API.
    pub bank: String,
    /// The bank's name for people.
    pub name: String,
    /// Whether the profile's facts are from public sources. An operator's own profile says `false` until it has been
    /// tried with the bank.
    pub verified: bool,
    /// Why the bank takes no new customers on this channel, where that is so.
    pub closed: Option<String>,
    /// `ReceiverId` of the request header.
    pub receiver_id: String,
    /// What goes into `TargetId`.
    pub target_id: TargetIdRule,
    /// The response code by which the bank says that a list is empty, besides 00 with an empty list.
    pub empty_list_code: Option<String>,
    /// Largest file before packing, bytes.
    pub max_file_size: usize,
    /// Whether the two layers of an answer may have different signers.
    pub signers_may_differ: bool,
    /// Longest `RequestId`, characters.
    #[serde(default = "request_id_max")]
    pub request_id_max: usize,
    /// Addresses; none where they are a matter of the deployment.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// The bank's words for the status of a file.
    pub status_words: StatusWords,
    /// How requests are signed, and what is taken in answers.
    pub signing: Signing,
    /// Whether files are packed.
    pub compression: Compression,
    /// How application requests are encrypted; none where they are not.
    pub encryption: Option<Encryption>,
    /// Operations beyond list, download and upload.
    pub offers: Offers,
    /// How a customer gets a certificate.
    pub enrolment: Enrolment,
    /// The certificate service that shares the common envelope.
    pub certificate_service: Option<CertificateService>,
    /// Danske Bank's certificate service, instead.
    pub pki_factory: Option<PkiFactory>,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../profiles/", $name, ".toml")))),*] };
}

/// The files, as they are in `profiles/`, by the banks' keys.
const FILES: [(&str, &str); 9] =
    files!["aktia", "danskebank", "nordea", "omasp", "osuuspankki", "pop", "shb", "simulator", "sp"];

// A test reads every file, so none is left out. Each is read when its bank is first asked for.
static PROFILES: [OnceLock<Option<Arc<Profile>>>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];

/// The profile of a bank by its key; none for banks that have no file here.
#[must_use]
pub fn profile(bank: &str) -> Option<&'static Arc<Profile>> {
    let (file, profile) = FILES.iter().zip(&PROFILES).find(|((name, _), _)| *name == bank)?;
    profile.get_or_init(|| Profile::from_toml(file.1).ok().map(Arc::new)).as_ref()
}

/// All profiles that have a file here, by their keys' order.
pub fn profiles() -> impl Iterator<Item = &'static Arc<Profile>> {
    FILES.iter().filter_map(|(bank, _)| profile(bank))
}

/// Why a profile's text is not used: for the operator who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bank profile cannot be used: {0}")]
pub struct BadProfile(String);

impl Profile {
    /// From the TOML text of a file like those in `profiles/`.
    ///
    /// # Errors
    /// The first field that is missing, unknown, or at odds with another.
    pub fn from_toml(text: &str) -> Result<Self, BadProfile> {
        let profile: Self = toml::from_str(text).map_err(|error| BadProfile(error.to_string()))?;
        profile.check().map_err(|why| BadProfile(why.to_owned()))?;
        Ok(profile)
    }

    /// What answers that arrive must be signed with.
    #[must_use]
    pub fn live_policy(&self) -> Policy {
        if self.signing.accepted.contains(&Hash::Sha1) {
            Policy { hashes: Policy::LEGACY.hashes, ..Policy::STRICT }
        } else {
            Policy::STRICT
        }
    }

    /// What saved answers of this day must be signed with.
    #[must_use]
    pub fn saved_policy(&self, day: Date) -> Policy {
        if self.signing.sha1_until.is_some_and(|last| day > last) { Policy::STRICT } else { Policy::LEGACY }
    }

    /// The addresses in an environment, where they are known.
    #[must_use]
    pub fn addresses(&self, environment: Environment) -> Option<&Addresses> {
        match environment {
            Environment::Production => self.endpoints.production.as_ref(),
            Environment::Test => self.endpoints.test.as_ref(),
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        let by_factory = self.enrolment.kind == Proof::PkiFactory;
        if by_factory != self.pki_factory.is_some() || by_factory == self.certificate_service.is_some() {
            return Err("enrolment.kind pki-factory goes with [pki_factory], every other with [certificate_service]");
        }
        if by_factory && self.encryption.is_none() {
            return Err("enrolment.kind pki-factory needs [encryption]");
        }
        if self.signing.accepted.is_empty() {
            return Err("signing.accepted is empty");
        }
        if self.request_id_max == 0 || self.request_id_max > request_id_max() {
            return Err("request_id_max is not 1 to 35");
        }
        Ok(())
    }
}

/// FKL's longest `RequestId`.
fn request_id_max() -> usize {
    35
}
