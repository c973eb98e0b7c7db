//! Files to the banks: signed by enough keys, journalled before they leave, sent at most once (decisions 0004 and 0017).

use sha2::{Digest, Sha256};
use time::Duration;

use super::{Access, Desk, blob_id};
use crate::names::{Bank, Email, OrganisationId};
use crate::ports::{BankError, Blobs, CommitError, Store};
use crate::records::{Key, PgpPurpose, Record, Stored, Upload, UploadEntry, UploadState, Write};
use crate::session::Caller;
use crate::{Context, Failure, audit, pgp, usage};

/// How long an upload waits for signatures, from when it began.
pub const WAIT: Duration = Duration::days(7);
/// How often a change of the journal is tried that met another one.
const TRIES: usize = 8;

/// A file to be sent.
pub struct UploadRequest<'a> {
    /// The bank's name.
    pub bank: &'a str,
    /// File type.
    pub file_type: &'a str,
    /// File name.
    pub file_name: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Armored detached PGP signatures over the bytes.
    pub signatures: &'a str,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// The bank took it, now or before.
    Sent {
        /// Id of the upload.
        id: String,
    },
    /// More keys have to sign it.
    Waiting {
        /// Id of the upload.
        id: String,
        /// How many have signed it.
        given: usize,
        /// How many have to.
        required: usize,
    },
}

/// Sends a file that enough registered authorize keys have signed: at least one, and as many as the organisation's policy asks
/// for. With fewer it is kept until others sign it. The same bytes again get the recorded answer, or add their signature.
pub async fn upload(
    desk: Desk<'_>,
    blobs: &dyn Blobs,
    caller: &Caller,
    request: UploadRequest<'_>,
) -> Result<Uploaded, Failure> {
    let bank = caller.bank(desk.banks, request.bank)?;
    let signers = authorise(desk.context, caller, request.signatures, request.bytes)?;
    let file = Outgoing {
        bank,
        digest: upload_digest(request.file_type, request.bytes),
        sha256: format!("{:x}", Sha256::digest(request.bytes)),
        file_type: request.file_type,
        file_name: request.file_name,
        bytes: request.bytes,
    };
    let required = required(caller, &file);
    // Where these signatures are enough by themselves, the journal is not asked first: it objects when it is written.
    let earlier = if signers.len() < required { journalled(desk.store, caller, &file).await? } else { None };
    Sending { desk, blobs, caller, file, signers, required }.go_on(earlier).await
}

/// Adds signatures to an upload that waits for them, and sends it when there are enough. Of an upload that waited and was sent,
/// the recorded answer.
pub async fn sign(
    desk: Desk<'_>,
    blobs: &dyn Blobs,
    caller: &Caller,
    bank: &str,
    id: &str,
    signatures: &str,
) -> Result<Uploaded, Failure> {
    let bank = caller.bank(desk.banks, bank)?;
    let stored = find(desk.store, caller, bank, id).await?;
    let Upload { digest, sha256, file_type, file_name, blob, .. } = stored.record.clone();
    let blob = blob.ok_or(Failure::NotWaiting)?;
    let open = matches!(stored.record.state, UploadState::Waiting | UploadState::NotSent);
    if open && !is_fresh(desk.context, &stored.record) {
        return Err(Failure::WaitedTooLong);
    }
    let sealed = blobs.get(&blob).await?;
    let sealed = sealed.ok_or_else(|| Failure::Unavailable(format!("blob {blob} is missing")))?;
    let bytes = desk.sealer.open(&blob_id(caller.organisation(), &caller.login.email, &blob), &sealed).await?;
    let signers = authorise(desk.context, caller, signatures, bytes.expose())?;
    let file = Outgoing { bank, digest, sha256, file_type: &file_type, file_name: &file_name, bytes: bytes.expose() };
    let required = required(caller, &file);
    Sending { desk, blobs, caller, file, signers, required }.go_on(Some(stored)).await
}

