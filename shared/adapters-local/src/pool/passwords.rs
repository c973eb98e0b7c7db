//! Passwords: Argon2id, at most two computations at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use avain_domain::ports::{Random, Unavailable};
use avain_domain::secret::Password;
use tokio::sync::Semaphore;

use super::blocking;

/// Each takes 19 MiB: this bounds the memory that strangers can make the service use.
const AT_ONCE: usize = 2;

/// What a computation works in.
type Memory = Vec<Block>;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    cost: Params,
    /// A hash that nobody has a password for, checked in the place of an unknown user's.
    dummy: String,
    slots: Arc<Semaphore>,
    /// Kept for the next computation: the allocator would keep as much for each thread that ever made one.
    memory: Arc<Mutex<Vec<Memory>>>,
    computed: AtomicU64,
}

impl Passwords {
    pub(crate) fn new(cost: Params, random: &dyn Random) -> Result<Self, Unavailable> {
        let dummy = dummy(&cost, random).map_err(failed)?;
        Ok(Self {
            cost,
            dummy,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            memory: Arc::default(),
            computed: AtomicU64::new(0),
        })
    }

    /// How many hashes were computed.
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// The password's PHC string.
    pub(crate) async fn hash(&self, password: &Password, random: &dyn Random) -> Result<String, Unavailable> {
        let salt = salt(random).map_err(failed)?;
        let (cost, password) = (self.cost.clone(), password.clone());
        self.compute(move |memory| {
            let output = argon2id(&cost, &password, salt.as_salt(), memory).map_err(failed)?;
            Ok(phc(&cost, salt.as_salt(), output).map_err(failed)?.to_string())
        })
        .await
    }

    /// Whether the password has this hash. Without one the answer is no, after the same work (R20).
    pub(crate) async fn verify(&self, password: &Password, hash: Option<&str>) -> Result<bool, Unavailable> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        let password = password.clone();
        self.compute(move |memory| {
            let hash = PasswordHash::new(&hash).map_err(failed)?;
            let (cost, salt, expected) = parts(&hash).map_err(failed)?;
            let output = argon2id(&cost, &password, salt, memory).map_err(failed)?;
            // Compared in constant time.
            Ok(output == expected && known)
        })
        .await
    }

    /// The slot is held by the work itself, which goes on when a caller has given up waiting.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| Unavailable("the password work was shut down".to_owned()))?;
        let kept = Arc::clone(&self.memory);
        blocking(move || {
            let mut memory = kept.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let result = work(&mut memory);
            // Nothing made from a password stays in it.
            memory.fill(Block::new());
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(slot);
            result
        })
        .await
    }
}

fn argon2id(
    cost: &Params,
    password: &Password,
    salt: Salt<'_>,
    memory: &mut Memory,
) -> argon2::password_hash::Result<Output> {
    let mut bytes = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes)?;
    if memory.len() < cost.block_count() {
        memory.resize(cost.block_count(), Block::new());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.clone());
    Output::init_with(cost.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN), |output| {
        Ok(argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory.as_mut_slice())?)
    })
}

/// Cost, salt and output of a hash that [`phc`] made.
fn parts<'h>(hash: &'h PasswordHash<'h>) -> argon2::password_hash::Result<(Params, Salt<'h>, Output)> {
    use argon2::password_hash::Error;
    if hash.algorithm != ARGON2ID_IDENT || hash.version != Some(Version::V0x13.into()) {
        return Err(Error::Algorithm);
    }
    match (hash.salt, hash.hash) {
        (Some(salt), Some(output)) => Ok((Params::try_from(hash)?, salt, output)),
        _ => Err(Error::PhcStringField),
    }
}

fn phc<'s>(cost: &Params, salt: Salt<'s>, output: Output) -> argon2::password_hash::Result<PasswordHash<'s>> {
    Ok(PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(cost)?,
        salt: Some(salt),
        hash: Some(output),
    })
}

fn dummy(cost: &Params, random: &dyn Random) -> argon2::password_hash::Result<String> {
    let salt = salt(random)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    random.fill(&mut output);
    Ok(phc(cost, salt.as_salt(), Output::new(&output)?)?.to_string())
}

fn salt(random: &dyn Random) -> argon2::password_hash::Result<SaltString> {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    SaltString::encode_b64(&salt)
}

/// These errors speak of parameters and formats, never of the password.
fn failed(error: argon2::password_hash::Error) -> Unavailable {
    Unavailable(format!("a password could not be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    /// R20: an unknown user costs what a known one costs, parameter by parameter.
    #[tokio::test]
    async fn the_dummy_costs_what_a_users_hash_costs() {
        let passwords = Passwords::new(Params::default(), &SystemRandom).unwrap();
        let password = Password::new("Correct-Horse-Battery-9".to_owned());
        let hash = passwords.hash(&password, &SystemRandom).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let (real, dummy) = (PasswordHash::new(&hash).unwrap(), PasswordHash::new(&passwords.dummy).unwrap());
        assert_eq!((real.algorithm, real.version, &real.params), (dummy.algorithm, dummy.version, &dummy.params));
        assert_eq!(real.salt.map(|salt| salt.len()), dummy.salt.map(|salt| salt.len()));
        assert_eq!(real.hash.map(|hash| hash.len()), dummy.hash.map(|hash| hash.len()));

        assert!(passwords.verify(&password, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&Password::new("other".to_owned()), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&password, None).await.unwrap());
    }
}
