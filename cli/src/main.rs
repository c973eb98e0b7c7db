//! The `avain` command.

use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use avain::machine::{self, Machine, Settings, StartError};
use avain::server::Server;
use avain::{audit, bank, demo, org, renewal, rewrap};
use avain_adapters_aws::banks::Folder;
use avain_adapters_local::outbox::{CodeKind, Message};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A company's bank certificates, keys and API credentials in one place, and its files to and from its banks.
#[derive(Parser)]
#[command(name = "avain", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the whole story on this machine: registration, login, enrolment, a signed payment, the bank's answers
    Demo,
    /// Serve the API and the simulated banks on this machine, keeping everything in one directory
    Serve {
        /// Where everything is kept; made if it is not there
        #[arg(long)]
        data: PathBuf,
        /// Address to listen at
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
        /// For development: show the codes that go out by SMS and e-mail, and answer GET /dev/outbox (loopback only)
        #[arg(long)]
        dev: bool,
        /// A folder with bank profiles (*.toml) and roots (BANK.pem) of your own (docs/bank-profiles.md)
        #[arg(long)]
        banks: Option<PathBuf>,
        /// Verify an e-mail address before the second factor of a login, not after it
        #[arg(long)]
        email_before_mfa: bool,
    },
    /// Seal the audit trail, export it, and check an export
    #[command(subcommand)]
    Audit(audit::Command),
    /// List organisations, and change their service agreement
    #[command(subcommand)]
    Org(org::Command),
    /// Know the banks: list them, judge saved messages of theirs, simulate one
    #[command(subcommand)]
    Bank(bank::Command),
    /// Put what is sealed under a new root key: once to do it, again with --drop-old to end it
    Rewrap(rewrap::Options),
}

/// How often the audit trail is sealed.
const SEALING: Duration = Duration::from_mins(1);
/// How often it is looked whether a bank certificate is to be renewed.
const RENEWAL: Duration = Duration::from_hours(1);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Demo => play_demo().await,
        Command::Serve { data, listen, dev, banks, email_before_mfa } => {
            let rules = avain_domain::Settings { email_before_mfa, ..avain_domain::Settings::default() };
            match bank::folder(banks.as_deref()) {
                Ok(banks) => serve(data, &listen, dev, banks, rules).await.map_err(|error| error.to_string()),
                Err(message) => Err(message),
            }
        }
        Command::Audit(command) => return audit::run(command).await,
        Command::Bank(command) => return bank::run(command).await,
        Command::Org(command) => org::run(command).await,
        Command::Rewrap(options) => rewrap::run(options).await.map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "avain: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn play_demo() -> Result<(), String> {
    // Kept after the end: the downloaded files are what the story was about.
    let folder = tempfile::Builder::new().prefix("avain-demo-").tempdir().map_err(|error| error.to_string())?.keep();
    demo::run(&folder).await.map(drop).map_err(|error| format!("the demo failed: {error}"))
}

async fn serve(
    data: PathBuf,
    listen: &str,
    dev: bool,
    banks: Folder,
    rules: avain_domain::Settings,
) -> Result<(), StartError> {
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    if dev {
        loopback_only(listen)?;
    }
    let settings =
        Settings { dev, banks, rules, observer: dev.then(|| Box::new(show) as _), ..Settings::new(data.clone()) };
    let mut server = Server::start(Machine::start(settings).await?, listen).await?;
    let key_path = data.join("password-key.pem");
    machine::write_private(&key_path, &server.machine.password_key)?;
    let mut terminated = signal(SignalKind::terminate())
        .map_err(|source| StartError::Io { what: "cannot listen for signals".to_owned(), source })?;
    announce(&server, &key_path, dev);
    let (sealing_ticker, ticks) = mpsc::channel(1);
    let sealing = audit::keep_sealing(server.machine.deps.clone(), Arc::clone(&server.machine.audit_key), ticks);
    let (renewal_ticker, ticks) = mpsc::channel(1);
    let renewal = renewal::keep_renewing(server.machine.deps.clone(), ticks);
    let rounds = [tokio::spawn(sealing), tokio::spawn(renewal)];
    let tickers = [tokio::spawn(tick(sealing_ticker, SEALING)), tokio::spawn(tick(renewal_ticker, RENEWAL))];
    tokio::select! {
        () = server.wait() => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    server.finish().await;
    // A round under way is waited for.
    tickers.iter().for_each(JoinHandle::abort);
    for round in rounds {
        let _ = round.await;
    }
    Ok(())
}

/// Ticks until nobody listens any more.
async fn tick(ticker: mpsc::Sender<()>, every: Duration) {
    let mut interval = tokio::time::interval(every);
    loop {
        interval.tick().await;
        if ticker.send(()).await.is_err() {
            return;
        }
    }
}

/// Codes in clear are for the person at this machine.
fn loopback_only(listen: &str) -> Result<(), StartError> {
    let addresses: Vec<SocketAddr> = listen
        .to_socket_addrs()
        .map_err(|source| StartError::Io { what: format!("cannot listen at {listen}"), source })?
        .collect();
    if addresses.iter().all(|address| address.ip().is_loopback()) {
        return Ok(());
    }
    Err(StartError::Refused(format!("--dev shows codes in clear and is for loopback addresses only, not {listen}")))
}

fn announce(server: &Server, key_path: &Path, dev: bool) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "Base address: {}/v2", server.base());
    let _ = writeln!(
        out,
        "Passwords are encrypted with this key ({}):\n{}",
        key_path.display(),
        server.machine.password_key
    );
    if dev {
        let _ = writeln!(out, "DEVELOPMENT: codes are shown here and answered at {}/dev/outbox", server.base());
    }
    let _ = out.flush();
}

fn show(message: &Message) {
    let kind = match message.kind {
        CodeKind::Notice => "notice".to_owned(),
        code => format!("{} code", code.as_str()),
    };
    let login = &message.login;
    let _ = writeln!(std::io::stdout(), "{kind} for {} ({} mode): {}", login.email, login.mode.as_str(), *message.code);
}
