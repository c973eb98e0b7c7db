//! The vault on KMS: one symmetric key wraps every organisation's data keys, each in its encryption context.
//!
//! A plaintext data key is moved from the SDK's answer into a [`Secret`] without a copy. The SDK's own buffers of the
//! answer (its HTTP body) are not wiped: nobody outside of it can.

use std::collections::HashMap;

use async_trait::async_trait;
use avain_domain::ports::{DataKey, KeyContext, KeyVersions, Unavailable, Vault};
use avain_domain::secret::Secret;
use aws_sdk_kms::Client;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

use crate::sdk::unavailable;

const GENERATE: &str = "KMS GenerateDataKey";
const DECRYPT: &str = "KMS Decrypt";

/// Bytes of a data key: AES-256.
const KEY_LENGTH: usize = 32;

/// The vault whose root key KMS holds.
pub struct KmsVault {
    client: Client,
    key_id: String,
    versions: KeyVersions,
}

impl KmsVault {
    /// On a symmetric key (id, ARN or alias). A role needs `kms:GenerateDataKey` to seal and `kms:Decrypt` to open, both
    /// limited by `kms:EncryptionContext:kind`.
    #[must_use]
    pub fn new(client: Client, key_id: String) -> Self {
        Self { client, key_id, versions: KeyVersions::default() }
    }

    /// With other versions than the first. KMS does not tell which of its key's materials wrapped what, so the operator
    /// counts them: one more for each rotation that is to be followed by a re-wrap.
    #[must_use]
    pub fn with_versions(self, versions: KeyVersions) -> Self {
        Self { versions, ..self }
    }
}

#[async_trait]
impl Vault for KmsVault {
    fn versions(&self) -> KeyVersions {
        self.versions
    }

    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        let request = self.client.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
        let request = request.set_encryption_context(Some(encryption_context(context)));
        let answer = request.send().await.map_err(|error| unavailable(GENERATE, &error))?;
        let wrapped = answer.ciphertext_blob.map(Blob::into_inner).filter(|wrapped| !wrapped.is_empty());
        let wrapped = wrapped.ok_or_else(|| incomplete(GENERATE))?;
        Ok(DataKey { plaintext: data_key(GENERATE, answer.plaintext)?, wrapped })
    }

    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        // The key is named, so that a data key wrapped by somebody else's is refused whatever the role may use.
        let request = self.client.decrypt().key_id(&self.key_id).ciphertext_blob(Blob::new(wrapped));
        let request = request.set_encryption_context(Some(encryption_context(context)));
        let answer = request.send().await.map_err(|error| {
            let unavailable = unavailable(DECRYPT, &error);
            match error.as_service_error() {
                Some(DecryptError::InvalidCiphertextException(_)) => because(
                    &unavailable,
                    "the wrapped data key does not open: it belongs to another context, or is damaged",
                ),
                Some(DecryptError::IncorrectKeyException(_)) => {
                    because(&unavailable, "the data key was wrapped by another root key: is this the key of this data?")
                }
                _ => unavailable,
            }
        })?;
        data_key(DECRYPT, answer.plaintext)
    }
}

fn encryption_context(context: &KeyContext) -> HashMap<String, String> {
    let organisation = context.organisation.0.as_str();
    [("service", "avain"), ("kind", context.kind.as_str()), ("organisation", organisation)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn data_key(call: &str, plaintext: Option<Blob>) -> Result<Secret, Unavailable> {
    let key = plaintext.map(|plaintext| Secret::new(plaintext.into_inner()));
    key.filter(|key| key.expose().len() == KEY_LENGTH).ok_or_else(|| incomplete(call))
}

fn incomplete(call: &str) -> Unavailable {
    Unavailable(format!("{call}: the answer has no data key of {KEY_LENGTH} bytes"))
}

fn because(error: &Unavailable, reason: &str) -> Unavailable {
    Unavailable(format!("{error}: {reason}"))
}
