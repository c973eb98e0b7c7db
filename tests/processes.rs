//! The `avain` command as a process: what it says, how it ends, what is left when it is killed, what it takes.

mod banks;
mod killed;
mod operated;
mod rewrapped;
mod served;
mod trace;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use avain::client::{Credentials, Http, Transport as _};
use avain::demo::DevOutbox;
use avain::story::{Company, Listed, Signer, Story, payment};
use avain_test_support::{figure, peer};
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tempfile::TempDir;

use self::served::{Served, avain, of_a_release, signal_to};
use self::trace::Trace;

const BANK: &str = "simulator";
/// What hashing one password takes (Argon2id, 19 MiB).
const HASH_KIB: u64 = 19 * 1024;
/// The end of the path of SQLite's write-ahead log, as strace shows it.
const STORE_LOG: &str = "/store.sqlite-wal>";

#[test]
fn the_demo_ends_with_the_files() {
    let folder = TempDir::new().unwrap();
    let output = avain().arg("demo").env("TMPDIR", folder.path()).output().unwrap();
    let (shown, errors) = texts(&output);
    assert!(output.status.success(), "{shown}\n{errors}");
    // Nobody watches, so nothing is drawn.
    assert!(!shown.contains(['\u{1b}', '\r']), "{shown}");
    assert!(shown.lines().filter(|line| line.trim_start().starts_with('✓')).count() >= 15, "{shown}");
    let (_, downloaded) = shown.split_once("Downloaded:\n").unwrap();
    let files: Vec<(u64, &Path)> = downloaded
        .lines()
        .map(|line| {
            let (size, path) = line.trim().split_once(" bytes  ").unwrap();
            (size.parse().unwrap(), Path::new(path))
        })
        .collect();
    assert_eq!(files.len(), 4, "{shown}");
    for (size, path) in files {
        assert!(path.starts_with(folder.path()));
        assert_eq!(std::fs::metadata(path).unwrap().len(), size);
    }
}

#[test]
fn a_demo_that_cannot_be_played_fails() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for unusable in [file, folder.path().join("absent")] {
        let output = avain().arg("demo").env("TMPDIR", &unusable).output().unwrap();
        let (shown, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{shown}\n{errors}");
        assert!(errors.starts_with("avain: ") && !shown.contains("checked out"), "{shown}\n{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_announces_itself_and_shows_codes_to_developers_only() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data, &["--dev"]);
    assert_eq!(std::fs::read_to_string(data.join("password-key.pem")).unwrap(), served.password_key);
    let http = Http::new(&served.base);
    let (status, _, _) = outbox(&http, "code@example.com", "admin", "phone").await;
    assert_eq!(status, 404);
    let codes = DevOutbox(&http);
    let story = client(&http, &codes, &served, "code@example.com");
    story.register("admin", "0").await.unwrap();
    let (status, kind, code) = outbox(&http, "code@example.com", "admin", "phone").await;
    assert_eq!((status, kind.as_str(), code.len()), (200, "text/plain", 6));
    assert!(code.bytes().all(|byte| byte.is_ascii_digit()));
    for (email, mode, kind) in
        [("code@example.com", "data", "phone"), ("code@example.com", "admin", "rubbish"), ("", "", "")]
    {
        assert_eq!(outbox(&http, email, mode, kind).await.0, 404);
    }
    story.verify_phone("admin").await.unwrap();
    let session = story.password("admin").await.unwrap();
    story.second_factor(session["Session"].as_str().unwrap()).await.unwrap();

    let path = data.join("outbox.jsonl");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lines: Vec<Value> =
        std::fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["phone", "mfa", "email"]);
    for line in &lines {
        let mut names: Vec<&String> = line.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["at", "code", "email", "kind", "mode", "to"]);
        let at = line["at"].as_str().unwrap();
        time::OffsetDateTime::parse(at, &time::format_description::well_known::Rfc3339).unwrap();
        assert_eq!((line["email"].as_str(), line["mode"].as_str()), (Some("code@example.com"), Some("admin")));
    }
    assert_eq!((lines[0]["to"].as_str(), lines[0]["code"].as_str()), (Some("+358401234567"), Some(code.as_str())));
    private(&data);

    let (status, shown, log) = served.end("INT");
    assert!(status.success());
    assert!(shown.contains(&format!("phone code for code@example.com (admin mode): {code}")), "{shown}");
    assert!(!log.contains(&code) && !log.contains("Admin-password"), "{log}");

    // The same without --dev: codes are in the file and nowhere else.
    let served = Served::start(&data, &[]);
    let http = Http::new(&served.base);
    assert_eq!(outbox(&http, "code@example.com", "admin", "phone").await.0, 404);
    let codes = DevOutbox(&http);
    client(&http, &codes, &served, "quiet@example.com").register("admin", "0").await.unwrap();
    assert_eq!(outbox(&http, "quiet@example.com", "admin", "phone").await.0, 404);
    let last = std::fs::read_to_string(&path).unwrap();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(last["email"], "quiet@example.com");
    let (status, shown, log) = served.end("TERM");
    assert!(status.success());
    let code = last["code"].as_str().unwrap();
    for text in [&shown, log.split_at(log.rfind("Register").unwrap_or_default()).1] {
        assert!(!text.contains(code) && !text.contains("quiet@") && !text.contains("DEVELOPMENT"), "{text}");
    }
}

