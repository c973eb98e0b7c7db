//! Sealing under data keys: AES-256-GCM, the full identity of what is sealed as associated data, data keys cached by age
//! and use (R26 to R30).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use time::{Duration, OffsetDateTime};

use crate::Failure;
use crate::ports::{Clock, DataKey, KeyContext, Random, Unavailable, Vault};
use crate::records::{KeyId, KeyKind};
use crate::secret::Secret;

/// Format of sealed bytes: 1, length of the wrapped key (two bytes, big endian), wrapped key, nonce, ciphertext. The root
/// key has its first version.
const FIRST: u8 = 1;
/// The same with the version of the root key (four bytes, big endian) after the 2; only written for later versions, so that
/// until a root key is changed nothing changes for anybody.
const VERSIONED: u8 = 2;
/// How long a data key serves, for sealing and for opening.
const MAX_AGE: Duration = Duration::minutes(15);
/// How often a data key seals: far below what random nonces allow (2^32).
const MAX_USES: u32 = 1 << 20;
/// How many opened data keys are kept.
const MAX_OPENED: usize = 256;

/// Seals and opens; holds data keys in memory for a while.
pub struct Sealer {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    sealing: HashMap<KeyContext, Cached>,
    opened: HashMap<(KeyContext, Vec<u8>), (Secret, OffsetDateTime)>,
}

struct Cached {
    key: DataKey,
    since: OffsetDateTime,
    uses: u32,
}

