//! The table of answers where something fails that the service depends on, or breaks: the call is refused, and nothing of it
//! is half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use avain::client::Credentials;
use avain::story::{Signer, credentials, totp};
use avain_adapters_local::random::SystemRandom;
use avain_adapters_local::vault::KeyFileVault;
use avain_api::Deps;
use avain_api::deps::Need;
use avain_api::operations::{
    ADD_SIGNATURES, ALL, CONFIG_CERTS, DELETE_FILE, DELETE_KEY, DOWNLOAD_FILE, EXPORT_CERT, GET_POLICY, IMPORT_CERT,
    LIST_ACCOUNT_USAGE, LIST_ACCOUNTS, LIST_AUDIT_EVENTS, LIST_CERTS, LIST_FILES, LIST_UPLOADS, RETIRE_CERT,
    SHARE_CERTS, UNSHARE_CERTS,
};
use avain_bank_simulator::{BankKey, Operation as Bank};
use avain_domain::ports::{Claims, Clock, DataKey, IdentityError, KeyContext, Tokens, Unavailable, Vault};
use avain_domain::records::{CertificateState, UploadState};
use avain_domain::seal::Sealer;
use avain_domain::secret::Secret;
use http::Method;
use serde_json::json;
use time::OffsetDateTime;

use crate::calls::{export_key, self_signed};
use crate::support::firm::{Firm, PAYMENT, path_of};
use crate::support::frail::Patience;
use crate::support::person::Person;
use crate::support::pool::Interposed;
use crate::support::{Answer, Service};

#[tokio::test]
async fn while_the_store_is_down_nothing_is_half_done() {
    let (service, patience) = Patience::start().await;
    let person = Person::new(&service, "outage@example.com");
    let nobody = async |_| {
        assert!(service.account(person.email()).await.is_empty());
        // What a registration that broke off left in the user pool gives way after a minute.
        service.clock.advance(time::Duration::minutes(1));
    };
    let calls = patience.until_it_succeeds(201, async || person.register("admin", "0").await, nobody).await;
    assert!(calls >= 2, "{calls}");

    let phone = person.company.phone.clone();
    person.verify_phone("admin", &phone, &person.code("admin", "phone").await).await.succeeded(200);

    // A login that the store never heard of spent nothing; a later one stays counted.
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    patience.ends_after(0);
    person.answer("admin", &challenge, &encrypted).await.is(503, "01", "Temporarily unavailable");
    patience.never_ends();
    assert!(!person.spent(&challenge).await);
    assert_eq!(person.failures("admin").await, 0);
    person.answer("admin", &challenge, &encrypted).await.succeeded(200);
    let counted = async |good| assert_eq!(i64::from(person.failures("admin").await), good);
    let calls = patience.until_it_succeeds(200, async || person.log_in("admin").await, counted).await;
    assert_eq!(i64::from(person.failures("admin").await), calls - 1, "a right password alone takes back only itself");

    patience.never_ends();
    let admin = {
        let story = person.story();
        let token = story.log_in("admin").await.unwrap()["AccessToken"].as_str().unwrap().to_owned();
        story.verify_email("admin", &token).await.unwrap();
        credentials(&story.log_in("admin").await.unwrap()).unwrap()
    };

    assert_eq!(person.failures("admin").await, 0);

    let key = Signer::generate("Outage <outage@example.com>").unwrap().public_key().unwrap();
    let body = json!({ "PgpKey": key, "PgpKeyPurpose": "authorize" }).to_string();
    let before = service.account(person.email()).await;
    let unchanged = async |_| assert_eq!(service.account(person.email()).await, before);
    let upload = async || service.send(Method::PUT, "/v2/pgp", Some(&admin), body.clone()).await;
    assert_eq!(patience.until_it_succeeds(201, upload, unchanged).await, 2);
    let list = async || service.send(Method::GET, "/v2/pgp", Some(&admin), "").await;
    assert_eq!(patience.until_it_succeeds(200, list, async |_| {}).await, 1);

    // The token lives on until the logout is kept.
    let log_out = async || service.send(Method::DELETE, &person.session("admin"), Some(&admin), "").await;
    let lives = async |_| list().await.succeeds(200, "OK", &["PgpKeys"]);
    patience.until_it_succeeds(200, log_out, lives).await;
    list().await.is(401, "01", "Unauthorized");
}

