//! Which calls of Cognito each step of the user pool may come to, found by the adapter itself: every step is run against every
//! sequence of answers, and what it sends is read. A call that the SDK signs is one that IAM judges; the others carry the
//! client's secret or the user's token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use avain_adapters_aws::cognito::{ClientSecrets, CognitoIdentity, CognitoTokens, KeySource, Pool, Pools, username};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::pool::UserPool;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Factor, Identity, IdentityError, NewUser, SignIn, Unavailable};
use avain_domain::secret::{Password, Secret};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::grants::{ADMIN, Grant, POOLS};
use super::reached::Recording;

/// The steps of the port that an operation takes, by their names.
const STEPS: [&str; 12] = [
    "sign_up",
    "trust",
    "confirm_phone",
    "sign_in",
    "answer_factor",
    "choose_factor",
    "drop_authenticator",
    "begin_reset",
    "reset",
    "verify_email",
    "sign_out",
    "remove",
];
/// Steps that carry an access token, which nobody signs; without a valid one no call is made.
const WITH_TOKEN: [&str; 3] = ["begin_totp", "confirm_totp", "prefer_factor"];
/// What every operation with the pools does at its start.
const START: &str = "the start";

const ADMIN_POOL: &str = "eu-north-1_admin";
const PHONE: &str = "+358401234567";

/// The IAM actions of a function that takes these steps, each with its pools, as in the grants.
pub(super) async fn actions(steps: &BTreeSet<String>) -> BTreeSet<String> {
    let mut pools: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in steps.iter().map(String::as_str).chain([START]) {
        for mode in [Mode::Admin, Mode::Data] {
            for (action, pool) in explore(step, mode).await {
                pools.entry(action).or_default().insert(pool);
            }
        }
    }
    let both = |of: &BTreeSet<String>| if of.len() == 2 { POOLS } else { ADMIN };
    assert!(pools.values().all(|of| of.contains(ADMIN_POOL)), "no grant is of the data pool only: {pools:?}");
    pools.iter().map(|(action, of)| format!("{action} {}", both(of).join(", "))).collect()
}

/// What the grants say of Cognito, in the same words.
pub(super) fn granted(grants: &[Grant]) -> BTreeSet<String> {
    let of_cognito = grants.iter().filter(|grant| grant.action.starts_with("cognito-idp:"));
    of_cognito.map(|grant| format!("{} {}", grant.action, grant.resources.join(", "))).collect()
}

/// Every signed call of a step, with its pool, over all sequences of answers.
async fn explore(step: &str, mode: Mode) -> BTreeSet<(String, String)> {
    let login = Login { email: Email::parse("aino@example.com").unwrap(), mode };
    let cognito = Arc::new(Mutex::new(Cognito { login, script: Vec::new(), taken: Vec::new(), sent: Vec::new() }));
    let mut signed = BTreeSet::new();
    loop {
        take(step, mode, &cognito).await;
        let mut now = cognito.lock().unwrap();
        signed.extend(std::mem::take(&mut now.sent));
        // The next sequence: the last answer that has another one after it gives way to that.
        let taken = std::mem::take(&mut now.taken);
        let Some(at) = taken.iter().rposition(|(answer, of)| answer + 1 < *of) else { return signed };
        now.script = taken[..at].iter().map(|(answer, _)| *answer).chain([taken[at].0 + 1]).collect();
    }
}

