//! Re-wrapping (R28): what is sealed under an earlier version of the root key is sealed again under the current one.

use crate::Failure;
use crate::ports::{Blobs, CommitError, Store};
use crate::records::{KeyId, Record, SealedKey, Stored, Write};
use crate::seal::Sealer;

/// What became of one sealed thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is under the current version now; it was opened again before what was there was replaced.
    Rewrapped,
    /// It was under the current version already; it was not touched.
    Current,
    /// Somebody changed the record after it was read; it was not touched.
    Conflict,
}

/// Re-wraps a key, if its record is still the one that was read.
pub async fn key(store: &dyn Store, sealer: &Sealer, stored: &Stored<SealedKey>) -> Result<Outcome, Failure> {
    let SealedKey { id, sealed } = &stored.record;
    if sealer.is_current(sealed) {
        return Ok(Outcome::Current);
    }
    let again = SealedKey { id: id.clone(), sealed: sealer.rewrap(id, sealed).await? };
    match store.commit(vec![Write::Replace(Record::SealedKey(again), stored.version)]).await {
        Ok(()) => Ok(Outcome::Rewrapped),
        Err(CommitError::Conflict { .. }) => Ok(Outcome::Conflict),
        Err(error) => Err(error.into()),
    }
}

/// Re-wraps a kept file in its place. Only for blobs whose names can be put again, by the one process that writes them.
pub async fn file(blobs: &dyn Blobs, sealer: &Sealer, id: &KeyId) -> Result<Outcome, Failure> {
    let found = blobs.get(&id.id).await?;
    let kept = found.ok_or_else(|| Failure::Unavailable(format!("blob {} is missing", id.id)))?;
    if sealer.is_current(&kept) {
        return Ok(Outcome::Current);
    }
    blobs.put(&id.id, &sealer.rewrap(id, &kept).await?).await?;
    Ok(Outcome::Rewrapped)
}
