//! Roles that lack one action: the function that needs it fails for want of it, and works again when it is back.

mod act;
mod scenes;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{NAME, tell};
use crate::world::World;
use act::Act;
use scenes::Scenes;

/// `all`: every action of every role.
const WHICH: &str = "AVAIN_ROLES";

/// What is taken away unless all is.
const THREE: [(&str, &str); 3] = [
    ("EnrollCert", "kms:GenerateDataKey"),
    ("Login", "cognito-idp:AdminInitiateAuth"),
    ("UploadFile", "dynamodb:PutItem"),
];

/// Why the service keys' function is let alone.
const CLOUDFORMATION: &str = "only CloudFormation calls it, when the stack is made";

/// Actions whose absence nothing shows here, and why. An empty name is every function's.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("", "logs:CreateLogStream", "the emulator writes logs in its own name"),
    ("", "logs:PutLogEvents", "the emulator writes logs in its own name"),
    ("", "xray:PutTelemetryRecords", "the emulator has no X-Ray"),
    ("", "xray:PutTraceSegments", "the emulator has no X-Ray"),
    ("ServiceKeys", "dynamodb:GetItem", CLOUDFORMATION),
    ("ServiceKeys", "dynamodb:PutItem", CLOUDFORMATION),
    ("ServiceKeys", "kms:Decrypt", CLOUDFORMATION),
    ("ServiceKeys", "kms:GenerateDataKey", CLOUDFORMATION),
    ("Watch", "sqs:SendMessage", "Lambda leaves there, in the role's name, what failed thrice; nothing does here"),
    ("SealAudit", "sqs:SendMessage", "as for Watch"),
    ("Renew", "sqs:SendMessage", "as for Watch"),
];

/// One action of one statement of a function's role.
struct Allowed {
    function: String,
    role: String,
    policy: String,
    document: Value,
    statement: usize,
    action: String,
}

pub(crate) async fn each_action_is_needed(world: &World) {
    let all = std::env::var(WHICH).is_ok_and(|value| value == "all");
    let mut allowed = allowed(world).await;
    for (function, action, why) in EXEMPT {
        let is_exempt = |it: &Allowed| (function.is_empty() || it.function == *function) && it.action == *action;
        if all && allowed.iter().any(is_exempt) {
            let whose = if function.is_empty() { "any function" } else { function };
            tell(&format!("not taken away: {action} of {whose}: {why}"));
        }
        allowed.retain(|it| !is_exempt(it));
    }
    if !all {
        allowed.retain(|it| THREE.contains(&(it.function.as_str(), it.action.as_str())));
        let names: BTreeSet<_> = allowed.iter().map(|it| (it.function.as_str(), it.action.as_str())).collect();
        assert_eq!(names, BTreeSet::from(THREE), "roles have no longer what is to be taken away");
    }
    // A left-over user must grow old meanwhile.
    allowed.sort_by_key(|it| it.action == "cognito-idp:AdminDeleteUser");
    let mut scenes = Scenes::begin(world).await;
    let mut findings = Vec::new();
    for it in &allowed {
        let before = findings.len();
        for (taken_away, document) in [(true, it.without()), (false, it.document.clone())] {
            let Some(act) = scenes.prepare(&it.function, &it.action).await else {
                findings.push(format!("{} {}: no scene needs it", it.function, it.action));
                break;
            };
            world.stack.account.put_policy(&it.role, &it.policy, &document).await;
            world.stack.account.restart(world.stack.id(&it.function), world.number()).await;
            let seen = play(world, &it.function, act).await;
            let as_expected = if taken_away { seen.failed && seen.denied } else { seen.as_wanted && !seen.denied };
            scenes.clear(&it.function).await;
            if !as_expected {
                let how = if taken_away { "without" } else { "with" };
                findings.push(format!("{} {how} {}: {}", it.function, it.action, seen.told));
            }
        }
        if all && findings.len() == before {
            tell(&format!("needed by {}: {}", it.function, it.action));
        }
    }
    for finding in &findings {
        tell(&finding.chars().take(1500).collect::<String>());
    }
    assert!(findings.is_empty(), "{} findings", findings.len());
    tell(&format!("{} actions taken away, each failed its function and was put back", allowed.len()));
}

/// What the functions' roles allow.
async fn allowed(world: &World) -> Vec<Allowed> {
    let mut all = Vec::new();
    for function in world.stack.all("AWS::Lambda::Function") {
        let role = world.stack.id(&format!("{function}Role"));
        for (policy, document) in world.stack.account.policies(role).await {
            for (statement, it) in document["Statement"].as_array().unwrap().iter().enumerate() {
                let actions = match &it["Action"] {
                    Value::Array(actions) => actions.clone(),
                    action => vec![action.clone()],
                };
                all.extend(actions.iter().map(|action| Allowed {
                    function: function.to_owned(),
                    role: role.to_owned(),
                    policy: policy.clone(),
                    document: document.clone(),
                    statement,
                    action: action.as_str().unwrap().to_owned(),
                }));
            }
        }
    }
    all
}

impl Allowed {
    /// The policy without this action of this statement; something harmless stands for it, as a statement must not be empty.
    fn without(&self) -> Value {
        let mut document = self.document.clone();
        let action = &mut document["Statement"][self.statement]["Action"];
        match action {
            Value::Array(actions) => actions.retain(|it| it.as_str() != Some(&self.action)),
            _ => *action = json!("sts:GetCallerIdentity"),
        }
        document
    }
}

/// What came of a call.
struct Seen {
    /// A server error, or that something was not kept or not sent.
    failed: bool,
    /// The answer that the scene wants when nothing lacks.
    as_wanted: bool,
    /// AWS refused a call: the function's log says so.
    denied: bool,
    told: String,
}

async fn play(world: &World, function: &str, act: Act) -> Seen {
    let group = world.stack.id(&format!("{function}Log"));
    let before = world.stack.account.log(group).await.len();
    let (status, body) = act.play(world, function).await;
    let log = world.stack.account.log(group).await;
    let new = &log[before..];
    assert!(!new.is_empty(), "{function} wrote nothing to {group} of {NAME}");
    let told = format!("{status} {body} {}", new.join("\n"));
    // The services' names for it are AccessDenied and AccessDeniedException. What a function says that does not start, the
    // emulator has in its answer.
    let denied = told.contains("AccessDenied");
    Seen { failed: act.fails(status, &told), as_wanted: act.wants(status, &told), denied, told }
}
