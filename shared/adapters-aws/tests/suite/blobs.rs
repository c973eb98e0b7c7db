//! What any `Blobs` must do, as functions over the port. Each makes names of its own, so that all can run on one place.

use std::sync::Arc;

use avain_domain::ports::Blobs;

/// A blob comes back as it was kept, for another process too; the same again is fine.
pub(crate) async fn a_blob_is_kept_and_the_same_again_is_fine(blobs: &dyn Blobs, restarted: &dyn Blobs) {
    let name = "org-1/file/0a1b2c";
    assert_eq!(blobs.get(name).await.unwrap(), None);
    for _ in 0..2 {
        blobs.put(name, b"sealed").await.unwrap();
        for blobs in [blobs, restarted] {
            assert_eq!(blobs.get(name).await.unwrap().as_deref(), Some(b"sealed".as_slice()));
        }
    }
}

/// Names that begin alike, and a name below another's, are different blobs.
pub(crate) async fn names_keep_apart(blobs: &dyn Blobs) {
    let names = ["apart/a", "apart/ab", "apart/b/a", "apart/b/ab", "apart2/a"];
    for name in names {
        blobs.put(name, name.as_bytes()).await.unwrap();
    }
    for name in names {
        assert_eq!(blobs.get(name).await.unwrap().as_deref(), Some(name.as_bytes()));
    }
    for absent in ["apart", "apart/b", "apart/a/a", "apart/abc"] {
        assert_eq!(blobs.get(absent).await.ok().flatten(), None, "{absent}");
    }
}

/// Every byte, none, and more than one packet.
pub(crate) async fn any_bytes_come_back(blobs: &dyn Blobs) {
    let large: Vec<u8> = (0..5_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let all = (0..=255).collect();
    for (name, bytes) in [("bytes/none", Vec::new()), ("bytes/all", all), ("bytes/large", large)] {
        blobs.put(name, &bytes).await.unwrap();
        assert!(blobs.get(name).await.unwrap().is_some_and(|kept| kept == bytes), "{name}");
    }
}

/// 16 that keep one name at the same time all succeed.
pub(crate) async fn concurrent_writes_of_one_name_all_succeed(blobs: Arc<dyn Blobs>) {
    let bytes = vec![7; 100_000];
    let puts: Vec<_> = (0..16)
        .map(|_| {
            let (blobs, bytes) = (Arc::clone(&blobs), bytes.clone());
            tokio::spawn(async move { blobs.put("concurrent/b/c", &bytes).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    assert_eq!(blobs.get("concurrent/b/c").await.unwrap(), Some(bytes));
}

/// Names that could leave the place are refused; the longest one is not.
pub(crate) async fn names_are_letters_digits_hyphens_and_slashes(blobs: &dyn Blobs) {
    let long = "a".repeat(513);
    for name in ["", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "A", "a b", "a\0", "ä", "a\\b", "a.b", &long]
    {
        assert!(blobs.put(name, b"x").await.is_err(), "{name:?}");
        assert!(blobs.get(name).await.is_err(), "{name:?}");
    }
    let longest = ["0123456789-abcdefghijklmnopqrstuvwxyz"; 13].join("/");
    blobs.put(&longest, b"x").await.unwrap();
    assert_eq!(blobs.get(&longest).await.unwrap().as_deref(), Some(b"x".as_slice()));
}
