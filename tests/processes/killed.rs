//! kill -9 in the middle of writes: what was answered is there, nothing is half there, and the server starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use avain::client::{ClientError, Credentials, Http};
use avain::demo::DevOutbox;
use avain::machine::{Machine, Settings};
use avain::server::Server;
use avain::story::{Company, Listed, Signer, Story, payment};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::embedded::{Embedded, TABLE};
use avain_domain::ports::Clock;
use avain_test_support::figure;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::BANK;
use super::served::Served;

/// Kills at least, and at most where none of those caught a call that had begun to leave something.
const ROUNDS: usize = 8;
const MOST_ROUNDS: usize = 40;

/// An activation code of the shape that the simulator takes.
const CODE: &str = "Demo-Code-2026-0001";

/// What the clients were told, and what they were still waiting for.
#[derive(Default)]
struct Told {
    registered: Mutex<BTreeSet<String>>,
    begun: Mutex<BTreeSet<String>>,
    keys: AtomicUsize,
    uploads: Mutex<BTreeSet<String>>,
    uploads_begun: Mutex<BTreeSet<String>>,
    downloads: Mutex<Vec<(Listed, Vec<u8>)>>,
    logins: AtomicUsize,
    enrollers: Mutex<Vec<(String, Credentials)>>,
    enrolments: AtomicUsize,
    answers: AtomicUsize,
    next: AtomicUsize,
    progress: Notify,
}

impl Told {
    /// A success, which counts, or the end of the server; a refusal is a fault.
    fn ok<T>(&self, outcome: Result<T, ClientError>) -> Option<T> {
        let value = alive(outcome)?;
        self.answers.fetch_add(1, Ordering::SeqCst);
        self.progress.notify_one();
        Some(value)
    }