async fn take(step: &str, mode: Mode, cognito: &Arc<Mutex<Cognito>>) {
    let login = cognito.lock().unwrap().login.clone();
    let client = client(cognito);
    let pool = |id: &str| Pool::new(id, "client").unwrap();
    let pools = Pools { admin: pool(ADMIN_POOL), data: pool("eu-north-1_data") };
    if step == START {
        let _ = ClientSecrets::fetch(&client, &pools).await;
        return;
    }
    let secret = || Secret::new(b"secret".to_vec());
    let secrets = ClientSecrets { admin: secret(), data: secret() };
    let tokens = Arc::new(CognitoTokens::new(pools.clone(), Arc::new(NoKeys)));
    let identity = CognitoIdentity::new(client, pools, secrets, tokens, Arc::new(SystemClock));
    let password = Password::new("Correct-Horse-Battery-9".to_owned());
    let code = "123456";
    // Every outcome is fine: what was sent is of interest.
    match step {
        "sign_up" => {
            let organisation = OrganisationId("org".to_owned());
            let user = NewUser {
                login: &login,
                password: &password,
                phone: PHONE,
                api_key: "key",
                organisation: &organisation,
                owner: true,
                phone_trusted: false,
            };
            let _ = identity.sign_up(user).await;
        }
        "trust" => drop(identity.trust(&login, true, true).await),
        "confirm_phone" => drop(identity.confirm_phone(&login, PHONE, code).await),
        "sign_in" => drop(identity.sign_in(&login, &password).await),
        // With the session that a login has left.
        "answer_factor" | "choose_factor" => {
            let begun = identity.sign_in(&login, &password).await;
            cognito.lock().unwrap().forget();
            match begun {
                Ok(SignIn::SecondFactor { session, .. }) => drop(identity.answer_factor(&login, &session, code).await),
                Ok(SignIn::ChooseFactor { session, .. }) => {
                    drop(identity.choose_factor(&login, &session, Factor::Totp).await);
                }
                _ => {}
            }
        }
        "drop_authenticator" => {
            drop(identity.drop_authenticator(&login, &format!("t.{}", "s".repeat(40))).await);
        }
        "begin_reset" => drop(identity.begin_reset(&login).await),
        "reset" => drop(identity.reset(&login, code, &password).await),
        token if WITH_TOKEN.contains(&token) => {}
        "verify_email" => drop(identity.verify_email(&login, "token", code).await),
        "sign_out" => drop(identity.sign_out(&login).await),
        "remove" => drop(identity.remove(&login).await),
        other => panic!("{other} is none of {STEPS:?}, in {mode:?}"),
    }
}

/// Cognito as a tree of answers.
#[derive(Debug)]
struct Cognito {
    login: Login,
    /// Which answer each call gets, in order; the first one where this ends.
    script: Vec<usize>,
    /// Which answer each call got, and of how many.
    taken: Vec<(usize, usize)>,
    /// The calls that were signed, each with its pool.
    sent: Vec<(String, String)>,
}

impl Cognito {
    /// What was sent was another step's.
    fn forget(&mut self) {
        self.sent.clear();
    }

    fn answer(&mut self, request: &HttpRequest) -> (u16, Value) {
        let call = request.headers().get("x-amz-target").unwrap().split('.').nth(1).unwrap();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        if request.headers().get("authorization").is_some() {
            self.sent.push((format!("cognito-idp:{call}"), body["UserPoolId"].as_str().unwrap().to_owned()));
        }
        let answers = answers(call, &self.login);
        let answer = self.script.get(self.taken.len()).copied().unwrap_or(0);
        self.taken.push((answer, answers.len()));
        answers[answer].clone()
    }
}

/// The answers to a call that make a difference.
fn answers(call: &str, login: &Login) -> Vec<(u16, Value)> {
    let done = |answer| (200, answer);
    let refused = |exception: &str| (400, json!({ "__type": exception, "message": "" }));
    let user = |status: &str| {
        let attributes = json!([{ "Name": "phone_number", "Value": PHONE }]);
        done(json!({ "Username": "x", "UserStatus": status, "UserAttributes": attributes, "UserCreateDate": 0.0 }))
    };
    let challenge = |name: &str| {
        let parameters = json!({ "MFAS_CAN_CHOOSE": "[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]" });
        done(json!({ "ChallengeName": name, "Session": "s".repeat(40), "ChallengeParameters": parameters }))
    };
    let tokens = |verified| {
        let id_token = id_token(login, verified);
        done(json!({ "AuthenticationResult": { "IdToken": id_token, "AccessToken": "a.b.c", "ExpiresIn": 3600 } }))
    };
    let challenges = ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE"].map(challenge);
    match call {
        "SignUp" => vec![done(json!({})), refused("UsernameExistsException")],
        "AdminGetUser" => vec![user("UNCONFIRMED"), user("CONFIRMED"), refused("UserNotFoundException")],
        "AdminInitiateAuth" => {
            [vec![tokens(true), tokens(false), refused("UserNotConfirmedException")], challenges.to_vec()].concat()
        }
        "AdminRespondToAuthChallenge" => [vec![tokens(true), tokens(false)], challenges.to_vec()].concat(),
        "DescribeUserPoolClient" => vec![done(json!({ "UserPoolClient": { "ClientSecret": "secret" } }))],
        _ => vec![done(json!({})), refused("NotAuthorizedException"), refused("UserNotFoundException")],
    }
}

