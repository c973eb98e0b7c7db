//! `avain rewrap` as a process: on a data directory, in the middle of which it is killed, and on a table of an emulated AWS.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use avain::client::Http;
use avain::demo::DevOutbox;
use avain_adapters_aws::store::{DynamoStore, Walked};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_domain::names::OrganisationId;
use avain_domain::ports::Store;
use avain_domain::records::{KeyId, KeyKind, Record, SealedKey, Stored, Write};
use avain_domain::rewrap::{self, Outcome};
use avain_domain::seal::Sealer;
use tempfile::TempDir;

use super::served::{Served, avain};
use super::{BANK, client, play, texts};

/// What each of the keys holds that a test makes.
const SECRET: &[u8] = b"a private key, and each one the same";

/// The whole way: refused while somebody serves, re-wrapped, used, old root key dropped, used.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_gets_another_root_key() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let root_key = || std::fs::read_to_string(data.join("root.key")).unwrap();
    let mut served = Served::start(&data, &["--dev"]);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let played = play(&client(&http, &codes, &served, "aino@example.com")).await;

    let (first, password_key) = (root_key(), served.password_key.clone());
    let refusal = texts(&rewrap(&data, &[])).1;
    assert_eq!(refusal, format!("avain: another process uses this data directory: {}\n", data.display()));
    served.kill();
    let refusal = texts(&rewrap(&data, &["--drop-old"])).1;
    assert!(refusal.contains("there is no old root key"), "{refusal}");
    assert_eq!(root_key(), first, "refused, and so nothing was changed");

    let shown = succeeds(&rewrap(&data, &[]));
    assert!(shown.starts_with("root.key: version 2 added\nkeys: "), "{shown}");
    assert!(shown.contains("\nfiles: 4 re-wrapped, 0 already current, 0 conflicts, 0 failed\n"), "{shown}");
    let both = root_key();
    let (_, second) = both.split_once('\n').unwrap();
    assert!(both.starts_with(&first) && second.starts_with("avain-root-key 2 "), "the old one, then the new one");
    let again = succeeds(&rewrap(&data, &[]));
    assert!(again.starts_with("root.key: going on with version 2\nkeys: 0 re-wrapped, "), "{again}");
    assert!(again.contains("\nfiles: 0 re-wrapped, 4 already current, 0 conflicts, 0 failed\n"), "{again}");
    assert_eq!(root_key(), both);

    for drop_old in [false, true] {
        if drop_old {
            let shown = succeeds(&rewrap(&data, &["--drop-old"]));
            assert!(shown.contains("open with version 2 alone, and it is alone\n"), "{shown}");
            assert_eq!(root_key(), second);
        }
        let mut served = Served::start(&data, &["--dev"]);
        assert_eq!(served.password_key, password_key);
        let http = Http::new(&served.base);
        let codes = DevOutbox(&http);
        let story = client(&http, &codes, &served, "aino@example.com");
        story.log_in("admin").await.unwrap();
        assert_eq!(
            story.files(&played.data, BANK, "ALL").await.unwrap(),
            played.files,
            "the old token, the bank's key"
        );
        for (file, bytes) in played.files.iter().zip(&played.contents) {
            assert_eq!(&story.download(&played.data, BANK, file).await.unwrap(), bytes);
        }
        served.kill();
    }
    for line in both.lines() {
        let key = line.rsplit_once(' ').unwrap().1;
        assert!(!(shown.clone() + &again).contains(key), "the root key was shown");
    }
}

