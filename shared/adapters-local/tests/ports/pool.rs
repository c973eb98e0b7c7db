//! The steps of a login, from registration to sign-out (brief 2.3).

use std::sync::Arc;

use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_domain::names::Mode;
use avain_domain::ports::{Clock, Factor, Identity, IdentityError, SignIn, Tokens};
use avain_domain::secret::Password;
use dynoxide::Database;
use time::Duration;

use crate::support::{self, API_KEY, PASSWORD, PHONE, World, access_token, admin, data, login, session, wrong};

#[tokio::test]
async fn an_admin_goes_through_every_step() {
    let (world, login) = (support::world().await, admin());
    world.sign_up(&login).await.unwrap();
    let sent = world.outbox.newest(&login.email, login.mode, CodeKind::Phone).unwrap();
    assert_eq!(sent.to, PHONE);

    assert!(matches!(world.sign_in(&login).await.unwrap(), SignIn::VerifyPhone));
    let resent = world.code(&login, CodeKind::Phone);
    assert_ne!(*sent.code, resent, "the code was sent again");
    let old = world.pool.confirm_phone(&login, PHONE, &sent.code).await;
    assert!(matches!(old, Err(IdentityError::WrongCode)), "the first code is no longer good");
    world.pool.confirm_phone(&login, PHONE, &resent).await.unwrap();

    let first = session(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Mfa);
    let token = access_token(world.pool.answer_factor(&login, &first, &code).await.unwrap());
    let sent = world.outbox.newest(&login.email, login.mode, CodeKind::Email).unwrap();
    assert_eq!(sent.to, "anna@example.com");
    world.pool.verify_email(&login, &token, &sent.code).await.unwrap();

    let tokens = world.logged_in(&login).await;
    assert_eq!((tokens.expires_in, tokens.api_key.as_str(), tokens.organisation.0.as_str()), (3600, API_KEY, "org-1"));
    let claims = world.pool.tokens().verify(&tokens.id_token, world.clock.now()).await.unwrap().unwrap();
    assert_eq!(claims.login, login);
    assert_eq!(claims.organisation.0, "org-1");
    assert_eq!((claims.issued, claims.authenticated), (world.clock.now(), world.clock.now()));
}

#[tokio::test]
async fn data_mode_has_no_second_factor() {
    let (world, login) = (support::world().await, data());
    world.with_phone(&login).await;
    let token = access_token(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Email);
    world.pool.verify_email(&login, &token, &code).await.unwrap();
    assert!(matches!(world.sign_in(&login).await.unwrap(), SignIn::Done(_)));
    assert!(world.outbox.newest(&login.email, login.mode, CodeKind::Mfa).is_none());
    let answer = world.pool.answer_factor(&login, "any", "123456").await;
    assert!(matches!(answer, Err(IdentityError::NoSession)));
}

#[tokio::test]
async fn modes_are_separate_users() {
    let world = support::world().await;
    world.ready(&admin()).await;
    assert!(matches!(world.sign_in(&data()).await, Err(IdentityError::WrongCredentials)));
    world.sign_up_with(&data(), "Another-Password-Of-Data-1").await.unwrap();
    assert!(matches!(world.sign_in(&data()).await, Err(IdentityError::WrongCredentials)));
    assert!(matches!(world.sign_in(&admin()).await.unwrap(), SignIn::SecondFactor { factor: Factor::Sms, .. }));
}

/// Cognito's user names of these two are the same.
#[tokio::test]
async fn addresses_that_look_alike_are_separate_users() {
    let world = support::world().await;
    world.ready(&login("a@b_at_c", Mode::Data)).await;
    let other = login("a_at_b@c", Mode::Data);
    assert!(matches!(world.sign_in(&other).await, Err(IdentityError::WrongCredentials)));
    world.ready(&other).await;
}

