//! What ministack's user pools do not do, in the shapes of Cognito's reference: a second factor by SMS, the choice of one by who
//! has an authenticator too, sessions and authenticators' codes that are good once, and the verification of e-mail addresses.
//! Everything else is ministack's.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Every code but that of a reset: ministack has only this one.
pub(crate) const CODE: &str = "123456";
/// Every code of a reset.
pub(crate) const RESET_CODE: &str = "654321";
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
    /// Logins that wait, by their sessions.
    waiting: HashMap<String, Waiting>,
    sessions: u32,
    /// Users whose e-mail address is verified.
    verified: HashSet<String>,
    /// Users for whom SMS was turned on. By Cognito's guide a first login may do without.
    asked: HashSet<String>,
    /// Users who were confirmed without a code.
    trusted: HashSet<String>,
    /// Codes of authenticators that were taken, each with its user.
    used: HashSet<(String, String)>,
    resets: u64,
}

/// What a login waits for.
#[derive(Debug)]
enum Waiting {
    /// The code by SMS; ministack has given these tokens for the password.
    Code(Value),
    /// The choice of a factor.
    Choice,
    /// The code by SMS, which was chosen; ministack, which has asked for the authenticator's, takes it.
    Chosen,
}

impl State {
    fn session(&mut self, waiting: Waiting) -> String {
        self.sessions += 1;
        let session = format!("session-of-the-tests-{}", self.sessions);
        self.waiting.insert(session.clone(), waiting);
        session
    }

    fn ask_by_sms(&mut self, waiting: Waiting) -> Value {
        json!({
            "ChallengeName": "SMS_MFA", "Session": self.session(waiting),
            "ChallengeParameters": { "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******4567" },
        })
    }

    fn forget(&mut self, user: &str) {
        for users in [&mut self.verified, &mut self.asked, &mut self.trusted] {
            users.remove(user);
        }
    }
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
                let responses = &asked["ChallengeResponses"];
                match (asked["ChallengeName"].as_str()?, state.waiting.remove(asked["Session"].as_str()?)) {
                    ("SMS_MFA", Some(Waiting::Code(tokens))) if responses["SMS_MFA_CODE"] == CODE => {
                        Some((200, tokens))
                    }
                    ("SMS_MFA", Some(Waiting::Chosen)) if responses["SMS_MFA_CODE"] == CODE => None,
                    ("SELECT_MFA_TYPE", Some(Waiting::Choice)) if responses["ANSWER"] == "SMS_MFA" => {
                        Some((200, state.ask_by_sms(Waiting::Chosen)))
                    }
                    (_, None) => Some(refusal("NotAuthorizedException", "Invalid session for the user.")),
                    other => panic!("not played: {other:?}"),
                }
            }
            "AdminConfirmSignUp" => {
                let again = state.trusted.contains(asked["Username"].as_str()?);
                let refused = "User cannot be confirmed. Current status is CONFIRMED";
                again.then(|| refusal("NotAuthorizedException", refused))
            }
            "VerifySoftwareToken" => {
                let used = state.used.contains(&code_of(&asked));
                used.then(|| refusal("EnableSoftwareTokenMFAException", "Code mismatch"))
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
        let user = asked["Username"].as_str()?;
        if self.state.lock().unwrap().verified.contains(user) {
            return None;
        }
        Some(self.set_verified(request.try_clone()?, user, false))
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

    /// What becomes of ministack's answer to what it has done: an admin gets a challenge before his tokens, and with an
    /// authenticator he has the choice.
    pub(crate) fn changed(&self, name: &str, asked: &[u8], answer: Vec<u8>) -> Vec<u8> {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let asked = read(asked);
        let user = || asked["Username"].as_str().unwrap().to_owned();
        let mut state = self.state.lock().unwrap();
        match name {
            "AdminSetUserMFAPreference" => drop(state.asked.insert(user())),
            "AdminConfirmSignUp" => drop(state.trusted.insert(user())),
            "AdminUpdateUserAttributes" => {
                let is_email = |it: &Value| it["Name"] == "email_verified" && it["Value"] == "true";
                if asked["UserAttributes"].as_array().unwrap().iter().any(is_email) {
                    state.verified.insert(user());
                }
            }
            "AdminDeleteUser" => state.forget(&user()),
            "VerifySoftwareToken" => drop(state.used.insert(code_of(&asked))),
            "ConfirmForgotPassword" => state.resets += 1,
            "AdminInitiateAuth" => return self.challenged(&mut state, &asked, read(&answer)).unwrap_or(answer),
            _ => {}
        }
        answer
    }

    /// The challenge in the place of ministack's answer to a password.
    fn challenged(&self, state: &mut State, asked: &Value, answer: Value) -> Option<Vec<u8>> {
        let user = asked["AuthParameters"]["USERNAME"].as_str().unwrap_or_default();
        if asked["ClientId"] != self.admin_client.as_str() || !state.asked.contains(user) {
            return None;
        }
        let challenge = if answer["ChallengeName"] == "SOFTWARE_TOKEN_MFA" {
            json!({
                "ChallengeName": "SELECT_MFA_TYPE", "Session": state.session(Waiting::Choice),
                "ChallengeParameters": { "MFAS_CAN_CHOOSE": "[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]" },
            })
        } else {
            state.ask_by_sms(Waiting::Code(answer))
        };
        Some(challenge.to_string().into_bytes())
    }

    /// How many passwords were reset so far.
    pub(crate) fn resets(&self) -> u64 {
        self.state.lock().unwrap().resets
    }
}

/// The code that VerifySoftwareToken brings, and whose.
fn code_of(asked: &Value) -> (String, String) {
    (username(asked["AccessToken"].as_str().unwrap()), asked["UserCode"].as_str().unwrap().to_owned())
}

fn refusal(exception: &str, message: &str) -> (u16, Value) {
    (400, json!({ "__type": exception, "message": message }))
}

fn username(access_token: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["username"].as_str().unwrap().to_owned()
}
