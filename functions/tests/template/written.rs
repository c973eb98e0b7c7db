//! The functions' part of the template, made from the two tables and the grants.

use std::fmt::Write as _;

use avain_api::operations::IMPORT_CERT;
use avain_api::{Access, Need};
use avain_functions::tasks::Starts;

use super::FUNCTIONS_PER_ALARM;
use super::grants::{self, Condition, Grant};
use crate::row::{self, Row, Started};

/// The functions' part as it must be.
pub(super) fn of_functions() -> String {
    let rows: Vec<Row> = row::all().collect();
    let blocks = rows.iter().flat_map(|row| {
        let started = starts(row);
        [Some(log(row)), Some(role(row)), later_policy(row), Some(function(row))].into_iter().flatten().chain(started)
    });
    let alarms = rows.chunks(FUNCTIONS_PER_ALARM).enumerate().flat_map(|(at, rows)| {
        [("Errors", "failed: it broke, or took too long"), ("Throttles", "was not started: too many at once")]
            .map(|(metric, told)| alarm(metric, told, at + 1, rows))
    });
    blocks.chain(alarms).flat_map(|block| [block, "\n\n".to_owned()]).collect()
}

fn log(row: &Row) -> String {
    format!(
        "  {}Log:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      \
         LogGroupName: !Sub \"/avain/${{AWS::StackName}}/{}\"\n      RetentionInDays: !Ref LogRetention",
        row.name,
        row.binary()
    )
}

fn role(row: &Row) -> String {
    let name = row.name;
    let mut text = format!(
        "  {name}Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        \
         Version: \"2012-10-17\"\n        \
         Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: sts:AssumeRole}}]\n      \
         Policies:\n        - PolicyName: {name}\n          PolicyDocument:\n            Version: \"2012-10-17\"\n            \
         Statement:\n              - Effect: Allow\n                Action: [logs:CreateLogStream, logs:PutLogEvents]\n                \
         Resource: !GetAtt {name}Log.Arn\n              \
         - Effect: Allow\n                {}\n                Resource: \"*\"",
        super::TRACES
    );
    for grant in grants::of(row) {
        text += &statement(&grant);
    }
    text
}

/// What the role itself cannot name: the role comes before the function, the function before the API, and this after that.
fn later_policy(row: &Row) -> Option<String> {
    let (name, grants) = (row.name, grants::later(row));
    let statements: String = grants.iter().map(statement).collect();
    (!grants.is_empty()).then(|| {
        format!(
            "  {name}LaterPolicy:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyName: {name}Later\n      \
             Roles: [!Ref {name}Role]\n      PolicyDocument:\n        Version: \"2012-10-17\"\n        \
             Statement:{}",
            statements.replace("\n    ", "\n")
        )
    })
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
        Some(Condition::Sender) => {
            text +=
                "\n                Condition:\n                  StringEquals: {ses:FromAddress: !Ref NoticeSender}";
        }
    }
    text
}

/// Memory (CPU comes with it) and time by kind: those that call a bank sign, verify and wait (an import asks no bank: it needs
/// what is known of one); those with passwords open them; the rest read and write records. A task is waited for by nobody.
fn function(row: &Row) -> String {
    let calls_bank = row.needs(Need::Banks) && row.needs(Need::Sealer) && row.name != IMPORT_CERT.name;
    let (memory, timeout) = match row.started {
        Started::By(_) if calls_bank => (1024, 300),
        _ if calls_bank => (1024, 29),
        Started::By(_) => (512, 60),
        // What the user pool and the gateway are waited for at most is told in the adapters' `patience`.
        Started::ByCall(_) if row.needs(Need::Identity) => (512, 29),
        Started::ByCall(_) if row.needs(Need::ServiceKeys) => (512, 15),
        Started::ByCall(_) => (256, 15),
    };
    let (name, binary) = (row.name, row.binary());
    let mut text = format!(
        "  {name}:\n    Type: AWS::Serverless::Function\n    \
         Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: {binary}}}}}\n    Properties:\n      \
         Role: !GetAtt {name}Role.Arn\n      LoggingConfig: {{LogFormat: JSON, LogGroup: !Ref {name}Log}}\n      \
         MemorySize: {memory}\n      Timeout: {timeout}\n"
    );
    if calls_bank && matches!(row.started, Started::ByCall(_)) {
        text += "      ReservedConcurrentExecutions: !If [LimitsBankCalls, !Ref BankConcurrency, !Ref AWS::NoValue]\n";
    }
    if let Started::By(Starts::Schedule(_)) = row.started {
        text += "      EventInvokeConfig:\n        MaximumRetryAttempts: 2\n        MaximumEventAgeInSeconds: 3600\n        \
                 DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Undelivered.Arn}}\n";
    }
    let variables = grants::variables(row);
    if !variables.is_empty() {
        text += "      Environment:\n        Variables:\n";
    }
    for (variable, value) in variables {
        let _ = writeln!(text, "          {variable}: {value}");
    }
    if let Started::ByCall(operation) = row.started {
        let (method, path) = (operation.method.as_str().to_lowercase(), operation.path);
        // Who may be anyone needs no key, and may send any.
        let key = match operation.access {
            Access::Anyone => "",
            Access::Token { .. } => ", Auth: {ApiKeyRequired: true}",
        };
        let _ = write!(
            text,
            "      Events:\n        Call:\n          Type: Api\n          \
             Properties: {{RestApiId: !Ref Api, Method: {method}, Path: \"{path}\"{key}}}"
        );
    }
    text.truncate(text.trim_end().len());
    text
}

