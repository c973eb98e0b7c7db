//! Registered PGP keys (brief 1.5, 2.7).

use crate::ports::{CommitError, Store};
use crate::records::{Key, PgpKey, PgpPurpose, Record, Stored, Write};
use crate::session::Caller;
use crate::{Context, Failure, audit, pgp};

/// Keys of one account, at most: keeps the account's partition one page.
const MAX_KEYS: usize = 50;

/// Registers a public key for a purpose. The same key for the same purpose again changes nothing.
pub async fn upload(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    armored: &str,
    purpose: PgpPurpose,
) -> Result<(), Failure> {
    let key = pgp::read_public_key(armored, purpose, context.now())
        .map_err(|problem| Failure::Invalid(format!("PgpKey ({})", advice(problem))))?;
    if let Some(known) = caller.pgp_keys.iter().find(|it| it.record.fingerprint == key.fingerprint) {
        return already(known.record.purpose, purpose);
    }
    if caller.pgp_keys.len() >= MAX_KEYS {
        return Err(Failure::Invalid(format!("PgpKey (at most {MAX_KEYS} keys)")));
    }
    let record = PgpKey {
        email: caller.login.email.clone(),
        fingerprint: key.fingerprint,
        purpose,
        public_key: key.binary,
        created: context.now(),
    };
    let event =
        audit::completed(context, caller.organisation(), &caller.login, "pgp-key.register", &record.fingerprint);
    match store.commit(vec![Write::Insert(Record::PgpKey(record)), event, caller.unchanged()]).await {
        Err(CommitError::Conflict { index: 0, current: Some(current) }) => match current.record {
            Record::PgpKey(known) => already(known.purpose, purpose),
            _ => Err(Failure::Internal("another record under a PGP key's name".to_owned())),
        },
        outcome => Ok(outcome?),
    }
}

/// Takes a registered key away, by its short id or its fingerprint; gives those that remain. Its signatures count no more, for
/// uploads that wait too.
pub async fn delete<'a>(
    context: Context<'_>,
    store: &dyn Store,
    caller: &'a Caller,
    id: &str,
) -> Result<Vec<&'a PgpKey>, Failure> {
    let Stored { record: key, version } = named(caller, id)?;
    let event = audit::completed(context, caller.organisation(), &caller.login, "pgp-key.delete", &key.fingerprint);
    let name = Key::PgpKey(caller.login.email.clone(), key.fingerprint.clone());
    match store.commit(vec![Write::Delete(name, *version), event]).await {
        // Another request has taken it away since the account was read.
        Err(CommitError::Conflict { index: 0, current: None }) => return Err(Failure::NotFound),
        outcome => outcome?,
    }
    Ok(caller.pgp_keys.iter().map(|it| &it.record).filter(|it| it.fingerprint != key.fingerprint).collect())
}

/// The key of this short id, or of this fingerprint. Short ids can be made to collide, and then the id says nothing.
fn named<'a>(caller: &'a Caller, id: &str) -> Result<&'a Stored<PgpKey>, Failure> {
    let well_formed = [8, 40, 64].contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(Failure::Invalid("PgpKeyId (8 hex digits, or the whole fingerprint)".to_owned()));
    }
    let is_meant =
        |fingerprint: &str| fingerprint.eq_ignore_ascii_case(id) || pgp::short_id(fingerprint).eq_ignore_ascii_case(id);
    let mut found = caller.pgp_keys.iter().filter(|it| is_meant(&it.record.fingerprint));
    let key = found.next().ok_or(Failure::NotFound)?;
    match found.next() {
        None => Ok(key),
        Some(_) => Err(Failure::Ambiguous("fingerprint")),
    }
}

fn already(registered: PgpPurpose, wanted: PgpPurpose) -> Result<(), Failure> {
    if registered == wanted { Ok(()) } else { Err(Failure::Exists("PGP key already exists with the other purpose")) }
}

/// What the sender of a key, or who asks for it to be used, is told.
pub(crate) fn advice(problem: pgp::KeyProblem) -> &'static str {
    use pgp::KeyProblem;
    match problem {
        KeyProblem::NotAKey => "not an armored public key",
        KeyProblem::Private => "this is a private key: keep it to yourself, and send the public key",
        KeyProblem::Several => "more than one key",
        KeyProblem::Expired => "the key has expired",
        KeyProblem::Revoked => "the key is revoked",
        KeyProblem::Weak => "the key's algorithm or size is too weak",
        KeyProblem::NoUse => "the key cannot do what its purpose needs",
    }
}
