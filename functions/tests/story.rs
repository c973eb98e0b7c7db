//! The whole story through the functions: each call is an event for its own process on one data directory, as in Lambda,
//! where nothing is kept between two calls but what was stored.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use avain::client::{ClientError, Transport};
use avain::machine::Banks;
use avain::story::{Codes, Company, Signer, Story, payment, text};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_api::operations::ALL;
use avain_api::path::percent_decode;
use avain_api::route::{Route, find};
use avain_domain::ports::Clock;
use avain_domain::service_keys::ServiceKeys;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::certificates::shared_exported_and_imported;
use crate::event;
use crate::log::{self, Secrets};
use crate::office::{a_colleague_leaves, two_keys_sign};
use crate::process::{Function, Outcome};

const BANK: &str = "simulator";

#[tokio::test]
async fn from_registration_to_the_banks_answer_through_functions() {
    let data = tempfile::tempdir().unwrap();
    let password_key = password_key(data.path()).await;
    let banks = Banks::start(data.path(), Arc::new(SystemClock)).await.unwrap();
    let functions = Functions {
        data: data.path(),
        banks: &banks.base,
        raw: false.into(),
        used: Mutex::default(),
        calls: 0.into(),
        log: Mutex::default(),
        secrets: Mutex::default(),
    };
    let codes = OutboxFile(data.path());
    let story_of = |email: &str| Story {
        transport: &functions,
        codes: &codes,
        password_key: &password_key,
        company: Company::example(email),
    };
    let story = story_of("a+b@esimerkki.fi");

    let admin = story.open("admin", "0").await.unwrap();
    let signer = Signer::generate("Payments <payments@esimerkki.fi>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    assert_eq!(story.keys(&admin).await.unwrap().len(), 1);
    story.enrol(&admin, BANK, "1000038023", "Demo-Code-2026-0001").await.unwrap();
    assert_eq!(story.certificates(&admin).await.unwrap()[0]["Subject"], "1000038023");

    let data_mode = story.open("data", &admin.api_key).await.unwrap();
    let file = payment("MSG-1", &story.company.name, SystemClock.now());
    let signature = signer.sign(file.as_bytes()).unwrap();
    story.upload(&data_mode, BANK, "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    let listed = story.files(&data_mode, BANK, "NEW").await.unwrap();
    let report = listed.iter().find(|it| it.file_type == "pain.002.001.10").expect("the bank reports on the payment");
    let report = story.download(&data_mode, BANK, report).await.unwrap();
    let report = String::from_utf8(report).unwrap();
    assert!(report.contains("MSG-1") && report.matches("<TxSts>ACSC</TxSts>").count() == 2, "{report}");

    let no_payment = signer.sign(b"no payment").unwrap();
    let refused = story.upload(&data_mode, BANK, "pain.001.001.09", b"no payment", &no_payment).await;
    let Err(ClientError::Refused { status: 400, code: bank_code, .. }) = refused else { panic!("{refused:?}") };

    let refused = story.delete(&data_mode, BANK, &listed[0]).await;
    assert!(matches!(refused, Err(ClientError::Refused { .. })), "a bank deleted a file: {refused:?}");
    let colleague = story_of("eino@esimerkki.fi");
    let leaver = colleague.company.email.clone();
    shared_exported_and_imported(&story, &admin, BANK, colleague).await;
    two_keys_sign(&story, &admin, &data_mode, BANK, &signer).await;
    a_colleague_leaves(&story, &admin, &leaver).await;

    story.log_out("data", &data_mode).await.unwrap();
    let refused = story.files(&data_mode, BANK, "ALL").await;
    assert!(matches!(refused, Err(ClientError::Refused { status: 401, .. })), "a token was taken after its logout");

    authenticator_and_forgotten_password(&story).await;
    assert_eq!(story.document().await.unwrap()["openapi"], "3.1.0");

    let all: BTreeSet<&str> = ALL.iter().map(|operation| operation.name).collect();
    assert_eq!(*functions.used.lock().unwrap(), all, "the story calls every function");

    let Story { company, .. } = story;
    let log = functions.log.into_inner().unwrap();
    let others =
        [company.admin_password.as_str(), &company.data_password, &company.person, "358401234567", "payments@"];
    assert_eq!(functions.secrets.into_inner().unwrap().found_in(&log, &others), Vec::<&str>::new());
    let lines = log::lines(&log);
    let (measured, told): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["_aws"].is_object());
    let calls = functions.calls.into_inner();
    assert_eq!((measured.len(), told.len()), (calls, calls), "a call is told once and measured once");
    assert!(told.iter().all(|line| line["message"] == "answered" || line["message"] == "refused"), "{told:?}");
    let no: Vec<_> = measured.iter().filter(|line| line["Refused"] == 1).collect();
    let [by_bank, of_no_bank, by_token] = no.as_slice() else { panic!("{no:?}") };
    assert_eq!((&by_bank["operation"], &by_bank["bank_code"]), (&"UploadFile".into(), &bank_code.into()));
    assert_eq!((&of_no_bank["operation"], &of_no_bank["bank_code"]), (&"DeleteFile".into(), &Value::Null));
    assert_eq!((&by_token["operation"], &by_token["bank_code"]), (&"ListFiles".into(), &Value::Null));
    for line in measured {
        log::assert_metrics(line, if line["Refused"] == 1 { "Refused" } else { "Success" });
    }
}

/// An authenticator is set up; a login chooses the SMS, and another, which cannot have one, takes a recovery code. The password of
/// data mode is forgotten.
async fn authenticator_and_forgotten_password(story: &Story<'_>) {
    let authenticator = story.set_up_totp(SystemClock.now().unix_timestamp()).await.unwrap();
    let choice = async || text(&story.password("admin").await.unwrap(), "Session").unwrap();
    let session = story.select_factor(&choice().await, "SMS_MFA").await.unwrap();
    let code = story.codes.newest(&story.company.email, "admin", "mfa").await.unwrap();
    assert_eq!(story.answer_factor(&session, &code).await.unwrap()["ResponseText"], "Login OK");
    let told = story.answer_factor(&choice().await, &authenticator.recovery_codes[0]).await.unwrap();
    assert_eq!(told["ResponseText"], "Recovery code accepted. The authenticator is off. Start login again.");
    story.reset_password("data", &story.company.data_password).await.unwrap();
}

/// The public key that passwords are encrypted with: what `avain serve` prints.
async fn password_key(data: &Path) -> String {
    let directory = DataDirectory::open(data, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    let keys = ServiceKeys::open(&*directory.store(), &directory.sealer(), &SystemRandom).await.unwrap();
    keys.password_key_pem()
}

/// Sends each request as an event to a function started for it; its path percent-encoded and raw by turns, as clients differ.
struct Functions<'a> {
    data: &'a Path,
    banks: &'a str,
    raw: AtomicBool,
    used: Mutex<BTreeSet<&'static str>>,
    calls: AtomicUsize,
    log: Mutex<String>,
    secrets: Mutex<Secrets>,
}

#[async_trait]
impl Transport for Functions<'_> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let Route::Found(operation) = find(request.method(), request.uri().path()) else {
            return Err(ClientError::Unexpected(format!("no operation: {}", request.uri().path())));
        };
        self.used.lock().unwrap().insert(operation.name);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.secrets.lock().unwrap().request(&request);
        let variables = [("AVAIN_LOCAL", self.data.as_os_str()), ("AVAIN_SIMULATOR", self.banks.as_ref())];
        let mut event = event::of(operation, &request);
        if self.raw.fetch_not(Ordering::Relaxed) {
            event["path"] = percent_decode(request.uri().path()).into();
        }
        let mut function = Function::start(operation.binary(), &variables);
        let outcome = function.invoke("story", &event.to_string()).await;
        let log = function.stop().await;
        self.log.lock().unwrap().push_str(&log);
        match outcome {
            Outcome::Answer(_, answer) => {
                let response = response(&answer);
                self.secrets.lock().unwrap().body(&serde_json::from_slice(response.body()).unwrap());
                Ok(response)
            }
            other => Err(ClientError::Transport(format!("{other:?}"))),
        }
    }
}

/// What API Gateway makes of a function's answer.
fn response(answer: &Value) -> Response<Bytes> {
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    let body = answer["body"].as_str().unwrap().to_owned();
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Reads the codes from the data directory's outbox.
struct OutboxFile<'a>(&'a Path);

#[async_trait]
impl Codes for OutboxFile<'_> {
    async fn newest(&self, email: &str, mode: &str, kind: &str) -> Result<String, ClientError> {
        let text = std::fs::read_to_string(self.0.join("outbox.jsonl")).unwrap();
        let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let wanted = |it: &Value| it["email"] == email && it["mode"] == mode && it["kind"] == kind;
        let newest = messages.rev().find(wanted);
        let code = newest.and_then(|it| it["code"].as_str().map(str::to_owned));
        code.ok_or_else(|| ClientError::Unexpected(format!("no {kind} code")))
    }
}
