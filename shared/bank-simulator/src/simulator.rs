//! The banks together, as the outside sees them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Script;
use crate::key_ring::KeyRing;
use crate::keys::KeySource;
use crate::office::Office;
use crate::opening;
use crate::{BankKey, Clock, Config, Error, Fault, Operation};

/// Banks that answer over HTTP. Cloning gives another handle on the same banks.
///
/// Nordea and the bank `simulator` are opened at once, and so is any bank that the folder knows; the others when they are
/// first asked for something, which takes the time of making their keys.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

/// One bank alone, ready to be served.
pub struct Simulation {
    /// The bank: see [`Simulator::serve`].
    pub simulator: Simulator,
    /// The bank's name in addresses: `/{name}/CorporateFileService`.
    pub name: String,
    /// What a client pins, PEM.
    pub root_pem: String,
}

/// Opens one bank as a setting file says (`docs/bank-simulator.md`). `bank` is its name, and wins over the file's; `clock` is
/// used where the file sets no time.
pub fn simulate(bank: Option<&str>, file: &Path, clock: Clock) -> Result<Simulation, Error> {
    let config = Config::from_file(bank, file, clock)?;
    let setting = config.setting.as_ref().map(|setting| (setting.bank, setting.name().to_owned()));
    let (bank, name) = setting.ok_or_else(|| Error::Provisioned("there is no bank to simulate".into()))?;
    let simulator = Simulator::open(&config)?;
    let root_pem = simulator.root_pem(bank)?;
    Ok(Simulation { simulator, name, root_pem })
}

struct Shared {
    config: Config,
    offices: Mutex<HashMap<BankKey, Arc<Office>>>,
    key_rings: Mutex<HashMap<&'static str, Arc<KeyRing>>>,
    /// A fault may be scripted before the bank has been opened.
    scripts: HashMap<BankKey, Arc<Script>>,
}

impl Simulator {
    /// Opens the banks: reads keys and state back from the folder, or makes new ones.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let banks = BankKey::ALL.into_iter().chain([BankKey::Configured]);
        let shared = Shared {
            config: config.clone(),
            offices: Mutex::default(),
            key_rings: Mutex::default(),
            scripts: banks.map(|bank| (bank, Arc::default())).collect(),
        };
        let simulator = Self { shared: Arc::new(shared) };
        if let Some(setting) = &config.setting {
            simulator.office(setting.bank)?;
            return Ok(simulator);
        }
        let known =
            |bank: BankKey| config.folder.as_deref().is_some_and(|folder: &Path| folder.join(bank.as_str()).exists());
        for bank in BankKey::ALL {
            if matches!(bank, BankKey::Simulator | BankKey::Nordea) || known(bank) {
                simulator.office(bank)?;
            }
        }
        Ok(simulator)
    }

    /// The root certificate of a bank's answers, PEM: what a client pins.
    pub fn root_pem(&self, bank: BankKey) -> Result<String, Error> {
        self.office(bank)?.authority().root_pem()
    }

    /// Lets something go wrong with the bank's next call. Faults are used up in the order in which they were scripted.
    pub fn script(&self, bank: BankKey, fault: Fault) {
        self.script_call(bank, None, fault);
    }

    /// Lets something go wrong with the bank's next call of this operation.
    pub fn script_operation(&self, bank: BankKey, operation: Operation, fault: Fault) {
        self.script_call(bank, Some(operation), fault);
    }

    /// How many calls of this operation have reached the bank since it was opened, refused ones included.
    #[must_use]
    pub fn calls(&self, bank: BankKey, operation: Operation) -> u64 {
        self.opened(bank).map_or(0, |office| office.calls(Some(operation)))
    }

    /// How many requests of any kind have reached the bank since it was opened, unreadable and dropped ones included.
    #[must_use]
    pub fn requests(&self, bank: BankKey) -> u64 {
        self.opened(bank).map_or(0, |office| office.calls(None))
    }

    fn script_call(&self, bank: BankKey, operation: Option<Operation>, fault: Fault) {
        if let Some(script) = self.shared.scripts.get(&bank) {
            script.push(operation, fault);
        }
    }

    /// The name of the bank, where there is one alone.
    pub(crate) fn alone(&self) -> Option<String> {
        self.shared.config.setting.as_ref().map(|setting| setting.name().to_owned())
    }

    /// The bank with this name in addresses; one bank alone answers to any.
    pub(crate) fn named(&self, name: &str) -> Option<BankKey> {
        match &self.shared.config.setting {
            Some(setting) => Some(setting.bank),
            None => BankKey::parse(name),
        }
    }

    /// The bank, opened if it is not yet.
    pub(crate) fn office(&self, bank: BankKey) -> Result<Arc<Office>, Error> {
        let mut offices = self.shared.offices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(office) = offices.get(&bank) {
            return Ok(Arc::clone(office));
        }
        let script = self.shared.scripts.get(&bank).map(Arc::clone).unwrap_or_default();
        let office = Arc::new(opening::open(bank, &self.shared.config, &self.key_ring(bank)?, script)?);
        offices.insert(bank, Arc::clone(&office));
        Ok(office)
    }

    fn key_ring(&self, bank: BankKey) -> Result<Arc<KeyRing>, Error> {
        let mut key_rings = self.shared.key_rings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key_ring) = key_rings.get(bank.key_folder()) {
            return Ok(Arc::clone(key_ring));
        }
        let key_ring = Arc::new(opening::open_keys(bank, &self.shared.config, &KeySource::Fresh)?);
        key_rings.insert(bank.key_folder(), Arc::clone(&key_ring));
        Ok(key_ring)
    }

    fn opened(&self, bank: BankKey) -> Option<Arc<Office>> {
        self.shared.offices.lock().unwrap_or_else(PoisonError::into_inner).get(&bank).cloned()
    }
}
