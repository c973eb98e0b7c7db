//! The deployment follows the tables of operations and tasks: each function's role, log, alarms and what starts it, and
//! nothing that allows more. What is missing, or too much, is printed, all at once.

mod grants;
#[cfg(feature = "local")]
mod identity;
#[cfg(feature = "local")]
mod reached;
mod watched;
mod written;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;

use avain_api::operations::{ALL, LOGIN};
use avain_api::ws_channel::errors::reply;
use avain_api::{MAX_BODY, Need};
use avain_domain::Failure;

use crate::in_step::{difference, read, root};
use crate::row::{self, Row, Started};
use written::of_functions;

const FILE: &str = "template.yaml";

/// With this variable set to 1 the operations' part of the template is written instead of compared.
const WRITE: &str = "AVAIN_WRITE_TEMPLATE";

/// The last line above the operations' part; the part ends at the outputs.
const BEGIN: &str = "  # AVAIN_WRITE_TEMPLATE=1 cargo test -p avain-functions template\n";
const END: &str = "Outputs:\n";

/// An alarm on a sum takes ten metrics (CloudWatch's limit).
const FUNCTIONS_PER_ALARM: usize = 10;

/// CloudFormation takes 500 resources; the plan has 70 operations.
const MOST_RESOURCES: usize = 400;
const PLANNED_OPERATIONS: usize = 70;

/// A function beside the tables, without anything that watches it.
const BY_HAND: &str =
    "  ByHand:\n    Type: AWS::Lambda::Function\n    Properties: {Role: !GetAtt LoginRole.Arn}\n\n  Dashboard:\n";

/// What must outlive the stack: data, and what opens it or lets its owners in.
const RETAINED: &[&str] = &[
    "AdminClient",
    "AdminPool",
    "DataClient",
    "DataPool",
    "Files",
    "FilesPolicy",
    "GatewayAccount",
    "GatewayLogRole",
    "Key",
    "KeyAlias",
    "SmsRole",
    "Table",
];

/// The only statements that name everything, and why nothing narrower can be said.
const BROAD: &[(&str, &str, &str)] = &[
    ("FilesPolicy", "Action: s3:*", "denies all without TLS"),
    ("Key", "Action: kms:*", "the account's administrators, AWS's default; else the key could become unmanageable"),
    ("Key", "Resource: *", "in a key's policy this is the key itself"),
    ("SmsRole", "Resource: *", "a phone number has no ARN; topics are denied"),
    ("GatewayLogRole", "ManagedPolicyArns", "API Gateway accepts no narrower role than AWS's own"),
];

/// Lambda writes a function's traces in its name. The actions know no resource but all of them (AWS, service authorization
/// reference): with this action, and only with it, a function's role names everything.
const TRACES: &str = "Action: [xray:PutTraceSegments, xray:PutTelemetryRecords]";

/// What the gateway answers by itself is what the API answers.
const GATEWAY_ANSWERS: &[(&str, Failure)] = &[
    ("UNAUTHORIZED", Failure::Unauthorized),
    ("INVALID_API_KEY", Failure::InvalidApiKey),
    ("MISSING_AUTHENTICATION_TOKEN", Failure::NotFound),
    ("RESOURCE_NOT_FOUND", Failure::NotFound),
    ("REQUEST_TOO_LARGE", Failure::TooLarge { limit: MAX_BODY }),
    ("INTEGRATION_FAILURE", Failure::Unavailable(String::new())),
    ("INTEGRATION_TIMEOUT", Failure::Unavailable(String::new())),
    ("DEFAULT_5XX", Failure::Internal(String::new())),
];

/// Operations that write only when a bank had not told its folders at enrolment, which no counted story contains.
const WRITES_RARELY: &[&str] = &["ListFiles"];

/// The template; written first, if that is asked for.
static TEMPLATE: LazyLock<String> = LazyLock::new(|| {
    let text = read(FILE);
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        let (before, after) = (text.split_once(BEGIN).unwrap().0, text.split_once(END).unwrap().1);
        fs::write(root().join(FILE), format!("{before}{BEGIN}\n{}{END}{after}", of_functions())).unwrap();
        return read(FILE);
    }
    text
});

