//! The deployment follows the table of operations: each operation's role, log, function and route, and nothing that allows
//! more. What is missing, or too much, is printed, all at once.

mod grants;
#[cfg(feature = "local")]
mod reached;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;

use avain_api::operations::{ALL, LOGIN};
use avain_api::ws_channel::errors::reply;
use avain_api::{MAX_BODY, Need, Operation};
use avain_domain::Failure;

use crate::in_step::{difference, read, root};
use grants::{Condition, Grant};

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
        fs::write(root().join(FILE), format!("{before}{BEGIN}\n{}{END}{after}", of_operations())).unwrap();
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
        ("\"ATTEMPTS#*\"", "\"*\"", "LoginRole"),
        ("kms:EncryptionContext:kind: [bank-key]", "kms:EncryptionContext:kind: [bank-key, file]", "EnrollCertRole"),
        ("Action: cognito-idp:AdminGetUser", "Action: cognito-idp:AdminCreateUser", "RegisterRole"),
        ("                Action: dynamodb:Query", "                NotAction: dynamodb:Query", "NotAction"),
        (
            "                Action: sns:Publish",
            "                Action:\n                  - \"sns:*\"",
            "on one line",
        ),
        ("Path: \"/v2/pgp\"", "Path: \"/v2/gpg\"", "/v2/pgp"),
        ("Role: !GetAtt ListKeysRole.Arn", "Role: !GetAtt LoginRole.Arn", "ListKeysRole"),
        ("          AVAIN_BUCKET: !Ref Files\n", "", "AVAIN_BUCKET"),
        ("          AVAIN_KMS_KEY: !GetAtt Key.Arn\n", "          AVAIN_KMS_KEY: \"\"\n", "AVAIN_KMS_KEY"),
        ("      RetentionInDays: !Ref LogRetention\n", "", "RetentionInDays"),
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
    [of_table(text), too_broad(text, &resources), not_kept(&resources), not_told(&resources), settings(&resources)]
        .concat()
}

/// The operations' part.
fn of_table(text: &str) -> Vec<String> {
    let part = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let Some((part, _)) = part else { return vec![format!("{FILE}: no operations' part\n")] };
    let blocks = |part: &str| part.split("\n\n").map(|it| it.trim_matches('\n').to_owned()).collect::<Vec<_>>();
    let wanted = of_operations();
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
        for line in block.lines() {
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
        ("Api", &["LoggingLevel: \"OFF\"", "DataTraceEnabled: false"]),
    ];
    let has = |block: &str, setting: &str| block.lines().any(|line| line.trim().trim_start_matches("- ") == setting);
    let missing = wanted.iter().flat_map(|(name, settings)| {
        let block = resources.get(name).map_or("", String::as_str);
        settings.iter().filter(move |setting| !has(block, setting)).map(move |it| (name, it))
    });
    missing.map(|(name, setting)| format!("{FILE}: {name} has no\n{setting}\n")).collect()
}

