//! Files to and from the banks (brief 1.4): an upload is at most once, a download is kept before it counts.

mod journal;
mod upload;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::certificates::{open_key, sealed_keys};
use crate::names::{Bank, Email, OrganisationId};
use crate::ports::{BankChannel, BankError, BankUser, Blobs, CommitError, FileDescriptor, FileStatus, Store};
use crate::records::{
    BankCertificate, CertificateState, Download, Key, KeyId, KeyKind, PgpPurpose, Record, SealedKey, Share, Stored,
    Write,
};
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::session::{Caller, Visitor};
use crate::{Context, Failure, audit, usage};

pub use journal::{JournalPage, Journalled, uploads};
pub use upload::{UploadRequest, Uploaded, WAIT, sign, upload};

/// The ports of every file operation.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Request.
    pub context: Context<'a>,
    /// Records.
    pub store: &'a dyn Store,
    /// Opens the certificate's private key.
    pub sealer: &'a Sealer,
    /// Banks.
    pub banks: &'a dyn BankChannel,
}

/// The bank's list of files.
pub async fn list(
    desk: Desk<'_>,
    caller: &Caller,
    bank: &str,
    status: FileStatus,
    file_type: Option<&str>,
) -> Result<Vec<FileDescriptor>, Failure> {
    let bank = caller.bank(desk.banks, bank)?;
    let access = Access::open(desk, caller, bank).await?;
    Ok(desk.banks.list(access.user(), status, file_type).await?)
}

/// Which file is asked for.
pub struct DownloadRequest<'a> {
    /// The bank's name.
    pub bank: &'a str,
    /// File type.
    pub file_type: &'a str,
    /// The bank's reference.
    pub reference: &'a str,
}

/// A caller who asks for a file, with what one read tells of it.
pub struct DownloadVisit {
    caller: Caller,
    kept: Option<Download>,
}

impl DownloadVisit {
    /// Reads account, certificate and the file's record in one go, and admits the caller.
    pub async fn enter(store: &dyn Store, visitor: Visitor, request: &DownloadRequest<'_>) -> Result<Self, Failure> {
        let mut keys = visitor.keys();
        if let Some(bank) = Bank::parse(request.bank) {
            let email = visitor.email().clone();
            keys.push(Key::Certificate(email.clone(), bank));
            keys.push(Key::Share(email.clone(), bank));
            let organisation = visitor.organisation().clone();
            let (file_type, reference) = (request.file_type.to_owned(), request.reference.to_owned());
            keys.push(Key::Download(organisation, email, bank, file_type, reference));
        }
        let mut records = store.get(&keys).await?;
        let kept = records.iter().position(|stored| matches!(stored.record, Record::Download(_)));
        let kept = kept.map(|at| records.swap_remove(at)).and_then(|stored| match stored.record {
            Record::Download(record) => Some(record),
            _ => None,
        });
        Ok(Self { caller: visitor.enter_with(store, records).await?, kept })
    }
}

/// The file's bytes: from what was kept, or from the bank, kept before they are given out.
pub async fn download(
    desk: Desk<'_>,
    blobs: &dyn Blobs,
    visit: DownloadVisit,
    request: &DownloadRequest<'_>,
) -> Result<Secret, Failure> {
    let DownloadVisit { caller, kept } = visit;
    let bank = caller.bank(desk.banks, request.bank)?;
    if let Some(record) = kept {
        let sealed = blobs.get(&record.blob).await?;
        let sealed = sealed.ok_or_else(|| Failure::Unavailable(format!("blob {} is missing", record.blob)))?;
        return desk.sealer.open(&blob_key(&caller, &record.blob), &sealed).await;
    }
    let access = Access::open(desk, &caller, bank).await?;
    let found = desk.banks.download(access.user(), request.file_type, request.reference).await?;
    let bytes = Secret::new(found.ok_or(Failure::NotFound)?);

    let blob = blob_name(&caller, bank, request, bytes.expose());
    blobs.put(&blob, &desk.sealer.seal(&blob_key(&caller, &blob), bytes.expose()).await?).await?;
    let record = Download {
        organisation: caller.organisation().clone(),
        email: caller.login.email.clone(),
        bank,
        file_type: request.file_type.to_owned(),
        reference: request.reference.to_owned(),
        blob,
        size: bytes.expose().len() as u64,
        at: desk.context.now(),
    };
    let event =
        audit::completed(desk.context, caller.organisation(), &caller.login, "file.download", &record.reference);
    let mut writes = vec![Write::Insert(Record::Download(record)), event];
    writes.extend(usage::observe(desk.context, desk.banks, &caller, request.file_type, bytes.expose()));
    match desk.store.commit(writes).await {
        // Another request kept the same file at the same moment.
        Ok(()) | Err(CommitError::Conflict { index: 0, .. }) => Ok(bytes),
        Err(error) => Err(error.into()),
    }
}

/// Named by what it is and what it holds: SHA-256 over organisation, account, bank, type, reference and bytes.
fn blob_name(caller: &Caller, bank: Bank, request: &DownloadRequest<'_>, bytes: &[u8]) -> String {
    let mut sha256 = Sha256::new();
    let (organisation, email) = (&caller.organisation().0, caller.login.email.as_str());
    for part in [organisation, email, bank.as_str(), request.file_type, request.reference] {
        sha256.update(part);
        sha256.update([0]);
    }
    format!("{:x}", sha256.chain_update(bytes).finalize())
}

fn blob_key(caller: &Caller, blob: &str) -> KeyId {
    blob_id(caller.organisation(), &caller.login.email, blob)
}

