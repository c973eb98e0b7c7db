//! What answers must chain to: the banks' certificates in `roots/` with their table, and what an operator adds.
//!
//! A new root is never taken from the wire: a bank may rotate what is below a root, not the root.

use std::sync::{Arc, LazyLock};

use avain_xml_security::certificate::{Chain, ChainCache, Roots, summary};
use avain_xml_security::{Distrust, Error as Reason, Policy};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::request::Environment;
use crate::{Profile, names, pem};

/// One certificate of the table `roots/roots.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Its file in `roots/`.
    pub file: String,
    /// Keys of the banks that it stands for.
    pub banks: Vec<String>,
    /// Where.
    pub environment: Environment,
    /// Whether it is trusted itself.
    pub kind: Kind,
    /// Whether answers that arrive may chain to it.
    pub live: bool,
    /// Who below it speaks for the bank; anybody if absent.
    pub signers: Option<Signers>,
    /// SHA-256 of the DER, upper-case hex.
    pub sha256: String,
    /// First and last day of its validity, `YYYY-MM-DD`.
    pub not_before: String,
    /// See `not_before`.
    pub not_after: String,
}

/// Whether a certificate is trusted itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// By its key.
    Root,
    /// Only through a root; it completes chains.
    Issuing,
}

/// Who below a root that certifies customers as well speaks for the bank.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signers {
    /// Certificates whose issuer has this in its common name.
    IssuedBy(String),
    /// Certificates with exactly these names.
    Named {
        /// commonName.
        common_name: String,
        /// organizationName.
        organisation: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    certificate: Vec<Pinned>,
}

macro_rules! pem_files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../roots/", $name)))),*] };
}

const FILES: [(&str, &str); 11] = pem_files![
    "danske_dbgroot_1111110002.pem",
    "danske_dbgroot_1111110003.pem",
    "nordea_corporate_server_ca_01.pem",
    "nordea_corporate_server_ca_03.pem",
    "op_pohjola_root.pem",
    "op_pohjola_test_root.pem",
    "op_services_ca_v2.pem",
    "op_services_ca_v3.pem",
    "samlink_customer.pem",
    "samlink_system_test_customer.pem",
    "samlink_system_test_root_v2.pem",
];

// A test holds table and files together.
static TABLE: LazyLock<Vec<Pinned>> = LazyLock::new(|| {
    toml::from_str::<Table>(include_str!("../roots/roots.toml")).map(|table| table.certificate).unwrap_or_default()
});

/// The table of the certificates that are built in.
#[must_use]
pub fn pinned() -> &'static [Pinned] {
    &TABLE
}

impl Pinned {
    /// The certificate, DER; none if its file is missing or broken.
    #[must_use]
    pub fn der(&self) -> Option<Vec<u8>> {
        let (_, text) = FILES.iter().find(|(name, _)| *name == self.file)?;
        pem::certificates(text)?.into_iter().next()
    }
}

/// The certificates that answers of one bank must chain to, and those that complete chains.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    roots: Vec<Root>,
    /// The same, as the search for a chain wants them.
    known: Roots,
    issuers: Vec<Vec<u8>>,
    /// A bank's signer signs for years: its chain is searched for once.
    chains: Arc<ChainCache>,
}

#[derive(Debug, Clone)]
struct Root {
    certificate: Vec<u8>,
    signers: Option<Signers>,
}

impl Trust {
    /// What is built in for answers that arrive from a bank; empty for a bank or environment of which no root is known.
    #[must_use]
    pub fn live(bank: &str, environment: Environment) -> Self {
        Self::of(|pinned| pinned.live && pinned.environment == environment && is_of(pinned, bank))
    }

    /// All that is built in of a bank, of both environments, old ones too: for judging saved answers at their own time.
    #[must_use]
    pub fn saved(bank: &str) -> Self {
        Self::of(|pinned| is_of(pinned, bank))
    }

    /// The certificates of a PEM text as roots.
    pub fn from_pem(text: &str) -> Result<Self, Reason> {
        Self::default().with_pem(text)
    }

