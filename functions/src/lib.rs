//! One Lambda function per operation: each binary names its row of the table of operations and the ports that the row
//! needs, so that it links and starts only those. What no HTTP call starts is a task: see [`tasks`].
//!
//! With feature `local` (default) a function works on a data directory of one machine, as `avain serve` does:
//!
//! | variable | what |
//! |---|---|
//! | `AVAIN_LOCAL` | the data directory; made if it is not there; one process at a time owns it |
//! | `AVAIN_SIMULATOR` | base address of the bank simulator, for the functions that call banks: `http://127.0.0.1:PORT` |
//!
//! By hand, with cargo-lambda (`pip install cargo-lambda`):
//!
//! ```text
//! AVAIN_LOCAL=/tmp/avain cargo lambda watch --invoke-address 127.0.0.1 --package avain-functions
//! cargo lambda invoke --invoke-address 127.0.0.1 init_login --data-file events/init_login.json
//! ```
//!
//! A function that has answered goes on running and keeps its data directory: for another function, start `watch` again or
//! name another directory. The whole service at once is `avain serve`.
//!
//! What is shipped is built with `--no-default-features --features aws`: see [`ports`] for the environment that it reads.
//! With neither feature a function stops with an error at its start.

mod log;
pub mod ports;
pub mod tasks;

use std::error::Error;
use std::io::Write as _;
use std::pin::Pin;
use std::process::ExitCode;

use avain_api::{Deps, Need, Operation, lambda};
#[cfg(any(feature = "aws", feature = "local"))]
use avain_domain::Failure;

use ports::{Port, Source};
use tasks::Task;

/// Why a function does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator's: this is no program to start by hand.
    #[error(
        "this is a Lambda function: it is started by AWS Lambda, `cargo lambda watch` or `sam local` (no AWS_LAMBDA_RUNTIME_API)"
    )]
    NotInLambda,
    /// The operator's: no data directory is named.
    #[cfg(feature = "local")]
    #[error("AVAIN_LOCAL is not set: it names the data directory that this function works on")]
    NoDirectory,
    /// The operator's: the function calls banks, and none are named.
    #[cfg(feature = "local")]
    #[error("AVAIN_SIMULATOR is not set: it names the bank simulator's base address, as in http://127.0.0.1:PORT")]
    NoSimulator,
    /// The operator's or the machine's: the data directory, or something in it.
    #[cfg(feature = "local")]
    #[error("the data directory of AVAIN_LOCAL cannot be used: {0}")]
    Directory(#[from] avain_adapters_local::Error),
    /// The operator's: a variable of the environment is missing, or its value has not the shape that it must have.
    #[cfg(all(feature = "aws", not(feature = "local")))]
    #[error("{0} is not set, or not what it must be (see template.yaml)")]
    Variable(&'static str),
    /// The operator's: a setting that Cognito cannot do.
    #[cfg(all(feature = "aws", not(feature = "local")))]
    #[error(
        "AVAIN_EMAIL_BEFORE_MFA must not be true here: Cognito verifies an e-mail address only after the second factor; `avain serve --email-before-mfa` can"
    )]
    EmailBeforeMfa,
    /// The operator's: a bank profile or a root of his own.
    #[cfg(any(feature = "aws", feature = "local"))]
    #[error("the folder of AVAIN_BANKS cannot be used: {0}")]
    Banks(String),
    /// A service that is asked at the start.
    #[cfg(all(feature = "aws", not(feature = "local")))]
    #[error(transparent)]
    Unavailable(#[from] avain_domain::ports::Unavailable),
    /// The service's own keys cannot be opened.
    #[cfg(any(feature = "aws", feature = "local"))]
    #[error("the service's keys: {0}")]
    Keys(#[from] Failure),
    /// The build's.
    #[cfg(not(any(feature = "aws", feature = "local")))]
    #[error("this function was built without adapters: with neither feature `aws` nor feature `local`")]
    NoAdapters,
    /// This program's: the binary asks for other ports than its operation needs.
    #[error("{operation} needs {needs:?}, but its function has {wired:?}")]
    Wiring {
        /// Operation or task.
        operation: &'static str,
        /// What its row says.
        needs: &'static [Need],
        /// What the binary asked for.
        wired: Vec<Need>,
    },
    /// The machine's.
    #[error("no threads or sockets to be had: {0}")]
    Machine(#[from] std::io::Error),
    /// The Lambda runtime's.
    #[error("the Lambda runtime ended: {0}")]
    Runtime(Box<dyn Error + Send + Sync>),
}

/// Opens the ports and answers events until the runtime ends. What keeps it from starting is told on standard error.
#[must_use]
pub fn start(operation: &'static Operation, ports: &[Port]) -> ExitCode {
    let serve = move |deps| Box::pin(lambda::serve(operation, deps)) as Serving;
    launch(&Row { name: operation.name, binary: operation.binary(), needs: operation.needs }, ports, serve)
}

/// The same for a task.
#[must_use]
pub fn start_task(task: &'static Task, ports: &[Port]) -> ExitCode {
    let serve = move |deps| Box::pin(tasks::serve(task, deps)) as Serving;
    launch(&Row { name: task.name, binary: task.binary(), needs: task.needs }, ports, serve)
}

type Serving = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>>>>;

/// What operations and tasks have in common.
struct Row {
    name: &'static str,
    binary: &'static str,
    needs: &'static [Need],
}

fn launch(row: &Row, ports: &[Port], serve: impl FnOnce(Deps) -> Serving) -> ExitCode {
    log::start();
    match run(row, ports, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[cfg(any(feature = "aws", feature = "local"))]
            if matches!(error, StartError::Keys(Failure::Vault(_))) {
                avain_api::metrics::vault_failed_at_start();
            }
            let _ = writeln!(std::io::stderr(), "{}: {error}", row.binary);
            ExitCode::FAILURE
        }
    }
}

fn run(row: &Row, ports: &[Port], serve: impl FnOnce(Deps) -> Serving) -> Result<(), StartError> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(StartError::NotInLambda);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Kept to the end: what it opened stays this process's own.
        let mut source = Source::open().await?;
        let deps = open(row, ports, &mut source).await?;
        serve(deps).await.map_err(StartError::Runtime)
    })
}

async fn open(row: &Row, ports: &[Port], source: &mut Source) -> Result<Deps, StartError> {
    let mut deps = source.deps();
    for port in ports {
        deps = port(source, deps).await?;
    }
    let (operation, needs, wired) = (row.name, row.needs, deps.met());
    if wired == needs { Ok(deps) } else { Err(StartError::Wiring { operation, needs, wired }) }
}