/// What tests of this file play one by one, or those of policy and accounts; one uses the store for its refusals only.
const BY_THEMSELVES: [&str; 16] = [
    "Register",
    "Login",
    "Logout",
    "UploadKey",
    "ListKeys",
    "VerifyPhone",
    "VerifyEmail",
    "LoginMFA",
    "EnrollCert",
    "UploadFile",
    "InitPasswordReset",
    "PasswordReset",
    "VerifyTOTP",
    "SelectMFA",
    "PutPolicy",
    "DeleteAccount",
];

/// Each of the other operations, with a store that fails at its first, second, ... use: nothing of it is done.
#[tokio::test]
async fn whichever_use_of_the_store_fails_nothing_is_done() {
    let (certificate, private_key) = self_signed();
    let (service, store) = Patience::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "outage").await;
    let friend = Firm::open_under(&service, &codes, "friend", &firm.admin.api_key).await;
    let export_key = firm.register_export_key(&export_key()).await;
    let file = firm.first_file().await;
    let (certs, cert, shared) = ("/v2/certs", "/v2/certs/simulator", "/v2/certs/shared/friend@example.com");
    let import = json!({
        "Company": firm.story.company.name, "WsUserId": "1000038023",
        "PrivateKey": private_key, "Certificate": certificate,
    });
    let exported = format!("{cert}?PgpKeyId={export_key}");
    firm.ask_for(3).await;
    let (payment, second) = (firm.payment("WAITS"), firm.another_signer().await);
    let waiting = firm.upload(&payment.body()).await.text("UploadId");
    let signature = json!({ "Signature": second.sign(&payment.bytes).unwrap() });
    let (uploads, signatures) = ("/v2/uploads/simulator", format!("/v2/uploads/simulator/{waiting}/signatures"));
    let calls = [
        (&GET_POLICY, &friend.data, "/v2/policy", json!(null), 200),
        (&LIST_ACCOUNTS, &firm.admin, "/v2/integrator/accounts", json!(null), 200),
        (&LIST_ACCOUNT_USAGE, &firm.admin, "/v2/usage/accounts", json!(null), 200),
        (&ADD_SIGNATURES, &firm.data, &signatures, signature, 201),
        (&LIST_UPLOADS, &firm.data, uploads, json!(null), 200),
        (&LIST_CERTS, &firm.admin, certs, json!(null), 200),
        (&SHARE_CERTS, &firm.admin, shared, json!(null), 201),
        (&LIST_CERTS, &friend.data, certs, json!(null), 200),
        (&LIST_FILES, &friend.data, "/v2/files/simulator", json!(null), 200),
        (&UNSHARE_CERTS, &firm.admin, shared, json!(null), 200),
        (&LIST_FILES, &firm.data, "/v2/files/simulator", json!(null), 200),
        (&DOWNLOAD_FILE, &firm.data, &file, json!(null), 200),
        (&DOWNLOAD_FILE, &firm.data, &file, json!(null), 200),
        (&DELETE_FILE, &firm.data, &file, json!(null), 400),
        (&EXPORT_CERT, &firm.admin, &exported, json!(null), 200),
        (&DELETE_KEY, &firm.admin, "/v2/pgp", json!({ "PgpKeyId": export_key }), 200),
        (&LIST_AUDIT_EVENTS, &firm.admin, "/v2/audit", json!(null), 200),
        (&RETIRE_CERT, &firm.admin, cert, json!(null), 200),
        (&IMPORT_CERT, &firm.admin, cert, import, 201),
        (&CONFIG_CERTS, &firm.admin, certs, json!({ "Export": "disabled" }), 200),
    ];
    for (operation, who, path, body, success) in &calls {
        let state = async || (firm.records().await, friend.records().await, firm.actions("").await);
        let before = state().await;
        let call = async || service.send(operation.method.clone(), path, Some(who), body.to_string()).await;
        let unchanged = async |good| assert_eq!(state().await, before, "{} after {good}", operation.name);
        let uses = store.until_it_succeeds(*success, call, unchanged).await;
        assert!(uses >= 1, "{} succeeded without the store", operation.name);
    }
    let seen: Vec<&str> = calls.iter().map(|(operation, ..)| operation.name).chain(BY_THEMSELVES).collect();
    for operation in ALL.iter().filter(|it| it.needs.contains(&Need::Store)) {
        assert!(seen.contains(&operation.name), "{} is not played with a failing store", operation.name);
    }
}