    fn number(&self) -> usize {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

/// A success, or the end of the server; a refusal is a fault.
fn alive<T>(outcome: Result<T, ClientError>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(ClientError::Transport(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let told = Told::default();
    let mut served = Served::start(&data, &["--dev"]);
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    let (admin, session) = prepare(&served, &signer).await;

    let (mut round, mut caught) = (0, 0);
    while round < ROUNDS || (caught == 0 && round < MOST_ROUNDS) {
        let http = Http::new(&served.base);
        let codes = DevOutbox(&http);
        let key = served.password_key.clone();
        let story = |email: &str| Story {
            transport: &http,
            codes: &codes,
            password_key: &key,
            company: Company::example(email),
        };
        let payer = story("payer@example.com");
        let enroller = story(&format!("enroller{round}@example.com"));
        let its_admin = enroller.open("admin", "0").await.unwrap();
        told.enrollers.lock().unwrap().push((enroller.company.email.clone(), its_admin.clone()));
        told.answers.store(0, Ordering::SeqCst);
        let registering = async || loop {
            let email = format!("killed{}@example.com", told.number());
            told.begun.lock().unwrap().insert(email.clone());
            let Some(_) = told.ok(story(&email).register("admin", "0").await) else { break };
            told.registered.lock().unwrap().insert(email);
        };
        let keys = async {
            // An account has at most 50.
            while told.keys.load(Ordering::SeqCst) < 40 {
                let key = Signer::generate("Another <another@example.com>").unwrap().public_key().unwrap();
                let Some(()) = told.ok(payer.upload_key(&admin, &key, "authorize").await) else { break };
                told.keys.fetch_add(1, Ordering::SeqCst);
            }
        };
        let uploading = async || loop {
            let id = format!("KILLED-{}", told.number());
            told.uploads_begun.lock().unwrap().insert(id.clone());
            let Some(()) = told.ok(pay(&payer, &session, &signer, &id).await) else { break };
            told.uploads.lock().unwrap().insert(id);
        };
        let downloading = async {
            while let Some(files) = alive(payer.files(&session, BANK, "NEW").await) {
                for file in files {
                    let Some(bytes) = told.ok(payer.download(&session, BANK, &file).await) else { return };
                    told.downloads.lock().unwrap().push((file, bytes));
                }
            }
        };
        let logging_in = async {
            while told.ok(payer.log_in("data").await).is_some() {
                told.logins.fetch_add(1, Ordering::SeqCst);
            }
        };
        // Of one enrolment after the other the account keeps nothing but the last.
        let enrolling = async {
            while told.ok(enroller.enrol(&its_admin, BANK, "enroller", CODE).await).is_some() {
                told.enrolments.fetch_add(1, Ordering::SeqCst);
                let Some(()) = alive(enroller.retire(&its_admin, BANK, None).await) else { return };
            }
        };
        let killer = async {
            while told.answers.load(Ordering::SeqCst) < 4 + 3 * (round % 4) {
                told.progress.notified().await;
            }
            // In the middle of a write to the store, or later by some turns of the scheduler from round to round.
            let before = written(&data);
            while round % 2 == 0 && written(&data) == before {
                tokio::task::yield_now().await;
            }
            for _ in 0..round % 2 * round * 40 {
                tokio::task::yield_now().await;
            }
            served.kill();
        };
        tokio::join!(
            registering(),
            registering(),
            keys,
            uploading(),
            uploading(),
            downloading,
            logging_in,
            enrolling,
            killer
        );
        caught = whole(&data, &told);
        round += 1;
        served = Served::start(&data, &["--dev"]);
    }
    assert!(caught > 0, "none of {round} kills caught a call that had begun");
    figure(&format!("{round} kills caught {caught} calls that had begun to leave something"));
    served.kill();
    drop(served);
    usable(&data, &told, &admin, &session, &signer).await;
}

/// When the store's log was last written to.
fn written(data: &Path) -> SystemTime {
    std::fs::metadata(data.join("store.sqlite-wal")).unwrap().modified().unwrap()
}

/// Uploads the payment of this message id.
async fn pay(story: &Story<'_>, session: &Credentials, signer: &Signer, id: &str) -> Result<(), ClientError> {
    let file = payment(id, &story.company.name, OffsetDateTime::UNIX_EPOCH);
    let signature = signer.sign(file.as_bytes())?;
    story.upload(session, BANK, "pain.001.001.09", file.as_bytes(), &signature).await
}

/// A company that uploads keys and payments; gives its sessions.
async fn prepare(served: &Served, signer: &Signer) -> (Credentials, Credentials) {
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let company = Company::example("payer@example.com");
    let story = Story { transport: &http, codes: &codes, password_key: &served.password_key, company };
    let admin = story.open("admin", "0").await.unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    story.enrol(&admin, BANK, "payer", CODE).await.unwrap();
    let data = story.open("data", &admin.api_key).await.unwrap();
    (admin, data)
}

/// Reads the dead server's store and checks that each change is there with all that belongs to it. Gives how many calls left
/// something and were not answered.
fn whole(data: &Path, told: &Told) -> usize {
    let items = items(data);
    let of = |kind: &str| items.iter().filter(move |item| text(item, "type") == kind).collect::<Vec<_>>();
    let told_of = |action: &str, outcome: &str, name: &str, value: &str| {
        let fits = |event: &&&Value| {
            text(event, "action") == action && text(event, "outcome") == outcome && text(event, name) == value
        };
        of("audit-event").iter().filter(fits).count()
    };

    let accounts: BTreeSet<String> = of("account").iter().map(|item| text(item, "email")).collect();
    let modes: BTreeSet<String> =
        of("mode").iter().filter(|item| text(item, "mode") == "admin").map(|item| text(item, "email")).collect();
    assert_eq!(accounts, modes);
    assert!(of("mode").iter().all(|mode| accounts.contains(&text(mode, "email"))));
    let organisations: BTreeMap<String, String> =
        of("organisation").iter().map(|item| (text(item, "id"), text(item, "owner"))).collect();
    assert_eq!(organisations.values().cloned().collect::<BTreeSet<_>>(), accounts);
    assert_eq!(of("api-key").len(), organisations.len());
    for email in &accounts {
        let modes = of("mode").iter().filter(|mode| text(mode, "email") == *email).count();
        assert_eq!(told_of("account.register", "completed", "actor", email), modes, "{email}");
    }
    assert!(told.registered.lock().unwrap().is_subset(&accounts));

    let keys = of("pgp-key");
    for key in &keys {
        assert_eq!(told_of("pgp-key.register", "completed", "object", &text(key, "fingerprint")), 1);
    }
    assert!(keys.len() > told.keys.load(Ordering::SeqCst));

    let uploads = of("upload");
    for upload in &uploads {
        let id = text(upload, "id");
        assert_eq!(told_of("file.upload", "started", "object", &id), 1);
        let completed = match text(upload, "state").as_str() {
            "sent" => 1,
            "sending" => 0,
            other => panic!("an upload is {other}"),
        };
        assert_eq!(told_of("file.upload", "completed", "object", &id), completed);
    }
    let sent = uploads.iter().filter(|upload| text(upload, "state") == "sent").count();
    assert!(sent >= told.uploads.lock().unwrap().len());

    let certificates = of("certificate");
    for certificate in &certificates {
        let id = &certificate["key"]["M"]["id"]["S"];
        assert!(of("sealed-key").iter().any(|key| key["id"]["S"] == *id), "{certificate}");
    }
    let mut enrolled = 0;
    for email in &accounts {
        let times = |action: &str, outcome: &str| told_of(action, outcome, "actor", email);
        let completed = times("certificate.enrol", "completed");
        let now = |state: &str| {
            certificates.iter().filter(|it| text(it, "email") == *email && text(it, "state") == state).count()
        };
        assert_eq!(completed - times("certificate.retire", "completed"), now("active"), "{email}");
        assert_eq!(times("certificate.enrol", "started") - completed, now("pending"), "{email}");
        enrolled += completed;
    }
    // One more: the payer's.
    assert!(enrolled > told.enrolments.load(Ordering::SeqCst));

    let downloads = of("download");
    for download in &downloads {
        assert_eq!(told_of("file.download", "completed", "object", &text(download, "reference")), 1);
        let size = std::fs::metadata(data.join("blobs").join(text(download, "blob"))).unwrap().len();
        assert!(size > 0, "{download}");
    }
    let fetched = told.downloads.lock().unwrap();
    for (file, _) in fetched.iter() {
        assert!(downloads.iter().any(|it| text(it, "reference") == file.reference), "{file:?}");
    }
    let logins = told_of("session.login", "completed", "actor", "payer@example.com");
    assert!(logins > told.logins.load(Ordering::SeqCst));

    let registered = accounts.intersection(&told.begun.lock().unwrap()).count() - told.registered.lock().unwrap().len();
    let uploading = uploads.len() - told.uploads.lock().unwrap().len();
    let pending = certificates.iter().filter(|it| text(it, "state") == "pending").count();
    registered + uploading + pending + downloads.len() - fetched.len()
}

/// Every item of the store, read through the engine itself.
fn items(data: &Path) -> Vec<Value> {
    let embedded = Embedded::open(data).unwrap();
    let mut items = Vec::new();
    let mut scan = json!({ "TableName": TABLE, "ConsistentRead": true });
    loop {
        let request = serde_json::from_value(scan.clone()).unwrap();
        let mut page = serde_json::to_value(embedded.database().scan(request).unwrap()).unwrap();
        items.extend(page["Items"].as_array().unwrap().iter().cloned());
        match page["LastEvaluatedKey"].take() {
            Value::Null => return items,
            last => scan["ExclusiveStartKey"] = last,
        }
    }
}

fn text(item: &Value, name: &str) -> String {
    item[name]["S"].as_str().unwrap_or_default().to_owned()
}

/// A clock that is some minutes ahead: by then what broke off may be begun again.
struct Later;

impl Clock for Later {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + time::Duration::minutes(5)
    }
}

/// Everyone who was told of a success has it; everyone else can begin again; no payment is at the bank twice.
async fn usable(data: &Path, told: &Told, admin: &Credentials, session: &Credentials, signer: &Signer) {
    let settings = Settings { dev: true, clock: Arc::new(Later), ..Settings::new(data.to_owned()) };
    let server = Server::start(Machine::start(settings).await.unwrap(), "127.0.0.1:0").await.unwrap();
    let http = Http::new(server.base());
    let codes = DevOutbox(&http);
    let key = server.machine.password_key.clone();
    let story =
        |email: &str| Story { transport: &http, codes: &codes, password_key: &key, company: Company::example(email) };
    let registered = told.registered.lock().unwrap().clone();
    let begun = told.begun.lock().unwrap().clone();
    let mut again = 0;
    for email in &begun {
        let story = story(email);
        if !registered.contains(email) {
            match story.register("admin", "0").await {
                Ok(_) => again += 1,
                // Complete, only the answer was lost.
                Err(ClientError::Refused { status: 409, .. }) => {}
                Err(other) => panic!("{email}: {other}"),
            }
        }
        let answer = story.password("admin").await.unwrap_or_else(|error| panic!("{email}: {error}"));
        assert_eq!(answer["ResponseText"], "User authentication failed. Verify phone number with received SMS.");
    }
    let payer = story("payer@example.com");
    assert!(payer.keys(admin).await.unwrap().len() > told.keys.load(Ordering::SeqCst));
    let sent = told.uploads.lock().unwrap().clone();
    let sending = told.uploads_begun.lock().unwrap().clone();
    let mut unresolved = 0;
    for id in &sending {
        match pay(&payer, session, signer, id).await {
            Ok(()) => {}
            Err(ClientError::Refused { status: 409, text, .. }) if !sent.contains(id) => {
                assert!(text.starts_with("Earlier upload of these bytes is unresolved: "), "{text}");
                unresolved += 1;
            }
            Err(other) => panic!("{id}: {other}"),
        }
    }
    let (downloads, enrollers) = (told.downloads.lock().unwrap().clone(), told.enrollers.lock().unwrap().clone());
    for (file, bytes) in downloads {
        assert_eq!(payer.download(session, BANK, &file).await.unwrap(), bytes, "{file:?}");
    }
    for (email, admin) in enrollers {
        match story(&email).enrol(&admin, BANK, "enroller", CODE).await {
            Ok(()) => {}
            Err(ClientError::Refused { status: 409, text, .. }) if text == "Bank certificate(s) already exists" => {}
            Err(other) => panic!("{email}: {other}"),
        }
    }
    let mut at_the_bank = Vec::new();
    for file in payer.files(session, BANK, "ALL").await.unwrap() {
        if file.file_type == "pain.002.001.10" {
            let report = String::from_utf8(payer.download(session, BANK, &file).await.unwrap()).unwrap();
            let (_, rest) = report.split_once("<OrgnlMsgId>").unwrap();
            at_the_bank.push(rest.split_once('<').unwrap().0.to_owned());
        }
    }
    let once: BTreeSet<String> = at_the_bank.iter().cloned().collect();
    assert_eq!(at_the_bank.len(), once.len(), "a payment is at the bank twice: {at_the_bank:?}");
    assert!(sent.is_subset(&once) && once.is_subset(&sending));
    figure(&format!(
        "{} registrations answered, {} not ({again} of them had left nothing), {} keys, {} payments answered, {} not \
         ({unresolved} of them are unresolved), {} downloads, {} logins, {} enrolments answered",
        registered.len(),
        begun.len() - registered.len(),
        told.keys.load(Ordering::SeqCst),
        sent.len(),
        sending.len() - sent.len(),
        told.downloads.lock().unwrap().len(),
        told.logins.load(Ordering::SeqCst),
        told.enrolments.load(Ordering::SeqCst),
    ));
}
