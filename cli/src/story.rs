//! The whole story as a client lives it: a company registers, logs in with a second factor, enrols a bank certificate, sends
//! a PGP-signed payment and fetches the bank's answers. The demo tells it; tests take its steps one by one.

mod authenticator;
mod certificates;
mod organisation;
mod recipient;
mod signer;
mod uploads;

use async_trait::async_trait;
use avain_api::Operation;
use avain_api::operations::{
    DOWNLOAD_FILE, ENROLL_CERT, GET_OPEN_API, INIT_LOGIN, INIT_PASSWORD_RESET, INIT_REGISTER, LIST_CERTS, LIST_FILES,
    LIST_KEYS, LOGIN, LOGIN_MFA, LOGOUT, PASSWORD_RESET, REGISTER, UPLOAD_FILE, UPLOAD_KEY, VERIFY_EMAIL, VERIFY_PHONE,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub use authenticator::{Authenticator, totp};
pub use certificates::Exported;
pub use recipient::Recipient;
pub use signer::Signer;

use crate::client::{self, Call, ClientError, Credentials, Transport};

/// Reads the codes that go out by SMS and e-mail.
#[async_trait]
pub trait Codes: Send + Sync {
    /// The newest code of a kind (`phone`, `email`, `mfa`, `reset`) for a login.
    async fn newest(&self, email: &str, mode: &str, kind: &str) -> Result<String, ClientError>;
}

/// A company and the person who acts for it.
#[derive(Clone)]
pub struct Company {
    /// E-mail.
    pub email: String,
    /// Person.
    pub person: String,
    /// Phone.
    pub phone: String,
    /// Company.
    pub name: String,
    /// Password of admin mode.
    pub admin_password: String,
    /// Password of data mode.
    pub data_password: String,
}

impl Company {
    /// One to play with.
    #[must_use]
    pub fn example(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            person: "Aino Avain".to_owned(),
            phone: "+358401234567".to_owned(),
            name: "Esimerkki Oy".to_owned(),
            admin_password: "Admin-password-2026!x".to_owned(),
            data_password: "Data-password-2026!xy".to_owned(),
        }
    }

    fn password(&self, mode: &str) -> &str {
        if mode == "admin" { &self.admin_password } else { &self.data_password }
    }
}

/// A client of the service for one company.
pub struct Story<'a> {
    /// Carries the requests.
    pub transport: &'a dyn Transport,
    /// Reads the codes.
    pub codes: &'a dyn Codes,
    /// The public key for passwords, PEM.
    pub password_key: &'a str,
    /// Who.
    pub company: Company,
}

/// A file as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// File type.
    pub file_type: String,
    /// Reference.
    pub reference: String,
    /// Status.
    pub status: String,
}

