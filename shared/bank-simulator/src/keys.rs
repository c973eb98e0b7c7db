//! Making a bank's keys and certificates, and the form in which they are kept.
//!
//! At Nordea and the Samlink family one authority issues the bank's signer directly and another issues customers'
//! certificates. At OP one root has two authorities below it: one for the bank's two signers, one for customers. At Danske
//! Bank the root issues the bank's signing and encryption certificates directly, and an authority for customers.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::authority::keys;
use crate::bank::Family;
use crate::{BankKey, Error};

/// The bank's own certificates outlive any demonstration.
pub(crate) const BANK_VALIDITY: Duration = Duration::days(20 * 365);

/// A client's clock may be a little behind.
pub(crate) const BACKDATED: Duration = Duration::minutes(5);

/// Danske Bank's root is asked for by its serial number in decimal (brief 5.2).
pub(crate) const DANSKE_ROOT_SERIAL: u32 = 1_111_110_003;

const SIGNING: [KeyUsagePurpose; 2] = [KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
const ENCRYPTION: [KeyUsagePurpose; 2] = [KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];

/// A certificate and its key, PKCS#8; base64.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The keys as they are kept.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Saved {
    pub(crate) root: Pair,
    /// Certificates of the authorities below the root, the newest last.
    pub(crate) issuing: Vec<String>,
    /// The one that issues the bank's signers, where it is not the root.
    pub(crate) services: Option<Pair>,
    pub(crate) signer: Pair,
    pub(crate) application_signer: Option<Pair>,
    pub(crate) encryption: Option<Pair>,
    pub(crate) customers: Pair,
    /// What references and serial numbers are made with, base64.
    pub(crate) reference_key: String,
}

impl Saved {
    /// All that a bank needs.
    pub(crate) fn make(bank: BankKey, now: OffsetDateTime, keys_from: &KeySource) -> Result<Self, Error> {
        let family = bank.family();
        let until = now + BANK_VALIDITY;
        let mut root = authority(bank, root_name(family), now);
        if family == Family::Danske {
            root.serial_number = Some(SerialNumber::from(u64::from(DANSKE_ROOT_SERIAL)));
        }
        let root = self_signed(&root, keys_from)?;
        let below_root = matches!(family, Family::Op | Family::Danske);
        let customers = customers_params(bank, now);
        let customers = if below_root {
            signed(&customers, &root, authority(bank, root_name(family), now), keys_from)?
        } else {
            self_signed(&customers, keys_from)?
        };
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(keys)?;
        let mut issuing = Vec::new();
        let mut services = None;
        if family == Family::Op {
            issuing.push(customers.certificate.clone());
            let made = services_authority(bank, &root, now, issuing.len(), keys_from)?;
            issuing.push(made.certificate.clone());
            services = Some(made);
        }
        let issuer = services.as_ref().unwrap_or(&root);
        let signers = Signers::make(bank, issuer, 1, (now, until), keys_from)?;
        Ok(Self {
            issuing,
            services,
            signer: signers.soap,
            application_signer: signers.application,
            encryption: signers.encryption,
            customers,
            reference_key: STANDARD.encode(*secret),
            root,
        })
    }

    /// The certificates that sign answers anew, below the same authority.
    pub(crate) fn renew(&mut self, bank: BankKey, from: OffsetDateTime, until: OffsetDateTime) -> Result<(), Error> {
        let issuer = self.services.as_ref().unwrap_or(&self.root);
        let made = Signers::make(bank, issuer, self.generation(), (from, until), &KeySource::Fresh)?;
        self.signer = made.soap;
        self.application_signer = made.application;
        self.encryption = made.encryption;
        Ok(())
    }

    /// The same root, below it a new authority where there is one, and below that new signers.
    pub(crate) fn rotate(&mut self, bank: BankKey, now: OffsetDateTime) -> Result<(), Error> {
        if self.services.is_some() {
            let services = services_authority(bank, &self.root, now, self.issuing.len(), &KeySource::Fresh)?;
            self.issuing.push(services.certificate.clone());
            self.services = Some(services);
        }
        self.renew(bank, now, now + BANK_VALIDITY)
    }

    /// Which of the authorities for signers is in use, from 1.
    fn generation(&self) -> usize {
        self.issuing.len().saturating_sub(1)
    }

    /// A copy to try something with.
    pub(crate) fn copy(&self) -> Result<Self, Error> {
        let text = Zeroizing::new(serde_json::to_vec(self).map_err(keys)?);
        serde_json::from_slice(&text).map_err(keys)
    }
}