#[test]
fn a_directory_without_data_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let output = rewrap(folder.path(), &[]);
    assert!(!output.status.success());
    let told = texts(&output).1;
    assert_eq!(
        told,
        format!("avain: {} is no data directory: it has no store.sqlite and root.key\n", folder.path().display())
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Killed in the middle, again and again: every key opens at every moment, and in the end all are under the new root key.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rewrap_is_run_again() {
    const KEYS: usize = 400;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let directory = open(&data);
    fill(&*directory.store(), &directory.sealer(), KEYS).await;
    drop(directory);

    let mut in_the_middle = 0;
    for round in 0..6 {
        let log = data.join("store.sqlite-wal");
        let size = || std::fs::metadata(&log).map_or(0, |log| log.len());
        let mut command = avain();
        let mut child = command.arg("rewrap").arg("--data").arg(&data).stdout(Stdio::null()).spawn().unwrap();
        // After some of its writes; the log is there as long as somebody has the store open, and empty at first.
        while size() < 200_000 * (round + 1) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let directory = open(&data);
        let versions = versions(&directory.everything(), &directory.sealer()).await;
        assert_eq!(versions.values().sum::<usize>(), KEYS);
        in_the_middle += u32::from(versions.len() == 2);
    }
    assert!(in_the_middle > 0, "no kill was in the middle");
    let mut left = KEYS;
    for _ in 0..2 {
        let shown = succeeds(&rewrap(&data, &[]));
        let keys = shown.lines().find_map(|line| line.strip_prefix("keys: ")).unwrap();
        let (done, rest) = keys.split_once(" re-wrapped, ").unwrap();
        let (current, rest) = rest.split_once(" already current").unwrap();
        let (done, current): (usize, usize) = (done.parse().unwrap(), current.parse().unwrap());
        assert_eq!((done + current, rest), (KEYS, ", 0 conflicts, 0 failed"), "{shown}");
        assert!(done <= left);
        left = KEYS - done - current;
    }
    succeeds(&rewrap(&data, &["--drop-old"]));
    let directory = open(&data);
    assert_eq!(versions(&directory.everything(), &directory.sealer()).await, BTreeMap::from([(2, KEYS)]));
    assert_eq!(std::fs::read_to_string(data.join("root.key")).unwrap().lines().count(), 1);
}

/// A key that does not open is named and left, the others are done, and the old root key stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_keeps_the_old_root_key() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let directory = open(&data);
    let (store, sealer) = (directory.store(), directory.sealer());
    fill(&*store, &sealer, 3).await;
    let foreign = sealer.seal(&id(0), SECRET).await.unwrap();
    let moved = Record::SealedKey(SealedKey { id: id(1000), sealed: foreign });
    store.commit(vec![Write::Insert(moved.clone())]).await.unwrap();
    drop((store, sealer, directory));

    for (options, done) in [(vec![], "3 re-wrapped, 0"), (vec!["--drop-old"], "0 re-wrapped, 3")] {
        let output = rewrap(&data, &options);
        let (shown, told) = texts(&output);
        assert!(!output.status.success());
        assert!(shown.contains(&format!("keys: {done} already current, 0 conflicts, 1 failed\n")), "{shown}");
        assert!(told.contains("bank-key nordea/1000 of a@example.com (org-1): "), "{told}");
        assert!(told.ends_with("avain: 1 left as they were; run it again\n"), "{told}");
    }
    assert_eq!(std::fs::read_to_string(data.join("root.key")).unwrap().lines().count(), 2);
    let directory = open(&data);
    let found = directory.store().get(&[moved.key()]).await.unwrap();
    assert_eq!(found, [Stored { record: moved, version: 1 }]);
}

/// A record that was changed after it was read stays as it was changed.
#[tokio::test]
async fn a_change_in_between_wins() {
    let folder = TempDir::new().unwrap();
    let mut directory = open(&folder.path().join("data"));
    let store = directory.store();
    fill(&*store, &directory.sealer(), 1).await;
    directory.add_root_key().unwrap();
    let sealer = directory.sealer();
    let read = read_one(&directory.everything()).await;
    let changed = SealedKey { id: id(0), sealed: sealer.seal(&id(0), b"another").await.unwrap() };
    store.commit(vec![Write::Replace(Record::SealedKey(changed.clone()), 1)]).await.unwrap();
    assert_eq!(rewrap::key(&*store, &sealer, &read).await.unwrap(), Outcome::Conflict);
    let now = read_one(&directory.everything()).await;
    assert_eq!(now, Stored { record: changed, version: 2 });
    assert_eq!(rewrap::key(&*store, &sealer, &now).await.unwrap(), Outcome::Current);
    assert_eq!(read_one(&directory.everything()).await.version, 2, "and what is current is not written");
}

fn rewrap(data: &Path, options: &[&str]) -> Output {
    avain().arg("rewrap").arg("--data").arg(data).args(options).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let (shown, told) = texts(output);
    assert!(output.status.success() && told.is_empty(), "{shown}\n{told}");
    shown
}

fn open(data: &Path) -> DataDirectory {
    DataDirectory::open(data, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap()
}

fn id(number: usize) -> KeyId {
    KeyId {
        organisation: OrganisationId("org-1".to_owned()),
        holder: "a@example.com".to_owned(),
        kind: KeyKind::Bank,
        id: format!("nordea/{number}"),
    }
}

/// Seals and keeps so many keys.
async fn fill(store: &dyn Store, sealer: &Sealer, keys: usize) {
    for from in (0..keys).step_by(25) {
        let mut writes = Vec::new();
        for number in from..keys.min(from + 25) {
            let bytes = sealer.seal(&id(number), SECRET).await.unwrap();
            writes.push(Write::Insert(Record::SealedKey(SealedKey { id: id(number), sealed: bytes })));
        }
        store.commit(writes).await.unwrap();
    }
}

async fn read(store: &DynamoStore) -> Vec<Stored<SealedKey>> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let (records, next) = store.walk(Walked::SealedKeys, from).await.unwrap();
        found.extend(records.into_iter().map(|Stored { record, version }| match record {
            Record::SealedKey(record) => Stored { record, version },
            other => panic!("{other:?}"),
        }));
        if next.is_none() {
            return found;
        }
        from = next;
    }
}

async fn read_one(store: &DynamoStore) -> Stored<SealedKey> {
    read(store).await.remove(0)
}

