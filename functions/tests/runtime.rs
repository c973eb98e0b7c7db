//! Every function as a process under the Lambda runtime API: its sample event, events that are none, and starts that fail.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use avain::machine::Banks;
use avain_adapters_local::clock::SystemClock;
use avain_api::operations::{ALL, INIT_LOGIN, LOGIN};
use avain_api::{Access, MAX_BODY, Operation};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::event;
use crate::process::{Function, Outcome, command};

const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// What the sample events that carry no token are answered in an empty data directory, where nobody is registered.
const ANSWERS: &[(&str, u64, &str)] = &[
    ("init_register", 200, "OK"),
    ("register", 400, "Incorrect username or password"),
    ("verify_email", 400, "Invalid session, start login again"),
    ("verify_phone", 400, "Code expired, request a new one"),
    ("init_login", 200, "OK"),
    ("login", 400, "Incorrect username or password"),
    ("login_mfa", 400, "Invalid session, start login again"),
    ("select_mfa", 400, "Invalid session, start login again"),
    ("verify_totp", 400, "Invalid session, start login again"),
    ("init_password_reset", 200, "Password reset started"),
    ("password_reset", 400, "Incorrect username or password"),
];
/// What is no answer of the API's form, but a document.
const DOCUMENT: &str = "get_open_api";

#[tokio::test]
async fn every_function_answers_its_sample_event() {
    let (data, banks) = directory_with_banks().await;
    for operation in ALL.into_iter().filter(|it| it.binary() != DOCUMENT) {
        let binary = operation.binary();
        let (status, text) = match operation.access {
            // No token is valid.
            Access::Token { .. } => (401, "Unauthorized"),
            Access::Anyone => {
                let expected = ANSWERS.iter().find(|(name, ..)| *name == binary);
                let (_, status, text) = expected.unwrap_or_else(|| panic!("no line for {binary}"));
                (*status, *text)
            }
        };
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{binary}.json"));
        let sample = std::fs::read_to_string(sample).unwrap();
        let mut function = Function::start(binary, &variables(&data, &banks));
        let answer = answer(function.invoke(ID, &sample).await);
        let body = body(&answer);
        assert_eq!((answer["statusCode"].as_u64(), body["ResponseText"].as_str()), (Some(status), Some(text)));
        let (code, request_id) = if status < 400 { ("00", Value::Null) } else { ("01", ID.into()) };
        assert_eq!((&body["ResponseCode"], &body["RequestId"]), (&code.into(), &request_id), "{binary}");
        assert_eq!(answer["multiValueHeaders"]["content-type"], json!(["application/json"]), "{binary}");
        assert_eq!(answer["multiValueHeaders"]["cache-control"], json!(["no-store"]), "{binary}");
        assert_eq!(answer["isBase64Encoded"], false, "{binary}");
        let log = function.stop().await;
        let told = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a log line is JSON"));
        assert!(told.into_iter().any(|line| line["function_request_id"] == ID), "{binary}: {log}");
    }
    let sample = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/get_open_api.json"));
    let mut function = Function::start(DOCUMENT, &variables(&data, &banks));
    let answer = answer(function.invoke(ID, &sample.unwrap()).await);
    assert_eq!((answer["statusCode"].as_u64(), &body(&answer)["openapi"]), (Some(200), &json!("3.1.0")));
}

