//! Passwords: Argon2id, at most two computations at a time.

use std::sync::Arc;

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use avain_domain::ports::{Random, Unavailable};
use avain_domain::secret::Password;
use tokio::sync::Semaphore;

use super::blocking;

/// Each takes 19 MiB: this bounds the memory that strangers can make the service use.
const AT_ONCE: usize = 2;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// A hash that nobody has a password for, checked in the place of an unknown user's.
    dummy: String,
    slots: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(cost: Params, random: &dyn Random) -> Result<Self, Unavailable> {
        let dummy = dummy(&cost, random).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
        Ok(Self { argon2, dummy, slots: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// The password's PHC string.
    pub(crate) async fn hash(&self, password: &Password, random: &dyn Random) -> Result<String, Unavailable> {
        let salt = salt(random).map_err(failed)?;
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.compute(move || {
            let hash = argon2.hash_password(password.expose().as_bytes(), &salt).map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password has this hash. Without one the answer is no, after the same work (R20).
    pub(crate) async fn verify(&self, password: &Password, hash: Option<&str>) -> Result<bool, Unavailable> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.compute(move || {
            let hash = PasswordHash::new(&hash).map_err(failed)?;
            match argon2.verify_password(password.expose().as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(failed(error)),
            }
        })
        .await
    }

    /// The slot is held by the work itself, which goes on when a caller has given up waiting.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| Unavailable("the password work was shut down".to_owned()))?;
        blocking(move || {
            let result = work();
            drop(slot);
            result
        })
        .await
    }
}

fn dummy(cost: &Params, random: &dyn Random) -> argon2::password_hash::Result<String> {
    let salt = salt(random)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    random.fill(&mut output);
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(cost)?,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
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