#[test]
fn the_deployment_allows_what_the_table_of_operations_needs() {
    let faults = [faults(&TEMPLATE), grants::faults(), counted_calls(&read("tests/golden/calls.txt"))].concat();
    assert!(faults.is_empty(), "{}\n{WRITE}=1 writes the operations' part of {FILE}", faults.join("\n"));
}

#[test]
fn a_deployment_that_allows_more_or_keeps_less_is_found() {
    let text = &*TEMPLATE;
    let cases = [
        ("Action: dynamodb:Query", "Action: dynamodb:Scan", "dynamodb:Scan"),
        ("Action: dynamodb:PutItem", "Action: dynamodb:*", "dynamodb:*"),
        ("Action: dynamodb:DeleteItem", "Action: [dynamodb:DeleteItem, dynamodb:PutItem]", "LoginRole"),
        ("Resource: !GetAtt Table.Arn", "Resource: \"*\"", "Resource: *"),
        ("\"ATTEMPTS#*\"", "\"*\"", "InitPasswordResetRole"),
        ("kms:EncryptionContext:kind: [bank-key]", "kms:EncryptionContext:kind: [bank-key, file]", "ExportCertRole"),
        ("Action: cognito-idp:AdminGetUser", "Action: cognito-idp:AdminCreateUser", "RegisterRole"),
        ("                Action: dynamodb:Query", "                NotAction: dynamodb:Query", "NotAction"),
        (
            "                Action: sns:Publish",
            "                Action:\n                  - \"sns:*\"",
            "on one line",
        ),
        ("Path: \"/v2/pgp\"", "Path: \"/v2/gpg\"", "/v2/pgp"),
        ("Path: \"/v2/certs\", Auth: {ApiKeyRequired: true}", "Path: \"/v2/certs\"", "ApiKeyRequired"),
        ("/usageplans/${UsagePlan}/keys", "/usageplans/*/keys", "RegisterLaterPolicy"),
        ("::/apikeys", "::/*", "RegisterRole"),
        ("UsagePlanName: !Ref AWS::StackName", "UsagePlanName: avain", "UsagePlanName"),
        ("Role: !GetAtt ListKeysRole.Arn", "Role: !GetAtt LoginRole.Arn", "ListKeysRole"),
        ("          AVAIN_BUCKET: !Ref Files\n", "", "AVAIN_BUCKET"),
        ("          AVAIN_KMS_KEY: !GetAtt Key.Arn\n", "          AVAIN_KMS_KEY: \"\"\n", "AVAIN_KMS_KEY"),
        ("      RetentionInDays: !Ref LogRetention\n", "", "RetentionInDays"),
        ("  Dashboard:\n", BY_HAND, "ByHand has no log"),
        ("  Dashboard:\n", BY_HAND, "ByHand has no alarm on Errors"),
        ("FunctionName, Value: !Ref Login}", "FunctionName, Value: !Ref Logout}", "Login has no alarm on Errors"),
        ("MetricName: VaultFailed", "MetricName: VaultFailure", "VaultFailure"),
        ("MetricName: CertificateDaysLeft", "MetricName: Latency", "Latency"),
        ("Namespace: !Sub \"Avain/${AWS::StackName}\"", "Namespace: Avain", "Namespace"),
        ("\"BankFailed\"", "\"BanksFailed\"", "BanksFailed"),
        ("MetricName=\\\"CertificateDaysLeft", "MetricName=\\\"CertificateDays", "CertificateDays"),
        ("      AlarmActions: !If [HasAlarmEmail, [!Ref AlarmTopic], !Ref AWS::NoValue]\n", "", "AlarmActions"),
        ("      SqsManagedSseEnabled: true\n", "", "SqsManagedSseEnabled"),
        ("Tracing: !If [TracesFunctions, Active, PassThrough]", "Tracing: PassThrough", "Tracing"),
        ("    DeletionPolicy: Retain\n", "", "DeletionPolicy"),
        ("    UpdateReplacePolicy: Retain\n", "", "UpdateReplacePolicy"),
        ("\"ResponseText\": \"Unauthorized\"", "\"ResponseText\": \"unauthorised\"", "UNAUTHORIZED"),
        ("      EnableKeyRotation: true\n", "", "EnableKeyRotation"),
        ("Handler: bootstrap\n", "Handler: bootstrap\n    Policies: [AdministratorAccess]\n", "Policies"),
    ];
    assert!(faults(text).is_empty(), "{}", faults(text).join("\n"));
    for (from, to, named) in cases {
        assert!(text.contains(from), "the template no longer has {from}");
        let found = faults(&text.replacen(from, to, 1));
        assert!(found.iter().any(|fault| fault.contains(named)), "{from} -> {to}: {found:?}");
    }
}