impl Story<'_> {
    /// InitRegister and Register with an API key, or `0` for a new one; gives the API key.
    pub async fn register(&self, mode: &str, api_key: &str) -> Result<String, ClientError> {
        let (challenge, encrypted) = self.answer_challenge(&INIT_REGISTER, mode).await?;
        let body = json!({
            "Name": self.company.person, "Phone": self.company.phone, "Company": self.company.name,
            "ApiKey": api_key, "ChResp": challenge, "Encrypted": encrypted,
        });
        text(&self.call(&REGISTER, &[&self.company.email, mode], None, Some(body)).await?, "ApiKey")
    }

    /// VerifyPhone with the code that was sent.
    pub async fn verify_phone(&self, mode: &str) -> Result<(), ClientError> {
        let code = self.codes.newest(&self.company.email, mode, "phone").await?;
        let path = [self.company.email.as_str(), mode, &self.company.phone];
        self.call(&VERIFY_PHONE, &path, None, Some(json!({ "Code": code }))).await.map(drop)
    }

    /// InitLogin and Login; the body of the answer.
    pub async fn password(&self, mode: &str) -> Result<Value, ClientError> {
        let (challenge, encrypted) = self.answer_challenge(&INIT_LOGIN, mode).await?;
        let body = json!({ "ChResp": challenge, "Encrypted": encrypted });
        self.call(&LOGIN, &[&self.company.email, mode], None, Some(body)).await
    }

    /// LoginMFA with the code that was sent; the body of the answer.
    pub async fn second_factor(&self, session: &str) -> Result<Value, ClientError> {
        let code = self.codes.newest(&self.company.email, "admin", "mfa").await?;
        let body = json!({ "Session": session, "Code": code });
        self.call(&LOGIN_MFA, &[&self.company.email, "admin"], None, Some(body)).await
    }

    /// Password, and the second factor in admin mode; the body of the last answer.
    pub async fn log_in(&self, mode: &str) -> Result<Value, ClientError> {
        let answer = self.password(mode).await?;
        match answer["Session"].as_str() {
            Some(session) => self.second_factor(session).await,
            None => Ok(answer),
        }
    }

    /// VerifyEmail with the code that was sent.
    pub async fn verify_email(&self, mode: &str, access_token: &str) -> Result<(), ClientError> {
        let code = self.codes.newest(&self.company.email, mode, "email").await?;
        let body = json!({ "Code": code, "AccessToken": access_token });
        self.call(&VERIFY_EMAIL, &[&self.company.email, mode], None, Some(body)).await.map(drop)
    }

    /// Everything from a registration to the first session of a mode.
    pub async fn open(&self, mode: &str, api_key: &str) -> Result<Credentials, ClientError> {
        self.register(mode, api_key).await?;
        self.verify_phone(mode).await?;
        let first = self.log_in(mode).await?;
        self.verify_email(mode, &text(&first, "AccessToken")?).await?;
        credentials(&self.log_in(mode).await?)
    }

    /// InitPasswordReset, and PasswordReset with the code that was sent; the company's own password is the old one still.
    pub async fn reset_password(&self, mode: &str, new_password: &str) -> Result<(), ClientError> {
        let path = [self.company.email.as_str(), mode];
        self.call(&INIT_PASSWORD_RESET, &path, None, None).await?;
        let code = self.codes.newest(&self.company.email, mode, "reset").await?;
        let challenge = text(&self.call(&INIT_LOGIN, &path, None, None).await?, "Challenge")?;
        let encrypted = client::encrypt_password(self.password_key, new_password, &challenge)?;
        let body = json!({ "Code": code, "ChResp": challenge, "Encrypted": encrypted });
        self.call(&PASSWORD_RESET, &path, None, Some(body)).await.map(drop)
    }

    /// UploadKey.
    pub async fn upload_key(&self, admin: &Credentials, key: &str, purpose: &str) -> Result<(), ClientError> {
        let body = json!({ "PgpKey": key, "PgpKeyPurpose": purpose });
        self.call(&UPLOAD_KEY, &[], Some(admin), Some(body)).await.map(drop)
    }

    /// ListKeys: short ids.
    pub async fn keys(&self, who: &Credentials) -> Result<Vec<String>, ClientError> {
        let answer = self.call(&LIST_KEYS, &[], Some(who), None).await?;
        array(&answer, "PgpKeys")?.iter().map(|key| text(key, "PgpKeyId")).collect()
    }

    /// EnrollCert.
    pub async fn enrol(&self, admin: &Credentials, bank: &str, user_id: &str, code: &str) -> Result<(), ClientError> {
        let body = json!({ "Code": code, "Company": self.company.name, "WsUserId": user_id });
        self.call(&ENROLL_CERT, &[bank], Some(admin), Some(body)).await.map(drop)
    }

    /// ListCerts: the descriptors.
    pub async fn certificates(&self, who: &Credentials) -> Result<Vec<Value>, ClientError> {
        let answer = self.call(&LIST_CERTS, &[], Some(who), None).await?;
        Ok(array(&answer, "Certs")?.clone())
    }

    /// ListFiles with a status.
    pub async fn files(&self, who: &Credentials, bank: &str, status: &str) -> Result<Vec<Listed>, ClientError> {
        let call = Call {
            operation: &LIST_FILES,
            path: &[bank],
            query: &format!("?FileType=&Status={status}"),
            credentials: Some(who),
            body: None,
        };
        let answer = client::call(self.transport, call).await?;
        array(&answer, "FileDescriptors")?
            .iter()
            .map(|file| {
                Ok(Listed {
                    file_type: text(file, "FileType")?,
                    reference: text(file, "FileReference")?,
                    status: text(file, "Status")?,
                })
            })
            .collect()
    }

    /// UploadFile; the body of the answer tells the upload's id, and whether it waits for signatures.
    pub async fn upload_signed(
        &self,
        data: &Credentials,
        bank: &str,
        file_type: &str,
        bytes: &[u8],
        signature: &str,
    ) -> Result<Value, ClientError> {
        let body = json!({
            "FileContents": STANDARD.encode(bytes), "FileType": file_type, "FileName": "payment.xml",
            "Signature": signature,
        });
        self.call(&UPLOAD_FILE, &[bank], Some(data), Some(body)).await
    }

    /// UploadFile, where one signature is enough.
    pub async fn upload(
        &self,
        data: &Credentials,
        bank: &str,
        file_type: &str,
        bytes: &[u8],
        signature: &str,
    ) -> Result<(), ClientError> {
        self.upload_signed(data, bank, file_type, bytes, signature).await.map(drop)
    }

    /// DownloadFile: the bytes.
    pub async fn download(&self, data: &Credentials, bank: &str, file: &Listed) -> Result<Vec<u8>, ClientError> {
        let path = [bank, &file.file_type, &file.reference];
        let answer = self.call(&DOWNLOAD_FILE, &path, Some(data), None).await?;
        STANDARD
            .decode(text(&answer, "Content")?)
            .map_err(|_| ClientError::Unexpected("DownloadFile: Content is not base64".to_owned()))
    }

    /// Logout.
    pub async fn log_out(&self, mode: &str, who: &Credentials) -> Result<(), ClientError> {
        self.call(&LOGOUT, &[&self.company.email, mode], Some(who), None).await.map(drop)
    }

    /// GetOpenApi: the API's document.
    pub async fn document(&self) -> Result<Value, ClientError> {
        let call = Call { operation: &GET_OPEN_API, path: &[], query: "", credentials: None, body: None };
        let answer = self.transport.send(client::request(call)?).await?;
        serde_json::from_slice(answer.body()).map_err(|_| ClientError::Unexpected("GetOpenApi: not JSON".to_owned()))
    }

    /// A challenge from one of the two operations that give them, and the password encrypted for it.
    pub async fn answer_challenge(
        &self,
        operation: &'static Operation,
        mode: &str,
    ) -> Result<(String, String), ClientError> {
        let answer = self.call(operation, &[&self.company.email, mode], None, None).await?;
        let challenge = text(&answer, "Challenge")?;
        let encrypted = client::encrypt_password(self.password_key, self.company.password(mode), &challenge)?;
        Ok((challenge, encrypted))
    }

    async fn call(
        &self,
        operation: &'static Operation,
        path: &[&str],
        credentials: Option<&Credentials>,
        body: Option<Value>,
    ) -> Result<Value, ClientError> {
        client::call(self.transport, Call { operation, path, query: "", credentials, body }).await
    }
}

/// A payment of two transfers, 250.05 and 1200.00 euros, from the simulator's account.
#[must_use]
pub fn payment(message_id: &str, company: &str, now: time::OffsetDateTime) -> String {
    let (date, time) = (now.date().to_string(), now.time());
    let stamp = format!("{date}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second());
    include_str!("story/payment.xml")
        .replace("{MESSAGE}", message_id)
        .replace("{COMPANY}", company)
        .replace("{DATE}", &date)
        .replace("{TIME}", &stamp)
}

/// The credentials in the answer of a finished login.
pub fn credentials(answer: &Value) -> Result<Credentials, ClientError> {
    Ok(Credentials { id_token: text(answer, "IdToken")?, api_key: text(answer, "ApiKey")? })
}

/// A text of an answer.
pub fn text(answer: &Value, name: &str) -> Result<String, ClientError> {
    let found = answer[name].as_str().map(str::to_owned);
    found.ok_or_else(|| ClientError::Unexpected(format!("the answer has no {name}: {}", answer["ResponseText"])))
}

fn array<'v>(answer: &'v Value, name: &str) -> Result<&'v Vec<Value>, ClientError> {
    answer[name].as_array().ok_or_else(|| ClientError::Unexpected(format!("the answer has no {name}")))
}