impl Sealer {
    /// A sealer with an empty cache.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { vault, clock, random, cache: Mutex::default() }
    }

    /// Seals bytes that only the same identity opens.
    pub async fn seal(&self, id: &KeyId, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.sealing_key(&context(id)).await?;
        self.seal_under(&key, id, plaintext)
    }

    /// Opens sealed bytes; fails for any identity but the one that they were sealed for, and for a key that was sealed under
    /// a version of the root key below the vault's minimum. (Files are not keys: decision 0008.)
    pub async fn open(&self, id: &KeyId, sealed: &[u8]) -> Result<Secret, Failure> {
        let unreadable = || Failure::Internal("sealed bytes do not open".to_owned());
        let Parts { version, wrapped, nonce, ciphertext } = parts(sealed).ok_or_else(unreadable)?;
        let minimum = self.vault.versions().minimum;
        if version < minimum && id.kind != KeyKind::File {
            let told = format!("a key is sealed under version {version} of the root key, and {minimum} is the lowest");
            return Err(Failure::Internal(told));
        }
        let key = self.opening_key(&context(id), wrapped).await?;
        let mut plaintext = ciphertext.to_vec();
        let length = cipher(&key)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(identity(id, version)), &mut plaintext)
            .map_err(|_| unreadable())?
            .len();
        plaintext.truncate(length);
        Ok(Secret::new(plaintext))
    }

    /// Whether sealed bytes name the root key's current version, or one to come. They are not opened for it.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        parts(sealed).is_some_and(|parts| parts.version >= self.vault.versions().current)
    }

    /// Seals the same again under a fresh data key, which the vault wraps with its root key of today (R28), and opens the
    /// outcome, with the vault's help, to see that it is the same. The plaintext stays in here. The fresh data key serves
    /// this once.
    pub async fn rewrap(&self, id: &KeyId, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        let plaintext = self.open(id, sealed).await?;
        let key = self.vault.generate(&context(id)).await.map_err(vault)?;
        let again = self.seal_under(&key, id, plaintext.expose())?;
        let opened = self.open(id, &again).await?;
        verify_slices_are_equal(opened.expose(), plaintext.expose())
            .map_err(|_| Failure::Internal("what was sealed again opens as something else".to_owned()))?;
        Ok(again)
    }

    fn seal_under(&self, key: &DataKey, id: &KeyId, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
        let version = self.vault.versions().current;
        let mut sealed = header(version, &key.wrapped)?;
        sealed.extend_from_slice(&nonce);
        // Room for the tag: growing would leave a copy of the plaintext behind.
        let mut ciphertext = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        ciphertext.extend_from_slice(plaintext);
        cipher(&key.plaintext)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(identity(id, version)),
                &mut ciphertext,
            )
            .map_err(|_| Failure::Internal("sealing failed".to_owned()))?;
        sealed.append(&mut ciphertext);
        Ok(sealed)
    }

    async fn sealing_key(&self, context: &KeyContext) -> Result<DataKey, Failure> {
        let now = self.clock.now();
        if let Some(cached) = self.lock().sealing.get_mut(context)
            && now - cached.since < MAX_AGE
            && cached.uses < MAX_USES
        {
            cached.uses += 1;
            return Ok(cached.key.clone());
        }
        let key = self.vault.generate(context).await.map_err(vault)?;
        let mut cache = self.lock();
        cache.remember_opened(context, &key.wrapped, key.plaintext.clone(), now);
        cache.sealing.insert(context.clone(), Cached { key: key.clone(), since: now, uses: 1 });
        Ok(key)
    }

    async fn opening_key(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Failure> {
        let now = self.clock.now();
        if let Some((key, since)) = self.lock().opened.get(&(context.clone(), wrapped.to_vec()))
            && now - *since < MAX_AGE
        {
            return Ok(key.clone());
        }
        let key = self.vault.open(context, wrapped).await.map_err(vault)?;
        self.lock().remember_opened(context, wrapped, key.clone(), now);
        Ok(key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn remember_opened(&mut self, context: &KeyContext, wrapped: &[u8], key: Secret, now: OffsetDateTime) {
        self.opened.retain(|_, (_, since)| now - *since < MAX_AGE);
        self.sealing.retain(|_, cached| now - cached.since < MAX_AGE);
        if self.opened.len() >= MAX_OPENED {
            self.opened.clear();
        }
        self.opened.insert((context.clone(), wrapped.to_vec()), (key, now));
    }
}

fn vault(Unavailable(what): Unavailable) -> Failure {
    Failure::Vault(what)
}

fn context(id: &KeyId) -> KeyContext {
    KeyContext { kind: id.kind, organisation: id.organisation.clone() }
}

/// Every part with its length before it, so that no two identities have one text; with a version that is not the first, a
/// part more.
fn identity(id: &KeyId, version: u32) -> Vec<u8> {
    let version = (version > 1).then(|| version.to_string());
    let parts = ["avain", &id.organisation.0, &id.holder, id.kind.as_str(), &id.id];
    let parts = parts.into_iter().chain(version.as_deref());
    parts.flat_map(|part| [part.len().to_string().as_bytes(), b":", part.as_bytes()].concat()).collect()
}

fn header(version: u32, wrapped: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = u16::try_from(wrapped.len()).map_err(|_| Failure::Internal("wrapped key too long".to_owned()))?;
    let format = if version > 1 { [&[VERSIONED], version.to_be_bytes().as_slice()].concat() } else { vec![FIRST] };
    Ok([&format, length.to_be_bytes().as_slice(), wrapped].concat())
}

struct Parts<'a> {
    version: u32,
    wrapped: &'a [u8],
    nonce: [u8; NONCE_LEN],
    ciphertext: &'a [u8],
}

fn parts(sealed: &[u8]) -> Option<Parts<'_>> {
    let (version, rest) = match sealed.split_first()? {
        (&FIRST, rest) => (1, rest),
        (&VERSIONED, rest) => {
            let (version, rest) = rest.split_first_chunk::<4>()?;
            (Some(u32::from_be_bytes(*version)).filter(|version| *version > 1)?, rest)
        }
        _ => return None,
    };
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (wrapped, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
    Some(Parts { version, wrapped, nonce: *nonce, ciphertext })
}

fn cipher(key: &Secret) -> Result<LessSafeKey, Failure> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| Failure::Internal("data key has the wrong length".to_owned()))
}
