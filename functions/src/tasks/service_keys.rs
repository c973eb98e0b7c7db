//! A custom resource of CloudFormation: opens the service's keys and the audit trail's, making them if there are none, and
//! answers with the public key that passwords are encrypted with. Whatever goes wrong is answered too, because CloudFormation waits.

use avain_api::Deps;
use avain_domain::Failure;
use avain_domain::audit::AuditKey;
use avain_domain::service_keys::ServiceKeys;
use serde_json::{Value, json};

use super::Running;
use crate::ports;

/// Its one id: a changed one would have CloudFormation delete the resource before.
const PHYSICAL_ID: &str = "service-keys";

pub(super) fn run<'a>(deps: &'a Deps, event: &'a Value) -> Running<'a> {
    Box::pin(async move {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let outcome = match text("RequestType") {
            "Create" | "Update" => password_key(deps).await,
            // The keys stay with the table.
            "Delete" => Ok(json!({})),
            _ => Err(Failure::Internal("no event of CloudFormation".to_owned())),
        };
        let mut answer = json!({
            "StackId": text("StackId"),
            "RequestId": text("RequestId"),
            "LogicalResourceId": text("LogicalResourceId"),
            "PhysicalResourceId": PHYSICAL_ID,
        });
        match &outcome {
            Ok(data) => (answer["Status"], answer["Data"]) = ("SUCCESS".into(), data.clone()),
            Err(failure) => {
                (answer["Status"], answer["Reason"]) =
                    ("FAILED".into(), format!("the service's keys: {failure}").into());
            }
        }
        ports::answer_stack(text("ResponseURL"), answer.to_string()).await?;
        if let Err(failure) = outcome {
            // CloudFormation has its answer: Lambda is not to try again.
            tracing::error!(cause = %failure, "answered that it failed");
        }
        Ok(())
    })
}

async fn password_key(deps: &Deps) -> Result<Value, Failure> {
    let (store, sealer, random) = (deps.store()?, deps.sealer()?, deps.random());
    let keys = ServiceKeys::open(store, sealer, random).await?;
    AuditKey::open(store, sealer, random).await?;
    Ok(json!({ "PasswordKey": keys.password_key_pem() }))
}