/// The journal's record of an upload by its id.
async fn find(store: &dyn Store, caller: &Caller, bank: Bank, id: &str) -> Result<Stored<Upload>, Failure> {
    // Another text names nothing, and may be too long for the store.
    if id.len() > 50 || !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err(Failure::NotFound);
    }
    let email = &caller.login.email;
    let entry = Key::UploadEntry(caller.organisation().clone(), email.clone(), bank, id.to_owned());
    let digest = store.get(&[entry]).await?.into_iter().find_map(|stored| match stored.record {
        Record::UploadEntry(entry) => Some(entry.digest),
        _ => None,
    });
    let key = Key::Upload(caller.organisation().clone(), email.clone(), bank, digest.ok_or(Failure::NotFound)?);
    let upload = store.get(&[key]).await?.into_iter().find_map(as_upload);
    // A record of the same bytes that began anew has another id.
    upload.filter(|it| it.record.id == id).ok_or(Failure::NotFound)
}

async fn journalled(
    store: &dyn Store,
    caller: &Caller,
    file: &Outgoing<'_>,
) -> Result<Option<Stored<Upload>>, Failure> {
    let (organisation, email) = (caller.organisation().clone(), caller.login.email.clone());
    let key = Key::Upload(organisation, email, file.bank, file.digest.clone());
    Ok(store.get(&[key]).await?.into_iter().find_map(as_upload))
}

pub(super) fn as_upload(stored: Stored) -> Option<Stored<Upload>> {
    match stored.record {
        Record::Upload(record) => Some(Stored { record, version: stored.version }),
        _ => None,
    }
}

/// Whether the upload began so lately that its signatures count still.
pub(super) fn is_fresh(context: Context<'_>, upload: &Upload) -> bool {
    audit::time_of(&upload.id).is_some_and(|began| context.now() < began + WAIT)
}

/// Of these signers those whose keys are registered and may sign now: who was taken away counts no more.
pub(super) fn counting(context: Context<'_>, caller: &Caller, signers: &[String]) -> Vec<String> {
    let counts = |signer: &&String| {
        let key = caller.pgp_keys.iter().map(|it| &it.record).find(|it| it.fingerprint == **signer);
        key.is_some_and(|key| {
            key.purpose == PgpPurpose::Authorize
                && pgp::is_usable(&key.public_key, PgpPurpose::Authorize, context.now())
        })
    };
    signers.iter().filter(counts).cloned().collect()
}

/// The fingerprints of the authorize keys that signed: at least one.
fn authorise(context: Context<'_>, caller: &Caller, signatures: &str, bytes: &[u8]) -> Result<Vec<String>, Failure> {
    let authorize = caller.pgp_keys.iter().filter(|it| it.record.purpose == PgpPurpose::Authorize);
    let keys: Vec<&[u8]> = authorize.map(|it| it.record.public_key.as_slice()).collect();
    if keys.is_empty() {
        return Err(Failure::ReadOnly);
    }
    pgp::verify_detached(signatures, bytes, &keys, context.now()).map_err(|problem| match problem {
        pgp::SignatureProblem::None => Failure::NoSignature,
        pgp::SignatureProblem::Malformed | pgp::SignatureProblem::AllFailed => Failure::SignaturesFailed,
    })
}

/// How many different keys have to sign the file, by the policy as the account has it now.
fn required(caller: &Caller, file: &Outgoing<'_>) -> usize {
    caller.account.policy.signatures_required(file.bank, file.file_type).into()
}

fn upload_digest(file_type: &str, bytes: &[u8]) -> String {
    format!("{:x}", Sha256::new().chain_update(file_type).chain_update([0]).chain_update(bytes).finalize())
}

/// A file on its way out.
struct Outgoing<'a> {
    bank: Bank,
    digest: String,
    sha256: String,
    file_type: &'a str,
    file_name: &'a str,
    bytes: &'a [u8],
}

/// A call that brings a file, or signatures for it.
struct Sending<'a> {
    desk: Desk<'a>,
    blobs: &'a dyn Blobs,
    caller: &'a Caller,
    file: Outgoing<'a>,
    /// Who signed in this call.
    signers: Vec<String>,
    required: usize,
}