/// What signs a bank's answers.
struct Signers {
    soap: Pair,
    application: Option<Pair>,
    encryption: Option<Pair>,
}

impl Signers {
    /// `generation` is that of OP's authority for signers; elsewhere the root issues them.
    fn make(
        bank: BankKey,
        issuer: &Pair,
        generation: usize,
        (from, until): (OffsetDateTime, OffsetDateTime),
        keys_from: &KeySource,
    ) -> Result<Self, Error> {
        let family = bank.family();
        let issuer_name = match family {
            Family::Op => services_name(generation),
            _ => root_name(family).to_owned(),
        };
        let leaf = |name: &str, usages: &[KeyUsagePurpose]| {
            let mut params = named(bank, name, from, until);
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = usages.to_vec();
            params.use_authority_key_identifier_extension = true;
            signed(&params, issuer, authority(bank, &issuer_name, from), keys_from)
        };
        let soap = match family {
            Family::Op => "SOAP for WS",
            Family::Danske => "DPSIGN",
            _ => "File Transfer Web Services",
        };
        Ok(Self {
            soap: leaf(soap, &SIGNING)?,
            application: (family == Family::Op).then(|| leaf("Application for WS", &SIGNING)).transpose()?,
            encryption: (family == Family::Danske).then(|| leaf("DPCRYPT", &ENCRYPTION)).transpose()?,
        })
    }
}

fn services_authority(
    bank: BankKey,
    root: &Pair,
    now: OffsetDateTime,
    generation: usize,
    keys_from: &KeySource,
) -> Result<Pair, Error> {
    let own = authority(bank, &services_name(generation), now);
    signed(&own, root, authority(bank, root_name(bank.family()), now), keys_from)
}

fn services_name(generation: usize) -> String {
    format!("Services CA V{generation}")
}

/// The authority of customers' certificates.
pub(crate) fn customers_params(bank: BankKey, now: OffsetDateTime) -> CertificateParams {
    let name = match bank.family() {
        Family::Op => "WS CA",
        Family::Danske => "DBGSWFI",
        _ => "Customer CA",
    };
    authority(bank, name, now)
}

fn root_name(family: Family) -> &'static str {
    match family {
        Family::Op => "Root CA",
        Family::Danske => "DBGROOT",
        _ => "Server CA",
    }
}

fn authority(bank: BankKey, name: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = named(bank, name, now, now + BANK_VALIDITY);
    let is_root_of_others = name == root_name(bank.family()) && matches!(bank.family(), Family::Op | Family::Danske);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(u8::from(is_root_of_others)));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(bank: BankKey, name: &str, from: OffsetDateTime, until: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = from - BACKDATED;
    params.not_after = until;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "FI");
    params.distinguished_name.push(DnType::OrganizationName, format!("Simulated bank {}", bank.key_folder()));
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn self_signed(params: &CertificateParams, keys_from: &KeySource) -> Result<Pair, Error> {
    let key = keys_from.next()?;
    let certificate = params.self_signed(&key).map_err(keys)?;
    Ok(pair(certificate.der(), &key))
}

fn signed(
    params: &CertificateParams,
    issuer: &Pair,
    issuer_params: CertificateParams,
    keys_from: &KeySource,
) -> Result<Pair, Error> {
    let issuer_key = Zeroizing::new(STANDARD.decode(&issuer.key).map_err(keys)?);
    let issuer = Issuer::new(issuer_params, KeyPair::try_from(issuer_key.as_slice()).map_err(keys)?);
    let key = keys_from.next()?;
    let certificate = params.signed_by(&key, &issuer).map_err(keys)?;
    Ok(pair(certificate.der(), &key))
}

fn pair(certificate: &[u8], key: &KeyPair) -> Pair {
    Pair { certificate: STANDARD.encode(certificate), key: STANDARD.encode(key.serialized_der()) }
}

/// Where keys come from: making one takes most of the time that opening a bank takes.
pub(crate) enum KeySource {
    /// Each is a new one.
    Fresh,
    /// One for everything, PKCS#8: for a bank that answers nobody.
    One(Zeroizing<Vec<u8>>),
}

impl KeySource {
    /// One new key for everything.
    pub(crate) fn one() -> Result<Self, Error> {
        Ok(Self::One(Zeroizing::new(Self::Fresh.next()?.serialize_der())))
    }

    fn next(&self) -> Result<KeyPair, Error> {
        match self {
            Self::Fresh => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(keys),
            Self::One(key) => KeyPair::try_from(key.as_slice()).map_err(keys),
        }
    }
}
