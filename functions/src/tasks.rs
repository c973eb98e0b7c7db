//! The functions that no HTTP call starts: the one table of them, beside the table of operations. Roles, logs, alarms and what
//! starts them follow from it in the same way.

mod renew;
mod seal_audit;
mod service_keys;
mod watch;

use std::pin::Pin;
use std::sync::Arc;

use avain_api::{Deps, Need};
use avain_domain::Failure;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// One row.
pub struct Task {
    /// Name.
    pub name: &'static str,
    /// Folder and name of its function: `tasks/watch` is the binary `watch`, the file `functions/tasks/watch.rs` and the event
    /// `events/watch.json`.
    pub function: &'static str,
    /// What starts it.
    pub starts: Starts,
    /// The ports that it is given.
    pub needs: &'static [Need],
    /// What runs, with the event.
    pub run: for<'a> fn(&'a Deps, &'a Value) -> Running<'a>,
}

/// What starts a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// CloudFormation, when the stack is made, changed or deleted: the task is a custom resource, and answers for itself.
    Stack,
    /// The clock, by an expression of EventBridge Scheduler (UTC).
    Schedule(&'static str),
}

/// A running task: why it was not done, if it was not.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Makes the service's keys with the stack, and tells it the public key that passwords are encrypted with.
pub const SERVICE_KEYS: Task = Task {
    name: "ServiceKeys",
    function: "tasks/service_keys",
    starts: Starts::Stack,
    needs: &[Need::Store, Need::Sealer],
    run: service_keys::run,
};

/// Tells which bank certificates end soon.
pub const WATCH: Task = Task {
    name: "Watch",
    function: "tasks/watch",
    starts: Starts::Schedule("cron(0 6 * * ? *)"),
    needs: &[Need::Store],
    run: watch::run,
};

/// Seals the audit trail: as often as events grow old enough for it ([`HORIZON`](avain_domain::audit::HORIZON)).
pub const SEAL_AUDIT: Task = Task {
    name: "SealAudit",
    function: "tasks/seal_audit",
    starts: Starts::Schedule("rate(5 minutes)"),
    needs: &[Need::Store, Need::Sealer],
    run: seal_audit::run,
};

/// Renews the bank certificates that end soon.
pub const RENEW: Task = Task {
    name: "Renew",
    function: "tasks/renew",
    starts: Starts::Schedule("rate(1 hour)"),
    needs: &[Need::Store, Need::Sealer, Need::Banks],
    run: renew::run,
};

/// Every task. A function refers to its own row only.
pub static ALL: [&Task; 4] = [&SERVICE_KEYS, &WATCH, &SEAL_AUDIT, &RENEW];

impl Task {
    /// Name of the function's binary and of its event: the last part of [`Task::function`].
    #[must_use]
    pub fn binary(&self) -> &'static str {
        self.function.rsplit('/').next().unwrap_or(self.function)
    }
}

/// Runs the task for each event until the runtime ends. What fails is told to Lambda without why, which is in the log: Lambda
/// tries again, and then leaves the event to the queue of what failed.
pub(crate) async fn serve(task: &'static Task, deps: Deps) -> Result<(), Error> {
    let deps = Arc::new(deps);
    let handler = move |event: LambdaEvent<Value>| {
        let deps = Arc::clone(&deps);
        async move { handle(task, &deps, &event.payload).await }
    };
    lambda_runtime::run(service_fn(handler)).await
}

async fn handle(task: &Task, deps: &Deps, event: &Value) -> Result<(), Error> {
    match (task.run)(deps, event).await {
        Ok(()) => {
            tracing::info!(task = task.name, "done");
            Ok(())
        }
        Err(failure) => {
            tracing::error!(task = task.name, cause = %failure, "failed");
            Err(Error::from("failed: the log says why"))
        }
    }
}