/// What the user pool has done is done, though the caller is not told so: the next login goes on from there.
#[tokio::test]
async fn a_store_that_fails_after_the_user_pool_leaves_a_way_on() {
    let (service, store) = Patience::start().await;
    let person = Person::registered(&service, "after@example.com").await;
    let phone = person.company.phone.clone();
    let code = person.code("admin", "phone").await;
    let before = service.account(person.email()).await;
    // Before the pool: nothing, so that the code is good still. After it: it is used.
    store.fails(0, person.verify_phone("admin", &phone, &code)).await;
    store.fails(1, person.verify_phone("admin", &phone, &code)).await;
    person.verify_phone("admin", &phone, &code).await.is(400, "01", "Code expired, request a new one");

    let ask = async || {
        let answer = person.log_in("admin").await;
        answer.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
        (answer.text("Session"), person.code("admin", "mfa").await)
    };
    let (session, code) = ask().await;
    store.fails(0, person.second_factor(&session, &code)).await;
    person.second_factor(&session, &code).await.is(400, "01", "Invalid session, start login again");
    let (session, code) = ask().await;
    let token = person.second_factor(&session, &code).await.text("AccessToken");

    let code = person.code("admin", "email").await;
    store.fails(0, person.verify_email("admin", &token, &code)).await;
    store.fails(1, person.verify_email("admin", &token, &code)).await;
    person.verify_email("admin", &token, &code).await.is(400, "01", "Code expired, request a new one");
    let (session, code) = ask().await;
    person.second_factor(&session, &code).await.succeeds(
        200,
        "Login OK",
        &["Account", "ApiKey", "ExpiresIn", "IdToken"],
    );
    assert_eq!(service.account(person.email()).await, before);
}

/// A reset that broke off has set the password or not, and either of the two is good; a new one sets it whatever became of that.
#[tokio::test]
async fn a_store_that_fails_in_a_reset_leaves_one_good_password() {
    let (service, store) = Patience::start().await;
    let person = Person::new(&service, "forgetful@example.com");
    person.story().open("admin", "0").await.unwrap();
    store.fails(0, person.begin_reset("admin")).await;
    assert!(!person.was_sent("admin", "reset").await);

    let mut password = person.password("admin").to_owned();
    for good in 0..10 {
        // The count of attempts begins anew.
        service.clock.advance(time::Duration::minutes(15));
        person.begin_reset("admin").await.succeeded(200);
        let (code, new) = (person.code("admin", "reset").await, format!("Another-password-2026!{good}"));
        store.ends_after(good);
        let answer = person.reset("admin", &code, &new).await;
        store.never_ends();
        let is_good = async |password: &str| person.guess("admin", password).await.body["Session"].is_string();
        let (old_is, new_is) = (is_good(&password).await, is_good(&new).await);
        assert!(old_is != new_is, "after {good} uses: {old_is}, {new_is}");
        if answer.status == 200 {
            assert!(new_is);
            return;
        }
        answer.is(503, "01", "Temporarily unavailable");
        password = if new_is { new } else { password };
    }
    panic!("no reset with ten uses of the store");
}

/// Before the pool nothing is confirmed; after it the authenticator is, though without recovery codes.
#[tokio::test]
async fn a_store_that_fails_at_an_authenticators_first_code_leaves_a_way_on() {
    let (service, store) = Patience::start().await;
    let person = Person::new(&service, "pocket@example.com");
    person.story().open("admin", "0").await.unwrap();
    let (answer, authenticator) = person.set_up().await;
    let token = answer.text("AccessToken");
    store.fails(0, person.verify_totp(&token, &authenticator.now())).await;
    person.log_in("admin").await.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    store.fails(1, person.verify_totp(&token, &authenticator.now())).await;
    let choice = person.log_in("admin").await;
    assert_eq!(choice.text("ChallengeName"), "SELECT_MFA_TYPE");
    // By SMS another is set up, which has codes.
    let session = person.select(&choice.text("Session"), "SMS_MFA").await.text("Session");
    let body = json!({ "Session": session, "Code": person.code("admin", "mfa").await, "SetupTOTP": true });
    let answer = person.put("admin", "mfacode", &body).await;
    let code = totp(&answer.text("SecretCode"), service.clock.now().unix_timestamp()).unwrap();
    let confirmed = person.verify_totp(&answer.text("AccessToken"), &code).await;
    confirmed.succeeds(200, "TOTP enabled", &["RecoveryCodes"]);
}