impl Sending<'_> {
    /// Takes the next step from what the journal says of these bytes. Where it says something else when the step is written,
    /// that decides.
    async fn go_on(self, mut earlier: Option<Stored<Upload>>) -> Result<Uploaded, Failure> {
        let mut access = None;
        for _ in 0..TRIES {
            let upload = match &earlier {
                None => self.begun(),
                Some(Stored { record, .. }) => match &record.state {
                    UploadState::Sent => return Ok(Uploaded::Sent { id: record.id.clone() }),
                    UploadState::Refused { code, text } => {
                        return Err(Failure::BankRefused { code: code.clone(), text: text.clone() });
                    }
                    UploadState::Sending | UploadState::Unknown => {
                        return Err(Failure::Unresolved(record.id.clone()));
                    }
                    UploadState::Waiting | UploadState::NotSent if is_fresh(self.desk.context, record) => {
                        self.continued(record)
                    }
                    UploadState::Waiting | UploadState::NotSent => self.begun(),
                },
            };
            let counted = counting(self.desk.context, self.caller, &upload.signers);
            let step = if counted.len() < self.required {
                let waiting =
                    Uploaded::Waiting { id: upload.id.clone(), given: counted.len(), required: self.required };
                if earlier.as_ref().is_some_and(|it| is_same_wait(&it.record, &upload)) {
                    return Ok(waiting);
                }
                self.wait(upload, earlier.as_ref()).await.map(|()| waiting)
            } else {
                // Opened before anything is journalled: what cannot be sent is not begun.
                let access = match &mut access {
                    Some(access) => access,
                    none => none.insert(Access::open(self.desk, self.caller, self.file.bank).await?),
                };
                self.send(Upload { signers: counted, ..upload }, earlier.as_ref(), access).await
            };
            match step {
                Err(Step::Met(current)) => earlier = Some(*current),
                Err(Step::Failed(failure)) => return Err(failure),
                Ok(uploaded) => return Ok(uploaded),
            }
        }
        Err(Failure::Unavailable("other requests kept changing the upload".to_owned()))
    }

    /// An upload that begins with this call.
    fn begun(&self) -> Upload {
        let (context, file) = (self.desk.context, &self.file);
        Upload {
            organisation: self.caller.organisation().clone(),
            email: self.caller.login.email.clone(),
            bank: file.bank,
            digest: file.digest.clone(),
            id: audit::id(context, context.now()),
            file_type: file.file_type.to_owned(),
            file_name: file.file_name.to_owned(),
            size: file.bytes.len() as u64,
            sha256: file.sha256.clone(),
            signers: self.signers.clone(),
            required: u8::try_from(self.required).unwrap_or(u8::MAX),
            blob: None,
            state: UploadState::Sending,
            at: context.now(),
        }
    }

    /// An upload that began before, with the signatures of this call.
    fn continued(&self, earlier: &Upload) -> Upload {
        let mut signers = [earlier.signers.as_slice(), &self.signers].concat();
        signers.sort();
        signers.dedup();
        Upload { id: earlier.id.clone(), blob: earlier.blob.clone(), signers, ..self.begun() }
    }

    /// Keeps the file, then the record that it waits.
    async fn wait(&self, upload: Upload, earlier: Option<&Stored<Upload>>) -> Result<(), Step> {
        if self.caller.issued(self.file.bank).is_none() && self.caller.share(self.file.bank).is_none() {
            return Err(Failure::NoCertificate.into());
        }
        let mut upload = Upload { state: UploadState::Waiting, ..upload };
        if upload.blob.is_none() {
            upload.blob = Some(self.keep().await?);
        }
        let began = earlier.is_none_or(|it| it.record.id != upload.id || it.record.state != UploadState::Waiting);
        self.journal(&upload, earlier, began.then_some("accepted")).await.map(drop)
    }

    /// Seals the bytes under a name that says what they are.
    async fn keep(&self) -> Result<String, Failure> {
        let (organisation, email) = (self.caller.organisation(), &self.caller.login.email);
        let blob = waiting_blob(organisation, email, &self.file);
        let sealed = self.desk.sealer.seal(&blob_id(organisation, email, &blob), self.file.bytes).await?;
        self.blobs.put(&blob, &sealed).await?;
        Ok(blob)
    }

    /// Journals "sending", sends, and journals what the bank said.
    async fn send(&self, upload: Upload, earlier: Option<&Stored<Upload>>, access: &Access) -> Result<Uploaded, Step> {
        let (desk, file) = (self.desk, &self.file);
        // Read before the bank has the file: nothing after that may fail.
        let observed = usage::observe(desk.context, desk.banks, self.caller, file.file_type, file.bytes);
        let version = self.journal(&upload, earlier, Some("started")).await?;

        let sent = desk.banks.upload(access.user(), file.file_type, file.file_name, file.bytes).await;

        let (state, outcome) = match &sent {
            Ok(()) => (UploadState::Sent, "completed"),
            Err(BankError::Refused { code, text }) => {
                (UploadState::Refused { code: code.clone(), text: text.clone() }, "rejected")
            }
            Err(error) if error.not_sent() => (UploadState::NotSent, "failed"),
            Err(_) => (UploadState::Unknown, "failed"),
        };
        let bank_said = match &sent {
            Ok(()) => Some(("00", "")),
            Err(BankError::Refused { code, text }) => Some((code.as_str(), text.as_str())),
            Err(_) => None,
        };
        let (organisation, login) = (self.caller.organisation(), &self.caller.login);
        let event = audit::answered(desk.context, organisation, login, "file.upload", outcome, &upload.id, bank_said);
        let id = upload.id.clone();
        let mut writes = vec![Write::Replace(Record::Upload(Upload { state, ..upload }), version), event];
        if sent.is_ok() {
            writes.extend(observed);
        }
        desk.store.commit(writes).await.map_err(Failure::from)?;
        sent.map_err(Failure::from)?;
        Ok(Uploaded::Sent { id })
    }

    /// Writes the upload over what was read of it: the record's version. With it the way to it by its id, where the id is new,
    /// an event that names the outcome, and one for each key that has signed an upload that waits or did.
    async fn journal(
        &self,
        upload: &Upload,
        earlier: Option<&Stored<Upload>>,
        outcome: Option<&str>,
    ) -> Result<u64, Step> {
        let (context, organisation, login) = (self.desk.context, self.caller.organisation(), &self.caller.login);
        let record = Record::Upload(upload.clone());
        let (mut writes, version) = match earlier {
            None => (vec![Write::Insert(record)], 1),
            Some(earlier) => (vec![Write::Replace(record, earlier.version)], earlier.version + 1),
        };
        let same = earlier.filter(|it| it.record.id == upload.id);
        if same.is_none() {
            writes.push(Write::Insert(Record::UploadEntry(entry(upload, &upload.id))));
            // Of what waited in vain nothing is left to be found.
            let gone = earlier.map(|it| Record::UploadEntry(entry(upload, &it.record.id)).key());
            writes.extend(gone.map(Write::Forget));
        }
        if upload.blob.is_some() {
            let known = same.map(|it| it.record.signers.as_slice()).unwrap_or_default();
            let new = self.signers.iter().filter(|signer| !known.contains(signer));
            writes.extend(new.map(|signer| {
                audit::completed(context, organisation, login, "file.sign", &format!("{} {signer}", upload.id))
            }));
        }
        let said = outcome
            .map(|outcome| audit::answered(context, organisation, login, "file.upload", outcome, &upload.id, None));
        writes.extend(said);
        match self.desk.store.commit(writes).await {
            Ok(()) => Ok(version),
            Err(CommitError::Conflict { index: 0, current: Some(current) }) => match as_upload(*current) {
                Some(current) => Err(Step::Met(Box::new(current))),
                None => Err(Failure::Internal("another record under an upload's name".to_owned()).into()),
            },
            Err(error) => Err(Failure::from(error).into()),
        }
    }
}

/// Why a step was not taken.
enum Step {
    /// The journal says this by now.
    Met(Box<Stored<Upload>>),
    /// For the caller.
    Failed(Failure),
}

impl From<Failure> for Step {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Whether nobody new has signed an upload that waits already.
fn is_same_wait(earlier: &Upload, upload: &Upload) -> bool {
    earlier.state == UploadState::Waiting && earlier.id == upload.id && earlier.signers == upload.signers
}

fn entry(upload: &Upload, id: &str) -> UploadEntry {
    UploadEntry {
        organisation: upload.organisation.clone(),
        email: upload.email.clone(),
        bank: upload.bank,
        id: id.to_owned(),
        digest: upload.digest.clone(),
    }
}

/// Named by what it is and what it holds: SHA-256 over organisation, account, bank and the digest of type and bytes.
fn waiting_blob(organisation: &OrganisationId, email: &Email, file: &Outgoing<'_>) -> String {
    let mut sha256 = Sha256::new();
    for part in ["upload", &organisation.0, email.as_str(), file.bank.as_str(), &file.digest] {
        sha256.update(part);
        sha256.update([0]);
    }
    format!("{:x}", sha256.finalize())
}
