//! Authenticators as the second factor of a login, and the choice between them and SMS.

#[path = "../../../adapters-aws/tests/suite/identity.rs"]
mod suite;

use std::sync::Arc;

use async_trait::async_trait;
use avain_adapters_local::outbox::CodeKind;
use avain_domain::names::Login;
use avain_domain::ports::{Clock, Factor, Identity, IdentityError, SignIn};
use avain_domain::secret::Password;
use avain_test_support::totp;
use time::Duration;

use crate::support::{self, World, admin, session};

#[async_trait]
impl suite::Pool for World {
    fn identity(&self) -> &dyn Identity {
        &*self.pool
    }

    fn phone_code(&self, login: &Login) -> String {
        self.code(login, CodeKind::Phone)
    }

    fn reset_code(&self, login: &Login) -> String {
        self.code(login, CodeKind::Reset)
    }

    async fn ready(&self, login: &Login) -> String {
        let token = support::access_token(self.through_second_factor(login).await);
        self.pool.verify_email(login, &token, &self.code(login, CodeKind::Email)).await.unwrap();
        self.logged_in(login).await.access_token
    }

    fn next_step(&self) -> i64 {
        self.clock.forward(Duration::seconds(30));
        self.clock.now().unix_timestamp()
    }
}

#[tokio::test]
async fn the_suite_of_authenticators() {
    let world = support::world().await;
    suite::an_authenticator_is_a_second_factor(&world).await;
    suite::an_authenticator_is_replaced_when_the_new_one_is_confirmed(&world).await;
    suite::an_authenticator_is_an_admins_own(&world).await;
    suite::an_authenticator_is_turned_off(&world).await;
    suite::a_password_is_reset_with_its_code(&world).await;
}

/// An admin with an authenticator, and which factor logins ask for.
struct Anna {
    world: Arc<World>,
    secret: Password,
    access_token: String,
}

impl Anna {
    /// `None` where no other implementation makes codes.
    async fn with(preferred: Option<Factor>) -> Option<Self> {
        let world = Arc::new(support::world().await);
        world.ready(&admin()).await;
        let access_token = world.logged_in(&admin()).await.access_token;
        let secret = world.pool.begin_totp(&admin(), &access_token).await.unwrap();
        let anna = Self { world, secret, access_token };
        let first = totp::code(anna.secret.expose(), anna.now())?;
        anna.world.pool.confirm_totp(&admin(), &anna.access_token, &first).await.unwrap();
        anna.world.pool.prefer_factor(&admin(), &anna.access_token, preferred).await.unwrap();
        anna.world.clock.forward(Duration::seconds(90));
        Some(anna)
    }

    fn now(&self) -> i64 {
        self.world.clock.now().unix_timestamp()
    }

    /// The code so many steps from now.
    fn code(&self, steps: i64) -> String {
        totp::code(self.secret.expose(), self.now() + 30 * steps).unwrap()
    }

    fn wrong(&self) -> String {
        totp::wrong(self.secret.expose(), self.now())
    }

    /// Logs in to the authenticator's question.
    async fn asked(&self) -> String {
        match self.world.sign_in(&admin()).await.unwrap() {
            SignIn::SecondFactor { factor: Factor::Totp, session } => session,
            _ => panic!("no authenticator's code was asked for"),
        }
    }

    async fn answer(&self, session: &str, code: &str) -> Result<SignIn, IdentityError> {
        self.world.pool.answer_factor(&admin(), session, code).await
    }
}

#[tokio::test]
async fn a_code_is_good_once_even_in_another_login() {
    let Some(anna) = Anna::with(Some(Factor::Totp)).await else { return };
    let code = anna.code(0);
    let first = anna.asked().await;
    assert!(matches!(anna.answer(&first, &code).await.unwrap(), SignIn::Done(_)));
    assert!(matches!(anna.answer(&first, &code).await, Err(IdentityError::NoSession)));

    let second = anna.asked().await;
    // Neither the used one nor the one before it; the next one is good already.
    for used in [code, anna.code(-1)] {
        assert!(matches!(anna.answer(&second, &used).await, Err(IdentityError::WrongCode)));
    }
    assert!(matches!(anna.answer(&second, &anna.code(1)).await.unwrap(), SignIn::Done(_)));
}

