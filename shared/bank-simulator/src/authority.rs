//! A bank's keys: the root that clients pin, the certificate that signs answers, and the authority for customers.
//!
//! As at the real bank (brief 12 m), customers' certificates come from another authority than the bank's own: a
//! customer's certificate never chains to the root that clients pin.

use avain_xml_security::SigningKey;
use avain_xml_security::certificate::Roots;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SerialNumber, SignatureAlgorithm,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use x509_cert::der::pem::{LineEnding, encode_string};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ledger::hex;
use crate::store::Store;
use crate::{BankKey, Error};

const FILE: &str = "authority.json";

/// Customers' certificates are valid for two years (brief 3).
const CUSTOMER_VALIDITY: Duration = Duration::days(730);

/// The bank's own certificates outlive any demonstration: the simulator does not renew them.
const BANK_VALIDITY: Duration = Duration::days(20 * 365);

/// A client's clock may be a little behind.
const BACKDATED: Duration = Duration::minutes(5);

/// The keys of one bank.
pub(crate) struct Authority {
    root: Vec<u8>,
    signer: SigningKey,
    customer_root: Vec<u8>,
    customers: Issuer<'static, KeyPair>,
    references: hmac::Key,
}

/// The keys as they are kept; base64 of DER and of the secret.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Saved {
    root: String,
    signer: String,
    signer_key: String,
    customer_root: String,
    customer_root_key: String,
    reference_key: String,
}

impl Authority {
    /// Reads the bank's keys back, or makes them.
    pub(crate) fn open(bank: BankKey, store: &Store, now: OffsetDateTime) -> Result<Self, Error> {
        let saved = if let Some(bytes) = store.read(FILE)?.map(zeroize::Zeroizing::new) {
            serde_json::from_slice(&bytes).map_err(|error| store.damaged(FILE, &error))?
        } else {
            let saved = Saved::make(bank, now)?;
            let text = zeroize::Zeroizing::new(serde_json::to_vec(&saved).map_err(keys)?);
            store.write(FILE, &text)?;
            saved
        };
        Self::from_saved(bank, &saved, now).map_err(|error| store.damaged(FILE, &error))
    }

    /// Another authority with the same names and other keys: what an impostor would have.
    pub(crate) fn impostor(bank: BankKey, now: OffsetDateTime) -> Result<Self, Error> {
        Self::from_saved(bank, &Saved::make(bank, now)?, now)
    }

    fn from_saved(bank: BankKey, saved: &Saved, now: OffsetDateTime) -> Result<Self, Error> {
        let bytes = |text: &str| STANDARD.decode(text).map(zeroize::Zeroizing::new).map_err(keys);
        let signer = bytes(&saved.signer)?;
        let signer = SigningKey::new(&bytes(&saved.signer_key)?, &signer).map_err(keys)?;
        let key = KeyPair::try_from(bytes(&saved.customer_root_key)?.as_slice()).map_err(keys)?;
        Ok(Self {
            root: bytes(&saved.root)?.to_vec(),
            signer,
            customer_root: bytes(&saved.customer_root)?.to_vec(),
            // What an issuer puts into certificates (its name, its key) does not depend on its dates.
            customers: Issuer::new(root_params(bank, "Customer CA", now), key),
            references: hmac::Key::new(hmac::HMAC_SHA256, &bytes(&saved.reference_key)?),
        })
    }

    /// What signs the bank's answers.
    pub(crate) fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// The root of the bank's answers, PEM.
    pub(crate) fn root_pem(&self) -> Result<String, Error> {
        encode_string("CERTIFICATE", LineEnding::LF, &self.root).map_err(keys)
    }

    /// The root of customers' certificates.
    pub(crate) fn customer_roots(&self) -> Result<Roots, Error> {
        Roots::from_der([self.customer_root.clone()]).map_err(keys)
    }

    /// Issues a customer's certificate, DER: subject C=FI, CN, serialNumber (brief 3).
    ///
    /// `public_key` is the `RSAPublicKey` (the content of the `SubjectPublicKeyInfo`'s bit string), `number` has not been
    /// used before.
    pub(crate) fn issue(
        &self,
        name: &str,
        user_id: &str,
        public_key: &[u8],
        number: u64,
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, Error> {
        let mut params = CertificateParams::default();
        params.not_before = now - BACKDATED;
        params.not_after = now + CUSTOMER_VALIDITY;
        params.serial_number = Some(SerialNumber::from(self.tag("certificate", number)[..15].to_vec()));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "FI");
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), user_id);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&RsaPublicKey(public_key), &self.customers).map_err(keys)?;
        Ok(certificate.der().to_vec())
    }

    /// A file's reference: 24 characters that say nothing and are safe in file names.
    pub(crate) fn reference(&self, number: u64) -> String {
        hex(&self.tag("file", number)[..12])
    }

    fn tag(&self, purpose: &str, number: u64) -> [u8; 32] {
        let tag = hmac::sign(&self.references, format!("{purpose} {number}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        // A certificate's serial number is positive and its length does not vary.
        bytes[0] = bytes[0] & 0x3f | 0x40;
        bytes
    }
}

impl Saved {
    fn make(bank: BankKey, now: OffsetDateTime) -> Result<Self, Error> {
        let root_key = rsa_key()?;
        let root_params = root_params(bank, "Server CA", now);
        let root = root_params.self_signed(&root_key).map_err(keys)?;

        let signer_key = rsa_key()?;
        let mut signer = named(bank, "File Transfer Web Services", now);
        signer.is_ca = IsCa::ExplicitNoCa;
        signer.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
        signer.use_authority_key_identifier_extension = true;
        let signer = signer.signed_by(&signer_key, &Issuer::from_params(&root_params, &root_key)).map_err(keys)?;

        let customer_root_key = rsa_key()?;
        let customer_root =
            self::root_params(bank, "Customer CA", now).self_signed(&customer_root_key).map_err(keys)?;

        let mut secret = zeroize::Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(keys)?;
        // The root's own key is forgotten: it has signed all that it will ever sign.
        Ok(Self {
            root: STANDARD.encode(root.der()),
            signer: STANDARD.encode(signer.der()),
            signer_key: STANDARD.encode(signer_key.serialized_der()),
            customer_root: STANDARD.encode(customer_root.der()),
            customer_root_key: STANDARD.encode(customer_root_key.serialized_der()),
            reference_key: STANDARD.encode(*secret),
        })
    }
}

fn rsa_key() -> Result<KeyPair, Error> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(keys)
}

fn root_params(bank: BankKey, name: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = named(bank, name, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(bank: BankKey, name: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = now - BACKDATED;
    params.not_after = now + BANK_VALIDITY;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "FI");
    params.distinguished_name.push(DnType::OrganizationName, format!("Simulated bank {}", bank.as_str()));
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

struct RsaPublicKey<'a>(&'a [u8]);

impl PublicKeyData for RsaPublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn keys(error: impl ToString) -> Error {
    Error::Keys(error.to_string())
}
