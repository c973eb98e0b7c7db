//! A function as a process, with a Lambda runtime API of its own: the four paths that Lambda documents, on loopback.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A function that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What became of an event, or of the start.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The function is waiting for an event.
    Ready,
    /// It answered the event with this id: API Gateway's proxy answer.
    Answer(String, Value),
    /// It reported an error for the event with this id.
    Error(String, Value),
    /// The process ended.
    Ended { code: Option<i32>, stderr: String },
}

/// A running function.
pub(crate) struct Function {
    child: Child,
    events: UnboundedSender<(String, String)>,
    outcomes: UnboundedReceiver<Outcome>,
    api: JoinHandle<()>,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.api.abort();
    }
}

impl Function {
    /// Starts a binary of this package as Lambda does, with these variables and no others.
    pub(crate) fn start(binary: &str, variables: &[(&str, &OsStr)]) -> Self {
        let (events, next) = unbounded_channel();
        let (said, outcomes) = unbounded_channel();
        let (address, api) = serve(Api { next: Mutex::new(next), said });
        let child = command(binary)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", binary)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        Self { child, events, outcomes, api }
    }

    /// Waits until it asks for an event.
    pub(crate) async fn ready(&mut self) -> Outcome {
        self.outcome().await
    }

    /// Gives it an event, whatever that is, and waits for what it makes of it.
    pub(crate) async fn invoke(&mut self, id: &str, event: &str) -> Outcome {
        self.events.send((id.to_owned(), event.to_owned())).unwrap();
        loop {
            match self.outcome().await {
                Outcome::Ready => {}
                outcome => return outcome,
            }
        }
    }

    /// Stops it as Lambda does, without a word, and gives what it wrote to its log: standard output, then standard error.
    pub(crate) async fn stop(mut self) -> String {
        self.child.kill().await.unwrap();
        let mut log = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut log).await.unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        log
    }

    async fn outcome(&mut self) -> Outcome {
        let first = async {
            tokio::select! {
                biased;
                outcome = self.outcomes.recv() => outcome.unwrap(),
                status = self.child.wait() => {
                    let mut stderr = String::new();
                    self.child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
                    Outcome::Ended { code: status.unwrap().code(), stderr }
                }
            }
        };
        tokio::time::timeout(PATIENCE, first).await.unwrap_or_else(|_| panic!("the function hangs"))
    }
}

/// A binary of this package with an empty environment.
pub(crate) fn command(binary: &str) -> Command {
    let variable = format!("CARGO_BIN_EXE_{binary}");
    let path = std::env::var_os(&variable).unwrap_or_else(|| panic!("no binary: {binary} ({variable} is not set)"));
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

struct Api {
    next: Mutex<UnboundedReceiver<(String, String)>>,
    said: UnboundedSender<Outcome>,
}

fn serve(api: Api) -> (SocketAddr, JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(Arc::new(api));
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

async fn next(State(api): State<Arc<Api>>) -> (HeaderMap, String) {
    let _ = api.said.send(Outcome::Ready);
    // None once the test has let go of the function: then there is nothing more to say.
    let Some((id, event)) = api.next.lock().await.recv().await else { std::future::pending().await };
    let mut headers = HeaderMap::new();
    headers.insert("Lambda-Runtime-Aws-Request-Id", id.parse().unwrap());
    headers.insert("Lambda-Runtime-Deadline-Ms", "4102444800000".parse().unwrap());
    headers.insert("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".parse().unwrap());
    let function = "arn:aws:lambda:eu-north-1:123456789012:function:avain";
    headers.insert("Lambda-Runtime-Invoked-Function-Arn", function.parse().unwrap());
    (headers, event)
}

async fn response(State(api): State<Arc<Api>>, Path(id): Path<String>, body: String) -> StatusCode {
    say(&api, Outcome::Answer(id, json(&body)))
}

async fn error(State(api): State<Arc<Api>>, Path(id): Path<String>, body: String) -> StatusCode {
    say(&api, Outcome::Error(id, json(&body)))
}

async fn init_error(State(api): State<Arc<Api>>, body: String) -> StatusCode {
    say(&api, Outcome::Error("init".to_owned(), json(&body)))
}

fn say(api: &Api, outcome: Outcome) -> StatusCode {
    let _ = api.said.send(outcome);
    StatusCode::ACCEPTED
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()))
}
