use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use avain_adapters_local::blobs::BlobFolder;
use avain_domain::ports::Blobs;
use proptest::prelude::*;

#[path = "../../../adapters-aws/tests/suite/blobs.rs"]
mod suite;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The port's own suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_blobs_suite() {
    let folder = tempfile::tempdir().unwrap();
    let blobs: Arc<dyn Blobs> = Arc::new(BlobFolder::open(folder.path()).unwrap());
    suite::a_blob_is_kept_and_the_same_again_is_fine(&*blobs, &BlobFolder::open(folder.path()).unwrap()).await;
    suite::names_keep_apart(&*blobs).await;
    suite::any_bytes_come_back(&*blobs).await;
    suite::concurrent_writes_of_one_name_all_succeed(Arc::clone(&blobs)).await;
    suite::names_are_letters_digits_hyphens_and_slashes(&*blobs).await;
}

#[tokio::test]
async fn files_are_for_their_owner_only_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let blobs = BlobFolder::open(&root).unwrap();
    let name = "org-1/file/0a1b2c";
    blobs.put(name, b"sealed").await.unwrap();
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join("org-1/file")), 0o700);
    assert_eq!(mode(&root.join(name)), 0o600);
    assert_eq!(std::fs::read_dir(root.join(".new")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_an_interrupted_write_left_is_cleared_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    BlobFolder::open(folder.path()).unwrap();
    std::fs::write(folder.path().join(".new/half"), b"ha").unwrap();
    let blobs = BlobFolder::open(folder.path()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join(".new")).unwrap().count(), 0);
    assert!(blobs.get(".new/half").await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_name_nothing_is_written_outside(name in "[a-zA-Z0-9./\\-]{1,24}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(&folder.path().join("blobs")).unwrap();
        let kept = runtime.block_on(blobs.put(&name, b"x")).is_ok();
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        prop_assert_eq!(kept, folder.path().join("blobs").join(&name).is_file());
    }
}
