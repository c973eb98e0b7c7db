//! The company's PGP key: signs what is uploaded. Made by another implementation's rules than the service checks by.

use pgp::composed::{
    ArmorOptions, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::types::Password;
use rand::rngs::OsRng;

use crate::client::ClientError;

/// An Ed25519 signing key.
pub struct Signer(SignedSecretKey);

impl Signer {
    /// A new key for a user id (`Name <e-mail>`).
    pub fn generate(user_id: &str) -> Result<Self, ClientError> {
        let parameters = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_sign(true)
            .can_certify(true)
            .primary_user_id(user_id.to_owned())
            .build()
            .map_err(|error| failed(&error))?;
        parameters.generate(OsRng).map(Self).map_err(|error| failed(&error))
    }

    /// The public key, ASCII armor.
    pub fn public_key(&self) -> Result<String, ClientError> {
        SignedPublicKey::from(self.0.clone()).to_armored_string(ArmorOptions::default()).map_err(|error| failed(&error))
    }

    /// A detached signature over the bytes, ASCII armor.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, ClientError> {
        DetachedSignature::sign_binary_data(
            OsRng,
            &self.0.primary_key,
            &Password::empty(),
            HashAlgorithm::Sha512,
            bytes,
        )
        .and_then(|signature| signature.to_armored_string(ArmorOptions::default()))
        .map_err(|error| failed(&error))
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> ClientError {
    ClientError::Unexpected(format!("the PGP key: {error}"))
}
