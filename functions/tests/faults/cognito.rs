//! What ministack's user pools do not do, in the shapes of Cognito's reference: a second factor by SMS, and the verification of
//! e-mail addresses. Everything else is ministack's.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Every code: ministack has only this one.
pub(crate) const CODE: &str = "123456";
/// The account in which ministack looks when a call is not signed, as SignUp is not.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The pools' SMS and e-mail.
#[derive(Debug)]
pub(crate) struct Sms {
    admin_client: String,
    data_pool: String,
    admin_pool: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// ministack's answer to the password, by the session under which it waits for a code.
    waiting: HashMap<String, Vec<u8>>,
    sessions: u32,
    /// Users whose e-mail address is verified.
    verified: HashSet<String>,
    /// Users for whom SMS was turned on. By Cognito's guide a first login may do without.
    asked: HashSet<String>,
}

impl Sms {
    pub(crate) fn new(admin_pool: &str, admin_client: &str, data_pool: &str) -> Self {
        let [admin_pool, admin_client, data_pool] = [admin_pool, admin_client, data_pool].map(str::to_owned);
        Self { admin_client, data_pool, admin_pool, state: Mutex::default() }
    }

    /// An answer for which ministack is not asked.
    pub(crate) fn instead(&self, name: &str, asked: &[u8]) -> Option<(u16, Value)> {
        let asked: Value = serde_json::from_slice(asked).ok()?;
        let mut state = self.state.lock().unwrap();
        match name {
            "AdminRespondToAuthChallenge" => {
                assert_eq!(asked["ChallengeResponses"]["SMS_MFA_CODE"], CODE);
                Some(match state.waiting.remove(asked["Session"].as_str()?) {
                    Some(tokens) => (200, serde_json::from_slice(&tokens).unwrap()),
                    None => refusal("NotAuthorizedException", "Invalid session for the user."),
                })
            }
            "GetUserAttributeVerificationCode" => Some((
                200,
                json!({
                    "CodeDeliveryDetails": {
                        "AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***",
                    },
                }),
            )),
            "VerifyUserAttribute" => {
                let user = username(asked["AccessToken"].as_str()?);
                let again = !state.verified.insert(user);
                again.then(|| refusal("ExpiredCodeException", "Invalid code provided, please request a code again."))
            }
            _ => None,
        }
    }

    /// The request that has the effect of the one that ministack does not know.
    pub(crate) fn translated(&self, name: &str, request: HttpRequest) -> HttpRequest {
        if name != "VerifyUserAttribute" {
            return request;
        }
        let asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.set_verified(request, &username(asked["AccessToken"].as_str().unwrap()), true)
    }

    /// What must follow: ministack verifies the address with the phone.
    pub(crate) fn following(&self, name: &str, request: &HttpRequest) -> Option<HttpRequest> {
        if name != "ConfirmSignUp" {
            return None;
        }
        let asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        Some(self.set_verified(request.try_clone()?, asked["Username"].as_str()?, false))
    }

    fn set_verified(&self, mut request: HttpRequest, user: &str, verified: bool) -> HttpRequest {
        let pool = if user.ends_with("admin") { &self.admin_pool } else { &self.data_pool };
        let value = verified.to_string();
        let body = json!({
            "UserPoolId": pool, "Username": user, "UserAttributes": [{ "Name": "email_verified", "Value": value }],
        });
        let body = body.to_string();
        let scope = format!("Credential={ACCOUNT}/20200101/eu-north-1/cognito-idp/aws4_request");
        let headers = request.headers_mut();
        headers.insert("x-amz-target", "AWSCognitoIdentityProviderService.AdminUpdateUserAttributes");
        headers.insert("content-length", body.len().to_string());
        headers.insert("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"));
        *request.body_mut() = SdkBody::from(body);
        request
    }

    /// What becomes of ministack's answer: an admin gets a challenge before his tokens.
    pub(crate) fn changed(&self, name: &str, asked: &[u8], answer: Vec<u8>) -> Vec<u8> {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let asked = read(asked);
        let mut state = self.state.lock().unwrap();
        if name == "AdminSetUserMFAPreference" {
            state.asked.insert(asked["Username"].as_str().unwrap().to_owned());
        }
        let tokens = name == "AdminInitiateAuth" && !read(&answer)["AuthenticationResult"].is_null();
        let user = asked["AuthParameters"]["USERNAME"].as_str().unwrap_or_default();
        if !tokens || asked["ClientId"] != self.admin_client.as_str() || !state.asked.contains(user) {
            return answer;
        }
        state.sessions += 1;
        let session = format!("session-of-the-tests-{}", state.sessions);
        state.waiting.insert(session.clone(), answer);
        let challenge = json!({
            "ChallengeName": "SMS_MFA", "Session": session,
            "ChallengeParameters": { "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******4567" },
        });
        challenge.to_string().into_bytes()
    }
}

fn refusal(exception: &str, message: &str) -> (u16, Value) {
    (400, json!({ "__type": exception, "message": message }))
}

fn username(access_token: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["username"].as_str().unwrap().to_owned()
}
