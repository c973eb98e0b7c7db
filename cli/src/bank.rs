//! `avain bank`: the banks that are known, messages judged offline, and a simulated bank alone.

mod check;
mod list;
mod report;
mod request;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use avain_adapters_aws::banks::Folder;
use avain_adapters_local::clock::SystemClock;
use avain_bank_simulator::{Simulation, simulate};
use avain_domain::ports::Clock as _;
use clap::Subcommand;
use tokio::net::TcpListener;

/// What is asked for.
#[derive(Subcommand)]
pub enum Command {
    /// List the banks: how well each is known, where it is, and what its answers must chain to
    List {
        /// A folder with bank profiles (*.toml) and roots (BANK.pem) of your own
        #[arg(long)]
        banks: Option<PathBuf>,
    },
    /// Judge a saved answer of a bank, or a saved request as the bank would; offline. Prints one JSON object; exit code 0: it is
    /// accepted, 1: it is not, 2: it cannot be read
    Check(check::Options),
    /// Run a simulated bank alone, so that any client can be tested against it
    Simulate {
        /// The bank
        #[arg(long)]
        bank: String,
        /// Address to listen at
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: String,
        /// Its customers, keys, clock and rules: TOML (docs/bank-simulator.md)
        #[arg(long)]
        config: PathBuf,
    },
}

/// Does it.
pub async fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::List { banks } => folder(banks.as_deref()).map(|folder| print(&list::list(&folder))),
        Command::Check(options) => return check::run(&options),
        Command::Simulate { bank, listen, config } => serve(&bank, &listen, &config).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "avain: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the operator's folder, where there is one.
pub fn folder(path: Option<&Path>) -> Result<Folder, String> {
    path.map_or_else(|| Ok(Folder::default()), Folder::read)
}

async fn serve(bank: &str, listen: &str, config: &Path) -> Result<(), String> {
    let clock = Arc::new(|| SystemClock.now());
    let Simulation { simulator, name, root_pem } =
        simulate(Some(bank), config, clock).map_err(|error| error.to_string())?;
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen at {listen}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    print(&format!(
        "Files: http://{address}/{name}/CorporateFileService\nCertificates: http://{address}/{name}/CertificateService\n\
         Its answers chain to this root:\n{root_pem}"
    ));
    tokio::select! {
        served = simulator.serve(listener) => served.map_err(|error| error.to_string()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}
