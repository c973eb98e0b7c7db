//! Someone who talks to the service without a client's help: every part of a request is the test's own.

use avain::client::{Credentials, encrypt_password};
use avain::story::{Company, Story};
use avain_domain::names::{Email, Login, Mode};
use avain_domain::ports::{Clock, Factor, SignIn};
use avain_domain::records::{Key, LAST_ID, Record, Shelf, Stretch};
use avain_domain::secret::Password;
use avain_test_support::totp;
use http::Method;
use serde_json::{Value, json};

use super::{Answer, OutboxCodes, Service};

/// A person with an e-mail address.
pub(crate) struct Person<'s> {
    /// Where.
    pub(crate) service: &'s Service,
    /// Who.
    pub(crate) company: Company,
    codes: OutboxCodes,
}

impl<'s> Person<'s> {
    /// Nobody yet.
    pub(crate) fn new(service: &'s Service, email: &str) -> Self {
        Self { service, company: Company::example(email), codes: service.codes() }
    }

    /// Registered in a mode with a new API key.
    pub(crate) async fn registered(service: &'s Service, email: &str) -> Self {
        let person = Self::new(service, email);
        person.register("admin", "0").await.succeeded(201);
        person
    }

    /// The same person's client.
    pub(crate) fn story(&self) -> Story<'_> {
        self.service.story(&self.codes, &self.company.email)
    }

    /// The address.
    pub(crate) fn email(&self) -> &str {
        &self.company.email
    }

    /// The password of a mode.
    pub(crate) fn password(&self, mode: &str) -> &str {
        if mode == "admin" { &self.company.admin_password } else { &self.company.data_password }
    }

    /// `/v2/session/EMAIL/MODE`.
    pub(crate) fn session(&self, mode: &str) -> String {
        format!("/v2/session/{}/{mode}", self.email())
    }

    /// `/v2/account/EMAIL/MODE`.
    pub(crate) fn account(&self, mode: &str) -> String {
        format!("/v2/account/{}/{mode}", self.email())
    }

    /// A request without credentials.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.service.send(method, path, None, body.to_string()).await
    }

    /// A fresh challenge by InitLogin.
    pub(crate) async fn challenge(&self, mode: &str) -> String {
        self.service.send(Method::GET, &self.session(mode), None, "").await.text("Challenge")
    }

    /// A password encrypted as a client does it.
    pub(crate) fn encrypted(&self, password: &str, challenge: &str) -> String {
        encrypt_password(&self.service.server.machine.password_key, password, challenge).unwrap()
    }

    /// Login.
    pub(crate) async fn answer(&self, mode: &str, challenge: &str, encrypted: &str) -> Answer {
        let body = json!({ "ChResp": challenge, "Encrypted": encrypted });
        self.send(Method::POST, &self.session(mode), &body).await
    }

    /// Login with a fresh challenge and any password.
    pub(crate) async fn guess(&self, mode: &str, password: &str) -> Answer {
        let challenge = self.challenge(mode).await;
        self.answer(mode, &challenge, &self.encrypted(password, &challenge)).await
    }

    /// Login with a fresh challenge and the right password.
    pub(crate) async fn log_in(&self, mode: &str) -> Answer {
        self.guess(mode, self.password(mode)).await
    }

    /// A request at the person's session, PUT, in a mode.
    pub(crate) async fn put(&self, mode: &str, end: &str, body: &Value) -> Answer {
        self.send(Method::PUT, &format!("{}/{end}", self.session(mode)), body).await
    }

    /// SelectMFA.
    pub(crate) async fn select(&self, session: &str, factor: &str) -> Answer {
        self.put("admin", "selectmfa", &json!({ "Session": session, "MfaType": factor })).await
    }

    /// VerifyTOTP.
    pub(crate) async fn verify_totp(&self, access_token: &str, code: &str) -> Answer {
        self.put("admin", "verifytotp", &json!({ "AccessToken": access_token, "Code": code })).await
    }

    /// InitPasswordReset.
    pub(crate) async fn begin_reset(&self, mode: &str) -> Answer {
        self.service.send(Method::GET, &format!("{}/password", self.account(mode)), None, "").await
    }

    /// PasswordReset with a fresh challenge.
    pub(crate) async fn reset(&self, mode: &str, code: &str, password: &str) -> Answer {
        let challenge = self.challenge(mode).await;
        let encrypted = self.encrypted(password, &challenge);
        let body = json!({ "Code": code, "ChResp": challenge, "Encrypted": encrypted });
        self.send(Method::POST, &format!("{}/password", self.account(mode)), &body).await
    }

    /// A login to its end by SMS, which sets an authenticator up; its answer and the authenticator.
    pub(crate) async fn set_up(&self) -> (Answer, Authenticator<'s>) {
        let mut prompt = self.log_in("admin").await;
        if prompt.body["ChallengeName"] == "SELECT_MFA_TYPE" {
            prompt = self.select(&prompt.text("Session"), "SMS_MFA").await;
        }
        let code = self.code("admin", "mfa").await;
        let body = json!({ "Session": prompt.text("Session"), "Code": code, "SetupTOTP": true });
        let answer = self.put("admin", "mfacode", &body).await;
        let secret = Password::new(answer.text("SecretCode"));
        (answer, Authenticator { service: self.service, secret })
    }

    /// The same, confirmed: the authenticator and its recovery codes.
    pub(crate) async fn enrolled(&self) -> (Authenticator<'s>, Vec<String>) {
        let (answer, authenticator) = self.set_up().await;
        let confirmed = self.verify_totp(&answer.text("AccessToken"), &authenticator.now()).await;
        confirmed.succeeds(200, "TOTP enabled", &["RecoveryCodes"]);
        // The first login needs another code.
        self.service.clock.advance(time::Duration::seconds(90));
        let codes = confirmed.body["RecoveryCodes"].as_array().unwrap();
        (authenticator, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    /// Whether a code of a kind was ever sent.
    pub(crate) async fn was_sent(&self, mode: &str, kind: &str) -> bool {
        use avain::story::Codes;
        self.codes.newest(self.email(), mode, kind).await.is_ok()
    }

    /// LoginMFA.
    pub(crate) async fn second_factor(&self, session: &str, code: &str) -> Answer {
        let body = json!({ "Session": session, "Code": code });
        self.send(Method::PUT, &format!("{}/mfacode", self.session("admin")), &body).await
    }

    /// The body of a Register with a fresh challenge.
    pub(crate) async fn registration(&self, mode: &str, api_key: &str, password: &str) -> Value {
        let challenge = self.challenge(mode).await;
        let encrypted = self.encrypted(password, &challenge);
        json!({
            "Name": self.company.person, "Phone": self.company.phone, "Company": self.company.name,
            "ApiKey": api_key, "ChResp": challenge, "Encrypted": encrypted,
        })
    }

    /// Register.
    pub(crate) async fn register(&self, mode: &str, api_key: &str) -> Answer {
        let body = self.registration(mode, api_key, self.password(mode)).await;
        self.send(Method::PUT, &self.account(mode), &body).await
    }

    /// VerifyPhone.
    pub(crate) async fn verify_phone(&self, mode: &str, phone: &str, code: &str) -> Answer {
        self.send(Method::POST, &format!("{}/{phone}", self.account(mode)), &json!({ "Code": code })).await
    }

    /// VerifyEmail.
    pub(crate) async fn verify_email(&self, mode: &str, access_token: &str, code: &str) -> Answer {
        self.send(Method::POST, &self.account(mode), &json!({ "Code": code, "AccessToken": access_token })).await
    }

    /// The newest code of a kind.
    pub(crate) async fn code(&self, mode: &str, kind: &str) -> String {
        use avain::story::Codes;
        self.codes.newest(self.email(), mode, kind).await.unwrap()
    }

    /// From nothing to a session in both modes.
    pub(crate) async fn sessions(&self) -> (Credentials, Credentials) {
        let admin = self.story().open("admin", "0").await.unwrap();
        let data = self.story().open("data", &admin.api_key).await.unwrap();
        (admin, data)
    }

    /// Sets up an authenticator in the user pool, for a person who has a session: no operation does it yet. `None` where no
    /// other implementation makes codes.
    pub(crate) async fn authenticator(&self, preferred: Option<Factor>) -> Option<Authenticator<'s>> {
        let identity = self.service.server.machine.deps.identity().unwrap();
        let (login, password) = (self.login("admin"), Password::new(self.password("admin").to_owned()));
        let SignIn::SecondFactor { session, .. } = identity.sign_in(&login, &password).await.unwrap() else {
            panic!("no second factor")
        };
        let code = self.code("admin", "mfa").await;
        let SignIn::Done(tokens) = identity.answer_factor(&login, &session, &code).await.unwrap() else {
            panic!("not logged in")
        };
        let secret = identity.begin_totp(&login, &tokens.access_token).await.unwrap();
        let authenticator = Authenticator { service: self.service, secret };
        let first = authenticator.code(0)?;
        identity.confirm_totp(&login, &tokens.access_token, &first).await.unwrap();
        identity.prefer_factor(&login, &tokens.access_token, preferred).await.unwrap();
        Some(authenticator)
    }

    /// Failures counted against the login.
    pub(crate) async fn failures(&self, mode: &str) -> u32 {
        match self.service.record(Key::Attempts(self.login(mode))).await {
            Some(Record::Attempts(attempts)) => attempts.failures,
            None => 0,
            other => panic!("{other:?}"),
        }
    }

    /// Whether a challenge was spent.
    pub(crate) async fn spent(&self, challenge: &str) -> bool {
        let Some(id) = challenge.split('|').nth(2) else { return false };
        self.service.record(Key::SpentChallenge(id.to_owned())).await.is_some()
    }

    /// How often an event of this action was written for the person's organisation.
    pub(crate) async fn audited(&self, action: &str) -> usize {
        let account = self.service.account(self.email()).await.into_iter().find_map(|stored| match stored.record {
            Record::Account(account) => Some(account),
            _ => None,
        });
        let trail = Shelf::AuditEvents(account.unwrap().organisation);
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 1000 };
        let events = self.service.server.machine.deps.store().unwrap().stretch(&trail, all).await.unwrap();
        events.iter().filter(|it| matches!(&it.record, Record::AuditEvent(event) if event.action == action)).count()
    }

    /// Account and mode.
    pub(crate) fn login(&self, mode: &str) -> Login {
        Login { email: Email::parse(self.email()).unwrap(), mode: Mode::parse(mode).unwrap() }
    }
}