/// Before the bank is asked nothing is done; what it did is not known where its answer cannot be kept.
#[tokio::test]
async fn a_store_that_fails_after_the_bank_leaves_its_answer_unknown() {
    let (service, store) = Patience::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "bank").await;
    let untouched = firm.records().await;
    for good in 0..2 {
        store.fails(good, firm.enrol()).await;
        assert_eq!((firm.records().await, firm.calls(Bank::GetCertificate)), (untouched.clone(), 0));
    }
    store.fails(2, firm.enrol()).await;
    assert_eq!(firm.certificate().await.unwrap().0, CertificateState::Pending);
    assert_eq!(firm.calls(Bank::GetCertificate), 1);
    firm.enrol().await.is(409, "01", "Enrolment already in progress");
    service.clock.advance(time::Duration::seconds(60));
    firm.enrol().await.succeeded(201);

    let payment = firm.payment("OUTAGE");
    let body = payment.body();
    for good in 0..3 {
        store.fails(good, firm.upload(&body)).await;
        assert_eq!((firm.journal(PAYMENT, &payment.bytes).await, firm.calls(Bank::UploadFile)), (None, 0));
    }
    store.fails(3, firm.upload(&body)).await;
    let journalled = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    assert_eq!(journalled.state, UploadState::Sending);
    let unresolved = format!("Earlier upload of these bytes is unresolved: {}", journalled.id);
    firm.upload(&body).await.is(409, "01", &unresolved);
    assert_eq!(firm.calls(Bank::UploadFile), 1);
}

/// The vault, while it works.
struct FrailVault {
    inner: KeyFileVault,
    works: Arc<AtomicBool>,
}

impl FrailVault {
    fn vault(&self) -> Result<&KeyFileVault, Unavailable> {
        let works = self.works.load(Ordering::SeqCst);
        works.then_some(&self.inner).ok_or_else(|| Unavailable("the vault is down".to_owned()))
    }
}

#[async_trait]
impl Vault for FrailVault {
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        self.vault()?.generate(context).await
    }
    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.vault()?.open(context, wrapped).await
    }
}

#[tokio::test]
async fn while_the_vault_is_down_nothing_is_enrolled_sent_or_fetched() {
    let works = Arc::new(AtomicBool::new(true));
    let (state, root_key) = (Arc::clone(&works), OnceLock::new());
    let service = Service::start_rewired(
        |settings| root_key.set(settings.data.join("root.key")).unwrap(),
        |mut machine, clock| {
            let inner = KeyFileVault::open(root_key.get().unwrap()).unwrap();
            let vault = Arc::new(FrailVault { inner, works: state });
            machine.deps = machine.deps.with_sealer(Arc::new(Sealer::new(vault, clock, Arc::new(SystemRandom))));
            machine
        },
    )
    .await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "vault").await;
    let newcomer = Firm::open(&service, &codes, "newcomer").await;
    let export_key = firm.register_export_key(&export_key()).await;
    let (kept, payment) = (firm.first_file().await, firm.payment("VAULT"));
    firm.get(&kept).await.succeeded(200);
    firm.upload(&firm.payment("BEFORE").body()).await.succeeded(201);
    let listed = firm.get("/v2/files/simulator?FileType=camt.054.001.02").await;
    let new = path_of(&listed.succeeded(200)["FileDescriptors"][0]);
    let exported = format!("/v2/certs/simulator?PgpKeyId={export_key}");

    // Data keys are kept for a quarter of an hour.
    service.clock.advance(time::Duration::minutes(15));
    works.store(false, Ordering::SeqCst);
    let state =
        async || (firm.records().await, newcomer.records().await, firm.simulator().requests(BankKey::Simulator));
    let before = state().await;
    for answer in [
        newcomer.enrol().await,
        firm.list().await,
        firm.upload(&payment.body()).await,
        firm.get(&new).await,
        firm.get(&kept).await,
        firm.ask(Method::GET, &exported).await,
    ] {
        answer.is(503, "01", "Temporarily unavailable");
        assert_eq!(answer.retry_after, Some(1));
    }
    assert_eq!(state().await, before);
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await, None);
    works.store(true, Ordering::SeqCst);
    newcomer.enrol().await.succeeded(201);
    firm.upload(&payment.body()).await.succeeded(201);
    for path in [&new, &kept] {
        firm.get(path).await.succeeded(200);
    }
}