/// What a kept file is sealed for: account and name.
#[must_use]
pub fn blob_id(organisation: &OrganisationId, email: &Email, blob: &str) -> KeyId {
    KeyId {
        organisation: organisation.clone(),
        holder: email.as_str().to_owned(),
        kind: KeyKind::File,
        id: blob.to_owned(),
    }
}

/// Has the bank delete a file that it has not taken on yet, at banks that offer it. Who may not is told first; what is asked of the
/// bank is in the trail before and after.
pub async fn delete(
    desk: Desk<'_>,
    caller: &Caller,
    bank: &str,
    file_type: &str,
    reference: &str,
) -> Result<(), Failure> {
    let bank = caller.bank(desk.banks, bank)?;
    if !caller.pgp_keys.iter().any(|it| it.record.purpose == PgpPurpose::Authorize) {
        return Err(Failure::ReadOnly);
    }
    if caller.issued(bank).is_none() && caller.share(bank).is_none() {
        return Err(Failure::NoCertificate);
    }
    if !desk.banks.deletes(bank) {
        return Err(Failure::NotOffered);
    }
    let access = Access::open(desk, caller, bank).await?;
    let object = format!("{} {reference}", bank.as_str());
    let tell = async |outcome: &str, bank_said: Option<(&str, &str)>| {
        let (organisation, login) = (caller.organisation(), &caller.login);
        let event = audit::answered(desk.context, organisation, login, "file.delete", outcome, &object, bank_said);
        desk.store.commit(vec![event]).await
    };
    tell("started", None).await?;
    match desk.banks.delete(access.user(), file_type, reference).await {
        Ok(()) => Ok(tell("completed", Some(("00", ""))).await?),
        Err(error) => {
            match &error {
                BankError::Refused { code, text } => tell("rejected", Some((code, text))).await?,
                error if error.not_sent() => tell("failed", None).await?,
                // What became of it the bank's list tells.
                _ => {}
            }
            Err(error.into())
        }
    }
}

/// A certificate with its opened key, ready for a bank call.
struct Access {
    certificate: BankCertificate,
    der: Vec<u8>,
    expires: OffsetDateTime,
    key: Secret,
    decryption_key: Option<Secret>,
    target_id: Option<String>,
}

impl Access {
    /// Opens the private key of the certificate that the caller uses for the bank; asks the bank for its folders where
    /// they are not known yet.
    async fn open(desk: Desk<'_>, caller: &Caller, bank: Bank) -> Result<Self, Failure> {
        let (stored, keys) = match (caller.issued(bank), caller.share(bank)) {
            (Some(own), _) => (own.clone(), keys_of(desk.store, &own.record).await?),
            (None, Some(share)) => shared(desk.store, &share.record).await?,
            (None, None) => return Err(Failure::NoCertificate),
        };
        let CertificateState::Active { certificate: der, expires, target_ids } = &stored.record.state else {
            return Err(Failure::NoCertificate);
        };
        let decryption_key = match &stored.record.encryption {
            Some(pair) => Some(open_key(desk.sealer, &pair.key, &keys).await?),
            None => None,
        };
        let mut access = Self {
            der: der.clone(),
            expires: *expires,
            key: open_key(desk.sealer, &stored.record.key, &keys).await?,
            decryption_key,
            target_id: target_ids.first().cloned(),
            certificate: stored.record,
        };
        if access.target_id.is_none() && desk.banks.has_folders(bank) {
            access.learn_target_ids(desk, stored.version).await?;
        }
        Ok(access)
    }

    async fn learn_target_ids(&mut self, desk: Desk<'_>, version: u64) -> Result<(), Failure> {
        let target_ids = desk.banks.target_ids(self.user()).await?;
        self.target_id = target_ids.first().cloned();
        let state = CertificateState::Active { certificate: self.der.clone(), expires: self.expires, target_ids };
        let record = Record::Certificate(BankCertificate { state, ..self.certificate.clone() });
        match desk.store.commit(vec![Write::Replace(record, version)]).await {
            // Another request learned them too.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn user(&self) -> BankUser<'_> {
        BankUser {
            bank: self.certificate.bank,
            user_id: &self.certificate.user_id,
            certificate: &self.der,
            key: &self.key,
            decryption_key: self.decryption_key.as_ref(),
            target_id: self.target_id.as_deref(),
        }
    }
}

/// The certificate that a share is of, and its sealed key, in one read; in two where it has other keys: after a renewal, and at
/// banks that encrypt.
async fn shared(store: &dyn Store, share: &Share) -> Result<(Stored<BankCertificate>, Vec<SealedKey>), Failure> {
    let keys = [Key::Certificate(share.owner.clone(), share.bank), Key::SealedKey(share.key.clone())];
    let (mut certificate, mut sealed) = (None, Vec::new());
    for Stored { record, version } in store.get(&keys).await? {
        match record {
            Record::Certificate(record) => certificate = Some(Stored { record, version }),
            Record::SealedKey(key) => sealed.push(key),
            _ => {}
        }
    }
    // Unshared or retired since the account was read.
    let live = certificate.filter(|it| it.record.shared_to.contains(&share.email)).ok_or(Failure::NoCertificate)?;
    if live.record.key != share.key || live.record.encryption.is_some() || sealed.is_empty() {
        sealed = keys_of(store, &live.record).await?;
    }
    Ok((live, sealed))
}

/// The certificate's keys at rest: one, or two at banks that encrypt.
async fn keys_of(store: &dyn Store, certificate: &BankCertificate) -> Result<Vec<SealedKey>, Failure> {
    let ids = [Some(&certificate.key), certificate.encryption.as_ref().map(|it| &it.key)];
    let names: Vec<Key> = ids.into_iter().flatten().map(|id| Key::SealedKey(id.clone())).collect();
    sealed_keys(store, &names).await
}
