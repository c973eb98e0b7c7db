//! The company's PGP key that certificates are exported to.

use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
    SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::types::{KeyDetails, Password};
use rand::rngs::OsRng;

use super::signer::failed;
use crate::client::ClientError;

/// A key with an X25519 subkey for encryption.
pub struct Recipient(SignedSecretKey);

impl Recipient {
    /// A new key for a user id (`Name <e-mail>`).
    pub fn generate(user_id: &str) -> Result<Self, ClientError> {
        let mut subkey = SubkeyParamsBuilder::default();
        subkey.key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy)).can_encrypt(EncryptionCaps::All);
        let parameters = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_sign(true)
            .can_certify(true)
            .primary_user_id(user_id.to_owned())
            .subkey(subkey.build().map_err(|error| failed(&error))?)
            .build()
            .map_err(|error| failed(&error))?;
        parameters.generate(OsRng).map(Self).map_err(|error| failed(&error))
    }

    /// The public key, ASCII armor.
    pub fn public_key(&self) -> Result<String, ClientError> {
        SignedPublicKey::from(self.0.clone()).to_armored_string(ArmorOptions::default()).map_err(|error| failed(&error))
    }

    /// The fingerprint, upper-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.0.fingerprint())
    }

    /// The text of a message, ASCII armor.
    pub fn decrypt(&self, message: &str) -> Result<String, ClientError> {
        let (message, _) = Message::from_string(message).map_err(|error| failed(&error))?;
        let mut opened = message.decrypt(&Password::empty(), &self.0).map_err(|error| failed(&error))?;
        opened.as_data_string().map_err(|error| failed(&error))
    }
}
