//! Requests as API Gateway's REST API hands them to a function (proxy integration, payload version 1.0), and one sample for
//! each operation and task: `events/NAME.json`.

use avain::client::{Call, Credentials, request};
use avain_api::Access;
use avain_api::Operation;
use avain_api::path;
use avain_functions::tasks::Starts;
use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value, json};

use crate::row::{Row, Started};

/// The API's stage: in the address that API Gateway gives out, not in the event's path.
const STAGE: &str = "live";

/// Path parameters of the samples.
const PARAMETERS: [(&str, &str); 8] = [
    ("Email", "aino@esimerkki.fi"),
    ("ExtEmail", "eino@esimerkki.fi"),
    ("Mode", "admin"),
    ("Phone", "+358401234567"),
    ("Bank", "simulator"),
    ("FileType", "pain.002.001.10"),
    ("FileReference", "1"),
    ("UploadId", "1780315200000-c6af9ac6-7b61-41e6-9a41-93e8deadbeef"),
];

/// The operation's sample event.
pub(crate) fn sample(operation: &'static Operation) -> Value {
    let credentials =
        Credentials { id_token: "id-token-of-a-login".into(), api_key: "api-key-of-a-registration".into() };
    of(operation, &sample_request(operation, &credentials))
}

/// The request of the operation's sample, with these credentials if it wants any.
pub(crate) fn sample_request(operation: &'static Operation, credentials: &Credentials) -> Request<Bytes> {
    let names = operation.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let path: Vec<&str> = names.map(parameter).collect();
    let call = Call {
        operation,
        path: &path,
        query: query(operation.binary()),
        credentials: matches!(operation.access, Access::Token { .. }).then_some(credentials),
        body: body(operation.binary()),
    };
    request(call).unwrap()
}

/// The sample event of a row of either table.
pub(crate) fn sample_of(row: Row) -> Value {
    match row.started {
        Started::ByCall(operation) => sample(operation),
        Started::By(Starts::Stack) => sample_of_stack("Create", "http://127.0.0.1:9/the-answer"),
        // What EventBridge Scheduler sends where the schedule names nothing.
        Started::By(Starts::Schedule(_)) => json!({}),
    }
}

/// A request of CloudFormation to a custom resource.
pub(crate) fn sample_of_stack(request_type: &str, answer_to: &str) -> Value {
    json!({
        "RequestType": request_type,
        "ResponseURL": answer_to,
        "StackId": "arn:aws:cloudformation:eu-north-1:123456789012:stack/avain/8476a536",
        "RequestId": "0f1e2d3c-request",
        "ResourceType": "Custom::ServiceKeys",
        "LogicalResourceId": "ServiceKeysCall",
        "ResourceProperties": { "ServiceToken": "arn:aws:lambda:eu-north-1:123456789012:function:avain" },
    })
}

fn parameter(name: &str) -> &'static str {
    let found = PARAMETERS.iter().find(|(it, _)| *it == name);
    found.unwrap_or_else(|| panic!("PARAMETERS has no sample of {name}")).1
}

/// The query of an operation's sample.
fn query(binary: &str) -> &'static str {
    match binary {
        "list_files" => "?FileType=&Status=NEW",
        "export_cert" => "?PgpKeyId=0123456789ABCDEF",
        "list_uploads" => "?Limit=100",
        "list_account_usage" => "?Month=2026-05",
        "list_audit_events" => "?From=2026-05-01&To=2026-05-31&Limit=100",
        _ => "",
    }
}

/// The body of an operation's sample.
fn body(binary: &str) -> Option<Value> {
    let (challenge, encrypted) = ("challenge-of-init", "cGFzc3dvcmR8fHRpbWVzdGFtcA==");
    Some(match binary {
        "register" => json!({
            "Name": "Aino Avain", "Phone": "+358401234567", "Company": "Esimerkki Oy", "ApiKey": "0",
            "ChResp": challenge, "Encrypted": encrypted,
        }),
        "verify_email" | "verify_totp" => json!({ "Code": "123456", "AccessToken": "access-token-of-a-login" }),
        "verify_phone" => json!({ "Code": "123456" }),
        "login" => json!({ "ChResp": challenge, "Encrypted": encrypted }),
        "password_reset" => json!({ "Code": "123456", "ChResp": challenge, "Encrypted": encrypted }),
        "select_mfa" => json!({ "MfaType": "SOFTWARE_TOKEN_MFA", "Session": "session-of-a-login" }),
        "login_mfa" => json!({ "Session": "session-of-a-login", "Code": "123456" }),
        "enroll_cert" => {
            json!({ "Code": "Demo-Code-2026-0001", "Company": "Esimerkki Oy", "WsUserId": "1000038023" })
        }
        "config_certs" => json!({ "Export": "disabled" }),
        "import_cert" => json!({
            "Company": "Esimerkki Oy", "WsUserId": "1000038023",
            "Certificate": "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
            "PrivateKey": "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n",
        }),
        "upload_file" => json!({
            "FileContents": "PERvY3VtZW50Lz4=", "FileType": "pain.001.001.09", "FileName": "payment.xml",
            "Signature": "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
        }),
        "add_signatures" => json!({
            "Signature": "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
        }),
        "delete_key" => json!({ "PgpKeyId": "0123ABCD" }),
        "upload_key" => json!({
            "PgpKey": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "PgpKeyPurpose": "authorize",
        }),
        "delete_account" => json!({ "Confirm": "aino@esimerkki.fi" }),
        "put_policy" => json!({
            "SkipPhoneVerification": false, "SkipEmailVerification": false, "CallsPerMinute": 600,
            "Signatures": [{ "Bank": "simulator", "FileType": "pain.001.001.09", "Required": 2 }],
        }),
        _ => return None,
    })
}

/// The event of a request whose URI is path and query. The path is as the client wrote it; query values are decoded.
pub(crate) fn of(operation: &Operation, request: &Request<Bytes>) -> Value {
    let path = request.uri().path();
    let parameters: Map<String, Value> = path::parameters(operation.path, path)
        .unwrap()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let query: Map<String, Value> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), path::percent_decode(value).unwrap().into()))
        .collect();
    let added = [
        ("host", "abcdef1234.execute-api.eu-north-1.amazonaws.com"),
        ("user-agent", "avain"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];
    let sent = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let headers: Map<String, Value> = sent.chain(added).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let body = std::str::from_utf8(request.body()).unwrap();
    json!({
        "resource": operation.path,
        "path": path,
        "httpMethod": operation.method.as_str(),
        "multiValueHeaders": lists(&headers),
        "headers": headers,
        "multiValueQueryStringParameters": or_null(lists(&query)),
        "queryStringParameters": or_null(query),
        "pathParameters": or_null(parameters),
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "domainName": "abcdef1234.execute-api.eu-north-1.amazonaws.com",
            "httpMethod": operation.method.as_str(),
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "avain" },
            "path": format!("/{STAGE}{path}"),
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "01/Jun/2026:12:00:00 +0000",
            "requestTimeEpoch": 1_780_315_200_000_u64,
            "resourceId": "123456",
            "resourcePath": operation.path,
            "stage": STAGE,
        },
        "body": if body.is_empty() { Value::Null } else { body.into() },
        "isBase64Encoded": false,
    })
}

fn lists(values: &Map<String, Value>) -> Map<String, Value> {
    values.iter().map(|(name, value)| (name.clone(), json!([value]))).collect()
}

/// API Gateway writes null where there is none.
fn or_null(values: Map<String, Value>) -> Value {
    if values.is_empty() { Value::Null } else { Value::Object(values) }
}
