//! The service's own keys: the RSA key that clients encrypt passwords with, and the key of the challenges. Made once,
//! sealed in the store, opened once per process.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};

use crate::Failure;
use crate::names::OrganisationId;
use crate::pem;
use crate::ports::{CommitError, Random, Store};
use crate::records::{Key, KeyId, KeyKind, Record, SealedKey, Stored, Write};
use crate::seal::Sealer;
use crate::secret::{Password, Secret};

/// Opened keys.
pub struct ServiceKeys {
    challenge: hmac::Key,
    page: hmac::Key,
    password: OaepPrivateDecryptingKey,
    password_public: Vec<u8>,
    opened: AtomicU64,
}

impl ServiceKeys {
    /// Opens the keys; makes them if the store has none.
    pub async fn open(store: &dyn Store, sealer: &Sealer, random: &dyn Random) -> Result<Self, Failure> {
        let challenge = load_or_make(store, sealer, "challenge", || {
            let mut bytes = vec![0; 32];
            random.fill(&mut bytes);
            Ok(Secret::new(bytes))
        })
        .await?;
        let password = load_or_make(store, sealer, "password", || {
            let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| broken())?;
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| broken())?;
            Ok(Secret::new(der.as_ref().to_vec()))
        })
        .await?;
        Self::from_parts(&challenge, &password)
    }

    fn from_parts(challenge: &Secret, password: &Secret) -> Result<Self, Failure> {
        let password = PrivateDecryptingKey::from_pkcs8(password.expose()).map_err(|_| broken())?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&password.public_key()).map_err(|_| broken())?;
        let challenge = hmac::Key::new(hmac::HMAC_SHA256, challenge.expose());
        Ok(Self {
            // No challenge's text looks like this: it has an e-mail address in it.
            page: hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&challenge, b"key of page tokens").as_ref()),
            challenge,
            password_public: public.as_ref().to_vec(),
            opened: AtomicU64::new(0),
            password: OaepPrivateDecryptingKey::new(password).map_err(|_| broken())?,
        })
    }

    /// The public key that clients encrypt passwords with, SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn password_key_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.password_public)
    }

    /// How often a password was to be opened, whatever became of it: the work that must be the same for everybody (R20).
    #[must_use]
    pub fn passwords_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Opens `password||timestamp` (brief 2.1): RSA-OAEP with SHA-1, split at the last `||`. Whatever is wrong, the answer
    /// is the same `None`.
    pub(crate) fn open_password(&self, encrypted: &[u8]) -> Option<(Password, i64)> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let mut buffer = zeroize::Zeroizing::new(vec![0; self.password.min_output_size()]);
        let clear = self.password.decrypt(&OAEP_SHA1_MGF1SHA1, encrypted, &mut buffer, None).ok()?;
        let (password, timestamp) = std::str::from_utf8(clear).ok()?.rsplit_once("||")?;
        Some((Password::new(password.to_owned()), timestamp.parse().ok()?))
    }

    pub(crate) fn challenge_key(&self) -> &hmac::Key {
        &self.challenge
    }

    /// The key of page tokens, made from the challenges' key.
    pub(crate) fn page_key(&self) -> &hmac::Key {
        &self.page
    }
}

/// A key of the service by name: the store's, or a new one kept there.
pub(crate) async fn load_or_make(
    store: &dyn Store,
    sealer: &Sealer,
    name: &str,
    make: impl FnOnce() -> Result<Secret, Failure>,
) -> Result<Secret, Failure> {
    let id = KeyId {
        organisation: OrganisationId("service".to_owned()),
        holder: "service".to_owned(),
        kind: KeyKind::Service,
        id: name.to_owned(),
    };
    if let Some(key) = sealed(store.get(&[Key::SealedKey(id.clone())]).await?) {
        return sealer.open(&id, &key.sealed).await;
    }
    let key = make()?;
    let record = SealedKey { id: id.clone(), sealed: sealer.seal(&id, key.expose()).await? };
    match store.commit(vec![Write::Insert(Record::SealedKey(record))]).await {
        Ok(()) => Ok(key),
        // Another process made it at the same moment: there is one key, the store's.
        Err(CommitError::Conflict { current: Some(current), .. }) => match sealed(vec![*current]) {
            Some(key) => sealer.open(&id, &key.sealed).await,
            None => Err(broken()),
        },
        Err(error) => Err(error.into()),
    }
}

fn sealed(found: Vec<Stored>) -> Option<SealedKey> {
    found.into_iter().find_map(|stored| match stored.record {
        Record::SealedKey(key) => Some(key),
        _ => None,
    })
}

pub(crate) fn broken() -> Failure {
    Failure::Internal("a key of the service cannot be used".to_owned())
}
