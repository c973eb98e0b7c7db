//! The key that signs the chain: Ed25519, sealed in the store like the service's other keys.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};

use super::chain::hex;
use crate::Failure;
use crate::pem;
use crate::ports::{Random, Store};
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::service_keys::{broken, load_or_make};

/// An opened key.
pub struct AuditKey {
    pair: Ed25519KeyPair,
    public: Vec<u8>,
}

impl AuditKey {
    /// Opens the key; makes it if the store has none.
    pub async fn open(store: &dyn Store, sealer: &Sealer, random: &dyn Random) -> Result<Self, Failure> {
        let seed = load_or_make(store, sealer, "audit", || {
            let mut seed = vec![0; 32];
            random.fill(&mut seed);
            Ok(Secret::new(seed))
        })
        .await?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| broken())?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| broken())?;
        Ok(Self { public: public.as_ref().to_vec(), pair })
    }

    /// The public key, SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.public)
    }

    /// See [`public_key_id`].
    pub(super) fn id(&self) -> String {
        public_key_id(&self.public)
    }

    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }
}

/// The name of a public key (SubjectPublicKeyInfo, DER) in batches: the first 16 hex digits of its SHA-256.
#[must_use]
pub fn public_key_id(public: &[u8]) -> String {
    hex(&Sha256::digest(public)[..8])
}
