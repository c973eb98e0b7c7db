//! The file that says how one bank is to be: TOML, described key by key in `docs/bank-simulator.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use avain_xml_security::Hash;
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use x509_cert::der::pem::decode_vec;
use zeroize::Zeroizing;

use crate::config::{BankSetting, GivenKey, GivenKeys};
use crate::contract::{Contract, ReadyFile};
use crate::{BankKey, Clock, Config, Environment, Error};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bank: Option<String>,
    clock: Option<String>,
    environment: Option<String>,
    folder: Option<PathBuf>,
    #[serde(default)]
    customer_cas: Vec<PathBuf>,
    hashes: Option<Vec<String>>,
    strict_schema: Option<bool>,
    #[serde(default)]
    require_compression: bool,
    #[serde(default)]
    accept_replays: bool,
    #[serde(default)]
    stateless: bool,
    round_minutes: Option<u32>,
    secret: Option<String>,
    #[serde(default)]
    keys: Keys,
    customers: Option<Vec<Entry>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Keys {
    root: Option<PathBuf>,
    #[serde(default)]
    issuing: Vec<PathBuf>,
    signer: Option<PathBuf>,
    signer_key: Option<PathBuf>,
    application_signer: Option<PathBuf>,
    application_signer_key: Option<PathBuf>,
    encryption: Option<PathBuf>,
    encryption_key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    user_id: String,
    customer_id: Option<String>,
    name: Option<String>,
    #[serde(alias = "pin", alias = "activation_code", alias = "transfer_key")]
    secret: Option<String>,
    #[serde(default)]
    certificates: Vec<PathBuf>,
    #[serde(default)]
    target_ids: Vec<String>,
    #[serde(default)]
    files: Vec<Ready>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ready {
    file_type: String,
    reference: Option<String>,
    content: PathBuf,
    status: Option<String>,
}

impl Config {
    /// Reads a setting file for one bank. `bank` is its name, and wins over the file's; `clock` is used where the file sets
    /// no time. Paths in the file are relative to the file.
    pub fn from_file(bank: Option<&str>, path: &Path, clock: Clock) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Setting { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        // The error's own text would show the line, which may hold a secret.
        let file: File = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let reader = Reader { folder: path.parent().unwrap_or(Path::new("")) };
        let name = bank.or(file.bank.as_deref()).ok_or_else(|| wrong("bank is missing".into()))?.to_owned();
        let mut config = Self::in_memory(match &file.clock {
            Some(text) => fixed(text).ok_or_else(|| wrong(format!("clock is not a time of RFC 3339: {text}")))?,
            None => clock,
        });
        config.environment = match file.environment.as_deref() {
            None | Some("PRODUCTION") => Environment::Production,
            Some("TEST") => Environment::Test,
            Some(other) => return Err(wrong(format!("environment is PRODUCTION or TEST: {other}"))),
        };
        config.folder = file.folder.as_ref().map(|folder| reader.folder.join(folder));
        config.round = file.round_minutes.map_or(config.round, |minutes| Duration::minutes(minutes.into()));
        let hashes = file.hashes.map(|names| hashes(&names).ok_or_else(|| wrong("hashes are sha1 and sha256".into())));
        config.setting = Some(BankSetting {
            bank: BankKey::parse(&name).unwrap_or(BankKey::Configured),
            name: Some(name),
            customer_authorities: reader.certificates(&file.customer_cas)?,
            contracts: file.customers.map(|customers| reader.contracts(customers)).transpose()?,
            secret: file.secret.map(Zeroizing::new),
            keys: reader.keys(&file.keys)?,
            hashes: hashes.transpose()?,
            strict_schema: file.strict_schema,
            requires_compression: file.require_compression,
            accepts_replays: file.accept_replays,
            stateless: file.stateless,
        });
        Ok(config)
    }
}

fn fixed(text: &str) -> Option<Clock> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(Arc::new(move || time))
}

fn hashes(names: &[String]) -> Option<&'static [Hash]> {
    let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
    known.sort_unstable();
    match known.as_slice() {
        ["sha1"] => Some(&[Hash::Sha1]),
        ["sha256"] => Some(&[Hash::Sha256]),
        ["sha1", "sha256"] => Some(&[Hash::Sha1, Hash::Sha256]),
        _ => None,
    }
}

struct Reader<'a> {
    folder: &'a Path,
}

impl Reader<'_> {
    fn contracts(&self, customers: Vec<Entry>) -> Result<Vec<Contract>, Error> {
        let contract = |customer: Entry| {
            Ok(Contract {
                certificates: self.certificates(&customer.certificates)?,
                files: customer.files.into_iter().map(|file| self.ready(file)).collect::<Result<_, _>>()?,
                user_id: customer.user_id,
                customer_id: customer.customer_id,
                name: customer.name,
                secret: customer.secret.map(Zeroizing::new),
                target_ids: customer.target_ids,
            })
        };
        customers.into_iter().map(contract).collect()
    }

    fn ready(&self, file: Ready) -> Result<ReadyFile, Error> {
        let content = self.read(&file.content)?.to_vec();
        let is_safe = |reference: &String| {
            (1..=32).contains(&reference.len())
                && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !file.reference.as_ref().is_none_or(is_safe) {
            return Err(self.wrong(&file.content, "its reference is not 1 to 32 letters, digits and hyphens"));
        }
        if !matches!(file.status.as_deref(), None | Some("NEW" | "DLD" | "DOWNLOADED" | "WFP" | "FWD")) {
            return Err(self.wrong(&file.content, "its status is not NEW, DLD, DOWNLOADED, WFP or FWD"));
        }
        Ok(ReadyFile { file_type: file.file_type, reference: file.reference, content, status: file.status })
    }

    fn keys(&self, keys: &Keys) -> Result<GivenKeys, Error> {
        let pair = |certificate: &Option<PathBuf>, key: &Option<PathBuf>| match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let certificate = self.certificate(certificate)?;
                Ok(Some(GivenKey { certificate, key: self.pem(key, "PRIVATE KEY")? }))
            }
            (None, None) => Ok(None),
            (Some(path), None) | (None, Some(path)) => Err(self.wrong(path, "certificate and key come together")),
        };
        Ok(GivenKeys {
            root: keys.root.as_deref().map(|path| self.certificate(path)).transpose()?,
            issuing: self.certificates(&keys.issuing)?,
            signer: pair(&keys.signer, &keys.signer_key)?,
            application_signer: pair(&keys.application_signer, &keys.application_signer_key)?,
            encryption: pair(&keys.encryption, &keys.encryption_key)?,
        })
    }

    fn certificates(&self, paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Error> {
        paths.iter().map(|path| self.certificate(path)).collect()
    }

    fn certificate(&self, path: &Path) -> Result<Vec<u8>, Error> {
        self.pem(path, "CERTIFICATE").map(|der| der.to_vec())
    }

    /// The DER of a PEM file, which must hold one object of this kind.
    fn pem(&self, path: &Path, label: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let text = self.read(path)?;
        match decode_vec(&text) {
            Ok((found, der)) if found == label => Ok(Zeroizing::new(der)),
            _ => Err(self.wrong(path, &format!("it is not PEM with one {label}"))),
        }
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
        let bytes = std::fs::read(self.folder.join(path)).map_err(|error| self.wrong(path, &error.to_string()))?;
        Ok(Zeroizing::new(bytes))
    }

    fn wrong(&self, path: &Path, reason: &str) -> Error {
        Error::Setting { path: self.folder.join(path), reason: reason.to_owned() }
    }
}
