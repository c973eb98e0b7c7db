//! `avain audit`: sealing the trail, exporting it, and checking an export anywhere, without the service.

mod verify;

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_api::Deps;
use avain_domain::audit::{self, AuditKey, Sealing};
use avain_domain::names::OrganisationId;
use avain_domain::ports::Store;
use avain_domain::{Context, Failure};
use clap::Subcommand;
use tokio::sync::mpsc;

pub use verify::{Problem, Verified, verify};

/// What `avain audit` does. All but `verify` need the data directory to themselves: `avain serve`, which seals by itself, must
/// not be running.
#[derive(Subcommand)]
pub enum Command {
    /// Seal what is old enough, and compare the trail with its counters (exit 1: events were removed or put in)
    Seal {
        /// The data directory
        #[arg(long)]
        data: PathBuf,
        /// Only this organisation
        #[arg(long)]
        organisation: Option<String>,
    },
    /// Write an organisation's sealed trail to standard output: a line of JSON for each event and each batch
    Export {
        /// The data directory
        #[arg(long)]
        data: PathBuf,
        /// Whose trail
        #[arg(long)]
        organisation: String,
    },
    /// Write the end of an organisation's chain, to be kept where nobody who can write to the table can
    Head {
        /// The data directory
        #[arg(long)]
        data: PathBuf,
        /// Whose chain
        #[arg(long)]
        organisation: String,
    },
    /// Write the public key that the batches are signed with (PEM)
    Key {
        /// The data directory
        #[arg(long)]
        data: PathBuf,
    },
    /// Check an export: exit 0 if it is whole, 1 with the first record that is not, 2 if it could not be checked
    Verify {
        /// The export
        file: PathBuf,
        /// The head that was kept
        #[arg(long)]
        head: PathBuf,
        /// The public key (PEM)
        #[arg(long)]
        key: PathBuf,
    },
}

/// Could not be checked or done.
const UNDONE: u8 = 2;

/// Runs a command; says on standard error what is not as it must be.
pub async fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Seal { data, organisation } => seal_all(data, organisation.map(OrganisationId)).await,
        Command::Export { data, organisation } => export(data, OrganisationId(organisation)).await,
        Command::Head { data, organisation } => head(data, OrganisationId(organisation)).await,
        Command::Key { data } => key(data).await,
        Command::Verify { file, head, key } => verify_files(&file, &head, &key),
    };
    let (message, code) = match outcome {
        Ok(Outcome::Good) => return ExitCode::SUCCESS,
        Ok(Outcome::Bad(message)) => (message, ExitCode::FAILURE),
        Err(message) => (message, ExitCode::from(UNDONE)),
    };
    let _ = writeln!(std::io::stderr(), "avain: {message}");
    code
}

/// What a command found.
enum Outcome {
    Good,
    Bad(String),
}

/// Seals every organisation's trail at each tick, until there are no more ticks.
pub async fn keep_sealing(deps: Deps, key: Arc<AuditKey>, mut ticks: mpsc::Receiver<()>) {
    while ticks.recv().await.is_some() {
        if let Err(cause) = seal_each(&deps, &key).await {
            tracing::error!(%cause, "audit not sealed");
        }
    }
}

/// One organisation that cannot be sealed keeps no other from it.
async fn seal_each(deps: &Deps, key: &AuditKey) -> Result<(), Failure> {
    let context = Context { clock: deps.clock(), random: deps.random(), request_id: "audit-seal" };
    let store = deps.store()?;
    for organisation in audit::audited(store).await? {
        match audit::seal(context, store, key, &organisation).await {
            Ok(Sealing { batches, events, findings, .. }) => {
                if batches > 0 {
                    tracing::info!(organisation = organisation.0, batches, events, "sealed");
                }
                for finding in findings {
                    tracing::error!(organisation = organisation.0, %finding, "the audit trail was changed");
                }
            }
            Err(cause) => tracing::error!(organisation = organisation.0, %cause, "audit not sealed"),
        }
    }
    Ok(())
}