/// As Cognito gives it at a login, where the adapter reads it without looking at the signature.
fn id_token(login: &Login, verified: bool) -> String {
    let claims = json!({
        "iss": "https://cognito-idp.eu-north-1.amazonaws.com/eu-north-1_admin",
        "cognito:username": username(login),
        "email_verified": verified,
        "custom:apikey": "key",
        "custom:organisation": "org",
        "custom:account_type": "customer",
    });
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!(
        "{}.{}.{}",
        part(&json!({ "alg": "RS256", "kid": "1" })),
        part(&claims),
        URL_SAFE_NO_PAD.encode("signature")
    )
}

fn client(cognito: &Arc<Mutex<Cognito>>) -> Client {
    let connector = SharedHttpConnector::new(Connector(Arc::clone(cognito)));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-north-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()));
    Client::from_conf(config.build())
}

#[derive(Debug)]
struct Connector(Arc<Mutex<Cognito>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, answer) = self.0.lock().unwrap().answer(&request);
        let answer = HttpResponse::new(status.try_into().unwrap(), answer.to_string().into());
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// No token is valid: what comes after a valid one is sent with it, unsigned (`shared/adapters-aws/tests/cognito`).
struct NoKeys;

#[async_trait]
impl KeySource for NoKeys {
    async fn fetch(&self, _: &Pool) -> Result<Vec<u8>, Unavailable> {
        Err(Unavailable("none".to_owned()))
    }
}

/// What is asked of the user pool goes to the one-machine pool, and is written down.
#[async_trait]
impl Identity for Recording<Arc<UserPool>> {
    async fn sign_up(&self, user: NewUser<'_>) -> Result<(), IdentityError> {
        self.recorder.step("sign_up");
        self.inner.sign_up(user).await
    }

    async fn trust(&self, login: &Login, phone: bool, email: bool) -> Result<(), IdentityError> {
        self.recorder.step("trust");
        self.inner.trust(login, phone, email).await
    }

    async fn confirm_phone(&self, login: &Login, phone: &str, code: &str) -> Result<(), IdentityError> {
        self.recorder.step("confirm_phone");
        self.inner.confirm_phone(login, phone, code).await
    }

    async fn sign_in(&self, login: &Login, password: &Password) -> Result<SignIn, IdentityError> {
        self.recorder.step("sign_in");
        self.inner.sign_in(login, password).await
    }

    async fn answer_factor(&self, login: &Login, session: &str, code: &str) -> Result<SignIn, IdentityError> {
        self.recorder.step("answer_factor");
        self.inner.answer_factor(login, session, code).await
    }

    async fn choose_factor(&self, login: &Login, session: &str, factor: Factor) -> Result<SignIn, IdentityError> {
        self.recorder.step("choose_factor");
        self.inner.choose_factor(login, session, factor).await
    }

    async fn begin_totp(&self, login: &Login, access_token: &str) -> Result<Password, IdentityError> {
        self.recorder.step("begin_totp");
        self.inner.begin_totp(login, access_token).await
    }

    async fn confirm_totp(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.recorder.step("confirm_totp");
        self.inner.confirm_totp(login, access_token, code).await
    }

    async fn prefer_factor(
        &self,
        login: &Login,
        access_token: &str,
        preferred: Option<Factor>,
    ) -> Result<(), IdentityError> {
        self.recorder.step("prefer_factor");
        self.inner.prefer_factor(login, access_token, preferred).await
    }

    async fn drop_authenticator(&self, login: &Login, session: &str) -> Result<(), IdentityError> {
        self.recorder.step("drop_authenticator");
        self.inner.drop_authenticator(login, session).await
    }

    async fn begin_reset(&self, login: &Login) -> Result<(), IdentityError> {
        self.recorder.step("begin_reset");
        self.inner.begin_reset(login).await
    }

    async fn reset(&self, login: &Login, code: &str, new_password: &Password) -> Result<(), IdentityError> {
        self.recorder.step("reset");
        self.inner.reset(login, code, new_password).await
    }

    async fn verify_email(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.recorder.step("verify_email");
        self.inner.verify_email(login, access_token, code).await
    }

    async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        self.recorder.step("sign_out");
        self.inner.sign_out(login).await
    }

    async fn remove(&self, login: &Login) -> Result<bool, IdentityError> {
        self.recorder.step("remove");
        self.inner.remove(login).await
    }
}
