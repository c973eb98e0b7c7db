//! A new private key and the PKCS#10 request for its certificate.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use rcgen::string::PrintableString;
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, PublicKeyData, SigningKey};
use zeroize::Zeroizing;

use crate::profile::SubjectPart;
use crate::{Channel, Error};

/// X.520: the longest commonName.
const COMMON_NAME_MAX: usize = 64;
/// X.520 serialNumber and surname, which rcgen has no names for.
const SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];
const SURNAME: [u64; 4] = [2, 5, 4, 4];

/// A new RSA-2048 private key. The bytes are wiped when dropped.
pub struct PrivateKey {
    pair: KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// A PKCS#10 request, signed with SHA-256.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    public_key: Vec<u8>,
}

impl PrivateKey {
    /// Makes a key, with the random source of the cryptographic library.
    pub fn generate() -> Result<Self, Error> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Key)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Key)?;
        let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
        Ok(Self { pair, pkcs8 })
    }

    /// A key that was made before, PKCS#8, DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let pair = KeyPair::from_pkcs8(der).map_err(|_| Error::Key)?;
        Ok(Self { pair, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    /// PKCS#8, DER. Secret.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl CertificateRequest {
    /// The request for this key, with the subject that the bank wants. `company` is the name as in the agreement with
    /// the bank, 1 to 64 characters.
    pub fn new(channel: &Channel<'_>, key: &PrivateKey, company: &str) -> Result<Self, Error> {
        if company.is_empty() || company.chars().count() > COMMON_NAME_MAX || company.contains(char::is_control) {
            return Err(Error::Field("Company"));
        }
        let Channel { profile, user_id, .. } = channel;
        if !profile.enrolment.user_id.fits(user_id) {
            return Err(Error::Field("WsUserId"));
        }
        let mut subject = DistinguishedName::new();
        for part in &profile.enrolment.subject {
            match part {
                SubjectPart::Country(country) => subject.push(DnType::CountryName, printable(country)),
                SubjectPart::CompanyAsCommonName => subject.push(DnType::CommonName, company),
                SubjectPart::CompanyAsOrganisation => subject.push(DnType::OrganizationName, company),
                SubjectPart::UserIdAsCommonName => subject.push(DnType::CommonName, *user_id),
                SubjectPart::UserIdAsSerialNumber => {
                    subject.push(DnType::CustomDnType(SERIAL_NUMBER.to_vec()), printable(user_id));
                }
                SubjectPart::UserIdAsSurname => {
                    subject.push(DnType::CustomDnType(SURNAME.to_vec()), *user_id);
                }
            }
        }
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = subject;
        let request = parameters.serialize_request(&Signer(key)).map_err(|_| Error::Key)?;
        Ok(Self { der: request.der().to_vec(), public_key: Signer(key).subject_public_key_info() })
    }

    /// The request, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The `SubjectPublicKeyInfo` in it, DER: the issued certificate must carry the same.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

/// What rcgen needs of the key, so that no second copy of its secret is made.
struct Signer<'k>(&'k PrivateKey);

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.pair.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.0.pair.public_modulus_len()];
        self.0
            .pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature)
    }
}

/// X.520 wants a `PrintableString` here; user ids with other characters (simulator) go as UTF-8.
fn printable(text: &str) -> DnValue {
    PrintableString::try_from(text).map_or_else(|_| DnValue::Utf8String(text.to_owned()), DnValue::PrintableString)
}
