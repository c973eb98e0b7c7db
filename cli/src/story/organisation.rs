//! What the owner of an API key does with its organisation.

use avain_api::operations::{DELETE_ACCOUNT, GET_POLICY, LIST_ACCOUNTS, PUT_POLICY};
use serde_json::{Value, json};

use super::{Story, array};
use crate::client::{ClientError, Credentials};

impl Story<'_> {
    /// GetPolicy.
    pub async fn policy(&self, who: &Credentials) -> Result<Value, ClientError> {
        Ok(self.call(&GET_POLICY, &[], Some(who), None).await?["Policy"].take())
    }

    /// PutPolicy: the whole policy.
    pub async fn set_policy(&self, owner: &Credentials, policy: &Value) -> Result<Value, ClientError> {
        Ok(self.call(&PUT_POLICY, &[], Some(owner), Some(policy.clone())).await?["Policy"].take())
    }

    /// ListAccounts: the descriptors.
    pub async fn accounts(&self, owner: &Credentials) -> Result<Vec<Value>, ClientError> {
        let answer = self.call(&LIST_ACCOUNTS, &[], Some(owner), None).await?;
        Ok(array(&answer, "Accounts")?.clone())
    }

    /// DeleteAccount: what there was.
    pub async fn delete_account(&self, owner: &Credentials, email: &str) -> Result<Value, ClientError> {
        let body = json!({ "Confirm": email });
        Ok(self.call(&DELETE_ACCOUNT, &[email], Some(owner), Some(body)).await?["Deleted"].take())
    }
}
