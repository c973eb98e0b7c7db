//! `avain demo`: the whole story, told as it happens, on a machine started for it.

use std::future::Future;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::Request;
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{ClientError, Http, Transport};
use crate::machine::{Machine, Settings, StartError};
use crate::server::Server;
use crate::story::{Codes, Company, Listed, Signer, Story, credentials, payment, text};

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The machine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A step did not do what it should.
    #[error(transparent)]
    Step(#[from] ClientError),
    /// The files could not be written.
    #[error("{0}")]
    Files(#[from] std::io::Error),
}

/// The bank of the story, with the user id and activation code that it takes.
const BANK: &str = "simulator";
const USER_ID: &str = "1000038023";
const ACTIVATION_CODE: &str = "Demo-Code-2026-0001";
const PAYMENT_TYPE: &str = "pain.001.001.09";

/// Starts everything on loopback in `folder`, plays the story, and gives the downloaded files.
pub async fn run(folder: &Path) -> Result<Vec<PathBuf>, DemoError> {
    let started = Instant::now();
    let mut teller = Teller::new();
    say("Avain: from registration to a signed payment at the bank, on this machine alone.\n");
    let server = teller.step("Start the service and the simulated banks", start(folder)).await?;
    say(&format!("   the API: {}/v2, the data: {}", server.base(), folder.display()));

    let http = Http::new(server.base());
    let codes = DevOutbox(&http);
    let password_key = server.machine.password_key.clone();
    let company = Company::example("aino@esimerkki.fi");
    let story = Story { transport: &http, codes: &codes, password_key: &password_key, company };
    let downloaded = play(&story, &mut teller, folder).await?;

    say(&format!("\nEvery step checked out in {:.1} s. Downloaded:", started.elapsed().as_secs_f64()));
    for path in &downloaded {
        say(&format!("  {:>6} bytes  {}", std::fs::metadata(path)?.len(), path.display()));
    }
    Ok(downloaded)
}

async fn start(folder: &Path) -> Result<Server, DemoError> {
    let settings = Settings { dev: true, ..Settings::new(folder.join("data")) };
    Ok(Server::start(Machine::start(settings).await?, "127.0.0.1:0").await?)
}

async fn play(story: &Story<'_>, teller: &mut Teller, folder: &Path) -> Result<Vec<PathBuf>, DemoError> {
    let name = &story.company.name;
    say(&format!("\n{name} opens its account"));
    let api_key = teller.step("Register the administrator, get an API key", story.register("admin", "0")).await?;
    teller.step("Verify the phone with the code from its SMS", story.verify_phone("admin")).await?;
    let admin = teller.step("Log in with password, SMS code and verified e-mail", first_login(story, "admin")).await?;

    say("\nThe administrator prepares the way to the bank");
    let signer = Signer::generate("Esimerkki Oy Payments <payments@esimerkki.fi>")?;
    let key = signer.public_key()?;
    teller.step("Register the PGP key that authorises payments", story.upload_key(&admin, &key, "authorize")).await?;
    let enrolled = story.enrol(&admin, BANK, USER_ID, ACTIVATION_CODE);
    teller.step("Enrol a certificate at the bank", enrolled).await?;
    let subject = teller.step("See the certificate", certificate(story, &admin)).await?;
    say(&format!("   {subject}"));

    say("\nThe finance system moves files");
    teller.step("Register data mode", story.register("data", &api_key)).await?;
    teller.step("Verify its phone", story.verify_phone("data")).await?;
    let data = teller.step("Log in with password and verified e-mail", first_login(story, "data")).await?;
    let opening = teller.step("Fetch the first statement", new_files(story, &data, &["camt.053.001.02"])).await?;
    let payment = payment("AVAIN-DEMO-1", name, server_time());
    let signature = signer.sign(payment.as_bytes())?;
    let sent = story.upload(&data, BANK, PAYMENT_TYPE, payment.as_bytes(), &signature);
    teller.step("Send a PGP-signed payment of 1 450.05 euros", sent).await?;
    let expected = ["pain.002.001.10", "camt.054.001.02", "camt.053.001.02"];
    let answers = teller.step("Fetch the bank's answers", new_files(story, &data, &expected)).await?;
    teller.step("Check what the bank says", async { check(&opening, &answers) }).await?;

    say("\nThe day ends");
    teller.step("Log out", story.log_out("data", &data)).await?;
    teller.step("The old token is refused", refused(story, &data)).await?;

    let mut written = Vec::new();
    for (at, (file, bytes)) in opening.iter().chain(&answers).enumerate() {
        let path = folder.join(format!("{}-{}.xml", at + 1, file.file_type));
        std::fs::write(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// The first login of a mode: it asks to verify the e-mail address, and then again.
async fn first_login(story: &Story<'_>, mode: &str) -> Result<crate::client::Credentials, ClientError> {
    let answer = story.log_in(mode).await?;
    story.verify_email(mode, &text(&answer, "AccessToken")?).await?;
    credentials(&story.log_in(mode).await?)
}

async fn certificate(story: &Story<'_>, who: &crate::client::Credentials) -> Result<String, ClientError> {
    match story.certificates(who).await?.as_slice() {
        [certificate] => Ok(format!(
            "{}, user id {}, issued by {}, until {}",
            text(certificate, "CertName")?,
            text(certificate, "Subject")?,
            text(certificate, "Issuer")?,
            text(certificate, "Expires")?
        )),
        others => Err(ClientError::Unexpected(format!("{} certificates instead of one", others.len()))),
    }
}

/// Downloads what is new; it must be one file of each of these types.
async fn new_files(
    story: &Story<'_>,
    data: &crate::client::Credentials,
    types: &[&str],
) -> Result<Vec<(Listed, Vec<u8>)>, ClientError> {
    let listed = story.files(data, BANK, "NEW").await?;
    let mut found = Vec::new();
    for wanted in types {
        let file = listed.iter().find(|file| file.file_type == *wanted);
        let file = file.ok_or_else(|| ClientError::Unexpected(format!("the bank has no new {wanted}")))?;
        found.push((file.clone(), story.download(data, BANK, file).await?));
    }
    if listed.len() != types.len() {
        return Err(ClientError::Unexpected(format!("{} new files instead of {}", listed.len(), types.len())));
    }
    Ok(found)
}

/// Both transfers accepted, and the balance lower by their sum.
fn check(opening: &[(Listed, Vec<u8>)], answers: &[(Listed, Vec<u8>)]) -> Result<(), ClientError> {
    let content = |files: &[(Listed, Vec<u8>)], file_type: &str| {
        let found = files.iter().find(|(file, _)| file.file_type == file_type);
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let must = |what: &str, holds: bool| {
        let missing = || ClientError::Unexpected(format!("the bank's answer does not say: {what}"));
        holds.then_some(()).ok_or_else(missing)
    };
    let status = content(answers, "pain.002.001.10");
    must("two transfers settled", status.matches("<TxSts>ACSC</TxSts>").count() == 2)?;
    must("for our message", status.contains("AVAIN-DEMO-1"))?;
    must("opening balance 10000000.00", content(opening, "camt.053.001.02").contains(">10000000.00<"))?;
    must("closing balance 9998549.95", content(answers, "camt.053.001.02").contains(">9998549.95<"))?;
    must("both debits", content(answers, "camt.054.001.02").matches("<CdtDbtInd>DBIT</CdtDbtInd>").count() >= 2)
}

async fn refused(story: &Story<'_>, data: &crate::client::Credentials) -> Result<(), ClientError> {
    match story.files(data, BANK, "ALL").await {
        Err(ClientError::Refused { status: 401, .. }) => Ok(()),
        _ => Err(ClientError::Unexpected("a token was taken after its logout".to_owned())),
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo's client has a clock of its own, as any client has")]
fn server_time() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc()
}

/// Asks the service for the codes that went out: it runs with `--dev`.
pub struct DevOutbox<'a>(pub &'a dyn Transport);

#[async_trait]
impl Codes for DevOutbox<'_> {
    async fn newest(&self, email: &str, mode: &str, kind: &str) -> Result<String, ClientError> {
        let request = Request::get(format!("/dev/outbox?email={email}&mode={mode}&kind={kind}"))
            .body(bytes::Bytes::new())
            .map_err(|error| ClientError::Unexpected(error.to_string()))?;
        let response = self.0.send(request).await?;
        let code = String::from_utf8_lossy(response.body()).into_owned();
        if response.status().is_success() { Ok(code) } else { Err(ClientError::Unexpected(format!("no {kind} code"))) }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tells the steps: a line each, with a spinner while it lasts where somebody watches.
struct Teller {
    terminal: bool,
}

impl Teller {
    fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal() }
    }

    async fn step<T, E: Into<DemoError>>(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DemoError> {
        let spinner = self.terminal.then(|| {
            let spinner = ProgressBar::new_spinner().with_message(name.to_owned());
            if let Ok(style) = ProgressStyle::with_template(" {spinner} {msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(80));
            spinner
        });
        let started = Instant::now();
        let outcome = work.await;
        if let Some(spinner) = spinner {
            spinner.finish_and_clear();
        }
        let mark = if outcome.is_ok() { "✓" } else { "✗" };
        say(&format!(" {mark} {name:<54} {:>6} ms", started.elapsed().as_millis()));
        outcome.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(file_type: &str, text: &str) -> (Listed, Vec<u8>) {
        let text_of = |text: &str| text.to_owned();
        let listed = Listed { file_type: text_of(file_type), reference: text_of("1"), status: text_of("NEW") };
        (listed, text.as_bytes().to_vec())
    }

    /// Each thing that the bank must have said, left out once.
    #[test]
    fn what_the_bank_does_not_say_is_missed() {
        let opening = ">10000000.00<";
        let status = "<TxSts>ACSC</TxSts><TxSts>ACSC</TxSts>AVAIN-DEMO-1";
        let statement = ">9998549.95<";
        let debits = "<CdtDbtInd>DBIT</CdtDbtInd><CdtDbtInd>DBIT</CdtDbtInd>";
        let told = |opening: &str, status: &str, statement: &str, debits: &str| {
            let answers =
                [file("pain.002.001.10", status), file("camt.053.001.02", statement), file("camt.054.001.02", debits)];
            check(&[file("camt.053.001.02", opening)], &answers).map_err(|error| error.to_string())
        };
        assert_eq!(told(opening, status, statement, debits), Ok(()));
        for (outcome, missed) in [
            (told("", status, statement, debits), "opening balance 10000000.00"),
            (told(opening, "<TxSts>ACSC</TxSts>AVAIN-DEMO-1", statement, debits), "two transfers settled"),
            (told(opening, &status.replace("DEMO-1", "DEMO-2"), statement, debits), "for our message"),
            (told(opening, &status.replace("ACSC", "RJCT"), statement, debits), "two transfers settled"),
            (told(opening, status, opening, debits), "closing balance 9998549.95"),
            (told(opening, status, statement, &debits.replacen("DBIT", "CRDT", 1)), "both debits"),
        ] {
            assert_eq!(outcome.unwrap_err(), format!("the bank's answer does not say: {missed}"));
        }
        assert!(check(&[], &[]).is_err());
    }
}
