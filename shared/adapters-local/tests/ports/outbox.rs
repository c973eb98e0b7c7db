use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_domain::names::Mode;

use crate::support::{self, PHONE, admin, data};

#[tokio::test]
async fn each_code_is_one_line_of_a_private_file() {
    let world = support::world().await;
    let path = world.folder.path().join("outbox.jsonl");
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let outbox = Outbox::open(&path).unwrap().observed_by(move |message| {
        assert_eq!(message.code.len(), 6);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let outbox = Arc::new(outbox);
    let pool = support::open(&world.database, world.folder.path(), &outbox, &world.clock).await;
    let world = support::World { pool: Arc::new(pool), outbox, ..world };
    world.sign_up(&admin()).await.unwrap();
    world.sign_up(&data()).await.unwrap();

    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let code = lines[1]["code"].as_str().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let expected = serde_json::json!({
        "at": "2027-01-15T08:00:00Z", "kind": "phone", "email": "anna@example.com", "mode": "data", "to": PHONE, "code": code
    });
    assert_eq!(lines[1], expected);

    let login = data();
    assert!(world.outbox.newest(&login.email, Mode::Data, CodeKind::Phone).is_none(), "remembers only when asked to");
}

#[tokio::test]
async fn the_newest_code_is_found_by_login_and_kind() {
    let world = support::world().await;
    let login = admin();
    world.sign_up(&login).await.unwrap();
    let first = world.code(&login, CodeKind::Phone);
    world.clock.forward(time::Duration::minutes(1));
    world.sign_up(&login).await.unwrap();
    assert_ne!(world.code(&login, CodeKind::Phone), first);
    assert!(world.outbox.newest(&login.email, Mode::Data, CodeKind::Phone).is_none());
    assert!(world.outbox.newest(&login.email, Mode::Admin, CodeKind::Mfa).is_none());
}

#[test]
fn an_outbox_that_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Outbox::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}
