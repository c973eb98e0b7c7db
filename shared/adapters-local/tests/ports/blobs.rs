use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use avain_adapters_local::blobs::BlobFolder;
use avain_domain::ports::Blobs;
use proptest::prelude::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_blob_is_kept_and_the_same_again_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let blobs = BlobFolder::open(&root).unwrap();
    let name = "org-1/file/0a1b2c";
    assert_eq!(blobs.get(name).await.unwrap(), None);
    for _ in 0..2 {
        blobs.put(name, b"sealed").await.unwrap();
        assert_eq!(blobs.get(name).await.unwrap().as_deref(), Some(b"sealed".as_slice()));
    }
    let reopened = BlobFolder::open(&root).unwrap();
    assert_eq!(reopened.get(name).await.unwrap().as_deref(), Some(b"sealed".as_slice()));

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

#[tokio::test]
async fn concurrent_writes_of_one_name_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobFolder::open(folder.path()).unwrap();
    let bytes = vec![7; 100_000];
    let puts: Vec<_> = (0..16)
        .map(|_| {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            tokio::spawn(async move { blobs.put("a/b/c", &bytes).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    assert_eq!(blobs.get("a/b/c").await.unwrap(), Some(bytes));
}

#[tokio::test]
async fn names_that_could_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobFolder::open(folder.path()).unwrap();
    let long = "a".repeat(513);
    for name in ["", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "A", "a b", "a\0", "ä", "a\\b", &long] {
        assert!(blobs.put(name, b"x").await.is_err(), "{name:?}");
        assert!(blobs.get(name).await.is_err(), "{name:?}");
    }
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
