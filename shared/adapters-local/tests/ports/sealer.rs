//! Sealing under the key file: what is sealed opens for its own identity only (R26 to R30).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use avain_adapters_local::random::SystemRandom;
use avain_adapters_local::vault::{self, KeyFileVault};
use avain_domain::names::OrganisationId;
use avain_domain::ports::{DataKey, KeyContext, KeyVersions, Unavailable, Vault};
use avain_domain::records::{KeyId, KeyKind};
use avain_domain::seal::Sealer;
use avain_domain::secret::Secret;
use proptest::prelude::*;
use time::Duration;

use crate::support::FakeClock;

/// Counts what reaches the vault.
struct Counted {
    vault: KeyFileVault,
    calls: AtomicU32,
}

#[async_trait]
impl Vault for Counted {
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.vault.generate(context).await
    }
    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.vault.open(context, wrapped).await
    }
}

struct World {
    folder: tempfile::TempDir,
    vault: Arc<Counted>,
    clock: Arc<FakeClock>,
    sealer: Sealer,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = KeyFileVault::open(&folder.path().join("root.key")).unwrap();
    let vault = Arc::new(Counted { vault, calls: AtomicU32::new(0) });
    let clock = Arc::new(FakeClock::default());
    let sealer = Sealer::new(vault.clone(), clock.clone(), Arc::new(SystemRandom));
    World { folder, vault, clock, sealer }
}

impl World {
    /// Another process on the same root key: nothing in its memory.
    fn restarted(&self) -> Sealer {
        let vault = KeyFileVault::open(&self.folder.path().join("root.key")).unwrap();
        Sealer::new(Arc::new(vault), self.clock.clone(), Arc::new(SystemRandom))
    }

    fn calls(&self) -> u32 {
        self.vault.calls.swap(0, Ordering::SeqCst)
    }
}

fn key(organisation: &str, holder: &str, kind: KeyKind, id: &str) -> KeyId {
    KeyId { organisation: OrganisationId(organisation.to_owned()), holder: holder.to_owned(), kind, id: id.to_owned() }
}

fn id() -> KeyId {
    key("org-1", "a@example.com", KeyKind::Bank, "nordea/1")
}

fn wrapped_key(sealed: &[u8]) -> Vec<u8> {
    sealed[3..3 + usize::from(u16::from_be_bytes([sealed[1], sealed[2]]))].to_vec()
}

#[tokio::test]
async fn a_blob_moved_to_another_record_does_not_open() {
    let world = world();
    let sealed = world.sealer.seal(&id(), b"a private key").await.unwrap();
    assert_eq!(world.restarted().open(&id(), &sealed).await.unwrap().expose(), b"a private key");
    for other in [
        key("org-2", "a@example.com", KeyKind::Bank, "nordea/1"),
        key("org-1", "b@example.com", KeyKind::Bank, "nordea/1"),
        key("org-1", "a@example.com", KeyKind::File, "nordea/1"),
        key("org-1", "a@example.com", KeyKind::Bank, "nordea/2"),
        // The same letters, cut elsewhere.
        key("org-1", "a@example.comnor", KeyKind::Bank, "dea/1"),
    ] {
        assert!(world.sealer.open(&other, &sealed).await.is_err(), "{other:?}");
        assert!(world.restarted().open(&other, &sealed).await.is_err(), "{other:?}");
    }
}

#[tokio::test]
async fn no_changed_byte_and_no_shorter_blob_opens() {
    let world = world();
    let sealed = world.sealer.seal(&id(), b"a private key").await.unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(world.sealer.open(&id(), &changed).await.is_err(), "byte {at}");
        assert!(world.sealer.open(&id(), &sealed[..at]).await.is_err(), "length {at}");
    }
}

#[tokio::test]
async fn the_vault_is_asked_once_per_organisation_kind_and_quarter_of_an_hour() {
    let world = world();
    let sealed = world.sealer.seal(&id(), b"one").await.unwrap();
    world.sealer.seal(&id(), b"two").await.unwrap();
    world.sealer.open(&id(), &sealed).await.unwrap();
    assert_eq!(world.calls(), 1);

    world.sealer.seal(&key("org-2", "a@example.com", KeyKind::Bank, "nordea/1"), b"one").await.unwrap();
    world.sealer.seal(&key("org-1", "a@example.com", KeyKind::File, "nordea/1"), b"one").await.unwrap();
    assert_eq!(world.calls(), 2);

    world.clock.forward(Duration::minutes(15));
    world.sealer.open(&id(), &sealed).await.unwrap();
    world.sealer.open(&id(), &sealed).await.unwrap();
    assert_eq!(world.calls(), 1, "an old data key is opened anew");
    world.sealer.seal(&id(), b"three").await.unwrap();
    assert_eq!(world.calls(), 1, "and seals no more");
}

