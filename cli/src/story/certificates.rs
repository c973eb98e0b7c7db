//! What an account does with its certificates besides using them, and what it reads of the audit trail.

use avain_api::operations::{
    CONFIG_CERTS, DELETE_FILE, EXPORT_CERT, IMPORT_CERT, LIST_AUDIT_EVENTS, RETIRE_CERT, SHARE_CERTS, UNSHARE_CERTS,
};
use serde_json::{Value, json};

use super::{Listed, Story, array, text};
use crate::client::{self, Call, ClientError, Credentials};

/// A certificate that was taken out, PEM, and its private key in a PGP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Certificate.
    pub certificate: String,
    /// Private key, encrypted.
    pub encrypted_key: String,
}

impl Story<'_> {
    /// ShareCerts with another account: whom the certificates are shared to.
    pub async fn share(&self, admin: &Credentials, email: &str) -> Result<Vec<Value>, ClientError> {
        let answer = self.call(&SHARE_CERTS, &[email], Some(admin), None).await?;
        Ok(array(&answer, "SharedTo")?.clone())
    }

    /// UnshareCerts.
    pub async fn unshare(&self, admin: &Credentials, email: &str) -> Result<(), ClientError> {
        self.call(&UNSHARE_CERTS, &[email], Some(admin), None).await.map(drop)
    }

    /// ExportCert to a registered export key: the first certificate.
    pub async fn export(&self, admin: &Credentials, bank: &str, pgp_key_id: &str) -> Result<Exported, ClientError> {
        let query = format!("?PgpKeyId={pgp_key_id}");
        let call = Call { operation: &EXPORT_CERT, path: &[bank], query: &query, credentials: Some(admin), body: None };
        let answer = client::call(self.transport, call).await?;
        let first = &answer["CertsAndKeys"][0];
        Ok(Exported { certificate: text(first, "Certificate")?, encrypted_key: text(first, "EncryptedPrivateKey")? })
    }

    /// ImportCert with certificate and private key, PEM.
    pub async fn import(
        &self,
        admin: &Credentials,
        bank: &str,
        user_id: &str,
        certificate: &str,
        key: &str,
    ) -> Result<(), ClientError> {
        let body = json!({
            "Company": self.company.name, "WsUserId": user_id, "Certificate": certificate, "PrivateKey": key,
        });
        self.call(&IMPORT_CERT, &[bank], Some(admin), Some(body)).await.map(drop)
    }

    /// RetireCert: the account's own, or as the owner of the API key that of another account.
    pub async fn retire(&self, admin: &Credentials, bank: &str, account: Option<&str>) -> Result<(), ClientError> {
        let query = account.map(|account| format!("?Account={account}")).unwrap_or_default();
        let call = Call { operation: &RETIRE_CERT, path: &[bank], query: &query, credentials: Some(admin), body: None };
        client::call(self.transport, call).await.map(drop)
    }

    /// ConfigCerts: no certificate leaves the service any more.
    pub async fn forbid_export(&self, admin: &Credentials) -> Result<(), ClientError> {
        self.call(&CONFIG_CERTS, &[], Some(admin), Some(json!({ "Export": "disabled" }))).await.map(drop)
    }

    /// DeleteFile.
    pub async fn delete(&self, data: &Credentials, bank: &str, file: &Listed) -> Result<(), ClientError> {
        self.call(&DELETE_FILE, &[bank, &file.file_type, &file.reference], Some(data), None).await.map(drop)
    }

    /// ListAuditEvents: the newest.
    pub async fn audit_events(&self, who: &Credentials) -> Result<Vec<Value>, ClientError> {
        let answer = self.call(&LIST_AUDIT_EVENTS, &[], Some(who), None).await?;
        Ok(array(&answer, "Events")?.clone())
    }
}
