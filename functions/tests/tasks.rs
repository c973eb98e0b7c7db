//! The tasks as processes: what starts them is played, what they answer and log is read.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_domain::Context;
use avain_domain::audit::{self, HORIZON};
use avain_domain::names::{Bank, Email, Login, Mode, OrganisationId};
use avain_domain::ports::Clock;
use avain_domain::records::{Audited, BankCertificate, CertificateState, Key, KeyId, KeyKind, Record, Write};
use avain_domain::service_keys::ServiceKeys;
use avain_functions::tasks::{SEAL_AUDIT, WATCH};
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::event;
use crate::process::{Function, Outcome};
use crate::row::Row;

/// In the address to answer to, and so a secret.
const SIGNATURE: &str = "X-Amz-Signature=canary-0123456789abcdef";

#[tokio::test]
async fn the_stack_is_told_the_password_key_that_there_is() {
    let data = tempfile::tempdir().unwrap();
    let mut stack = Stack::start(StatusCode::OK).await;
    let mut function = service_keys(data.path());
    let made = stack.asks(&mut function, "Create").await;
    let again = stack.asks(&mut function, "Update").await;
    let deleted = stack.asks(&mut function, "Delete").await;
    let after = stack.asks(&mut function, "Create").await;
    stack.assert_not_in(&function.stop().await);

    let key = password_key(data.path()).await;
    assert!(key.starts_with("-----BEGIN PUBLIC KEY-----\n") && key.ends_with("-----END PUBLIC KEY-----\n"), "{key}");
    let sample = event::sample_of_stack("Create", "");
    let expected = json!({
        "Status": "SUCCESS",
        "PhysicalResourceId": "service-keys",
        "StackId": sample["StackId"],
        "RequestId": sample["RequestId"],
        "LogicalResourceId": sample["LogicalResourceId"],
        "Data": { "PasswordKey": key },
    });
    for answer in [made, again, after] {
        assert_eq!(answer, expected);
    }
    assert_eq!((&deleted["Status"], &deleted["Data"]), (&"SUCCESS".into(), &json!({})));
}

/// Another root key than the one that sealed them: the stack is told at once, and why, and Lambda does not try again.
#[tokio::test]
async fn the_stack_is_told_that_the_keys_do_not_open() {
    let data = tempfile::tempdir().unwrap();
    password_key(data.path()).await;
    std::fs::remove_file(data.path().join("root.key")).unwrap();
    let mut stack = Stack::start(StatusCode::OK).await;
    let mut function = service_keys(data.path());
    for asked in ["Create", "Update", "Remove"] {
        let answer = stack.asks(&mut function, asked).await;
        assert_eq!(answer["Status"], "FAILED", "{asked}");
        assert!(answer["Reason"].as_str().unwrap().starts_with("the service's keys: "), "{answer}");
        assert_eq!(answer["PhysicalResourceId"], "service-keys");
        assert_eq!(answer["Data"], Value::Null);
    }
    assert_eq!(stack.asks(&mut function, "Delete").await["Status"], "SUCCESS");
    stack.assert_not_in(&function.stop().await);
}

/// An answer that does not arrive is an error, so that Lambda tries again; and it goes nowhere else.
#[tokio::test]
async fn an_answer_that_is_not_taken_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let mut stack = Stack::start(StatusCode::FORBIDDEN).await;
    let mut function = service_keys(data.path());
    let nobody = "http://192.0.2.1/?";
    for address in [stack.address.as_str(), "http://127.0.0.1:9/?", nobody, "http://localhost.example/?", "?", ""] {
        let asked = event::sample_of_stack("Create", &format!("{address}{SIGNATURE}"));
        let outcome = function.invoke("request", &asked.to_string()).await;
        let Outcome::Error(_, told) = outcome else { panic!("{address}: {outcome:?}") };
        assert_eq!(told["errorMessage"], "failed: the log says why", "{told}");
    }
    let outcome = function.invoke("request", "{}").await;
    assert!(matches!(outcome, Outcome::Error(..)), "{outcome:?}");
    assert_eq!(stack.answers.recv().await.unwrap().0, Method::PUT);
    let log = function.stop().await;
    stack.assert_not_in(&log);
    assert!(log.contains("was not taken: HTTP status 403") && log.contains("did not arrive"), "{log}");
    assert_eq!(log.matches("has no address over HTTPS").count(), 5, "{log}");
}

