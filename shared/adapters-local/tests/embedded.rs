//! The embedded store on disk: who may open it, and what a killed process leaves.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use avain_adapters_aws::store::DynamoStore;
use avain_adapters_local::embedded::{Embedded, OpenError, TABLE};
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Random, Store};
use avain_domain::records::{ApiKey, Attempts, Record, Write};
use avain_test_support::peer;
use time::OffsetDateTime;

#[test]
fn a_directory_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let first = Embedded::open(&directory).unwrap();
    let refused = Embedded::open(&directory).err().unwrap();
    assert!(matches!(refused, OpenError::InUse(_)));
    assert_eq!(refused.to_string(), format!("another process uses this data directory: {}", directory.display()));
    // A client that outlives the store keeps the lock.
    let client = first.client();
    drop(first);
    assert!(matches!(Embedded::open(&directory), Err(OpenError::InUse(_))));
    drop(client);
    Embedded::open(&directory).unwrap();
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("deep/data");
    let embedded = Embedded::open(&directory).unwrap();
    store(&embedded, 0).commit(pair(1)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["lock", "store.sqlite", "store.sqlite-shm", "store.sqlite-wal"]);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    fs::write(&file, "my only copy of something else").unwrap();
    assert!(matches!(Embedded::open(folder.path()), Err(OpenError::Engine(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "my only copy of something else");
}

#[tokio::test]
async fn the_table_is_as_defined() {
    let folder = tempfile::tempdir().unwrap();
    // A second opening finds it as the first one made it.
    for _ in 0..2 {
        let embedded = Embedded::open(folder.path()).unwrap();
        let table = embedded.client().describe_table().table_name(TABLE).send().await.unwrap().table.unwrap();
        let keys: Vec<_> = table.key_schema().iter().map(|it| (it.attribute_name(), it.key_type().as_str())).collect();
        assert_eq!(keys, [("PK", "HASH"), ("SK", "RANGE")]);
        let [index] = table.global_secondary_indexes() else { panic!("one index") };
        let keys: Vec<_> = index.key_schema().iter().map(|it| (it.attribute_name(), it.key_type().as_str())).collect();
        assert_eq!((index.index_name(), &keys[..]), (Some("Expiry"), &[("GSI1PK", "HASH"), ("GSI1SK", "RANGE")][..]));
        let request = serde_json::from_value(serde_json::json!({ "TableName": TABLE })).unwrap();
        let expiry = serde_json::to_value(embedded.database().describe_time_to_live(request).unwrap()).unwrap();
        assert_eq!(expiry["TimeToLiveDescription"]["TimeToLiveStatus"], "ENABLED");
        assert_eq!(expiry["TimeToLiveDescription"]["AttributeName"], "ttl");
    }
}

#[tokio::test]
async fn operations_beyond_the_store_are_refused() {
    let error = Embedded::memory().unwrap().client().scan().table_name(TABLE).send().await.unwrap_err();
    let text = format!("{:?}", error.into_service_error());
    assert!(text.contains("the embedded store does not offer: Scan"), "{text}");
}

/// Killed at any moment, the store has every acknowledged pair and no half of one. One directory through all rounds, so
/// each also starts from what the round before left.
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = 1;
    for round in 0..10 {
        let mut writer = Writer::start(Command::new(std::env::current_exe().unwrap()), folder.path(), first);
        let acknowledged = writer.acknowledgements(1 + round * 7);
        assert!(matches!(Embedded::open(folder.path()), Err(OpenError::InUse(_))));
        writer.child.kill().unwrap();
        let last = writer.rest().last().copied().unwrap_or(*acknowledged.last().unwrap());

        let store = store(&Embedded::open(folder.path()).unwrap(), 0);
        for number in 1..=last {
            assert_eq!(store.get(&keys(number)).await.unwrap().len(), 2, "round {round}: pair {number} of {last}");
        }
        // The one that was under way is there or not, but never half.
        let under_way = store.get(&keys(last + 1)).await.unwrap().len();
        assert!(under_way == 0 || under_way == 2, "round {round}: half a pair");
        assert_eq!(store.get(&keys(last + 2)).await.unwrap().len(), 0);
        first = last + 1 + u64::from(under_way == 2);
    }
}

/// An acknowledgement follows a sync of the log that holds the transaction: seen in the system calls.
#[test]
fn a_commit_is_on_disk_before_it_is_acknowledged() {
    let Some(mut strace) = peer("strace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    strace.args(["-f", "-y", "-e", "trace=fsync,fdatasync,write,pwrite64", "-e", "signal=none", "-o"]).arg(&trace);
    strace.arg(std::env::current_exe().unwrap());
    let mut writer = Writer::start(strace, &folder.path().join("data"), 1);
    writer.acknowledgements(30);
    // Its standard input ends, by which it stops.
    drop(writer.child.stdin.take());
    writer.rest();

    let thread = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let (mut written, mut synced, mut unfinished, mut commits) = (false, false, None, 0);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        let log = line.contains("store.sqlite-wal>");
        if log && line.contains("pwrite64(") {
            (written, synced, unfinished) = (true, false, None);
        } else if log && (line.contains("fdatasync(") || line.contains("fsync(")) {
            // A call that another thread's cuts in two ends on a later line of the same thread, and only then.
            synced = line.ends_with("= 0");
            unfinished = line.contains("<unfinished").then(|| thread(line));
        } else if line.contains("sync resumed>") {
            synced |= unfinished.take_if(|begun| *begun == thread(line)).is_some() && line.ends_with("= 0");
        } else if line.contains("acknowledged ") && line.contains("write(1") {
            assert!(written && synced, "acknowledged before it was on disk: {line}");
            (written, synced, commits) = (false, false, commits + 1);
        }
    }
    assert!(commits >= 30, "the trace shows {commits} commits");
}

/// The process that the tests above kill: commits pairs and says so, until its standard input ends. By itself it is a
/// test that its pairs are there.
#[tokio::test(flavor = "multi_thread")]
async fn writer() {
    let Some(directory) = std::env::var_os("EMBEDDED_TEST_DIRECTORY") else {
        let embedded = Embedded::memory().unwrap();
        store(&embedded, 0).commit(pair(1)).await.unwrap();
        assert_eq!(store(&embedded, 1).get(&keys(1)).await.unwrap().len(), 2);
        return;
    };
    let first: u64 = std::env::var("EMBEDDED_TEST_FIRST").unwrap().parse().unwrap();
    let store = store(&Embedded::open(Path::new(&directory)).unwrap(), first);
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    for number in first.. {
        if input.is_finished() {
            break;
        }
        store.commit(pair(number)).await.unwrap();
        println!("acknowledged {number}");
    }
}

/// This test program, run as [`writer`].
struct Writer {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Writer {
    fn start(mut program: Command, directory: &Path, first: u64) -> Self {
        let mut child = program
            .args(["--exact", "writer", "--nocapture"])
            .env("EMBEDDED_TEST_DIRECTORY", directory)
            .env("EMBEDDED_TEST_FIRST", first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for so many more.
    fn acknowledgements(&mut self, count: usize) -> Vec<u64> {
        let numbers: Vec<u64> = self.lines.by_ref().lines().filter_map(number).take(count).collect();
        assert_eq!(numbers.len(), count, "the writer ended");
        numbers
    }

    /// What it still said before its end.
    fn rest(&mut self) -> Vec<u64> {
        let numbers = self.lines.by_ref().lines().filter_map(number).collect();
        self.child.wait().unwrap();
        numbers
    }
}

/// The number of a whole line of acknowledgement.
fn number(line: std::io::Result<String>) -> Option<u64> {
    line.unwrap().strip_prefix("acknowledged ")?.parse().ok()
}

fn store(embedded: &Embedded, seed: u64) -> Arc<dyn Store> {
    let random = Arc::new(Counting(AtomicU64::new(seed << 32)));
    Arc::new(DynamoStore::new(embedded.client(), TABLE.to_owned(), random))
}

/// Two records in different partitions.
fn records(number: u64) -> [Record; 2] {
    let login = Login { email: Email::parse(&format!("{number}@pair.example")).unwrap(), mode: Mode::Data };
    [
        Record::Attempts(Attempts { login, failures: 1, last: OffsetDateTime::UNIX_EPOCH }),
        Record::ApiKey(ApiKey { hash: number.to_string(), organisation: OrganisationId("pair".to_owned()) }),
    ]
}

fn pair(number: u64) -> Vec<Write> {
    records(number).map(Write::Insert).to_vec()
}

fn keys(number: u64) -> [avain_domain::records::Key; 2] {
    records(number).map(|record| record.key())
}

/// Different bytes every time, the same in every run.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, digit)| *byte = *digit);
    }
}