#[test]
fn the_planned_operations_fit_into_one_stack() {
    let count = resource_count(&TEMPLATE, PLANNED_OPERATIONS);
    assert!(count < MOST_RESOURCES, "{count} resources at {PLANNED_OPERATIONS} operations");
}

#[test]
fn what_is_built_has_no_local_mode_and_unwinds() {
    let build = read("CargoLambda.toml");
    for line in ["no_default_features = true", "features = [\"aws\"]", "disable_optimizations = true"] {
        assert!(build.lines().any(|it| it == line), "CargoLambda.toml has no {line}");
    }
    let shipped = read("Cargo.toml");
    let shipped = shipped.split_once("[profile.shipped]\n").unwrap().1.split("\n\n").next().unwrap();
    for setting in ["opt-level", "lto", "codegen-units", "panic"] {
        let value = shipped.lines().find_map(|line| line.strip_prefix(&format!("{setting} = "))).unwrap();
        let line = format!("\"profile.release.{setting}={}\",", value.replace('"', "'"));
        assert!(build.contains(&line), "CargoLambda.toml has no {line}");
    }
}

/// Everything in which a template differs from what it must be.
fn faults(text: &str) -> Vec<String> {
    let resources = resources(text);
    [
        of_table(text),
        too_broad(text, &resources),
        not_kept(&resources),
        not_told(&resources),
        settings(&resources),
        watched::faults(&resources),
        globals(text),
    ]
    .concat()
}

/// The operations' part.
fn of_table(text: &str) -> Vec<String> {
    let part = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let Some((part, _)) = part else { return vec![format!("{FILE}: no operations' part\n")] };
    let blocks = |part: &str| part.split("\n\n").map(|it| it.trim_matches('\n').to_owned()).collect::<Vec<_>>();
    let wanted = of_functions();
    difference(FILE, blocks(&wanted), blocks(part))
}

/// Wildcards and whatever could hide one.
fn too_broad(text: &str, resources: &BTreeMap<&str, String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut faults = Vec::new();
    if text.contains("dynamodb:Scan") {
        faults.push(format!("{FILE}: dynamodb:Scan\n"));
    }
    let globals = text.split_once("Globals:\n").and_then(|(_, rest)| rest.split_once("\nResources:")).map(|it| it.0);
    let globals = ("Globals", globals.unwrap_or_default().to_owned());
    for (name, block) in resources.iter().map(|(name, block)| (*name, block)).chain([(globals.0, &globals.1)]) {
        let mut before = "";
        for line in block.lines() {
            let traces = before.trim() == TRACES && line.trim() == "Resource: \"*\"";
            before = line;
            if traces {
                continue;
            }
            for hiding in ["NotAction", "NotResource", "NotPrincipal"] {
                if line.contains(hiding) {
                    faults.push(format!("{FILE}: {name} has {hiding}\n"));
                }
            }
            // Policies by name, and of functions (their roles are here): not ours to read.
            if line.contains("ManagedPolicyArns") || line.trim_start().starts_with("Policies: [") {
                found.push((name, line.trim().trim_end_matches(':').to_owned()));
            }
            for key in ["Action", "Resource"] {
                match values(line, key) {
                    None => {}
                    Some(values) if values.is_empty() => {
                        faults.push(format!("{FILE}: {name}: {key} is not on one line\n"));
                    }
                    Some(values) => {
                        let broad = |value: &&str| value.contains('*') && (key == "Action" || *value == "*");
                        found.extend(values.into_iter().filter(broad).map(|value| (name, format!("{key}: {value}"))));
                    }
                }
            }
        }
    }
    let known = |(name, what): &(&str, String)| BROAD.iter().any(|(of, broad, _)| of == name && broad == what);
    faults.extend(found.iter().filter(|it| !known(it)).map(|(name, what)| format!("{FILE}: {name} has {what}\n")));
    let gone = BROAD.iter().filter(|(of, broad, _)| !found.iter().any(|(name, what)| of == name && broad == what));
    faults.extend(gone.map(|(of, broad, _)| format!("{FILE}: {of} no longer has {broad}: take it off the list\n")));
    faults
}