#[tokio::test]
async fn the_watch_tells_which_certificates_end_soon_and_whose_not() {
    let data = tempfile::tempdir().unwrap();
    let half_a_day = Duration::hours(12);
    let certificates = [
        ("aino", "nordea", Duration::days(3) + half_a_day),
        ("eino", "nordea", Duration::days(31) + half_a_day),
        ("oiva", "simulator", half_a_day - Duration::days(2)),
    ];
    keep(data.path(), &certificates).await;
    let mut function = Function::start("watch", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    let outcome = function.invoke("request", &event::sample_of(Row::of_task(&WATCH)).to_string()).await;
    assert!(matches!(outcome, Outcome::Answer(_, Value::Null)), "{outcome:?}");

    let log = function.stop().await;
    assert!(!log.contains('@') && !certificates.iter().any(|(name, ..)| log.contains(&format!("{name}@"))), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    let [ended, soon] = told.as_slice() else { panic!("{told:?}") };
    for (line, expected) in [
        (ended, ["certificate has ended", "organisation of oiva", "simulator", "-2"]),
        (soon, ["certificate ends soon", "organisation of aino", "nordea", "3"]),
    ] {
        let said = ["message", "organisation", "bank", "days_left"].map(|key| line[key].to_string().replace('"', ""));
        assert_eq!(said, expected);
        assert!(line["function_request_id"].is_string() && line["xray_trace_id"].is_string(), "{line}");
    }
    let measured: Vec<_> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
    let numbers = measured.iter().map(|line| {
        let number = |name: &str| line[name].as_i64().unwrap();
        (
            line["bank"].as_str().unwrap(),
            number("CertificateDaysLeft"),
            number("CertificatesExpiring"),
            number("CertificatesExpired"),
        )
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [("nordea", 3, 1, 0), ("simulator", -2, 0, 1)]);
    let directives = measured[0]["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let dimensions: Vec<&Value> = directives.iter().map(|it| &it["Dimensions"]).collect();
    assert_eq!(dimensions, [&json!([["service"]]), &json!([["bank"]])]);
    assert_eq!(lines.last().unwrap()["message"], "done");
}

/// Sealed once, by the key that the stack had made; then somebody writes an event past the service.
#[tokio::test]
async fn the_audit_trail_is_sealed_and_a_changed_one_fails_the_task() {
    let data = tempfile::tempdir().unwrap();
    let mut stack = Stack::start(StatusCode::OK).await;
    let mut keys = service_keys(data.path());
    stack.asks(&mut keys, "Create").await;
    keys.stop().await;
    let made: Vec<_> = open(data.path()).store().get(&[audit_key()]).await.unwrap();
    assert_eq!(made.len(), 1);

    let organisation = OrganisationId("organisation of aino".to_owned());
    let store = open(data.path()).store();
    let audited = Record::Audited(Audited { organisation: organisation.clone() });
    store.commit(vec![Write::Insert(audited), change(&organisation)]).await.unwrap();
    store.commit(vec![change(&organisation)]).await.unwrap();
    drop(store);
    let (outcome, log) = seal_audit(data.path()).await;
    assert!(matches!(outcome, Outcome::Answer(_, Value::Null)), "{outcome:?}");
    let sealed = log.iter().find(|line| line["message"] == "sealed").unwrap();
    let said = (&sealed["organisation"], &sealed["batches"], &sealed["events"]);
    assert_eq!(said, (&"organisation of aino".into(), &1.into(), &2.into()));
    assert_eq!(log.last().unwrap()["message"], "done");

    let (outcome, log) = seal_audit(data.path()).await;
    assert!(matches!(outcome, Outcome::Answer(..)) && !log.iter().any(|line| line["message"] == "sealed"), "{log:?}");

    let Write::Event(uncounted) = change(&organisation) else { panic!("no event") };
    open(data.path()).store().commit(vec![Write::Insert(Record::AuditEvent(uncounted))]).await.unwrap();
    let (outcome, log) = seal_audit(data.path()).await;
    assert!(matches!(outcome, Outcome::Error(..)), "{outcome:?}");
    let found = log.iter().find(|line| line["message"] == "the audit trail was changed").unwrap();
    assert_eq!((&found["level"], &found["organisation"]), (&"ERROR".into(), &"organisation of aino".into()));
    assert!(log.iter().any(|line| line["message"] == "failed" && line["task"] == "SealAudit"), "{log:?}");
    assert_eq!(open(data.path()).store().get(&[audit_key()]).await.unwrap(), made);
}

async fn seal_audit(data: &Path) -> (Outcome, Vec<Value>) {
    let mut function = Function::start("seal_audit", &[("AVAIN_LOCAL", data.as_os_str())]);
    let outcome = function.invoke("request", &event::sample_of(Row::of_task(&SEAL_AUDIT)).to_string()).await;
    let log = function.stop().await;
    (outcome, log.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Something that was done long enough ago.
fn change(organisation: &OrganisationId) -> Write {
    struct Then;
    impl Clock for Then {
        fn now(&self) -> OffsetDateTime {
            SystemClock.now() - 2 * HORIZON
        }
    }
    let context = Context { clock: &Then, random: &SystemRandom, request_id: "request" };
    let actor = Login { email: Email::parse("aino@example.com").unwrap(), mode: Mode::Admin };
    audit::completed(context, organisation, &actor, "certificate.share", "nordea")
}

fn audit_key() -> Key {
    let (organisation, holder) = (OrganisationId("service".to_owned()), "service".to_owned());
    Key::SealedKey(KeyId { organisation, holder, kind: KeyKind::Service, id: "audit".to_owned() })
}

fn service_keys(data: &Path) -> Function {
    Function::start("service_keys", &[("AVAIN_LOCAL", data.as_os_str())])
}

fn open(data: &Path) -> DataDirectory {
    DataDirectory::open(data, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap()
}

async fn password_key(data: &Path) -> String {
    let directory = open(data);
    let keys = ServiceKeys::open(&*directory.store(), &directory.sealer(), &SystemRandom).await.unwrap();
    keys.password_key_pem()
}

async fn keep(data: &Path, certificates: &[(&str, &str, Duration)]) {
    let store = open(data).store();
    for (name, bank, left) in certificates {
        let email = Email::parse(&format!("{name}@example.com")).unwrap();
        let expires = SystemClock.now() + *left;
        let certificate = BankCertificate {
            email: email.clone(),
            bank: Bank::parse(bank).unwrap(),
            company: "Oy".to_owned(),
            user_id: "11111111".to_owned(),
            key: KeyId {
                organisation: OrganisationId(format!("organisation of {name}")),
                holder: email.as_str().to_owned(),
                kind: KeyKind::Bank,
                id: "1".to_owned(),
            },
            state: CertificateState::Active { certificate: vec![1], expires, target_ids: Vec::new() },
            encryption: None,
            renewal: None,
            shared_to: Vec::new(),
            started: SystemClock.now(),
        };
        store.commit(vec![Write::Insert(Record::Certificate(certificate))]).await.unwrap();
    }
}

/// CloudFormation's side: where answers are put, with a status for each.
struct Stack {
    address: String,
    answers: UnboundedReceiver<(Method, Uri, HeaderMap, String)>,
}

impl Stack {
    async fn start(status: StatusCode) -> Self {
        let (say, answers) = unbounded_channel();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
            let _ = say.send((method, uri, headers, body));
            std::future::ready(status)
        });
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}/answer%3A/arn%3Aaws?", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, answers }
    }

    /// Has the function run, and gives what it answered: in one PUT, without a Content-Type, which the address is signed for.
    async fn asks(&mut self, function: &mut Function, request_type: &str) -> Value {
        let asked = event::sample_of_stack(request_type, &format!("{}{SIGNATURE}", self.address));
        let outcome = function.invoke("request", &asked.to_string()).await;
        assert!(matches!(outcome, Outcome::Answer(_, Value::Null)), "{request_type}: {outcome:?}");
        let (method, uri, headers, body) = self.answers.try_recv().unwrap();
        assert_eq!((method, uri.to_string()), (Method::PUT, format!("/answer%3A/arn%3Aaws?{SIGNATURE}")));
        assert_eq!(headers.get("content-type"), None);
        assert!(self.answers.try_recv().is_err(), "one answer");
        serde_json::from_str(&body).unwrap()
    }

    fn assert_not_in(&self, log: &str) {
        for secret in [SIGNATURE, &self.address, "canary", "PUBLIC KEY"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}