/// What the stack asks for. It asks again, also where it was deployed before, only when this has changed.
const KEYS: &str = "audit, challenge, password";

/// What starts a task: the stack itself, by a custom resource; or the clock, by a schedule and its role, when the service's keys
/// are there. An operation's route is with its function.
fn starts(row: &Row) -> Vec<String> {
    let name = row.name;
    match row.started {
        Started::ByCall(_) => Vec::new(),
        Started::By(Starts::Stack) => vec![format!(
            "  {name}Call:\n    Type: Custom::{name}\n    \
             Properties: {{ServiceToken: !GetAtt {name}.Arn, ServiceTimeout: 180, Keys: [{KEYS}]}}"
        )],
        Started::By(Starts::Schedule(expression)) => vec![
            format!(
                "  {name}Schedule:\n    Type: AWS::Scheduler::Schedule\n    DependsOn: ServiceKeysCall\n    \
                 Properties:\n      ScheduleExpression: {expression}\n      FlexibleTimeWindow: {{Mode: \"OFF\"}}\n      Target:\n        \
                 Arn: !GetAtt {name}.Arn\n        RoleArn: !GetAtt {name}ScheduleRole.Arn\n        \
                 RetryPolicy: {{MaximumRetryAttempts: 10, MaximumEventAgeInSeconds: 3600}}\n        \
                 DeadLetterConfig: {{Arn: !GetAtt Undelivered.Arn}}"
            ),
            format!(
                "  {name}ScheduleRole:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        \
                 Version: \"2012-10-17\"\n        Statement:\n          - Effect: Allow\n            \
                 Principal: {{Service: scheduler.amazonaws.com}}\n            Action: sts:AssumeRole\n            \
                 Condition: {{StringEquals: {{aws:SourceAccount: !Ref AWS::AccountId}}}}\n      \
                 Policies:\n        - PolicyName: {name}Schedule\n          PolicyDocument:\n            \
                 Version: \"2012-10-17\"\n            Statement:\n              - Effect: Allow\n                \
                 Action: lambda:InvokeFunction\n                Resource: !GetAtt {name}.Arn\n              \
                 - Effect: Allow\n                Action: sqs:SendMessage\n                Resource: !GetAtt Undelivered.Arn"
            ),
        ],
    }
}

/// What CloudFormation gets of a task: log, role, function, what starts it, and for one that is called asynchronously by the
/// clock the configuration of its retries.
pub(super) fn resources_of_task(row: &Row) -> usize {
    let retries = usize::from(matches!(row.started, Started::By(Starts::Schedule(_))));
    3 + starts(row).len() + retries
}

/// An alarm on the sum of a metric over some functions.
fn alarm(metric: &str, told: &str, number: usize, rows: &[Row]) -> String {
    let mut text = format!(
        "  Function{metric}{number}:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      \
         AlarmDescription: \"A function {told}\"\n      EvaluationPeriods: 1\n      Threshold: 1\n      \
         ComparisonOperator: GreaterThanOrEqualToThreshold\n      TreatMissingData: notBreaching\n      \
         AlarmActions: !If [HasAlarmEmail, [!Ref AlarmTopic], !Ref AWS::NoValue]\n      Metrics:\n        \
         - {{Id: all, Expression: SUM(METRICS()), Label: All, ReturnData: true}}"
    );
    for row in rows {
        let (id, name) = (row.binary(), row.name);
        let _ = write!(
            text,
            "\n        - Id: {id}\n          ReturnData: false\n          MetricStat: {{Stat: Sum, Period: 300, Metric: \
             {{Namespace: AWS/Lambda, MetricName: {metric}, Dimensions: [{{Name: FunctionName, Value: !Ref {name}}}]}}}}"
        );
    }
    text
}