/// Opens every key, and counts them by the version of the root key that they name.
async fn versions(store: &DynamoStore, sealer: &Sealer) -> BTreeMap<u32, usize> {
    let mut versions = BTreeMap::new();
    for Stored { record: SealedKey { id, sealed }, .. } in read(store).await {
        assert_eq!(sealer.open(&id, &sealed).await.unwrap().expose(), SECRET);
        let version = if sealed[0] == 2 { u32::from_be_bytes(sealed[1..5].try_into().unwrap()) } else { 1 };
        *versions.entry(version).or_default() += 1;
    }
    versions
}

#[cfg(feature = "aws")]
mod deployed {
    use std::process::Command;

    use avain_adapters_aws::kms::KmsVault;
    use avain_adapters_aws::store::TABLE_PROPERTIES;
    use avain_domain::ports::KeyVersions;
    use avain_test_support::ministack::{ACCOUNT, AccessKey, Ministack};
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

    use super::*;

    const REGION: &str = "eu-north-1";
    const TABLE: &str = "deployed";
    /// What the operator's own role must allow.
    const ACTIONS: [&str; 4] = ["dynamodb:Scan", "dynamodb:PutItem", "kms:GenerateDataKey", "kms:Decrypt"];
    const KEYS: usize = 120;

    macro_rules! client {
        ($sdk:ident, $server:expr) => {
            $sdk::Client::from_conf(
                $sdk::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::from_static(REGION))
                    .endpoint_url($server.endpoint())
                    .credentials_provider(Credentials::new(ACCOUNT, "test", None, None, "test"))
                    .build(),
            )
        };
    }

    /// The way of docs/deployment.md: functions seal with version 2, the command is killed and run again, and then functions
    /// that refuse version 1 open everything.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_tables_keys_are_rewrapped_while_functions_go_on() {
        let Some(server) = Ministack::start() else { return };
        let key_id = client!(aws_sdk_kms, server).create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        make_table(&server).await;
        let store = DynamoStore::new(client!(aws_sdk_dynamodb, server), TABLE.to_owned(), Arc::new(SystemRandom));
        // A function as it is started with these versions.
        let function = |current, minimum| {
            let vault = KmsVault::new(client!(aws_sdk_kms, server), key_id.clone());
            let vault = vault.with_versions(KeyVersions { current, minimum });
            Sealer::new(Arc::new(vault), Arc::new(SystemClock), Arc::new(SystemRandom))
        };
        fill(&store, &function(1, 1), KEYS).await;

        let user = server.user("operator", &ACTIONS);
        let command = |user: &AccessKey| command(&server, user, &key_id, 2);
        let stranger = server.user("stranger", &["kms:Decrypt", "kms:GenerateDataKey"]);
        let refusal = texts(&command(&stranger).output().unwrap()).1;
        assert!(refusal.contains("Scan: ") && refusal.contains("AccessDenied"), "{refusal}");

        // Killed once some are done. Meanwhile a function of either version opens whatever is there.
        let mut child = command(&user).stdout(Stdio::null()).spawn().unwrap();
        loop {
            let versions = versions(&store, &function(2, 1)).await;
            if versions.contains_key(&2) || child.try_wait().unwrap().is_some() {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let before = versions(&store, &function(1, 1)).await;
        assert_eq!(before.values().sum::<usize>(), KEYS);
        assert_eq!(before.len(), 2, "the kill was in the middle: {before:?}");
        let old = read(&store).await.into_iter().find(|it| it.record.sealed[0] == 1).unwrap().record;
        let refusal = function(2, 2).open(&old.id, &old.sealed).await.err().unwrap().to_string();
        assert!(refusal.contains("version 1 of the root key, and 2 is the lowest"), "{refusal}");

        for left in [before[&1], 0] {
            let done = succeeds(&command(&user).output().unwrap());
            let current = KEYS - left;
            let expected = format!("keys: {left} re-wrapped, {current} already current, 0 conflicts, 0 failed\n");
            assert_eq!(done, expected);
        }
        assert_eq!(versions(&store, &function(2, 2)).await, BTreeMap::from([(2, KEYS)]));
        // What was put back from before is refused, though KMS opens it still.
        assert!(function(2, 2).open(&old.id, &old.sealed).await.is_err());
        assert_eq!(function(2, 1).open(&old.id, &old.sealed).await.unwrap().expose(), SECRET);
    }

    fn command(server: &Ministack, (id, secret): &AccessKey, key: &str, version: u32) -> Command {
        let mut command = avain();
        command.args(["rewrap", "--table", TABLE, "--key", key, "--region", REGION]);
        command.args(["--key-version", &version.to_string()]).env_clear();
        command.env("AWS_ENDPOINT_URL", server.endpoint()).env("AWS_ACCESS_KEY_ID", id);
        command.env("AWS_SECRET_ACCESS_KEY", secret);
        command
    }

    async fn make_table(server: &Ministack) {
        assert!(TABLE_PROPERTIES.contains(r#""AttributeName": "PK""#));
        let client = client!(aws_sdk_dynamodb, server);
        let mut request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [("PK", KeyType::Hash), ("SK", KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            request = request
                .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
                .key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap());
        }
        request.send().await.unwrap();
    }
}