#[tokio::test]
async fn a_user_whose_registration_broke_off_is_replaced() {
    let (world, login) = (support::world().await, admin());
    world.sign_up_with(&login, "The-First-Password-Of-All-1").await.unwrap();
    let first = world.code(&login, CodeKind::Phone);
    let at_the_same_time = world.sign_up(&login).await;
    assert!(matches!(at_the_same_time, Err(IdentityError::UserExists)), "a registration under way is nobody else's");
    world.clock.forward(Duration::minutes(1));
    world.sign_up(&login).await.unwrap();
    let result = world.pool.confirm_phone(&login, PHONE, &first).await;
    assert!(matches!(result, Err(IdentityError::WrongCode)), "the code of the replaced user is not good");
    let code = world.code(&login, CodeKind::Phone);
    world.pool.confirm_phone(&login, PHONE, &code).await.unwrap();

    world.clock.forward(Duration::minutes(1));
    let again = world.sign_up_with(&login, "The-Third-Password-Of-All-3").await;
    assert!(matches!(again, Err(IdentityError::UserExists)));
    assert!(world.sign_in(&login).await.is_ok(), "nothing of the refused registration was kept");
}

/// R20: one answer.
#[tokio::test]
async fn unknown_user_and_wrong_password_are_one_error() {
    let world = support::world().await;
    world.ready(&admin()).await;
    let password = Password::new("Wrong-Password-Entirely-1".to_owned());
    for login in [admin(), data(), login("nobody@example.com", Mode::Admin)] {
        let Err(error) = world.pool.sign_in(&login, &password).await else { panic!("signed in") };
        assert!(matches!(error, IdentityError::WrongCredentials));
        assert_eq!(error.to_string(), "wrong credentials");
    }
}

/// Who has an account cannot be found out with codes.
#[tokio::test]
async fn phone_codes_tell_nothing_about_who_is_known() {
    let (world, login) = (support::world().await, admin());
    world.sign_up(&login).await.unwrap();
    let code = world.code(&login, CodeKind::Phone);
    let other_phone = world.pool.confirm_phone(&login, "+358400000000", &code).await;
    assert!(matches!(other_phone, Err(IdentityError::CodeExpired)));
    let unknown = world.pool.confirm_phone(&data(), PHONE, &code).await;
    assert!(matches!(unknown, Err(IdentityError::CodeExpired)));
    world.pool.confirm_phone(&login, PHONE, &code).await.unwrap();
    let verified = world.pool.confirm_phone(&login, PHONE, &code).await;
    assert!(matches!(verified, Err(IdentityError::CodeExpired)));
}

#[tokio::test]
async fn a_later_login_takes_the_session_of_an_earlier_one() {
    let (world, login) = (support::world().await, admin());
    world.ready(&login).await;
    let first = session(world.sign_in(&login).await.unwrap());
    let first_code = world.code(&login, CodeKind::Mfa);
    let second = session(world.sign_in(&login).await.unwrap());
    let second_code = world.code(&login, CodeKind::Mfa);
    assert_ne!(first, second);
    let replaced = world.pool.answer_factor(&login, &first, &first_code).await;
    assert!(matches!(replaced, Err(IdentityError::NoSession)));
    let crossed = world.pool.answer_factor(&login, &second, &first_code).await;
    assert!(matches!(crossed, Err(IdentityError::WrongCode)));
    assert!(matches!(world.pool.answer_factor(&login, &second, &second_code).await.unwrap(), SignIn::Done(_)));
    let used = world.pool.answer_factor(&login, &second, &second_code).await;
    assert!(matches!(used, Err(IdentityError::NoSession)));
}

#[tokio::test]
async fn a_session_is_bound_to_its_login() {
    let (world, login) = (support::world().await, admin());
    let bertil = support::login("bertil@example.com", Mode::Admin);
    world.ready(&login).await;
    world.ready(&bertil).await;
    let session = session(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Mfa);
    for other in [&bertil, &data(), &support::login("nobody@example.com", Mode::Admin)] {
        let answer = world.pool.answer_factor(other, &session, &code).await;
        assert!(matches!(answer, Err(IdentityError::NoSession)));
    }
    assert!(matches!(world.pool.answer_factor(&login, &session, &code).await.unwrap(), SignIn::Done(_)));
}