/// Rewrapped bytes hold the same under another data key, and still open for their own identity only.
#[tokio::test]
async fn rewrapping_changes_the_data_key_and_nothing_else() {
    let world = world();
    let sealed = world.sealer.seal(&id(), b"a private key").await.unwrap();
    let mut wrapped = HashSet::from([wrapped_key(&sealed)]);
    for round in 1..4 {
        world.calls();
        // The data key that sealed them still serves, and is not used for this.
        let again = world.sealer.rewrap(&id(), &sealed).await.unwrap();
        assert_eq!(world.calls(), 2, "one fresh data key, opened again; the old one is in memory");
        assert!(wrapped.insert(wrapped_key(&again)), "round {round}: the same data key");
        assert_eq!(again.len(), sealed.len());
        assert!(!again.windows(13).any(|part| part == b"a private key"));
        assert_eq!(world.restarted().open(&id(), &again).await.unwrap().expose(), b"a private key");
        let other = key("org-1", "b@example.com", KeyKind::Bank, "nordea/1");
        assert!(world.restarted().open(&other, &again).await.is_err());
    }
    // What was there before still opens: a rewrap that is not kept loses nothing.
    assert_eq!(world.restarted().open(&id(), &sealed).await.unwrap().expose(), b"a private key");
}

/// A vault whose first root key is still there, and refused.
struct Minimum(KeyFileVault);

#[async_trait]
impl Vault for Minimum {
    fn versions(&self) -> KeyVersions {
        KeyVersions { current: 2, minimum: 2 }
    }
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        self.0.generate(context).await
    }
    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.0.open(context, wrapped).await
    }
}

/// R28: bytes carry the version of the root key that they were sealed under; below the minimum no key opens, but a file does.
#[tokio::test]
async fn a_key_below_the_minimum_version_does_not_open() {
    let world = world();
    let path = world.folder.path().join("root.key");
    let file = key("org-1", "a@example.com", KeyKind::File, "blob");
    let first = world.sealer.seal(&id(), b"a private key").await.unwrap();
    let first_file = world.sealer.seal(&file, b"a statement").await.unwrap();
    assert!(world.sealer.is_current(&first));
    vault::add_root_key(&path).unwrap();

    let both = world.restarted();
    assert!(!both.is_current(&first));
    assert_eq!(both.open(&id(), &first).await.unwrap().expose(), b"a private key");
    let second = both.rewrap(&id(), &first).await.unwrap();
    assert_eq!((first[0], &second[..5]), (1, [2, 0, 0, 0, 2].as_slice()));
    assert!(both.is_current(&second) && !both.is_current(&second[1..]) && !both.is_current(&[]));
    assert!(world.sealer.open(&id(), &second).await.is_err(), "the old root key alone does not open the new");
    // The version is under the seal: no other number opens, not even the one of the format without a number.
    for version in [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 3], [1, 0, 0, 2]] {
        let changed = [&[2], version.as_slice(), &second[5..]].concat();
        assert!(both.open(&id(), &changed).await.is_err(), "{version:?}");
    }
    assert!(both.open(&id(), &[&[1], &second[5..]].concat()).await.is_err());
    assert!(both.open(&id(), &[&[2, 0, 0, 0, 2], &first[1..]].concat()).await.is_err());

    let minimum = Arc::new(Minimum(KeyFileVault::open(&path).unwrap()));
    let minimum = Sealer::new(minimum, world.clock.clone(), Arc::new(SystemRandom));
    let refusal = minimum.open(&id(), &first).await.err().unwrap().to_string();
    assert!(refusal.contains("version 1 of the root key, and 2 is the lowest"), "{refusal}");
    assert!(minimum.rewrap(&id(), &first).await.is_err());
    assert_eq!(minimum.open(&id(), &second).await.unwrap().expose(), b"a private key");
    assert_eq!(minimum.open(&file, &first_file).await.unwrap().expose(), b"a statement");

    vault::drop_old_root_keys(&path).unwrap();
    let newest = world.restarted();
    assert!(newest.open(&id(), &first).await.is_err());
    assert!(newest.open(&file, &first_file).await.is_err());
    assert_eq!(newest.open(&id(), &second).await.unwrap().expose(), b"a private key");
}

#[tokio::test]
async fn what_does_not_open_is_not_rewrapped() {
    let world = world();
    let sealed = world.sealer.seal(&id(), b"a private key").await.unwrap();
    world.calls();
    let other = key("org-1", "b@example.com", KeyKind::Bank, "nordea/1");
    assert!(world.sealer.rewrap(&other, &sealed).await.is_err());
    assert!(world.sealer.rewrap(&id(), &sealed[1..]).await.is_err());
    let mut changed = sealed;
    *changed.last_mut().unwrap() ^= 1;
    assert!(world.sealer.rewrap(&id(), &changed).await.is_err());
    assert_eq!(world.calls(), 0, "no data key is made for it");
}

#[tokio::test]
async fn no_two_seals_are_alike() {
    let world = world();
    let mut seen = HashSet::new();
    for _ in 0..500 {
        let sealed = world.sealer.seal(&id(), b"the same").await.unwrap();
        // Version, length and wrapped key come first, then the nonce.
        let nonce = 3 + wrapped_key(&sealed).len();
        assert!(seen.insert(sealed[nonce..nonce + 12].to_vec()), "a nonce came twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_sealed_opens(plaintext in prop::collection::vec(any::<u8>(), 0..4096)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = world();
            let sealed = world.sealer.seal(&id(), &plaintext).await.unwrap();
            let opened = world.restarted().open(&id(), &sealed).await.unwrap();
            assert_eq!(opened.expose(), plaintext);
        });
    }

    #[test]
    fn bytes_that_nobody_sealed_do_not_open(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { assert!(world().sealer.open(&id(), &bytes).await.is_err()); });
    }
}
