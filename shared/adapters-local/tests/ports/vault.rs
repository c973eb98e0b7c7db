use std::collections::HashSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use avain_adapters_local::Error;
use avain_adapters_local::vault::{self, KeyFileVault};
use avain_domain::ports::{KeyVersions, Vault};
use avain_domain::records::KeyKind;
use tempfile::TempDir;

#[path = "../../../adapters-aws/tests/suite/vault.rs"]
mod suite;

use suite::context;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    (folder, path)
}

/// The port's own suite.
#[tokio::test]
async fn the_vaults_suite() {
    let (_folder, path) = place();
    let vault = KeyFileVault::open(&path).unwrap();
    suite::a_data_key_opens_again(&vault, &KeyFileVault::open(&path).unwrap()).await;
    suite::a_data_key_opens_in_no_other_context(&vault).await;
    suite::data_keys_never_repeat(&vault, 2000).await;
    suite::bytes_that_nobody_wrapped_do_not_open(&vault).await;
    suite::no_changed_or_cut_wrapped_key_opens(&vault, None).await;
}

/// R30.
#[tokio::test]
async fn nonces_never_repeat() {
    let (_folder, path) = place();
    let vault = KeyFileVault::open(&path).unwrap();
    let bank = context(KeyKind::Bank, "org-1");
    let mut nonces = HashSet::new();
    for _ in 0..2000 {
        let wrapped = vault.generate(&bank).await.unwrap().wrapped;
        assert_eq!(wrapped.len(), 69);
        assert!(nonces.insert(wrapped[9..21].to_vec()));
    }
}

#[tokio::test]
async fn another_root_key_is_named_as_the_reason() {
    let ((_one, here), (_two, there)) = (place(), place());
    let bank = context(KeyKind::Bank, "org-1");
    let wrapped = KeyFileVault::open(&here).unwrap().generate(&bank).await.unwrap().wrapped;
    let error = KeyFileVault::open(&there).unwrap().open(&bank, &wrapped).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the data key was wrapped by another root key: is this the root key file of this data?"
    );
}

#[test]
fn the_root_key_file_is_for_its_owner_only() {
    let (folder, path) = place();
    KeyFileVault::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left in the folder");

    for mode in [0o644, 0o640, 0o620, 0o601] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = KeyFileVault::open(&path).err().unwrap();
        assert!(matches!(error, Error::Exposed { mode: told, .. } if told == mode), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(KeyFileVault::open(&path).is_ok());
}

/// A new root key wraps, the old one opens until it is dropped.
#[tokio::test]
async fn a_root_key_follows_another() {
    let (folder, path) = place();
    let bank = context(KeyKind::Bank, "org-1");
    let first = KeyFileVault::open(&path).unwrap();
    assert_eq!(first.versions(), KeyVersions::default());
    let old = first.generate(&bank).await.unwrap();
    let line = std::fs::read_to_string(&path).unwrap();
    vault::add_root_key(&path).unwrap();
    vault::add_root_key(&path).unwrap();

    let third = KeyFileVault::open(&path).unwrap();
    assert_eq!(third.versions(), KeyVersions { current: 3, minimum: 1 });
    let text = std::fs::read_to_string(&path).unwrap();
    let begins: Vec<&str> = text.lines().map(|line| &line[..17]).collect();
    assert_eq!(begins, ["avain-root-key 1 ", "avain-root-key 2 ", "avain-root-key 3 "]);
    assert!(text.starts_with(&line));
    let new = third.generate(&bank).await.unwrap();
    assert_eq!(third.open(&bank, &old.wrapped).await.unwrap().expose(), old.plaintext.expose());
    assert_eq!(third.open(&bank, &new.wrapped).await.unwrap().expose(), new.plaintext.expose());
    assert!(first.open(&bank, &new.wrapped).await.is_err());
    for wrapped in [&old.wrapped, &new.wrapped] {
        assert!(third.open(&context(KeyKind::Bank, "org-2"), wrapped).await.is_err());
    }

    let newest = KeyFileVault::open_newest(&path).unwrap();
    assert_eq!(newest.versions(), KeyVersions { current: 3, minimum: 3 });
    assert!(newest.open(&bank, &old.wrapped).await.is_err());
    vault::drop_old_root_keys(&path).unwrap();
    let last = KeyFileVault::open(&path).unwrap();
    assert_eq!(last.versions(), KeyVersions { current: 3, minimum: 3 });
    assert!(last.open(&bank, &old.wrapped).await.is_err());
    assert_eq!(last.open(&bank, &new.wrapped).await.unwrap().expose(), new.plaintext.expose());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left in the folder");
}

#[test]
fn a_root_key_file_is_not_written_again_by_opening() {
    let (_folder, path) = place();
    KeyFileVault::open(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    KeyFileVault::open(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_root_key_file_is_refused_and_kept() {
    let (_folder, path) = place();
    KeyFileVault::open(&path).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let damaged = [
        String::new(),
        good.trim_end().to_owned(),
        good.replace(" 1 ", " 0 "),
        good.replace(" 1 ", " 01 "),
        good.replace(" 1 ", " +1 "),
        format!("{good}x"),
        format!("{good}\n"),
        format!("{good}{good}"),
        format!("{}{good}", good.replace(" 1 ", " 2 ")),
        format!("avain-root-key 1 {}\n", "A".repeat(40)),
        "x".repeat(100_000),
    ];
    for text in damaged {
        std::fs::write(&path, &text).unwrap();
        let error = KeyFileVault::open(&path).err().unwrap();
        assert!(matches!(error, Error::NotARootKey(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn many_that_open_at_once_get_one_root_key() {
    let (folder, path) = place();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| KeyFileVault::open(&path).map(drop).unwrap());
        }
    });
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}