/// The values of `KEY: VALUE` or `KEY: [VALUE, ...]` in a line, without quotes.
fn values<'a>(line: &'a str, key: &str) -> Option<Vec<&'a str>> {
    let (before, rest) = line.split_once(&format!("{key}:"))?;
    if before.ends_with(|letter: char| letter.is_alphanumeric()) {
        return None;
    }
    let rest = rest.trim();
    let list = match rest.strip_prefix('[') {
        Some(list) => list.split(']').next(),
        None => rest.split(['}', ',']).next(),
    };
    let values = list.unwrap_or_default().split(',').map(|value| value.trim().trim_matches('"'));
    Some(values.filter(|value| !value.is_empty()).collect())
}

/// What would be lost with the stack, or kept for ever.
fn not_kept(resources: &BTreeMap<&str, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for name in RETAINED {
        let block = resources.get(name).map_or("", String::as_str);
        let policies = ["DeletionPolicy: Retain", "UpdateReplacePolicy: Retain"];
        let missing = policies.iter().filter(|it| !block.contains(&format!("\n    {it}\n")));
        faults.extend(missing.map(|it| format!("{FILE}: {name} has no {it}\n")));
    }
    for (name, block) in resources {
        if block.contains("Type: AWS::Logs::LogGroup\n")
            && !block.contains("\n      RetentionInDays: !Ref LogRetention")
        {
            faults.push(format!("{FILE}: {name} has no RetentionInDays\n"));
        }
    }
    faults
}

/// Gateway responses that differ from the API's own.
fn not_told(resources: &BTreeMap<&str, String>) -> Vec<String> {
    let api = resources.get("Api").map_or("", String::as_str);
    let mut faults = Vec::new();
    for (name, failure) in GATEWAY_ANSWERS {
        let reply = reply(&LOGIN, failure);
        let answer = api.split_once(&format!("\n        {name}:\n")).map_or("", |(_, rest)| rest);
        let answer: Vec<&str> = answer.lines().take(4).map(str::trim).collect();
        let body = format!(
            "application/json: '{{\"RequestId\": \"$context.requestId\", \"ResponseCode\": \"{}\", \"ResponseText\": \"{}\"}}'",
            reply.code, reply.text
        );
        let as_wanted = answer.len() == 4
            && answer[0] == format!("StatusCode: {}", reply.status)
            && answer[1].contains("Retry-After") == reply.retry_after.is_some()
            && answer[3] == body;
        if !as_wanted {
            faults.push(format!("{FILE}: gateway response {name} is not\nStatusCode: {}\n{body}\n", reply.status));
        }
    }
    faults
}

/// Settings that what is said elsewhere rests on (docs/security.md, docs/cognito.md).
fn settings(resources: &BTreeMap<&str, String>) -> Vec<String> {
    let wanted: &[(&str, &[&str])] = &[
        (
            "Table",
            &[
                "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
                "DeletionProtectionEnabled: true",
                "SSESpecification: {SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !GetAtt Key.Arn}",
            ],
        ),
        ("Key", &["EnableKeyRotation: true"]),
        (
            "Files",
            &[
                "VersioningConfiguration: {Status: Enabled}",
                "{BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}",
            ],
        ),
        ("FilesPolicy", &["Effect: Deny", "Condition: {Bool: {aws:SecureTransport: \"false\"}}"]),
        (
            "AdminPool",
            &["MfaConfiguration: \"ON\"", "EnabledMfas: [SMS_MFA, SOFTWARE_TOKEN_MFA]", "DeletionProtection: ACTIVE"],
        ),
        ("DataPool", &["MfaConfiguration: \"OFF\"", "DeletionProtection: ACTIVE"]),
        ("AdminClient", &["GenerateSecret: true", "ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]"]),
        ("DataClient", &["GenerateSecret: true", "ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]"]),
        ("UsagePlan", &["UsagePlanName: !Ref AWS::StackName", "ApiStages: [{ApiId: !Ref Api, Stage: !Ref Api.Stage}]"]),
        ("Undelivered", &["MessageRetentionPeriod: 1209600", "SqsManagedSseEnabled: true"]),
        ("Api", &["LoggingLevel: \"OFF\"", "DataTraceEnabled: false"]),
    ];
    let has = |block: &str, setting: &str| block.lines().any(|line| line.trim().trim_start_matches("- ") == setting);
    let missing = wanted.iter().flat_map(|(name, settings)| {
        let block = resources.get(name).map_or("", String::as_str);
        settings.iter().filter(move |setting| !has(block, setting)).map(move |it| (name, it))
    });
    missing.map(|(name, setting)| format!("{FILE}: {name} has no\n{setting}\n")).collect()
}

