//! The banks of a deployment: those that are built in, and those of an operator's folder.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use avain_bank_channel::profile::Addresses;
use avain_bank_channel::{Environment, Profile, Trust, profile, profiles};
use avain_domain::ports::BankError;
use avain_xml_security::Policy;
use avain_xml_security::certificate::{Roots, verify_chain};
use time::OffsetDateTime;

/// One bank of a deployment.
pub struct Contract {
    /// The bank's ways.
    pub profile: Arc<Profile>,
    /// Addresses.
    pub addresses: Addresses,
    /// What its answers must chain to.
    pub trust: Anchor,
    /// What its requests must say.
    pub environment: Environment,
}

/// What a bank's answers must chain to; of a simulated bank, whose keys are made at their first use, it is asked for then.
pub struct Anchor {
    known: OnceLock<Trust>,
    ask: Option<Box<dyn Fn() -> Option<Trust> + Send + Sync>>,
}

impl From<Trust> for Anchor {
    fn from(trust: Trust) -> Self {
        Self { known: trust.into(), ask: None }
    }
}

impl Anchor {
    /// Asked for when it is needed; none if there is no root then.
    pub fn later(ask: impl Fn() -> Option<Trust> + Send + Sync + 'static) -> Self {
        Self { known: OnceLock::new(), ask: Some(Box::new(ask)) }
    }

    pub(super) fn get(&self) -> Result<&Trust, BankError> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let found = self.ask.as_ref().and_then(|ask| ask());
        let found = found.ok_or_else(|| BankError::NotMade("no root of the bank is there".to_owned()))?;
        Ok(self.known.get_or_init(|| found))
    }
}

impl Contract {
    /// A bank that is played at a base address (`http://127.0.0.1:PORT`).
    #[must_use]
    pub fn simulated(profile: &Arc<Profile>, base: &str, trust: impl Into<Anchor>) -> Self {
        let address = |service: &str| format!("{base}/{}/{service}", profile.bank);
        let addresses =
            Addresses { files: address("CorporateFileService"), certificates: address("CertificateService") };
        Self { profile: Arc::clone(profile), addresses, trust: trust.into(), environment: Environment::Test }
    }

    /// The bank itself, where its addresses in this environment and a root are known.
    #[must_use]
    pub fn real(profile: &Arc<Profile>, environment: Environment, trust: Trust) -> Option<Self> {
        let addresses = profile.addresses(environment)?.clone();
        let known = !trust.is_empty();
        known.then(|| Self { profile: Arc::clone(profile), addresses, trust: trust.into(), environment })
    }

    /// Whether the bank has to be asked for certificates of its own before it can be understood.
    pub(super) fn learns(&self) -> bool {
        let service = self.profile.certificate_service.as_ref();
        self.profile.pki_factory.is_some() || service.is_some_and(|it| it.service_certificates.is_some())
    }

    /// Whether a certificate, DER, chains to a root of the bank's.
    pub(super) fn knows_issuer(&self, certificate: &[u8], now: OffsetDateTime) -> bool {
        let Ok(trust) = self.trust.get() else { return false };
        let roots = Roots::from_der(trust.roots_der().map(<[u8]>::to_vec));
        roots.is_ok_and(|roots| verify_chain(certificate, &[], &roots, now, &Policy::STRICT).is_ok())
    }
}

/// What an operator adds: profiles (`*.toml`), and roots beside the built-in ones (`BANK.pem`).
#[derive(Default, Clone)]
pub struct Folder {
    profiles: Vec<Arc<Profile>>,
    roots: Vec<(String, String)>,
}

impl Folder {
    /// Reads a folder; the error says which file is wrong and why.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let mut folder = Self::default();
        let entries = fs::read_dir(path).map_err(|error| wrong(path, &error))?;
        for entry in entries {
            let file = entry.map_err(|error| wrong(path, &error))?.path();
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("toml") => {
                    let text = fs::read_to_string(&file).map_err(|error| wrong(&file, &error))?;
                    let profile = Profile::from_toml(&text).map_err(|error| wrong(&file, &error))?;
                    folder.profiles.push(Arc::new(profile));
                }
                Some("pem") => {
                    let text = fs::read_to_string(&file).map_err(|error| wrong(&file, &error))?;
                    Trust::from_pem(&text).map_err(|error| wrong(&file, &error))?;
                    folder.roots.push((stem, text));
                }
                _ => {}
            }
        }
        Ok(folder)
    }

    /// The profile of a bank: the operator's, else the built-in one.
    #[must_use]
    pub fn profile(&self, bank: &str) -> Option<Arc<Profile>> {
        self.profiles.iter().find(|it| it.bank == bank).or_else(|| profile(bank)).cloned()
    }

    /// Whether the bank's profile is the operator's.
    #[must_use]
    pub fn is_own(&self, bank: &str) -> bool {
        self.profiles.iter().any(|it| it.bank == bank)
    }

    /// The built-in profiles, an operator's own in the place of one of the same bank.
    #[must_use]
    pub fn profiles(&self) -> Vec<Arc<Profile>> {
        let built_in = profiles().filter(|it| !self.is_own(&it.bank));
        built_in.cloned().chain(self.profiles.iter().cloned()).collect()
    }

    /// The roots of a bank: built in, and the operator's.
    #[must_use]
    pub fn trust(&self, bank: &str, environment: Environment) -> Trust {
        let added = self.roots.iter().filter(|(of, _)| of == bank);
        // Each text was read before.
        added.fold(Trust::live(bank, environment), |trust, (_, pem)| trust.clone().with_pem(pem).unwrap_or(trust))
    }
}

/// Makes a bank by its key.
type Make = Box<dyn Fn(&str) -> Option<Contract> + Send + Sync>;

/// The banks of a deployment, each made when it is first asked for: a function that starts reads no bank's profile.
pub struct Contracts {
    make: Make,
    made: Mutex<HashMap<String, Option<Arc<Contract>>>>,
}

impl Contracts {
    /// Made by this, by the bank's key.
    pub fn new(make: impl Fn(&str) -> Option<Contract> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), made: Mutex::default() }
    }

    pub(super) fn get(&self, bank: &str) -> Option<Arc<Contract>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(bank) {
            return known.clone();
        }
        let contract = (self.make)(bank).map(Arc::new);
        made.insert(bank.to_owned(), contract.clone());
        contract
    }
}

impl From<Vec<Contract>> for Contracts {
    fn from(contracts: Vec<Contract>) -> Self {
        let made = contracts.into_iter().map(|it| (it.profile.bank.clone(), Some(Arc::new(it)))).collect();
        Self { make: Box::new(|_| None), made: Mutex::new(made) }
    }
}

/// The banks themselves, in one of their environments.
#[must_use]
pub fn real(folder: Folder, environment: Environment) -> Contracts {
    Contracts::new(move |bank| Contract::real(&folder.profile(bank)?, environment, folder.trust(bank, environment)))
}

/// Every bank, played at a base address; their roots in one PEM text. `None` if that is no PEM.
#[must_use]
pub fn simulated(folder: Folder, base: &str, roots: &str) -> Option<Contracts> {
    let trust = Trust::from_pem(roots).ok()?;
    let base = base.trim_end_matches('/').to_owned();
    Some(Contracts::new(move |bank| Some(Contract::simulated(&folder.profile(bank)?, &base, trust.clone()))))
}