/// An opened data directory.
struct Desk {
    store: Arc<dyn Store>,
    key: AuditKey,
    clock: Arc<SystemClock>,
    random: Arc<SystemRandom>,
}

impl Desk {
    async fn open(data: PathBuf) -> Result<Self, String> {
        if !data.is_dir() {
            return Err(format!("{}: no data directory", data.display()));
        }
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let directory = DataDirectory::open(&data, clock.clone(), random.clone()).map_err(|error| error.to_string())?;
        let store = directory.store();
        let key = AuditKey::open(&*store, &directory.sealer(), &*random).await.map_err(|error| error.to_string())?;
        Ok(Self { store, key, clock, random })
    }

    fn context(&self) -> Context<'_> {
        Context { clock: &*self.clock, random: &*self.random, request_id: "audit-seal" }
    }
}

async fn seal_all(data: PathBuf, only: Option<OrganisationId>) -> Result<Outcome, String> {
    let desk = Desk::open(data).await?;
    let organisations = match only {
        Some(organisation) => vec![organisation],
        None => audit::audited(&*desk.store).await.map_err(|error| error.to_string())?,
    };
    let mut bad = Vec::new();
    for organisation in organisations {
        let sealed = audit::seal(desk.context(), &*desk.store, &desk.key, &organisation).await;
        let Sealing { batches, events, waiting, findings } = sealed.map_err(|error| error.to_string())?;
        write_out(&format!("{}: {events} events sealed in {batches} batches, {waiting} too young\n", organisation.0))?;
        bad.extend(findings.iter().map(|finding| format!("{}: {finding}", organisation.0)));
    }
    Ok(if bad.is_empty() { Outcome::Good } else { Outcome::Bad(bad.join("\navain: ")) })
}

async fn export(data: PathBuf, organisation: OrganisationId) -> Result<Outcome, String> {
    let desk = Desk::open(data).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let exported = audit::export(&*desk.store, &organisation, |line| {
        writeln!(out, "{line}").map_err(|error| Failure::Unavailable(format!("standard output: {error}")))
    });
    let exported = exported.await.map_err(|error| nothing(&organisation, &error))?;
    out.flush().map_err(|error| error.to_string())?;
    let told =
        format!("{} events in {} batches; {} not sealed yet", exported.events, exported.head.number, exported.waiting);
    let _ = writeln!(std::io::stderr(), "avain: {told}");
    Ok(Outcome::Good)
}

async fn head(data: PathBuf, organisation: OrganisationId) -> Result<Outcome, String> {
    let desk = Desk::open(data).await?;
    let head = audit::head(&*desk.store, &organisation).await.map_err(|error| error.to_string())?;
    let head = head.ok_or_else(|| nothing(&organisation, &Failure::NotFound))?;
    write_out(&(audit::head_line(&head) + "\n"))?;
    Ok(Outcome::Good)
}

async fn key(data: PathBuf) -> Result<Outcome, String> {
    write_out(&Desk::open(data).await?.key.public_pem())?;
    Ok(Outcome::Good)
}

fn nothing(organisation: &OrganisationId, error: &Failure) -> String {
    match error {
        Failure::NotFound => format!("{}: nothing is sealed", organisation.0),
        other => other.to_string(),
    }
}

fn verify_files(file: &PathBuf, head: &PathBuf, key: &PathBuf) -> Result<Outcome, String> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    match verify(&read(file)?, &read(head)?, &read(key)?) {
        Ok(Verified { events, batches, beyond }) => {
            let after = if beyond > 0 { format!(", {beyond} of them after the head") } else { String::new() };
            write_out(&format!("whole: {events} events in {batches} batches{after}\n"))?;
            Ok(Outcome::Good)
        }
        Err(Problem::Unusable(what)) => Err(what),
        Err(Problem::Broken { line, what }) => Ok(Outcome::Bad(format!("line {line}: {what}"))),
    }
}

fn write_out(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}