#[tokio::test]
async fn an_access_token_verifies_its_own_address_only() {
    let (world, login) = (support::world().await, data());
    let bertil = support::login("bertil@example.com", Mode::Data);
    world.ready(&bertil).await;
    world.with_phone(&login).await;
    let own = access_token(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Email);
    let of_bertil = world.logged_in(&bertil).await;
    for token in [of_bertil.access_token.as_str(), &of_bertil.id_token, "", "a.b.c"] {
        let result = world.pool.verify_email(&login, token, &code).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
    world.pool.verify_email(&login, &own, &code).await.unwrap();
}

#[tokio::test]
async fn an_access_token_lasts_an_hour() {
    let (world, login) = (support::world().await, data());
    world.with_phone(&login).await;
    let token = access_token(world.sign_in(&login).await.unwrap());
    world.clock.forward(Duration::seconds(3599));
    access_token(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Email);
    let result = world.pool.verify_email(&login, &token, &wrong(&code)).await;
    assert!(matches!(result, Err(IdentityError::WrongCode)), "the token is still good");
    world.clock.forward(Duration::seconds(1));
    let result = world.pool.verify_email(&login, &token, &code).await;
    assert!(matches!(result, Err(IdentityError::NoSession)));
}

#[tokio::test]
async fn an_access_token_dies_with_the_user_it_was_made_for() {
    let (one, two) = (support::world().await, support::world().await);
    let login = data();
    one.with_phone(&login).await;
    let token = access_token(one.sign_in(&login).await.unwrap());
    // The same pool keys, but the name was registered anew.
    let database = Database::memory().unwrap();
    copy_keys(&one.database, &database);
    let pool = support::open(&database, one.folder.path(), &two.outbox, &two.clock).await;
    let other = World { pool: Arc::new(pool), database, ..two };
    other.sign_up_with(&support::login("first@example.com", Mode::Data), PASSWORD).await.unwrap();
    other.with_phone(&login).await;
    let own = access_token(other.sign_in(&login).await.unwrap());
    let code = other.code(&login, CodeKind::Email);
    let result = other.pool.verify_email(&login, &token, &code).await;
    assert!(matches!(result, Err(IdentityError::NoSession)));
    other.pool.verify_email(&login, &own, &code).await.unwrap();
}

#[tokio::test]
async fn sign_out_revokes_older_tokens_and_open_sessions() {
    let (world, login) = (support::world().await, data());
    world.with_phone(&login).await;
    let token = access_token(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Email);
    world.clock.forward(Duration::seconds(1));
    world.pool.sign_out(&login).await.unwrap();
    let result = world.pool.verify_email(&login, &token, &code).await;
    assert!(matches!(result, Err(IdentityError::NoSession)));

    // A token of the very second of the sign-out is good (brief 2.3).
    let token = access_token(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Email);
    world.pool.verify_email(&login, &token, &code).await.unwrap();

    let login = admin();
    world.ready(&login).await;
    let session = session(world.sign_in(&login).await.unwrap());
    let code = world.code(&login, CodeKind::Mfa);
    world.pool.sign_out(&login).await.unwrap();
    let answer = world.pool.answer_factor(&login, &session, &code).await;
    assert!(matches!(answer, Err(IdentityError::NoSession)));
    world.pool.sign_out(&support::login("nobody@example.com", Mode::Data)).await.unwrap();
}

#[tokio::test]
async fn users_and_keys_outlive_the_process() {
    let world = support::world().await;
    let path = world.folder.path().join("store.db");
    let login = admin();
    let open = async || {
        let database = Database::new(path.to_str().unwrap()).unwrap();
        let outbox = Arc::new(Outbox::in_memory());
        let pool = support::open(&database, world.folder.path(), &outbox, &world.clock).await;
        let (clock, folder) = (Arc::clone(&world.clock), tempfile::tempdir().unwrap());
        World { pool: Arc::new(pool), outbox, clock, folder, database }
    };
    let first = open().await;
    first.ready(&login).await;
    let tokens = first.logged_in(&login).await;
    let session = session(first.sign_in(&login).await.unwrap());
    let code = first.code(&login, CodeKind::Mfa);
    let jwks = first.pool.tokens().jwks();
    drop(first);

    let second = open().await;
    assert_eq!(second.pool.tokens().jwks(), jwks);
    assert!(second.pool.tokens().verify(&tokens.id_token, second.clock.now()).await.unwrap().is_some());
    assert!(matches!(second.pool.answer_factor(&login, &session, &code).await.unwrap(), SignIn::Done(_)));
    drop(second);

    let wal = std::fs::read(path.with_extension("db-wal")).unwrap_or_default();
    let bytes = [std::fs::read(&path).unwrap(), wal].concat();
    let contains = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(contains(b"$argon2id$v=19$"), "this is where users are");
    assert!(!contains(PASSWORD.as_bytes()) && !contains(session.as_bytes()));
}

/// A store with another vault's root key is refused, not given new keys.
#[tokio::test]
async fn keys_of_another_vault_do_not_open() {
    let (one, two) = (support::world().await, support::world().await);
    std::fs::copy(two.folder.path().join("root.key"), one.folder.path().join("root.key")).unwrap();
    let parts = avain_adapters_local::pool::PoolParts {
        database: one.database.clone(),
        vault: Arc::new(avain_adapters_local::vault::KeyFileVault::open(&one.folder.path().join("root.key")).unwrap()),
        outbox: Arc::clone(&one.outbox),
        clock: Arc::<support::FakeClock>::clone(&one.clock),
        random: Arc::new(support::SeededRandom::default()),
        issuer: support::ISSUER.to_owned(),
        password_cost: support::cheap(),
    };
    let error = avain_adapters_local::pool::UserPool::open(parts).await.err().unwrap();
    assert!(error.to_string().contains("another root key"), "{error}");
}

fn copy_keys(from: &Database, to: &Database) {
    use dynoxide::actions::create_table::CreateTableRequest;
    use dynoxide::actions::put_item::PutItemRequest;
    use dynoxide::actions::scan::ScanRequest;
    let schema = serde_json::json!({
        "TableName": "avain-users", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]
    });
    to.create_table(serde_json::from_value::<CreateTableRequest>(schema).unwrap()).unwrap();
    let scan = ScanRequest { table_name: "avain-users".to_owned(), ..ScanRequest::default() };
    for item in from.scan(scan).unwrap().items.unwrap() {
        if format!("{:?}", item["pk"]).contains("KEY#") {
            let table_name = "avain-users".to_owned();
            to.put_item(PutItemRequest { table_name, item, ..PutItemRequest::default() }).unwrap();
        }
    }
}

