//! What an account does with its uploads besides sending them, what it is told of its use, and the end of a key.

use avain_api::operations::{ADD_SIGNATURES, DELETE_KEY, LIST_ACCOUNT_USAGE, LIST_UPLOADS};
use serde_json::{Value, json};

use super::{Story, array, text};
use crate::client::{ClientError, Credentials};

impl Story<'_> {
    /// AddSignatures: the body of the answer tells whether it was the last.
    pub async fn add_signature(
        &self,
        data: &Credentials,
        bank: &str,
        upload_id: &str,
        signature: &str,
    ) -> Result<Value, ClientError> {
        let body = json!({ "Signature": signature });
        self.call(&ADD_SIGNATURES, &[bank, upload_id], Some(data), Some(body)).await
    }

    /// ListUploads: the newest.
    pub async fn uploads(&self, who: &Credentials, bank: &str) -> Result<Vec<Value>, ClientError> {
        let answer = self.call(&LIST_UPLOADS, &[bank], Some(who), None).await?;
        Ok(array(&answer, "Uploads")?.clone())
    }

    /// DeleteKey by its short id or fingerprint: the short ids that remain.
    pub async fn delete_key(&self, admin: &Credentials, id: &str) -> Result<Vec<String>, ClientError> {
        let answer = self.call(&DELETE_KEY, &[], Some(admin), Some(json!({ "PgpKeyId": id }))).await?;
        array(&answer, "PgpKeys")?.iter().map(|key| text(key, "PgpKeyId")).collect()
    }

    /// ListAccountUsage of the current month.
    pub async fn account_usage(&self, who: &Credentials) -> Result<Value, ClientError> {
        let answer = self.call(&LIST_ACCOUNT_USAGE, &[], Some(who), None).await?;
        Ok(answer["Usage"].clone())
    }
}
