//! The pool's own keys: made at first use, sealed under a data key of the vault, kept in the pool's table.

use avain_domain::names::OrganisationId;
use avain_domain::ports::{KeyContext, Random, Unavailable, Vault};
use avain_domain::records::KeyKind;
use avain_domain::rewrap::Outcome;
use avain_domain::secret::Secret;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::blocking;
use super::table::Table;
use crate::gcm::Gcm;
use crate::random::SystemRandom;

/// A key that the pool has.
#[derive(Clone, Copy)]
pub(crate) struct PoolKey {
    name: &'static str,
    make: fn() -> Result<Secret, Unavailable>,
}

/// RSA-2048, PKCS#8 DER: signs the tokens.
pub(crate) const SIGNING: PoolKey = PoolKey { name: "token-signing", make: rsa };

/// 32 random bytes: HMAC of codes.
pub(crate) const CODES: PoolKey = PoolKey { name: "codes", make: random };

/// 32 random bytes: seals the secrets of authenticators.
pub(crate) const TOTP: PoolKey = PoolKey { name: "authenticators", make: random };

/// Every key that a pool may have.
const ALL: [PoolKey; 3] = [SIGNING, CODES, TOTP];

/// A key's document: both parts base64.
#[derive(Serialize, Deserialize)]
struct Sealed {
    data_key: String,
    key: String,
    /// Version of the vault's root key.
    #[serde(default = "first")]
    version: u32,
}

/// Opens a key, or makes it. Where two make it at once, the first to be stored is the key.
pub(crate) async fn load_or_make(table: &Table, vault: &dyn Vault, key: PoolKey) -> Result<Secret, Unavailable> {
    if table.key(key.name).await?.is_none() {
        let fresh = blocking(key.make).await?;
        let document = seal(vault, key, &fresh).await?;
        table.put_key(key.name, document).await?;
    }
    let document = table.key(key.name).await?.ok_or_else(|| damaged(key))?;
    open(vault, key, &document).await
}

/// Re-wraps the keys that there are under the vault's current root key; what became of each. A key is opened again before
/// it replaces what was there.
pub(crate) async fn rewrap(table: &Table, vault: &dyn Vault) -> Result<Vec<Outcome>, Unavailable> {
    let mut outcomes = Vec::new();
    for key in ALL {
        let Some((document, version)) = table.key_with_version(key.name).await? else { continue };
        let sealed: Sealed = serde_json::from_str(&document).map_err(|_| damaged(key))?;
        let secret = open(vault, key, &document).await?;
        outcomes.push(if sealed.version >= vault.versions().current {
            Outcome::Current
        } else {
            let again = seal(vault, key, &secret).await?;
            if open(vault, key, &again).await?.expose() != secret.expose() {
                return Err(damaged(key));
            }
            let replaced = table.replace_key(key.name, again, version).await?;
            if replaced { Outcome::Rewrapped } else { Outcome::Conflict }
        });
    }
    Ok(outcomes)
}

fn first() -> u32 {
    1
}

async fn seal(vault: &dyn Vault, key: PoolKey, secret: &Secret) -> Result<String, Unavailable> {
    let data_key = vault.generate(&context()).await?;
    let sealed = Gcm::new(data_key.plaintext.expose())?.seal(&associated(key), secret.expose())?;
    let (data_key, version) = (STANDARD.encode(&data_key.wrapped), vault.versions().current);
    let document = Sealed { data_key, key: STANDARD.encode(sealed), version };
    serde_json::to_string(&document).map_err(|_| damaged(key))
}

async fn open(vault: &dyn Vault, key: PoolKey, document: &str) -> Result<Secret, Unavailable> {
    let document: Sealed = serde_json::from_str(document).map_err(|_| damaged(key))?;
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| damaged(key));
    let data_key = vault.open(&context(), &decode(&document.data_key)?).await?;
    Gcm::new(data_key.expose())?.open(&associated(key), &decode(&document.key)?).ok_or_else(|| damaged(key))
}

fn context() -> KeyContext {
    KeyContext { kind: KeyKind::Service, organisation: OrganisationId("service".to_owned()) }
}

/// Names the key, so that one key's blob does not open in another's place.
fn associated(key: PoolKey) -> Vec<u8> {
    format!("avain user pool key\n{}\n1", key.name).into_bytes()
}

fn damaged(key: PoolKey) -> Unavailable {
    Unavailable(format!("the user pool's key {} does not open", key.name))
}

fn rsa() -> Result<Secret, Unavailable> {
    let failed = |_| Unavailable("an RSA key could not be made".to_owned());
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    Ok(Secret::new(pair.as_der().map_err(failed)?.as_ref().to_vec()))
}

#[expect(clippy::unnecessary_wraps, reason = "a PoolKey's make can fail")]
fn random() -> Result<Secret, Unavailable> {
    let mut key = vec![0; 32];
    SystemRandom.fill(&mut key);
    Ok(Secret::new(key))
}