/// What the integrator has verified needs no code, and a code that was sent is good no more.
#[tokio::test]
async fn what_is_trusted_is_verified() {
    for (phone, email) in [(true, true), (true, false), (false, true)] {
        let (world, login) = (support::world().await, data());
        world.sign_up(&login).await.unwrap();
        let code = world.code(&login, CodeKind::Phone);
        for _ in 0..2 {
            world.pool.trust(&login, phone, email).await.unwrap();
        }
        let late = world.pool.confirm_phone(&login, PHONE, &code).await;
        if phone {
            assert!(matches!(late, Err(IdentityError::CodeExpired)));
        } else {
            late.unwrap();
        }
        match world.sign_in(&login).await.unwrap() {
            SignIn::Done(_) => assert!(email),
            SignIn::VerifyEmail { .. } => assert!(!email),
            _ => panic!("the phone is verified"),
        }
    }
    let nobody = support::world().await.pool.trust(&data(), true, true).await;
    assert!(matches!(nobody, Err(IdentityError::Unavailable(_))));
}

/// A removed user is unknown, its name free, and its access tokens nobody's.
#[tokio::test]
async fn a_removed_user_is_unknown() {
    let (world, login) = (support::world().await, admin());
    assert!(!world.pool.remove(&login).await.unwrap());
    world.ready(&login).await;
    world.ready(&data()).await;
    let token = world.logged_in(&login).await.access_token;
    assert!(world.pool.remove(&login).await.unwrap());
    assert!(!world.pool.remove(&login).await.unwrap());
    assert!(matches!(world.sign_in(&login).await, Err(IdentityError::WrongCredentials)));
    assert!(matches!(world.pool.begin_totp(&login, &token).await, Err(IdentityError::NoSession)));
    world.ready(&login).await;
    assert!(matches!(world.pool.begin_totp(&login, &token).await, Err(IdentityError::NoSession)));
    assert!(matches!(world.sign_in(&data()).await.unwrap(), SignIn::Done(_)), "the other mode is another user");
}