#[test]
fn serve_refuses_what_would_not_be_safe() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let serve = |options: &[&str]| {
        let output = avain().arg("serve").arg("--data").arg(&data).args(options).output().unwrap();
        assert!(!output.status.success(), "{options:?}");
        texts(&output).1
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refusal = serve(&["--dev", "--listen", address]);
        let said = format!("avain: --dev shows codes in clear and is for loopback addresses only, not {address}\n");
        assert_eq!(refusal, said);
    }
    assert!(!data.exists());

    let mut served = Served::start(&data, &[]);
    let refusal = serve(&["--listen", "127.0.0.1:0"]);
    assert_eq!(refusal, format!("avain: another process uses this data directory: {}\n", data.display()));
    served.kill();
    let root_key = data.join("root.key");
    std::fs::set_permissions(&root_key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refusal = serve(&["--listen", "127.0.0.1:0"]);
    assert!(refusal.contains("root.key"), "{refusal}");
}

/// The demo's story, a step at a time, against a process that was started twice; what it took.
#[tokio::test(flavor = "multi_thread")]
async fn state_survives_a_restart_in_little_memory() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data, &["--dev"]);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let story = client(&http, &codes, &served, "aino@example.com");
    let played = play(&story).await;
    let after_story = status_kib(served.id(), "VmHWM");
    // Of the program's own file an unoptimised build maps far more than what is shipped: of that one the whole is held to.
    let mapped = if of_a_release() { 0 } else { status_kib(served.id(), "RssFile") };
    let most = if of_a_release() { 64 } else { 40 };
    assert!(
        after_story - mapped < most * 1024,
        "VmHWM is {after_story} KiB after the story, {mapped} of them of files"
    );
    private(&data);
    let password_key = served.password_key.clone();
    assert!(served.end("TERM").0.success());

    let served = Served::start(&data, &["--dev"]);
    assert_eq!(served.password_key, password_key);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let story = client(&http, &codes, &served, "aino@example.com");
    assert_eq!(story.certificates(&played.admin).await.unwrap(), played.certificates);
    assert_eq!(story.keys(&played.admin).await.unwrap().len(), 1);
    let again = story.files(&played.data, BANK, "ALL").await.unwrap();
    assert_eq!(again, played.files);
    for (file, bytes) in again.iter().zip(&played.contents) {
        assert_eq!(&story.download(&played.data, BANK, file).await.unwrap(), bytes);
    }
    story.upload(&played.data, BANK, "pain.001.001.09", &played.payment, &played.signature).await.unwrap();
    assert_eq!(story.files(&played.data, BANK, "ALL").await.unwrap().len(), played.files.len());
    let data_session = avain::story::credentials(&story.log_in("data").await.unwrap()).unwrap();
    assert_eq!(story.files(&data_session, BANK, "ALL").await.unwrap(), played.files);
    story.log_in("admin").await.unwrap();

    let companies: Vec<Story<'_>> =
        (0..20).map(|n| client(&http, &codes, &served, &format!("parallel{n}@example.com"))).collect();
    for company in &companies {
        company.register("admin", "0").await.unwrap();
    }
    let before = status_kib(served.id(), "VmHWM");
    let logins = companies.iter().map(|company| company.password("admin"));
    for answer in join_all(logins).await {
        let told = "User authentication failed. Verify phone number with received SMS.";
        assert_eq!(answer.unwrap()["ResponseText"], told);
    }
    let after_logins = status_kib(served.id(), "VmHWM");
    figure(&format!(
        "VmHWM: {after_story} KiB after the story, {before} KiB before and {after_logins} KiB after 20 parallel logins"
    ));
    // One password was hashed at a time before; two at once are one more, a third would be over this.
    assert!(after_logins < before + HASH_KIB * 3 / 2, "{before} KiB became {after_logins} KiB");
    assert!(served.end("INT").0.success());
}