    /// These and the certificates of a PEM text as roots: an operator's own.
    pub fn with_pem(mut self, text: &str) -> Result<Self, Reason> {
        let certificates = pem::certificates(text).ok_or(Reason::Certificate(Distrust::Other("not PEM")))?;
        self.roots.extend(certificates.into_iter().map(|certificate| Root { certificate, signers: None }));
        self.known = Roots::from_der(self.roots_der().map(<[u8]>::to_vec))?;
        Ok(self)
    }

    /// The certificates of a PEM text as the only roots. What may complete a chain stays: it adds no trust.
    pub fn with_only_pem(self, text: &str) -> Result<Self, Reason> {
        Self { roots: Vec::new(), ..self }.with_pem(text)
    }

    /// These, and certificates that may complete a chain: learned ones, which add no trust.
    #[must_use]
    pub fn with_issuers(mut self, issuers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        for issuer in issuers {
            if !self.issuers.contains(&issuer) {
                self.issuers.push(issuer);
            }
        }
        self
    }

    /// The roots, DER.
    pub fn roots_der(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| root.certificate.as_slice())
    }

    /// Whether there is no root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The one gate of signers: a chain to a root, below a root that certifies customers too a signer of the bank's, and at a bank
    /// with a PKI Factory nothing between signer and root.
    pub fn accept(
        &self,
        signer: &[u8],
        profile: &Profile,
        at: OffsetDateTime,
        policy: &Policy,
    ) -> Result<Chain, Reason> {
        let chain = self.chains.verify_chain(signer, &self.issuers, &self.known, at, policy)?;
        self.is_the_banks_own(signer, &chain, profile).map(|()| chain)
    }

    /// The same for a certificate that requests are encrypted to.
    pub fn accept_encryption(
        &self,
        certificate: &[u8],
        profile: &Profile,
        at: OffsetDateTime,
        policy: &Policy,
    ) -> Result<Chain, Reason> {
        let chain = self.chains.verify_encryption_chain(certificate, &self.issuers, &self.known, at, policy)?;
        self.is_the_banks_own(certificate, &chain, profile).map(|()| chain)
    }

    fn is_the_banks_own(&self, certificate: &[u8], chain: &Chain, profile: &Profile) -> Result<(), Reason> {
        // Bank-channel brief 5.2: whatever else the root has issued is not the bank speaking.
        if profile.pki_factory.is_some() && !chain.issuers.is_empty() {
            return Err(Reason::Certificate(Distrust::Other("the bank's root has not issued it directly")));
        }
        let root = self.roots.iter().find(|root| root.certificate == chain.anchor);
        if root.is_some_and(|root| root.signers.as_ref().is_none_or(|signers| signers.include(certificate))) {
            return Ok(());
        }
        Err(Reason::Certificate(Distrust::Other("its root certifies customers too, and it is not the bank's own")))
    }

    fn of(wanted: impl Fn(&Pinned) -> bool) -> Self {
        let mut trust = Self::default();
        for pinned in TABLE.iter().filter(|pinned| wanted(pinned)) {
            let Some(certificate) = pinned.der() else { continue };
            match pinned.kind {
                Kind::Root => trust.roots.push(Root { certificate, signers: pinned.signers.clone() }),
                Kind::Issuing => trust.issuers.push(certificate),
            }
        }
        trust.known = Roots::from_der(trust.roots_der().map(<[u8]>::to_vec)).unwrap_or_default();
        trust
    }
}

impl Signers {
    fn include(&self, certificate: &[u8]) -> bool {
        match self {
            Self::IssuedBy(part) => summary(certificate).is_ok_and(|it| it.issuer_common_name.contains(part.as_str())),
            Self::Named { common_name, organisation } => names::common_name_and_organisation(certificate)
                .is_some_and(|(common, of)| common == *common_name && of == *organisation),
        }
    }
}

fn is_of(pinned: &Pinned, bank: &str) -> bool {
    pinned.banks.iter().any(|it| it == bank)
}