/// The code that set the authenticator up is used, too.
#[tokio::test]
async fn the_first_code_is_no_login() {
    let world = support::world().await;
    world.ready(&admin()).await;
    let token = world.logged_in(&admin()).await.access_token;
    let secret = world.pool.begin_totp(&admin(), &token).await.unwrap();
    let Some(code) = totp::code(secret.expose(), world.clock.now().unix_timestamp()) else { return };
    world.pool.confirm_totp(&admin(), &token, &code).await.unwrap();
    let again = world.pool.confirm_totp(&admin(), &token, &code).await;
    assert!(matches!(again, Err(IdentityError::CodeExpired)), "nothing is begun any more");
    world.pool.prefer_factor(&admin(), &token, Some(Factor::Totp)).await.unwrap();
    let SignIn::SecondFactor { session, .. } = world.sign_in(&admin()).await.unwrap() else { panic!("no question") };
    let used = world.pool.answer_factor(&admin(), &session, &code).await;
    assert!(matches!(used, Err(IdentityError::WrongCode)));
}

#[tokio::test]
async fn a_login_bears_five_wrong_codes_and_lasts_ten_minutes() {
    let Some(anna) = Anna::with(Some(Factor::Totp)).await else { return };
    let waiting = anna.asked().await;
    for _ in 0..5 {
        assert!(matches!(anna.answer(&waiting, &anna.wrong()).await, Err(IdentityError::WrongCode)));
    }
    assert!(matches!(anna.answer(&waiting, &anna.code(0)).await, Err(IdentityError::CodeExpired)));
    // What came late has used no code up.
    let waiting = anna.asked().await;
    assert!(matches!(anna.answer(&waiting, &anna.code(0)).await.unwrap(), SignIn::Done(_)));

    let waiting = anna.asked().await;
    anna.world.clock.forward(Duration::seconds(599));
    let later = anna.asked().await;
    assert!(matches!(anna.answer(&waiting, &anna.code(0)).await, Err(IdentityError::NoSession)), "replaced");
    anna.world.clock.forward(Duration::seconds(600));
    assert!(matches!(anna.answer(&later, &anna.code(0)).await, Err(IdentityError::NoSession)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_right_codes_at_once_exactly_one_wins() {
    let Some(anna) = Anna::with(Some(Factor::Totp)).await else { return };
    let (waiting, code) = (anna.asked().await, anna.code(0));
    let start = Arc::new(tokio::sync::Barrier::new(16));
    let answers: Vec<_> = (0..16)
        .map(|_| {
            let (world, start, waiting, code) =
                (Arc::clone(&anna.world), Arc::clone(&start), waiting.clone(), code.clone());
            tokio::spawn(async move {
                start.wait().await;
                world.pool.answer_factor(&admin(), &waiting, &code).await.is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for answer in answers {
        won += u32::from(answer.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn without_a_preference_the_factor_is_chosen_in_each_login() {
    let Some(anna) = Anna::with(None).await else { return };
    let world = &anna.world;
    let choice = async || match world.sign_in(&admin()).await.unwrap() {
        SignIn::ChooseFactor { factors, sms_destination, session } => {
            assert_eq!(factors, [Factor::Sms, Factor::Totp]);
            assert_eq!(sms_destination.as_deref(), Some("+********4567"));
            session
        }
        _ => panic!("no choice"),
    };
    let before = world.code(&admin(), CodeKind::Mfa);
    let chosen = choice().await;
    assert_eq!(world.code(&admin(), CodeKind::Mfa), before, "no SMS before it is chosen");
    for code in [before.as_str(), &anna.code(0)] {
        assert!(matches!(anna.answer(&chosen, code).await, Err(IdentityError::NoSession)), "a choice is no code");
    }
    let SignIn::SecondFactor { factor: Factor::Totp, session: asked } =
        world.pool.choose_factor(&admin(), &chosen, Factor::Totp).await.unwrap()
    else {
        panic!("no authenticator's code was asked for")
    };
    let spent = world.pool.choose_factor(&admin(), &chosen, Factor::Sms).await;
    assert!(matches!(spent, Err(IdentityError::NoSession)), "a choice is made once");
    assert!(matches!(anna.answer(&asked, &anna.code(0)).await.unwrap(), SignIn::Done(_)));

    let chosen = choice().await;
    let sms_session = session(world.pool.choose_factor(&admin(), &chosen, Factor::Sms).await.unwrap());
    let texted = world.code(&admin(), CodeKind::Mfa);
    assert!(matches!(anna.answer(&sms_session, &anna.code(1)).await, Err(IdentityError::WrongCode)), "SMS was chosen");
    assert!(matches!(anna.answer(&sms_session, &texted).await.unwrap(), SignIn::Done(_)));

    let late = choice().await;
    world.clock.forward(Duration::seconds(600));
    let late = world.pool.choose_factor(&admin(), &late, Factor::Sms).await;
    assert!(matches!(late, Err(IdentityError::NoSession)));
}

#[tokio::test]
async fn what_is_preferred_is_asked_for() {
    let Some(anna) = Anna::with(Some(Factor::Sms)).await else { return };
    let asked = session(anna.world.sign_in(&admin()).await.unwrap());
    let sent = anna.world.code(&admin(), CodeKind::Mfa);
    let chosen = anna.world.pool.choose_factor(&admin(), &asked, Factor::Totp).await;
    assert!(matches!(chosen, Err(IdentityError::NoSession)), "nothing was to choose");
    assert!(matches!(anna.answer(&asked, &sent).await.unwrap(), SignIn::Done(_)));

    anna.world.pool.prefer_factor(&admin(), &anna.access_token, Some(Factor::Totp)).await.unwrap();
    let asked = anna.asked().await;
    assert!(matches!(anna.answer(&asked, &anna.code(0)).await.unwrap(), SignIn::Done(_)));
}

#[tokio::test]
async fn an_authenticator_that_is_not_confirmed_changes_nothing() {
    let world = support::world().await;
    world.ready(&admin()).await;
    let token = world.logged_in(&admin()).await.access_token;
    let unbegun = world.pool.confirm_totp(&admin(), &token, "123456").await;
    assert!(matches!(unbegun, Err(IdentityError::CodeExpired)));
    let secret = world.pool.begin_totp(&admin(), &token).await.unwrap();
    let unconfirmed = world.pool.prefer_factor(&admin(), &token, Some(Factor::Totp)).await;
    assert!(matches!(unconfirmed, Err(IdentityError::Unavailable(_))));
    session(world.sign_in(&admin()).await.unwrap());

    // Begun again: the first secret is nobody's.
    let again = world.pool.begin_totp(&admin(), &token).await.unwrap();
    let now = world.clock.now().unix_timestamp();
    let Some(old) = totp::code(secret.expose(), now) else { return };
    assert!(again.expose() != secret.expose());
    assert!(matches!(world.pool.confirm_totp(&admin(), &token, &old).await, Err(IdentityError::WrongCode)));

    // A token that was signed out sets nothing up.
    let code = totp::code(again.expose(), now).unwrap();
    world.pool.sign_out(&admin()).await.unwrap();
    let result = world.pool.confirm_totp(&admin(), &token, &code).await;
    assert!(matches!(result, Err(IdentityError::NoSession)));
    assert!(matches!(world.pool.begin_totp(&admin(), &token).await.map(drop), Err(IdentityError::NoSession)));
}

/// Someone with a copy of the store can make no codes; who has the root key file as well is not kept from anything.
#[tokio::test]
async fn a_secret_is_not_in_the_store_in_clear() {
    use dynoxide::actions::scan::ScanRequest;
    let Some(anna) = Anna::with(Some(Factor::Totp)).await else { return };
    let scan = ScanRequest { table_name: "avain-users".to_owned(), ..ScanRequest::default() };
    let stored = format!("{:?}", anna.world.database.scan(scan).unwrap().items.unwrap());
    assert!(stored.contains("authenticator") && stored.contains("anna@example.com"), "this is where it is");
    assert!(!stored.contains(anna.secret.expose()));
}

/// A user of a data directory from before there were authenticators.
#[tokio::test]
async fn users_without_the_new_fields_are_read() {
    use dynoxide::actions::put_item::PutItemRequest;
    use dynoxide::actions::scan::ScanRequest;
    use dynoxide::types::AttributeValue;
    let world = support::world().await;
    world.ready(&admin()).await;
    let scan = ScanRequest { table_name: "avain-users".to_owned(), ..ScanRequest::default() };
    let items = world.database.scan(scan).unwrap().items.unwrap();
    let mut item = items.into_iter().find(|item| format!("{:?}", item["pk"]).contains("USER#")).unwrap();
    let AttributeValue::S(document) = &item["document"] else { panic!("no document") };
    let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
    for name in ["waiting", "authenticator", "new_authenticator", "preferred"] {
        assert!(document.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    document["second_factor"] = serde_json::json!({ "session": "x", "code": {
        "nonce": "x", "mac": "x", "expires": 1_800_000_600, "tries_left": 5
    } });
    item.insert("document".to_owned(), AttributeValue::S(document.to_string()));
    let table_name = "avain-users".to_owned();
    world.database.put_item(PutItemRequest { table_name, item, ..PutItemRequest::default() }).unwrap();
    assert!(matches!(world.through_second_factor(&admin()).await, SignIn::Done(_)));
}