/// What all functions have.
fn globals(text: &str) -> Vec<String> {
    let globals =
        text.split_once("Globals:\n").and_then(|(_, rest)| rest.split_once("\nResources:")).map_or("", |it| it.0);
    let wanted = [
        "Environment: {Variables: {AVAIN_STACK: !Ref AWS::StackName}}",
        "Tracing: !If [TracesFunctions, Active, PassThrough]",
    ];
    let missing = wanted.iter().filter(|setting| !globals.lines().any(|line| line.trim() == **setting));
    missing.map(|setting| format!("{FILE}: Globals have no\n{setting}\n")).collect()
}

/// Calls that end-to-end tests counted, and which the role does not allow; and the other way round.
fn counted_calls(golden: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for operation in ALL {
        let mut counted = [0; 6];
        // Counting the calls of an organisation is every operation's, whatever else it writes.
        let lines = golden.lines().filter(|line| !line.contains("(calls limited)"));
        for line in lines.filter(|line| line.split(' ').next() == Some(operation.name)) {
            let numbers: Vec<u32> = line.rsplit(' ').take(6).map(|it| it.parse().unwrap()).collect();
            counted.iter_mut().zip(numbers.iter().rev()).for_each(|(most, it)| *most = (*most).max(*it));
        }
        let (reads, writes) = grants::reads_and_writes(&Row::of(operation));
        let needs = |need| operation.needs.contains(&need);
        let allowed =
            [reads, writes, needs(Need::Blobs), needs(Need::Sealer), needs(Need::Identity), needs(Need::Banks)];
        for ((kind, calls), allowed) in ["R", "W", "O", "K", "I", "B"].iter().zip(counted).zip(allowed) {
            // A warm function asks the vault for nothing; a bank's summary is read without calling it.
            let told = match *kind {
                "W" => !WRITES_RARELY.contains(&operation.name),
                "K" | "B" => calls > 0,
                _ => true,
            };
            if told && allowed != (calls > 0) {
                let name = operation.name;
                faults.push(format!(
                    "{name}: {calls} calls of kind {kind} were counted, and its role allows them: {allowed}\n"
                ));
            }
        }
    }
    faults
}

/// What CloudFormation gets, by the expansion of AWS::Serverless: an API is three resources (API, deployment, stage), a
/// function with a route two (function, permission), a task's configuration of retries one.
fn resource_count(text: &str, operations: usize) -> usize {
    let shared = text.split_once(BEGIN).map_or(text, |(before, _)| before);
    let (role, log, function) = (1, 1, 2);
    let later = row::all().filter(|it| !grants::later(it).is_empty()).count();
    let tasks: Vec<Row> = row::all().filter(|it| matches!(it.started, Started::By(_))).collect();
    let of_tasks: usize = tasks.iter().map(written::resources_of_task).sum();
    let alarms = 2 * (operations + tasks.len()).div_ceil(FUNCTIONS_PER_ALARM);
    resources(shared).len() + 2 + later + operations * (role + log + function) + of_tasks + alarms
}

/// The resources by name, each with its lines, comments left out.
fn resources(text: &str) -> BTreeMap<&str, String> {
    let mut resources: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = "";
    let lines = text.lines().skip_while(|line| *line != "Resources:").skip(1);
    for line in lines.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if !line.starts_with("   ") {
            current = line.trim().trim_end_matches(':');
        }
        let _ = writeln!(resources.entry(current).or_default(), "{line}");
    }
    resources
}
