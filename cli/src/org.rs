//! `avain org`: the organisations, and what the operator changes of them: the service agreement (decision 0015).

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_domain::names::OrganisationId;
use avain_domain::ports::Store;
use avain_domain::records::{Agreement, Organisation, Stored};
use avain_domain::{Context, Failure, members, organisations};
use clap::{Args, Subcommand};
use time::format_description::well_known::Rfc3339;

/// What `avain org` does.
#[derive(Subcommand)]
pub enum Command {
    /// List the organisations
    List {
        /// Where they are.
        #[command(flatten)]
        at: At,
    },
    /// Show an organisation, its policy and its accounts
    Show {
        /// Its id, as in the list
        id: String,
        /// Where it is.
        #[command(flatten)]
        at: At,
    },
    /// Change the service agreement: test (the simulator only), active (real banks) or suspended (nothing)
    Agree {
        /// The organisation's id, as in the list
        id: String,
        /// The agreement
        #[arg(value_parser = ["test", "active", "suspended"])]
        agreement: String,
        /// Where it is.
        #[command(flatten)]
        at: At,
    },
}

/// A data directory, or, built with feature `aws`, a deployed table.
#[derive(Args)]
pub struct At {
    /// A data directory that nothing is serving
    #[arg(long)]
    #[cfg_attr(feature = "aws", arg(conflicts_with = "table", required_unless_present = "table"))]
    #[cfg_attr(not(feature = "aws"), arg(required = true))]
    data: Option<PathBuf>,
    /// Name of a deployed table
    #[cfg(feature = "aws")]
    #[arg(long)]
    table: Option<String>,
    /// AWS region, if not the environment's
    #[cfg(feature = "aws")]
    #[arg(long, requires = "table")]
    region: Option<String>,
}

impl At {
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "a deployed table is waited for"))]
    async fn open(self) -> Result<Arc<dyn Store>, String> {
        #[cfg(feature = "aws")]
        if let Some(table) = self.table {
            let client = aws_sdk_dynamodb::Client::new(&crate::opened::aws(self.region).await);
            return Ok(Arc::new(avain_adapters_aws::store::DynamoStore::new(client, table, Arc::new(SystemRandom))));
        }
        let data = self.data.ok_or("--data is missing")?;
        crate::opened::is_data_directory(&data)?;
        let directory = DataDirectory::open(&data, Arc::new(SystemClock), Arc::new(SystemRandom));
        Ok(directory.map_err(|error| error.to_string())?.store())
    }
}

/// Runs a command; what it found or did is on standard output.
pub async fn run(command: Command) -> Result<(), String> {
    let text = match command {
        Command::List { at } => list(&*at.open().await?).await?,
        Command::Show { id, at } => show(&*at.open().await?, OrganisationId(id)).await?,
        Command::Agree { id, agreement, at } => agree(&*at.open().await?, &OrganisationId(id), &agreement).await?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}

async fn list(store: &dyn Store) -> Result<String, String> {
    let mut found = organisations::all(store).await.map_err(failed)?;
    found.sort_by_key(|it| it.record.created);
    let mut text =
        format!("{:36}  {:9}  {:>8}  {:10}  OWNER, NAME\n", "ORGANISATION", "AGREEMENT", "ACCOUNTS", "CREATED");
    for Stored { record: it, .. } in found {
        let (accounts, day) = (members::of(store, &it.id).await.map_err(failed)?.len(), it.created.date());
        let (id, agreement) = (&it.id.0, it.agreement.as_str());
        let _ = writeln!(text, "{id:36}  {agreement:9}  {accounts:>8}  {day}  {}, {}", it.owner, it.name);
    }
    Ok(text)
}

async fn show(store: &dyn Store, id: OrganisationId) -> Result<String, String> {
    let found = organisations::organisation(store, id.clone()).await.map_err(failed)?;
    let it = found.ok_or_else(|| none(&id))?.record;
    let accounts = members::of(store, &id).await.map_err(failed)?;
    let created = it.created.format(&Rfc3339).unwrap_or_default();
    let mut text = format!(
        "organisation  {}\nname          {}\nowner         {}\nagreement     {}\ncreated       {created}\npolicy        {}\naccounts      {}\n",
        id.0,
        it.name,
        it.owner,
        it.agreement.as_str(),
        organisations::summary(&it.policy),
        accounts.len(),
    );
    for email in accounts {
        let _ = writeln!(text, "  {email}");
    }
    Ok(text)
}

async fn agree(store: &dyn Store, id: &OrganisationId, agreement: &str) -> Result<String, String> {
    let agreement = Agreement::parse(agreement).ok_or_else(|| format!("{agreement}: no agreement is called so"))?;
    let (clock, random) = (SystemClock, SystemRandom);
    let context = Context { clock: &clock, random: &random, request_id: "operator" };
    match organisations::set_agreement(context, store, id, agreement).await {
        Ok(Organisation { name, .. }) => Ok(format!("{}: {} ({name})\n", id.0, agreement.as_str())),
        Err(Failure::NotFound) => Err(none(id)),
        Err(error) => Err(format!("{error}; some accounts may have the old agreement still: run it again")),
    }
}

fn none(id: &OrganisationId) -> String {
    format!("{}: there is no such organisation here; `avain org list` shows them", id.0)
}

#[expect(clippy::needless_pass_by_value, reason = "goes to map_err")]
fn failed(error: Failure) -> String {
    error.to_string()
}
