//! Which certificates an account has, may use, and had.

use time::OffsetDateTime;

use crate::Failure;
use crate::names::Bank;
use crate::ports::{BankChannel, CertificateSummary, Store};
use crate::records::{BankCertificate, Key, Record, RetiredCertificate, Stored};
use crate::session::Caller;

/// All that the API lists, each part by bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The account's own certificates.
    pub own: Vec<Descriptor>,
    /// What it can use, its own and others'.
    pub connections: Vec<Connection>,
    /// What it used to have.
    pub retired: Vec<Descriptor>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Requests to the bank are signed by its key.
    Signing,
    /// Contents are encrypted for it.
    Encryption,
}

impl Purpose {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Encryption => "encryption",
        }
    }
}

/// A certificate of the account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Name: `nordea_customer_signing_cert`, retired `nordea.REMOVED.1a2b3c4d_customer_signing_cert`.
    pub name: String,
    /// Bank.
    pub bank: Bank,
    /// Purpose.
    pub purpose: Purpose,
    /// Web Services user id.
    pub user_id: String,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// What people read in it.
    pub summary: CertificateSummary,
}

/// A bank that the account can talk to. Of another's certificate neither owner nor contents are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Bank.
    pub bank: Bank,
    /// Whether the certificate is another account's.
    pub shared: bool,
    /// Its certificates: purpose and end of validity.
    pub certificates: Vec<(Purpose, OffsetDateTime)>,
}

/// What the account has, may use, and had. One read more where something is shared with it.
pub async fn list(store: &dyn Store, banks: &dyn BankChannel, caller: &Caller) -> Result<Listing, Failure> {
    let mut listing = Listing {
        own: own(banks, &caller.certificates)?,
        connections: Vec::new(),
        retired: retired(banks, &caller.retired)?,
    };
    for certificates in listing.own.chunk_by(|one, other| one.bank == other.bank) {
        listing.connections.push(connection(certificates[0].bank, false, certificates));
    }
    for record in shared(store, caller).await? {
        let certificates = descriptors(banks, &record)?;
        if !certificates.is_empty() {
            listing.connections.push(connection(record.bank, true, &certificates));
        }
    }
    listing.connections.sort_by_key(|it| it.bank.as_str());
    Ok(listing)
}

/// An account's own certificates, by bank.
pub(crate) fn own(banks: &dyn BankChannel, records: &[Stored<BankCertificate>]) -> Result<Vec<Descriptor>, Failure> {
    let mut own = Vec::new();
    for record in records.iter().map(|it| &it.record) {
        own.extend(descriptors(banks, record)?);
    }
    own.sort_by_key(|it| it.bank.as_str());
    Ok(own)
}

/// What an account used to have.
pub(crate) fn retired(banks: &dyn BankChannel, records: &[RetiredCertificate]) -> Result<Vec<Descriptor>, Failure> {
    let mut retired = Vec::new();
    for it in records {
        let label = label(it.bank, &it.mark);
        for (purpose, certificate) in pair(Some(it.certificate.as_slice()), it.encryption.as_deref()) {
            retired.push(descriptor(banks, &label, it.bank, purpose, &it.user_id, certificate)?);
        }
    }
    Ok(retired)
}

/// Others' certificates at banks where the account has none of its own.
async fn shared(store: &dyn Store, caller: &Caller) -> Result<Vec<BankCertificate>, Failure> {
    let shares = caller.shares.iter().map(|it| &it.record).filter(|it| caller.issued(it.bank).is_none());
    let keys: Vec<Key> = shares.map(|it| Key::Certificate(it.owner.clone(), it.bank)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = store.get(&keys).await?;
    let certificates = found.into_iter().filter_map(|stored| match stored.record {
        Record::Certificate(it) => Some(it),
        _ => None,
    });
    Ok(certificates.filter(|it| it.shared_to.contains(&caller.login.email)).collect())
}

/// What comes before `_customer_` in the names of retired certificates.
fn label(bank: Bank, mark: &str) -> String {
    format!("{}.REMOVED.{mark}", bank.as_str())
}

/// The names of retired certificates.
pub(super) fn retired_names(bank: Bank, mark: &str, both: bool) -> Vec<String> {
    let purposes = [Some(Purpose::Signing), both.then_some(Purpose::Encryption)];
    purposes.into_iter().flatten().map(|purpose| name(&label(bank, mark), purpose)).collect()
}

fn name(label: &str, purpose: Purpose) -> String {
    format!("{label}_customer_{}_cert", purpose.as_str())
}

fn descriptors(banks: &dyn BankChannel, record: &BankCertificate) -> Result<Vec<Descriptor>, Failure> {
    let encryption = record.encryption.as_ref().map(|it| it.certificate.as_slice());
    pair(record.issued(), encryption)
        .map(|(purpose, der)| descriptor(banks, record.bank.as_str(), record.bank, purpose, &record.user_id, der))
        .collect()
}

/// The certificates of a record with what they are for; none while there is no signing certificate.
fn pair<'a>(signing: Option<&'a [u8]>, encryption: Option<&'a [u8]>) -> impl Iterator<Item = (Purpose, &'a [u8])> {
    let encryption = signing.and(encryption);
    let found = [(Purpose::Signing, signing), (Purpose::Encryption, encryption)];
    found.into_iter().filter_map(|(purpose, certificate)| Some((purpose, certificate?)))
}

fn descriptor(
    banks: &dyn BankChannel,
    label: &str,
    bank: Bank,
    purpose: Purpose,
    user_id: &str,
    certificate: &[u8],
) -> Result<Descriptor, Failure> {
    Ok(Descriptor {
        name: name(label, purpose),
        bank,
        purpose,
        user_id: user_id.to_owned(),
        certificate: certificate.to_vec(),
        summary: banks.summary(certificate)?,
    })
}

fn connection(bank: Bank, shared: bool, certificates: &[Descriptor]) -> Connection {
    let certificates = certificates.iter().map(|it| (it.purpose, it.summary.expires)).collect();
    Connection { bank, shared, certificates }
}
