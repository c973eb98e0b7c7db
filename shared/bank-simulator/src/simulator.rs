//! The two banks together, as the outside sees them.

use std::sync::Arc;

use crate::office::Office;
use crate::{BankKey, Config, Error, Fault, Operation};

/// Two banks that answer over HTTP. Cloning gives another handle on the same banks.
#[derive(Clone)]
pub struct Simulator {
    offices: Arc<[Office; 2]>,
}

impl Simulator {
    /// Opens the banks: reads keys and state back from the folder, or makes new ones (six RSA keys, some 0.3 s).
    pub fn open(config: &Config) -> Result<Self, Error> {
        let offices = [Office::open(BankKey::Simulator, config)?, Office::open(BankKey::Nordea, config)?];
        Ok(Self { offices: Arc::new(offices) })
    }

    /// The root certificate of a bank's answers, PEM: what a client pins. The signer's certificate is issued by it
    /// directly.
    pub fn root_pem(&self, bank: BankKey) -> Result<String, Error> {
        self.office(bank).authority.root_pem()
    }

    /// Lets something go wrong with the bank's next call. Faults are used up in the order in which they were scripted.
    pub fn script(&self, bank: BankKey, fault: Fault) {
        self.office(bank).script.push(None, fault);
    }

    /// Lets something go wrong with the bank's next call of this operation.
    pub fn script_operation(&self, bank: BankKey, operation: Operation, fault: Fault) {
        self.office(bank).script.push(Some(operation), fault);
    }

    /// How many calls of this operation have reached the bank since it was opened, refused ones included.
    #[must_use]
    pub fn calls(&self, bank: BankKey, operation: Operation) -> u64 {
        self.office(bank).calls(Some(operation))
    }

    /// How many requests of any kind have reached the bank since it was opened, unreadable and dropped ones included.
    #[must_use]
    pub fn requests(&self, bank: BankKey) -> u64 {
        self.office(bank).calls(None)
    }

    pub(crate) fn office(&self, bank: BankKey) -> &Office {
        match bank {
            BankKey::Simulator => &self.offices[0],
            BankKey::Nordea => &self.offices[1],
        }
    }
}
