//! The line between the service and the banks, where a test needs a hand on it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use avain::machine::Machine;
use avain_adapters_aws::banks::{Anchor, Contract, HttpBanks, Trust, profile};
use avain_adapters_local::random::SystemRandom;
use avain_bank_simulator::BankKey;
use avain_domain::ports::Clock;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Service;

/// A machine whose banks are these, reached at this base address.
pub(crate) fn with_banks(machine: Machine, clock: Arc<dyn Clock>, base: &str, banks: &[BankKey]) -> Machine {
    // A bank of which nothing is known has no profile.
    let contracts = banks.iter().filter_map(|bank| {
        let (simulator, bank) = (machine.banks.simulator.clone(), *bank);
        let trust = Anchor::later(move || Trust::from_pem(&simulator.root_pem(bank).ok()?).ok());
        Some(Contract::simulated(profile(bank.as_str())?, base, trust))
    });
    let channel = HttpBanks::new(contracts.collect::<Vec<_>>(), clock, Arc::new(SystemRandom), Duration::from_secs(10));
    Machine { deps: machine.deps.with_banks(Arc::new(channel)), ..machine }
}

/// Forwards to the banks, unless cut.
pub(crate) struct Line {
    address: SocketAddr,
    state: Arc<Exchange>,
    task: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Exchange {
    upstream: Mutex<String>,
    flip: Mutex<Option<(usize, usize)>>,
    flipped: Mutex<usize>,
}

impl Line {
    /// One between a service and all of its banks.
    pub(crate) async fn between() -> (Self, Service) {
        let line = Self::new().await;
        let service = Service::start_rewired(
            |_| {},
            |machine, clock| {
                machine.banks.base.clone_into(&mut lock(&line.state.upstream));
                with_banks(machine, clock, &format!("http://{}", line.address), &[BankKey::Simulator, BankKey::Nordea])
            },
        )
        .await;
        (line, service)
    }

    /// One that leads nowhere yet.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Exchange::default());
        let task = Some(serve(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// Closes the port.
    pub(crate) async fn cut(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Opens the port again.
    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.task = Some(serve(listener, Arc::clone(&self.state)));
    }

    /// Changes one bit in each answer's Body from now on: in the `n`th of `of` equal parts.
    pub(crate) fn flip(&self, flip: Option<(usize, usize)>) {
        *lock(&self.state.flip) = flip;
    }

    /// How many answers were changed.
    pub(crate) fn flipped(&self) -> usize {
        *lock(&self.state.flipped)
    }
}

fn serve(listener: TcpListener, state: Arc<Exchange>) -> JoinHandle<()> {
    let router = Router::new().fallback(forward).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

async fn forward(State(state): State<Arc<Exchange>>, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("{}{}", *lock(&state.upstream), parts.uri.path()).parse().unwrap();
    parts.headers.remove("host");
    let body = body.collect().await.unwrap().to_bytes();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (mut parts, body) = client.request(Request::from_parts(parts, Full::new(body))).await.unwrap().into_parts();
    let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
    if let Some((n, of)) = *lock(&state.flip) {
        let text = String::from_utf8_lossy(&bytes);
        let start = text.find(":Body").and_then(|at| Some(at + text[at..].find('>')? + 1)).unwrap();
        let end = text.rfind(":Body").and_then(|at| text[..at].rfind("</")).unwrap();
        bytes[start + (end - start) * n / of] ^= 1;
        *lock(&state.flipped) += 1;
    }
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