/// One call while the pool is down: it is refused, and the store has of the person what it had.
async fn down(works: &AtomicBool, person: &Person<'_>, call: impl Future<Output = Answer>) {
    let before = person.service.account(person.email()).await;
    works.store(false, Ordering::SeqCst);
    let answer = call.await;
    works.store(true, Ordering::SeqCst);
    answer.is(503, "01", "Temporarily unavailable");
    assert_eq!(answer.retry_after, Some(1));
    assert_eq!(person.service.account(person.email()).await, before);
}

#[tokio::test]
async fn while_the_user_pool_is_down_nobody_gets_further() {
    let works = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&works);
    let service = Service::start_rewired(
        |_| {},
        move |mut machine, _| {
            let down = || IdentityError::from(Unavailable("the user pool is down".to_owned()));
            let works = move |_: &str| state.load(Ordering::SeqCst).then_some(()).ok_or_else(down);
            machine.deps = Interposed::in_front_of(machine.deps, works);
            machine
        },
    )
    .await;
    let person = Person::new(&service, "pool@example.com");
    let phone = person.company.phone.clone();
    down(&works, &person, person.register("admin", "0")).await;
    person.register("admin", "0").await.succeeded(201);
    let code = person.code("admin", "phone").await;
    down(&works, &person, person.verify_phone("admin", &phone, &code)).await;
    person.verify_phone("admin", &phone, &code).await.succeeded(200);

    // The attempt stays counted, until a right one takes all back.
    down(&works, &person, person.log_in("admin")).await;
    assert_eq!(person.failures("admin").await, 1);
    let session = person.log_in("admin").await.text("Session");
    let code = person.code("admin", "mfa").await;
    down(&works, &person, person.second_factor(&session, &code)).await;
    let token = person.second_factor(&session, &code).await.text("AccessToken");
    assert_eq!(person.failures("admin").await, 0);
    let code = person.code("admin", "email").await;
    down(&works, &person, person.verify_email("admin", &token, &code)).await;
    person.verify_email("admin", &token, &code).await.succeeded(200);

    // A logout that the pool does not hear of holds all the same: the store has it first.
    let admin = credentials(&person.story().log_in("admin").await.unwrap()).unwrap();
    let log_out = async || service.send(Method::DELETE, &person.session("admin"), Some(&admin), "").await;
    works.store(false, Ordering::SeqCst);
    log_out().await.is(503, "01", "Temporarily unavailable");
    works.store(true, Ordering::SeqCst);
    log_out().await.is(401, "01", "Unauthorized");
}

/// Tokens, one of which makes it panic.
struct Panicking(Deps);

#[async_trait]
impl Tokens for Panicking {
    async fn verify(&self, id_token: &str, now: OffsetDateTime) -> Result<Option<Claims>, Unavailable> {
        assert_ne!(id_token, "panic", "as it was told to");
        self.0.tokens().unwrap().verify(id_token, now).await
    }
}

#[tokio::test]
async fn a_port_that_panics_costs_its_own_call_only() {
    let service = Service::start_rewired(
        |_| {},
        |mut machine, _| {
            machine.deps = machine.deps.clone().with_tokens(Arc::new(Panicking(machine.deps)));
            machine
        },
    )
    .await;
    let admin = Person::new(&service, "panic@example.com").story().open("admin", "0").await.unwrap();
    let panicking = Credentials { id_token: "panic".to_owned(), ..admin.clone() };
    for _ in 0..3 {
        let answer = service.send(Method::GET, "/v2/pgp", Some(&panicking), "").await;
        answer.is(500, "01", "Internal server processing side error");
        service.send(Method::GET, "/v2/pgp", Some(&admin), "").await.succeeds(200, "OK", &["PgpKeys"]);
    }
}