/// An authenticator in a person's pocket.
pub(crate) struct Authenticator<'s> {
    service: &'s Service,
    secret: Password,
}

impl Authenticator<'_> {
    /// The code so many steps from now.
    pub(crate) fn code(&self, steps: i64) -> Option<String> {
        totp::code(self.secret.expose(), self.service.clock.now().unix_timestamp() + 30 * steps)
    }

    /// The code of now, by the project's own client.
    pub(crate) fn now(&self) -> String {
        avain::story::totp(self.secret.expose(), self.service.clock.now().unix_timestamp()).unwrap()
    }

    /// A code that is wrong now.
    pub(crate) fn wrong(&self) -> String {
        totp::wrong(self.secret.expose(), self.service.clock.now().unix_timestamp())
    }
}

/// Another code of six digits.
pub(crate) fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Asserts that each field of a good body must be there as a text, and that a body must be a JSON object, with the answers
/// of the table; nothing of what is sent here may have an effect.
pub(crate) async fn asks_for_its_parameters(
    service: &Service,
    method: Method,
    path: &str,
    credentials: Option<&Credentials>,
    good: &Value,
) {
    let send = async |body: Vec<u8>| service.send(method.clone(), path, credentials, body).await;
    for name in good.as_object().unwrap().keys() {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(name);
        send(without.to_string().into()).await.is(400, "01", "Missing parameter(s)");
        for nothing in [Value::Null, json!("")] {
            let mut body = good.clone();
            body[name] = nothing;
            send(body.to_string().into()).await.is(400, "01", "Missing parameter(s)");
        }
        for wrong in [json!(1), json!(true), json!(["text"]), json!({ "text": "text" })] {
            let mut body = good.clone();
            body[name] = wrong;
            send(body.to_string().into()).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
        }
    }
    let deep = format!("{{\"Code\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let trailing = format!("{good} x");
    let (array, unfinished) = (format!("[{good}]"), good.to_string().replace('}', ""));
    let bodies = ["", "{", "null", "1", "\"text\"", "[]", "{'a':1}", &array, &unfinished, &trailing, &deep];
    for body in bodies.map(|text| text.as_bytes().to_vec()).into_iter().chain([b"{\"Code\":\"\xff\"}".to_vec()]) {
        send(body).await.is(400, "01", "Invalid parameter(s): Body (a JSON object)");
    }
}
