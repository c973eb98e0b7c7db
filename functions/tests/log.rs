//! What functions write, as CloudWatch gets it: standard output and standard error of real processes.

use std::collections::{BTreeMap, BTreeSet};

use avain_adapters_local::clock::SystemClock;
use avain_api::operations::{INIT_LOGIN, LOGIN};
use avain_api::path::percent_decode;
use avain_domain::ports::Clock;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::event;
use crate::process::{Function, Outcome, command};

/// What a request's line has, besides the event's own fields.
const KEYS: [&str; 9] = [
    "level",
    "message",
    "timestamp",
    "service",
    "cold_start",
    "function_name",
    "function_request_id",
    "correlation_id",
    "xray_trace_id",
];

/// Under these names bodies carry what must not be in the log.
const SECRETS: [&str; 20] = [
    "AccessToken",
    "ApiKey",
    "Challenge",
    "ChResp",
    "Code",
    "Company",
    "Confirm",
    "Content",
    "Encrypted",
    "FileContents",
    "IdToken",
    "Name",
    "OtpauthUri",
    "PEM",
    "PgpKey",
    "Phone",
    "RecoveryCodes",
    "SecretCode",
    "Session",
    "Signature",
];

#[tokio::test]
async fn a_refused_call_is_logged_once_and_only_the_first_is_cold() {
    let (data, begun) = (tempfile::tempdir().unwrap(), SystemClock.now());
    let mut function = Function::start("login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    for id in ["first", "second", "third"] {
        let outcome = function.invoke(id, &event::sample(&LOGIN).to_string()).await;
        let Outcome::Answer(_, answer) = outcome else { panic!("{outcome:?}") };
        assert_eq!(answer["statusCode"], 400);
    }
    let lines = lines(&function.stop().await);
    for (id, cold_start) in [("first", true), ("second", false), ("third", false)] {
        let about: Vec<&Value> = lines.iter().filter(|line| line["function_request_id"] == id).collect();
        let [measured, refused] = about.as_slice() else { panic!("{about:?}") };
        for line in [measured, refused] {
            let said = |key: &str| line[key].clone();
            let expected = [
                ("level", "INFO".into()),
                ("service", "avain".into()),
                ("cold_start", cold_start.into()),
                ("function_name", "login".into()),
                ("correlation_id", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".into()),
                ("xray_trace_id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".into()),
                ("operation", "Login".into()),
            ];
            assert_eq!(expected.clone().map(|(key, _)| (key, said(key))), expected);
        }
        assert_eq!(refused["message"], "refused");
        assert_eq!((&refused["status"], &refused["reason"]), (&400.into(), &"wrong credentials".into()));
        assert_eq!(measured["message"], "measured");
        assert_metrics(measured, "Refused");
        let stamp = measured["_aws"]["Timestamp"].as_i64().unwrap();
        let milliseconds = |time: time::OffsetDateTime| time.unix_timestamp() * 1000 + i64::from(time.millisecond());
        assert!((milliseconds(begun)..=milliseconds(SystemClock.now())).contains(&stamp), "{stamp}");
    }
    assert_eq!(lines.len(), 6, "{lines:?}");
}

/// An event that cannot be read and a panic of the runtime's library: their lines quote nothing of the event.
#[tokio::test]
async fn what_is_no_event_is_told_without_its_content() {
    let data = tempfile::tempdir().unwrap();
    let mut function = Function::start("init_login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    let mut panics = event::sample(&INIT_LOGIN);
    panics["headers"]["host"] = "[hunter2".into();
    let mut unreadable = event::sample(&INIT_LOGIN);
    unreadable["isBase64Encoded"] = "hunter2".into();
    for event in [panics, unreadable] {
        let outcome = function.invoke("garbage", &event.to_string()).await;
        assert!(matches!(outcome, Outcome::Error(..)), "{outcome:?}");
    }
    let log = function.stop().await;
    for quoted in ["hunter2", "aino", "esimerkki"] {
        assert!(!log.contains(quoted), "{log}");
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["level"] == "ERROR"), "{log}");
    assert!(lines.iter().any(|line| line["message"] == "panicked" && line["location"].is_string()), "{log}");
}

/// What the alarms count besides: a locked login, and a start that the vault did not let happen.
#[tokio::test]
async fn lockouts_and_vault_failures_are_counted() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("AVAIN_LOCAL", data.path().as_os_str())];
    let mut function = Function::start("login", &variables);
    for number in 0..7 {
        let outcome = function.invoke(&number.to_string(), &event::sample(&LOGIN).to_string()).await;
        assert!(matches!(outcome, Outcome::Answer(..)), "{outcome:?}");
    }
    let lines = lines(&function.stop().await);
    let last: Vec<&Value> = lines.iter().filter(|line| line["function_request_id"] == "6").collect();
    let [measured, refused] = last.as_slice() else { panic!("{last:?}") };
    assert_eq!((&refused["status"], &measured["Lockouts"], &measured["Refused"]), (&429.into(), &1.into(), &1.into()));
    assert_eq!(lines.iter().filter(|line| line["Lockouts"] == 1).count(), 2, "from the sixth on");

    std::fs::remove_file(data.path().join("root.key")).unwrap();
    let mut command = command("init_login");
    let ended =
        command.envs(variables).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").env("AVAIN_STACK", "live").output();
    let ended = ended.await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let metrics = json!([{ "Name": "VaultFailed", "Unit": "Count" }]);
    let directive = json!([{ "Namespace": "Avain/live", "Dimensions": [["service"]], "Metrics": metrics }]);
    assert_eq!((&line["VaultFailed"], &line["_aws"]["CloudWatchMetrics"]), (&1.into(), &directive));
}

