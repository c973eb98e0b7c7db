//! What the people of the story have besides the API: the code in an SMS, an authenticator, and, where the emulator lacks a
//! step of Cognito, the provider's own calls in its place.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use avain::client::ClientError;
use avain::story::{Codes, Company};
use avain_adapters_aws::cognito::username;
use avain_adapters_local::clock::SystemClock;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::ports::Clock;
use aws_lc_rs::hmac;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType, SoftwareTokenMfaSettingsType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The emulator's only code for a phone.
const SMS_CODE: &str = "123456";
/// The emulator's only code for a forgotten password.
const RESET_CODE: &str = "654321";

/// What of the story the emulator cannot play, and what is done in its place.
pub(crate) const SKIPPED: [&str; 4] = [
    "VerifyEmail: the emulator verifies no attributes; e-mail and phone are set as verified by AdminUpdateUserAttributes",
    "LoginMFA with a code by SMS: the emulator has no such challenge; the admin logs in with an authenticator's code",
    "SelectMFA: the emulator lets nobody choose; its role is tried with a session that the emulator refuses",
    "the first authenticator: the emulator lets an admin without one in by the password alone, which the service refuses; \
     it is enrolled with Cognito's own calls, and the next through the API",
];

/// A user pool and its client.
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) client: String,
}

pub(crate) struct People {
    pub(crate) cognito: Client,
    pub(crate) admin: Pool,
    pub(crate) data: Pool,
    authenticators: Mutex<BTreeMap<String, String>>,
}

impl People {
    pub(crate) fn new(cognito: Client, admin: Pool, data: Pool) -> Self {
        Self { cognito, admin, data, authenticators: Mutex::default() }
    }

    fn pool(&self, mode: &str) -> &Pool {
        if mode == "admin" { &self.admin } else { &self.data }
    }

    /// As if both codes had come back.
    pub(crate) async fn verify(&self, email: &str, mode: &str) {
        let attribute = |name: &str| AttributeType::builder().name(name).value("true").build().unwrap();
        let request = self.cognito.admin_update_user_attributes().user_pool_id(&self.pool(mode).id);
        let request = request.username(name(email, mode)).user_attributes(attribute("email_verified"));
        request.user_attributes(attribute("phone_number_verified")).send().await.unwrap();
    }

    /// Gives an admin an authenticator.
    pub(crate) async fn enrol_authenticator(&self, company: &Company) {
        let (pool, name) = (&self.admin, name(&company.email, "admin"));
        let tokens = self
            .cognito
            .admin_initiate_auth()
            .user_pool_id(&pool.id)
            .client_id(&pool.client)
            .auth_flow(AuthFlowType::AdminUserPasswordAuth)
            .auth_parameters("USERNAME", &name)
            .auth_parameters("PASSWORD", &company.admin_password)
            .auth_parameters("SECRET_HASH", self.secret_hash(pool, &name).await)
            .send()
            .await
            .unwrap();
        let access_token = tokens.authentication_result.unwrap().access_token.unwrap();
        let associated = self.cognito.associate_software_token().access_token(&access_token).send().await.unwrap();
        let secret = associated.secret_code.unwrap();
        let verify = self.cognito.verify_software_token().access_token(access_token).user_code(totp(&secret));
        verify.send().await.unwrap();
        let settings = SoftwareTokenMfaSettingsType::builder().enabled(true).preferred_mfa(true).build();
        let prefer = self.cognito.admin_set_user_mfa_preference().user_pool_id(&pool.id).username(name);
        prefer.software_token_mfa_settings(settings).send().await.unwrap();
        self.carries(company, secret);
    }

    /// The secret of the person's authenticator from now on.
    pub(crate) fn carries(&self, company: &Company, secret: String) {
        self.authenticators.lock().unwrap().insert(company.email.clone(), secret);
    }

    /// What a registration leaves in the pool when it breaks off before its records are written.
    pub(crate) async fn leave_over(&self, company: &Company) {
        let (pool, name) = (&self.admin, name(&company.email, "admin"));
        let request = self.cognito.sign_up().client_id(&pool.client).password(&company.admin_password);
        let request = request.secret_hash(self.secret_hash(pool, &name).await).username(name);
        request.send().await.unwrap();
    }

    async fn secret_hash(&self, pool: &Pool, name: &str) -> String {
        let request = self.cognito.describe_user_pool_client().user_pool_id(&pool.id).client_id(&pool.client);
        let secret = request.send().await.unwrap().user_pool_client.unwrap().client_secret.unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        STANDARD.encode(hmac::sign(&key, format!("{name}{}", pool.client).as_bytes()))
    }
}

#[async_trait]
impl Codes for People {
    async fn newest(&self, email: &str, _: &str, kind: &str) -> Result<String, ClientError> {
        match kind {
            "phone" => Ok(SMS_CODE.to_owned()),
            "reset" => Ok(RESET_CODE.to_owned()),
            "mfa" => Ok(totp(&self.authenticators.lock().unwrap()[email])),
            _ => Err(ClientError::Unexpected(format!("no {kind} code"))),
        }
    }
}

fn name(email: &str, mode: &str) -> String {
    username(&Login { email: Email::parse(email).unwrap(), mode: Mode::parse(mode).unwrap() })
}

/// The code of now.
fn totp(secret: &str) -> String {
    avain::story::totp(secret, SystemClock.now().unix_timestamp()).unwrap()
}