/// What is answered is on disk, and what is sent to a bank is in the journal before: each write lies, with a sync that ended
/// after it, between the request's arrival and the answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_was_synced_before() {
    let Some(mut strace) = peer("strace") else { return };
    let folder = TempDir::new().unwrap();
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let calls = "trace=read,readv,recvfrom,write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,rename,renameat2";
    strace.args(["-f", "-y", "-s", "64", "-e", calls, "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_avain"));
    let mut served = Served::start_under(strace, &data, &["--dev"]);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let story = client(&http, &codes, &served, "synced@example.com");
    play(&story).await;
    // strace ends with what it runs; its children are of no other process.
    let children = format!("/proc/{0}/task/{0}/children", served.id());
    let traced: u32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    signal_to(traced, "TERM");
    assert!(served.ended().0.success());

    let trace = Trace::read(&std::fs::read_to_string(trace).unwrap());
    // The challenge, the pool's user, and the registration itself; the code.
    let registering = trace.exchange("PUT /v2/account/");
    assert!(trace.commits(&registering, STORE_LOG) >= 3, "{}", trace.told(&registering));
    trace.is_synced(&registering, "/outbox.jsonl>");

    trace.is_synced(&trace.exchange("PUT /v2/pgp "), STORE_LOG);

    // "Sending", before a byte goes to the bank; the outcome, before the answer.
    let uploading = trace.exchange("PUT /v2/files/simulator ");
    let posted = trace.first(&uploading, &["\"POST /simulator/CorporateFileService"]);
    trace.is_synced(&(uploading.start..posted), STORE_LOG);
    trace.is_synced(&(posted..uploading.end), STORE_LOG);

    // The file's bytes, then their name and the folder that it is in, then the record.
    let downloading = trace.exchange("GET /v2/files/simulator/camt.");
    let named = trace.first(&downloading, &["rename", "/blobs/"]);
    trace.is_synced(&(downloading.start..named), "/blobs/");
    let folder = trace.first(&(named + 1..downloading.end), &["fsync(", "/blobs>", "= 0"]);
    trace.is_synced(&(folder..downloading.end), STORE_LOG);
}

/// What the story left with its client.
struct Played {
    admin: Credentials,
    data: Credentials,
    certificates: Vec<Value>,
    files: Vec<Listed>,
    contents: Vec<Vec<u8>>,
    payment: Vec<u8>,
    signature: String,
}

async fn play(story: &Story<'_>) -> Played {
    let admin = story.open("admin", "0").await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    story.enrol(&admin, BANK, "1000038023", "Demo-Code-2026-0001").await.unwrap();
    let data = story.open("data", &admin.api_key).await.unwrap();
    let payment = payment("PROCESS", &story.company.name, time::OffsetDateTime::UNIX_EPOCH).into_bytes();
    let signature = signer.sign(&payment).unwrap();
    story.upload(&data, BANK, "pain.001.001.09", &payment, &signature).await.unwrap();
    let mut contents = Vec::new();
    for file in story.files(&data, BANK, "ALL").await.unwrap() {
        contents.push(story.download(&data, BANK, &file).await.unwrap());
    }
    let files = story.files(&data, BANK, "ALL").await.unwrap();
    assert_eq!(files.len(), 4);
    Played { certificates: story.certificates(&admin).await.unwrap(), admin, data, files, contents, payment, signature }
}

fn client<'a>(http: &'a Http, codes: &'a DevOutbox<'a>, served: &'a Served, email: &str) -> Story<'a> {
    Story { transport: http, codes, password_key: &served.password_key, company: Company::example(email) }
}

/// Status, content type and text.
async fn outbox(http: &Http, email: &str, mode: &str, kind: &str) -> (u16, String, String) {
    let path = format!("/dev/outbox?email={email}&mode={mode}&kind={kind}");
    let response = http.send(Request::get(path).body(Bytes::new()).unwrap()).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), content_type, String::from_utf8(response.body().to_vec()).unwrap())
}

/// All at once.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in running.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// What the kernel says of a process's memory, in KiB: `VmHWM` is the most that it has had resident.
fn status_kib(id: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Nothing in the folder is open to anybody but its owner.
fn private(folder: &Path) {
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{}: {mode:o}", folder.display());
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).unwrap() {
            private(&entry.unwrap().path());
        }
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}