/// A log's lines: each is JSON with the keys that a request's line has.
pub(crate) fn lines(log: &str) -> Vec<Value> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let missing: Vec<_> = KEYS.iter().filter(|key| line[**key].is_null()).collect();
        assert!(missing.is_empty(), "{missing:?} missing: {line}");
        line
    };
    log.lines().map(line).collect()
}

/// The line is one that CloudWatch makes metrics of, with this outcome: every metric and dimension that it names is there.
#[track_caller]
pub(crate) fn assert_metrics(line: &Value, outcome: &str) {
    assert!(line["operation"].is_string() && line["_aws"]["Timestamp"].is_u64(), "{line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let by_dimension: BTreeMap<&str, Vec<&str>> = directives
        .iter()
        .map(|directive| {
            assert_eq!(directive["Namespace"], "Avain");
            let metrics = directive["Metrics"].as_array().unwrap().iter();
            (directive["Dimensions"][0][0].as_str().unwrap(), metrics.map(|it| it["Name"].as_str().unwrap()).collect())
        })
        .collect();
    let bank = line["bank"].is_string().then_some(("bank", vec!["BankFailed"]));
    let expected = [
        ("operation", vec!["Latency", "Success", "Refused", "Failed", "BankRefused"]),
        ("service", vec!["VaultFailed", "BankFailed", "Lockouts"]),
    ];
    assert_eq!(by_dimension, expected.into_iter().chain(bank).collect());
    for name in ["VaultFailed", "BankFailed", "Lockouts"] {
        assert_eq!(line[name], 0, "{name}: {line}");
    }
    for name in ["Success", "Refused", "Failed"] {
        assert_eq!(line[name], u8::from(name == outcome), "{name}: {line}");
    }
    assert_eq!(line["BankRefused"], u8::from(line["bank_code"].is_string()), "{line}");
    assert!(line["Latency"].as_f64().unwrap() > 0.0, "{line}");
}

/// What went over the wire and must not be in the log.
#[derive(Default)]
pub(crate) struct Secrets {
    names: BTreeSet<&'static str>,
    values: BTreeSet<String>,
}

impl Secrets {
    /// Credentials, path and body of a request.
    pub(crate) fn request(&mut self, request: &Request<Bytes>) {
        for header in ["authorization", "x-api-key"] {
            self.values.extend(request.headers().get(header).map(|it| it.to_str().unwrap().to_owned()));
        }
        let path = request.uri().path();
        let personal = path.split('/').filter(|it| it.contains('@') || it.contains('%') || it.starts_with('+'));
        for segment in personal {
            self.values.extend([segment.to_owned(), percent_decode(segment).unwrap()]);
        }
        self.body(&serde_json::from_slice(request.body()).unwrap_or_default());
    }

    /// An answer's body, or a part of a body.
    pub(crate) fn body(&mut self, body: &Value) {
        match body {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(name) = SECRETS.iter().find(|it| *it == name) {
                        self.names.insert(name);
                        // A line of an armoured text is enough; "0" asks for a new API key. In the API's document the name stands for
                        // a shape.
                        let texts = [value].into_iter().chain(value.as_array().into_iter().flatten());
                        let lines = texts.filter_map(Value::as_str).flat_map(str::lines).filter(|line| line.len() > 4);
                        self.values.extend(lines.map(str::to_owned));
                    }
                    self.body(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.body(value)),
            _ => {}
        }
    }

    /// Which of them, and of these others, are in what was written, whole or by their beginnings.
    pub(crate) fn found_in<'s>(&'s self, log: &str, others: &[&'s str]) -> Vec<&'s str> {
        assert_eq!(self.names, SECRETS.into(), "bodies were to carry all of them");
        // Of any token, key or certificate, these.
        let any = ["eyJ", "MII", "-----BEGIN", "PRIVATE KEY"];
        let all = self.values.iter().map(String::as_str).chain(others.iter().copied()).chain(any);
        all.filter(|secret| is_in(log, secret) || secret.get(..24).is_some_and(|it| is_in(log, it))).collect()
    }
}

/// A code's digits count where they stand alone.
fn is_in(log: &str, secret: &str) -> bool {
    let code = secret.bytes().all(|byte| byte.is_ascii_digit());
    let alone = |at: usize| {
        let around = (log[..at].bytes().last(), log[at + secret.len()..].bytes().next());
        ![around.0, around.1].into_iter().flatten().any(|byte| byte.is_ascii_alphanumeric())
    };
    log.match_indices(secret).any(|(at, _)| !code || alone(at))
}

#[test]
fn a_secret_in_the_log_is_found() {
    let mut secrets = Secrets::default();
    let long = "Signature-of-more-than-24-characters";
    for name in SECRETS {
        let value = if name == "Signature" { long.to_owned() } else { format!("canary-{name}\r\nsecond-{name}\n") };
        secrets.body(&json!({ "Certs": [{ name: value, "Status": "NEW" }] }));
    }
    secrets.body(&json!({ "Code": "123456", "ApiKey": "0" }));
    let header = Request::get("/v2/session/a%2Bb%40x.fi/data").header("authorization", "the-token");
    secrets.request(&header.body(Bytes::new()).unwrap());
    let found = |log: &str| secrets.found_in(log, &["hunter2"]).join(" ");
    for (log, secret) in [
        ("id=canary-IdToken,", "canary-IdToken"),
        ("second-Name", "second-Name"),
        (&long[..24], long),
        ("code 123456.", "123456"),
        ("123456", "123456"),
        ("user a+b@x.fi", "a+b@x.fi"),
        ("/v2/session/a%2Bb%40x.fi/data", "a%2Bb%40x.fi"),
        ("Bearer the-token", "the-token"),
        ("hunter2", "hunter2"),
        ("\"MIIB\"", "MII"),
    ] {
        assert_eq!(found(log), secret);
    }
    assert_eq!(found("1780315123456 NEW 0 Status"), "");
}
