//! A bank's keys at work: it signs answers, issues customers' certificates, and makes references.

use avain_xml_security::SigningKey;
use avain_xml_security::certificate::Roots;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};
use x509_cert::der::pem::{LineEnding, encode_string};
use zeroize::Zeroizing;

use crate::bank::Family;
use crate::keys::{BACKDATED, KeySource, Saved, customers_params};
use crate::ways::References;
use crate::{BankKey, Error};

/// Customers' certificates are valid for two years (brief 3 to 6).
pub(crate) const CUSTOMER_VALIDITY: Duration = Duration::days(730);

/// A certificate as it stands beside others, DER.
pub(crate) type Certificate = Vec<u8>;

/// The keys of one bank.
pub(crate) struct Authority {
    /// What clients pin.
    pub(crate) root: Certificate,
    /// The authorities below the root, where there are any: what `getServiceCertificates` answers.
    pub(crate) issuing: Vec<Certificate>,
    /// The authority of customers' certificates.
    pub(crate) for_customers: Certificate,
    /// Danske Bank's encryption certificate with its key, PKCS#8.
    pub(crate) encryption: Option<(Certificate, Zeroizing<Vec<u8>>)>,
    signer: SigningKey,
    /// Signs application answers, where that is another certificate.
    application_signer: Option<SigningKey>,
    customers: Issuer<'static, KeyPair>,
    references: hmac::Key,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Use {
    Signing,
    Encryption,
}

/// Whom a certificate is issued to.
pub(crate) struct Subject<'a> {
    pub(crate) bank: BankKey,
    pub(crate) user_id: &'a str,
    pub(crate) name: &'a str,
}

impl Authority {
    /// From the keys as they are kept.
    pub(crate) fn from_saved(bank: BankKey, saved: &Saved, now: OffsetDateTime) -> Result<Self, Error> {
        let bytes = |text: &str| STANDARD.decode(text).map(Zeroizing::new).map_err(keys);
        let certificate = |text: &str| bytes(text).map(|der| der.to_vec());
        let signing_key =
            |pair: &crate::keys::Pair| SigningKey::new(&bytes(&pair.key)?, &bytes(&pair.certificate)?).map_err(keys);
        let key = KeyPair::try_from(bytes(&saved.customers.key)?.as_slice()).map_err(keys)?;
        let encryption = match &saved.encryption {
            Some(pair) => Some((certificate(&pair.certificate)?, bytes(&pair.key)?)),
            None => None,
        };
        Ok(Self {
            root: certificate(&saved.root.certificate)?,
            issuing: saved.issuing.iter().map(|text| certificate(text)).collect::<Result<_, _>>()?,
            for_customers: certificate(&saved.customers.certificate)?,
            encryption,
            signer: signing_key(&saved.signer)?,
            application_signer: saved.application_signer.as_ref().map(signing_key).transpose()?,
            // What an issuer puts into certificates (its name, its key) does not depend on its dates.
            customers: Issuer::new(customers_params(bank, now), key),
            references: hmac::Key::new(hmac::HMAC_SHA256, &bytes(&saved.reference_key)?),
        })
    }

    /// Another authority with the same names and other keys: what an impostor would have.
    pub(crate) fn impostor(bank: BankKey, now: OffsetDateTime) -> Result<Self, Error> {
        Self::from_saved(bank, &Saved::make(bank, now, &KeySource::Fresh)?, now)
    }

    /// What signs the bank's envelopes.
    pub(crate) fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// What signs the bank's application answers.
    pub(crate) fn application_signer(&self) -> &SigningKey {
        self.application_signer.as_ref().unwrap_or(&self.signer)
    }

    /// The root of the bank's answers, PEM.
    pub(crate) fn root_pem(&self) -> Result<String, Error> {
        pem(&self.root)
    }

    /// The roots of customers' certificates.
    pub(crate) fn customer_roots(&self) -> Result<Roots, Error> {
        Roots::from_der([self.for_customers.clone()]).map_err(keys)
    }

    /// Issues a customer's certificate, DER.
    ///
    /// `public_key` is the `RSAPublicKey` (the content of the `SubjectPublicKeyInfo`'s bit string), `number` has not been
    /// used before at this bank.
    pub(crate) fn issue(
        &self,
        subject: &Subject<'_>,
        public_key: &[u8],
        purpose: Use,
        number: u64,
        now: OffsetDateTime,
    ) -> Result<Certificate, Error> {
        let mut params = CertificateParams::default();
        params.not_before = now - BACKDATED;
        params.not_after = now + CUSTOMER_VALIDITY;
        // Ten bytes: OP's SerialNumber element holds 25 decimal digits at most.
        let serial = self.tag(subject.bank, "certificate", number)[..10].to_vec();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name = subject.distinguished_name();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = match purpose {
            Use::Signing => vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment],
            Use::Encryption => vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment],
        };
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&RsaPublicKey(public_key), &self.customers).map_err(keys)?;
        Ok(certificate.der().to_vec())
    }

    /// A file's reference: not used before, and safe in file names.
    pub(crate) fn reference(&self, bank: BankKey, form: References, number: u64, now: OffsetDateTime) -> String {
        match form {
            References::Hex => crate::ledger::hex(&self.tag(bank, "file", number)[..12]),
            References::Digits => format!("{}", 100_000_000 + number),
            References::DayAndTime => {
                let (year, month, day) = (now.year().rem_euclid(100), u8::from(now.month()), now.day());
                let date = format!("{year:02}{month:02}{day:02}");
                format!("{date}{:04}-{date}{:02}{:02}", number % 10_000, now.hour(), now.minute())
            }
        }
    }

    fn tag(&self, bank: BankKey, purpose: &str, number: u64) -> [u8; 32] {
        // The Samlink banks share one authority: their numbers must not meet.
        let tag = hmac::sign(&self.references, format!("{} {purpose} {number}", bank.as_str()).as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        // A certificate's serial number is positive and its length does not vary.
        bytes[0] = bytes[0] & 0x3f | 0x40;
        bytes
    }
}

/// A certificate as PEM text.
pub(crate) fn pem(certificate: &[u8]) -> Result<String, Error> {
    encode_string("CERTIFICATE", LineEnding::LF, certificate).map_err(keys)
}

const SURNAME: [u64; 4] = [2, 5, 4, 4];
const SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];

impl Subject<'_> {
    /// As each bank writes it (brief 3 to 6).
    fn distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "FI");
        match self.bank.family() {
            Family::Nordea | Family::Danske => {
                name.push(DnType::CommonName, self.name);
                name.push(DnType::CustomDnType(SERIAL_NUMBER.to_vec()), self.user_id);
            }
            Family::Op | Family::Common => name.push(DnType::CommonName, self.user_id),
            Family::Samlink => {
                name.push(DnType::OrganizationName, format!("Aineistopalvelut-{}", self.bank.as_str()));
                name.push(DnType::CommonName, self.name);
                name.push(DnType::CustomDnType(SURNAME.to_vec()), self.user_id);
            }
        }
        name
    }

    /// The same as text, as the answer's Name element has it at OP and Samlink.
    pub(crate) fn text(&self) -> String {
        match self.bank.family() {
            Family::Samlink => {
                format!("SURNAME={}, CN={}, O=Aineistopalvelut-{}, C=FI", self.user_id, self.name, self.bank.as_str())
            }
            Family::Nordea | Family::Danske => String::new(),
            Family::Op | Family::Common => format!("CN={}, C=FI", self.user_id),
        }
    }
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
pub(crate) fn keys(error: impl ToString) -> Error {
    Error::Keys(error.to_string())
}