/// Calls that end-to-end tests counted, and which the role does not allow; and the other way round.
fn counted_calls(golden: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for operation in ALL {
        let mut counted = [0; 6];
        for line in golden.lines().filter(|line| line.split(' ').next() == Some(operation.name)) {
            let numbers: Vec<u32> = line.rsplit(' ').take(6).map(|it| it.parse().unwrap()).collect();
            counted.iter_mut().zip(numbers.iter().rev()).for_each(|(most, it)| *most = (*most).max(*it));
        }
        let (reads, writes) = grants::reads_and_writes(operation);
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
/// function with a route two (function, permission).
fn resource_count(text: &str, operations: usize) -> usize {
    let shared = text.split_once(BEGIN).map_or(text, |(before, _)| before);
    let (role, log, function) = (1, 1, 2);
    resources(shared).len() + 2 + operations * (role + log + function) + 2 * operations.div_ceil(FUNCTIONS_PER_ALARM)
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

/// The operations' part as it must be.
fn of_operations() -> String {
    let blocks = ALL.iter().flat_map(|operation| [log(operation), role(operation), function(operation)]);
    let alarms = ALL.chunks(FUNCTIONS_PER_ALARM).enumerate().flat_map(|(at, operations)| {
        [("Errors", "failed: it broke, or took too long"), ("Throttles", "was not started: too many at once")]
            .map(|(metric, told)| alarm(metric, told, at + 1, operations))
    });
    blocks.chain(alarms).flat_map(|block| [block, "\n\n".to_owned()]).collect()
}

fn log(operation: &Operation) -> String {
    format!(
        "  {}Log:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      \
         LogGroupName: !Sub \"/avain/${{AWS::StackName}}/{}\"\n      RetentionInDays: !Ref LogRetention",
        operation.name,
        operation.binary()
    )
}

fn role(operation: &Operation) -> String {
    let name = operation.name;
    let mut text = format!(
        "  {name}Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        \
         Version: \"2012-10-17\"\n        \
         Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: sts:AssumeRole}}]\n      \
         Policies:\n        - PolicyName: {name}\n          PolicyDocument:\n            Version: \"2012-10-17\"\n            \
         Statement:\n              - Effect: Allow\n                Action: [logs:CreateLogStream, logs:PutLogEvents]\n                \
         Resource: !GetAtt {name}Log.Arn"
    );
    for grant in grants::of(operation) {
        text += &statement(&grant);
    }
    text
}

fn statement(grant: &Grant) -> String {
    let resources = match &grant.resources[..] {
        [resource] => (*resource).to_owned(),
        resources => format!("[{}]", resources.join(", ")),
    };
    let mut text = format!(
        "\n              - Effect: Allow\n                Action: {}\n                Resource: {resources}",
        grant.action
    );
    match &grant.condition {
        None => {}
        Some(Condition::Partitions(partitions)) => {
            let partitions: Vec<String> = partitions.iter().map(|it| format!("\"{it}\"")).collect();
            let _ = write!(
                text,
                "\n                Condition:\n                  \
                 ForAllValues:StringLike: {{dynamodb:LeadingKeys: [{}]}}",
                partitions.join(", ")
            );
        }
        Some(Condition::Kinds(kinds)) => {
            let _ = write!(
                text,
                "\n                Condition:\n                  \
                 StringEquals: {{kms:EncryptionContext:service: avain, kms:EncryptionContext:kind: [{}]}}",
                kinds.join(", ")
            );
        }
    }
    text
}

/// Memory (CPU comes with it) and time by kind: those that call a bank sign, verify and wait; those with passwords open them;
/// the rest read and write records.
fn function(operation: &Operation) -> String {
    let needs = |need| operation.needs.contains(&need);
    let calls_bank = needs(Need::Banks) && needs(Need::Sealer);
    let (memory, timeout) = match operation {
        _ if calls_bank => (1024, 29),
        _ if needs(Need::Identity) || needs(Need::ServiceKeys) => (512, 15),
        _ => (256, 15),
    };
    let (name, binary, path) = (operation.name, operation.binary(), operation.path);
    let mut text = format!(
        "  {name}:\n    Type: AWS::Serverless::Function\n    \
         Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: {binary}}}}}\n    Properties:\n      \
         Role: !GetAtt {name}Role.Arn\n      LoggingConfig: {{LogFormat: JSON, LogGroup: !Ref {name}Log}}\n      \
         MemorySize: {memory}\n      Timeout: {timeout}\n"
    );
    if calls_bank {
        text += "      ReservedConcurrentExecutions: !If [LimitsBankCalls, !Ref BankConcurrency, !Ref AWS::NoValue]\n";
    }
    text += "      Environment:\n        Variables:\n";
    for (variable, value) in grants::variables(operation) {
        let _ = writeln!(text, "          {variable}: {value}");
    }
    let method = operation.method.as_str().to_lowercase();
    let _ = write!(
        text,
        "      Events:\n        Call:\n          Type: Api\n          \
         Properties: {{RestApiId: !Ref Api, Method: {method}, Path: \"{path}\"}}"
    );
    text
}

/// An alarm on the sum of a metric over some functions.
fn alarm(metric: &str, told: &str, number: usize, operations: &[&Operation]) -> String {
    let mut text = format!(
        "  Function{metric}{number}:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      \
         AlarmDescription: \"A function {told}\"\n      EvaluationPeriods: 1\n      Threshold: 1\n      \
         ComparisonOperator: GreaterThanOrEqualToThreshold\n      TreatMissingData: notBreaching\n      \
         AlarmActions: !If [HasAlarmEmail, [!Ref AlarmTopic], !Ref AWS::NoValue]\n      Metrics:\n        \
         - {{Id: all, Expression: SUM(METRICS()), Label: All, ReturnData: true}}"
    );
    for operation in operations {
        let (id, name) = (operation.binary(), operation.name);
        let _ = write!(
            text,
            "\n        - Id: {id}\n          ReturnData: false\n          MetricStat: {{Stat: Sum, Period: 300, Metric: \
             {{Namespace: AWS/Lambda, MetricName: {metric}, Dimensions: [{{Name: FunctionName, Value: !Ref {name}}}]}}}}"
        );
    }
    text
}