#[tokio::test]
async fn a_path_may_be_raw_or_encoded_and_a_body_may_be_base64() {
    let data = tempfile::tempdir().unwrap();
    let mut function = Function::start("init_login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    for (path, status) in [
        ("/v2/session/a+b@x.fi/data", 200),
        ("/v2/session/a%2Bb%40x.fi/data", 200),
        ("/v2/session/a+b@x.fi/data/", 200),
        ("/v2/session/a%2/data", 400),
    ] {
        let answer = answer(function.invoke(ID, &changed(&INIT_LOGIN, "path", path.into())).await);
        assert_eq!(answer["statusCode"], status, "{path}: {answer}");
    }
    function.stop().await;

    let mut function = Function::start("login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    let mut sample = event::sample(&LOGIN);
    sample["body"] = "e30=".into();
    sample["isBase64Encoded"] = true.into();
    let answer = answer(function.invoke(ID, &sample.to_string()).await);
    assert_eq!(body(&answer)["ResponseText"], "Missing parameter(s)");
    function.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let data = tempfile::tempdir().unwrap();
    let mut function = Function::start("login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    let answer = answer(function.invoke(ID, &changed(&LOGIN, "body", " ".repeat(MAX_BODY + 1).into())).await);
    assert_eq!((answer["statusCode"].as_u64(), &body(&answer)["RequestId"]), (Some(413), &ID.into()));
    function.stop().await;
}

/// A host that is none makes the runtime's library panic: the panic must unwind and be told, and the function must go on.
#[tokio::test]
async fn what_is_no_event_is_an_error_and_the_function_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut function = Function::start("init_login", &[("AVAIN_LOCAL", data.path().as_os_str())]);
    let mut panics = event::sample(&INIT_LOGIN);
    panics["headers"]["host"] = "[".into();
    let panics = panics.to_string();
    for garbage in ["", "\u{1}", "null", "\"text\"", "{}", "{\"httpMethod\": 7}", &panics] {
        let outcome = function.invoke("garbage", garbage).await;
        let Outcome::Error(id, told) = outcome else { panic!("{garbage:?} was taken: {outcome:?}") };
        assert_eq!(id, "garbage");
        assert!(told["errorType"].is_string(), "{garbage:?}: {told}");
        let panicked = told["errorMessage"].as_str().unwrap().starts_with("Lambda panicked: ");
        assert_eq!(panicked, garbage == panics, "{garbage:?}: {told}");
    }
    let answer = answer(function.invoke(ID, &event::sample(&INIT_LOGIN).to_string()).await);
    assert_eq!(answer["statusCode"], 200);
    function.stop().await;
}

#[tokio::test]
async fn a_function_without_its_data_directory_says_so() {
    refuses("login", &[], "AVAIN_LOCAL is not set").await;
    refuses("login", &[("AVAIN_LOCAL", OsStr::new(""))], "AVAIN_LOCAL is not set").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    refuses("login", &[("AVAIN_LOCAL", file.path().as_os_str())], "cannot use the data directory").await;
}

#[tokio::test]
async fn a_function_that_calls_banks_says_which_address_it_lacks() {
    let (data, banks) = directory_with_banks().await;
    refuses("list_files", &variables(&data, &banks)[..1], "AVAIN_SIMULATOR is not set").await;
}

#[tokio::test]
async fn a_data_directory_has_one_function_at_a_time() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("AVAIN_LOCAL", data.path().as_os_str())];
    let mut first = Function::start("init_login", &variables);
    assert!(matches!(first.ready().await, Outcome::Ready));
    refuses("login", &variables, "another process uses this data directory").await;
    first.stop().await;
    let mut second = Function::start("login", &variables);
    assert!(matches!(second.ready().await, Outcome::Ready));
    second.stop().await;
}

#[tokio::test]
async fn started_by_hand_a_function_says_what_it_is() {
    let output = command("login").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this is a Lambda function"), "{output:?}");
}

async fn refuses(binary: &str, variables: &[(&str, &OsStr)], why: &str) {
    let outcome = Function::start(binary, variables).ready().await;
    let Outcome::Ended { code, stderr } = outcome else { panic!("{binary} started: {outcome:?}") };
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with(&format!("{binary}: ")) && stderr.contains(why), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

async fn directory_with_banks() -> (TempDir, Banks) {
    let data = tempfile::tempdir().unwrap();
    let banks = Banks::start(data.path(), Arc::new(SystemClock)).await.unwrap();
    (data, banks)
}

fn variables<'a>(data: &'a TempDir, banks: &'a Banks) -> [(&'static str, &'a OsStr); 2] {
    [("AVAIN_LOCAL", data.path().as_os_str()), ("AVAIN_SIMULATOR", banks.base.as_ref())]
}

/// The operation's sample event with another value in it.
fn changed(operation: &'static Operation, field: &str, value: Value) -> String {
    let mut sample = event::sample(operation);
    sample[field] = value;
    sample.to_string()
}

#[track_caller]
fn answer(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Answer(id, answer) if id == ID => answer,
        other => panic!("no answer: {other:?}"),
    }
}

#[track_caller]
fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}
