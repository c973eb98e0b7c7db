//! Opening a bank: keys, state, contracts, and what its operator has set.

use std::sync::Arc;

use avain_xml_security::certificate::{self, Roots};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::{BankSetting, GivenKey, GivenKeys};
use crate::contract::{Contract, Contracts, ReadyFile};
use crate::fault::Script;
use crate::held::Held;
use crate::key_ring::KeyRing;
use crate::keys::{KeySource, Pair, Saved};
use crate::ledger::{Ledger, StoredFile, Upload};
use crate::office::{Office, Parts, Rules};
use crate::store::Store;
use crate::{BankKey, Config, Error, account, ways};

/// The bank's keys: read back, given by the operator, or made.
pub(crate) fn open_keys(bank: BankKey, config: &Config, keys_from: &KeySource) -> Result<KeyRing, Error> {
    let now = (config.clock)();
    let store = Store::open(config.folder.as_ref().map(|folder| folder.join(bank.key_folder())))?;
    KeyRing::open(bank, store, now, keys_from, |saved| {
        let given = setting(bank, config).map(|setting| &setting.keys).filter(|keys| keys.any());
        given.inspect(|keys| keys.put_into(saved)).is_some()
    })
}

/// Opens the bank with its keys and its ledger; customers that are to be there from the start and are not in the ledger
/// yet are added.
pub(crate) fn open(
    bank: BankKey,
    config: &Config,
    key_ring: &Arc<KeyRing>,
    script: Arc<Script>,
) -> Result<Office, Error> {
    let ways = ways::of(bank.family());
    let store = Store::open(config.folder.as_ref().map(|folder| folder.join(bank.as_str())))?;
    let ledger = Ledger::load(&store)?;
    let mut customer_roots = vec![key_ring.current().customer_roots()?];
    let mut rules = Rules {
        environment: config.environment,
        hashes: ways.hashes,
        strict_schema: ways.strict_schema,
        requires_compression: ways.requires_compression,
        round: config.round,
        adopts_certificates: false,
        accepts_replays: false,
        stateless: false,
    };
    let mut contracts = Contracts::of(bank);
    if let Some(setting) = setting(bank, config) {
        rules.hashes = setting.hashes.unwrap_or(rules.hashes);
        rules.strict_schema = setting.strict_schema.unwrap_or(rules.strict_schema);
        rules.requires_compression = setting.requires_compression;
        rules.accepts_replays = setting.accepts_replays;
        rules.stateless = setting.stateless;
        rules.adopts_certificates = true;
        customer_roots.extend(roots(&setting.customer_authorities)?);
        contracts = match &setting.contracts {
            Some(contracts) => Contracts::Listed(contracts.clone()),
            None => Contracts::Open(setting.secret.clone()),
        };
    }
    let provisioned = config.provisioned.iter().filter(|provisioned| provisioned.bank == bank);
    let authorities: Vec<_> = provisioned.clone().map(|provisioned| provisioned.issuer.clone()).collect();
    customer_roots.extend(roots(&authorities)?);
    let clock = config.clock.clone();
    let key_ring = Arc::clone(key_ring);
    let office = Office::new(Parts { bank, rules, contracts, key_ring, customer_roots, ledger, store, clock, script });
    for provisioned in provisioned {
        let name = certificate::summary(&provisioned.certificate).map_err(unusable)?.subject_common_name;
        let contract = Contract {
            user_id: provisioned.user_id.clone(),
            name: Some(name),
            certificates: vec![provisioned.certificate.clone()],
            ..Contract::default()
        };
        add(&office, &contract)?;
    }
    if let Contracts::Listed(contracts) = &office.contracts {
        for contract in
            contracts.iter().filter(|contract| !contract.certificates.is_empty() || !contract.files.is_empty())
        {
            add(&office, contract)?;
        }
    }
    Ok(office)
}

fn setting(bank: BankKey, config: &Config) -> Option<&BankSetting> {
    config.setting.as_ref().filter(|setting| setting.bank == bank)
}

/// Each for itself: what one has issued does not chain to another.
fn roots(authorities: &[Vec<u8>]) -> Result<Vec<Roots>, Error> {
    authorities.iter().map(|authority| Roots::from_der([authority.clone()]).map_err(unusable)).collect()
}

/// Adds the customer of a contract with certificates and files, once.
fn add(office: &Office, contract: &Contract) -> Result<(), Error> {
    let now = (office.clock)();
    let mut held = Vec::with_capacity(contract.certificates.len());
    for certificate in &contract.certificates {
        let given = Held::given(certificate).ok_or_else(|| Error::Provisioned("it is not a certificate".into()))?;
        held.push(given);
    }
    let named = contract.certificates.first().and_then(|certificate| office.customer_name(certificate));
    let name = contract.name.clone().or(named).unwrap_or_else(|| contract.user_id.clone());
    if let [first, second] = held.as_mut_slice() {
        (first.matching, second.matching) = (Some(second.serial.clone()), Some(first.serial.clone()));
    }
    let added = office.keep(|ledger| {
        if ledger.find(&contract.user_id, &name).is_none() {
            let customer = account::open(ledger, office, &contract.user_id, &name, now);
            for certificate in held {
                ledger.add_certificate(customer, certificate, false);
            }
            for file in &contract.files {
                let number = ledger.next_number();
                let reference = file.reference.clone();
                let reference = reference
                    .unwrap_or_else(|| office.authority().reference(office.bank, office.ways.references, number, now));
                ledger.add_file(customer, ready(file, reference, now.unix_timestamp()));
            }
        }
        Ok(())
    });
    added.map_err(|_| Error::Provisioned("the ledger cannot be written".into()))
}

fn ready(file: &ReadyFile, reference: String, now: i64) -> StoredFile {
    let mut stored = StoredFile::new(reference, &file.file_type, file.content.clone(), now);
    match file.status.as_deref() {
        None | Some("NEW") => {}
        Some("WFP") => stored.upload = Some(Upload::Waiting),
        Some("FWD") => stored.upload = Some(Upload::Forwarded(now)),
        Some(_) => stored.downloaded = Some(now),
    }
    stored
}

impl GivenKeys {
    fn any(&self) -> bool {
        self.root.is_some() || self.signer.is_some() || self.encryption.is_some() || !self.issuing.is_empty()
    }

    /// Puts what is given in the place of what was made. A root without its key cannot issue anything new.
    fn put_into(&self, saved: &mut Saved) {
        if let Some(root) = &self.root {
            saved.root = Pair { certificate: STANDARD.encode(root), key: String::new() };
            saved.services = None;
            saved.issuing.clear();
        }
        saved.issuing.extend(self.issuing.iter().map(|certificate| STANDARD.encode(certificate)));
        if let Some(signer) = &self.signer {
            saved.signer = pair(signer);
            saved.application_signer = self.application_signer.as_ref().map(pair);
        }
        if let Some(encryption) = &self.encryption {
            saved.encryption = Some(pair(encryption));
        }
    }
}

fn pair(given: &GivenKey) -> Pair {
    Pair { certificate: STANDARD.encode(&given.certificate), key: STANDARD.encode(&*given.key) }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unusable(error: avain_xml_security::Error) -> Error {
    Error::Provisioned(error.to_string())
}
