//! Codes: five tries, ten minutes, once (R22; design, decision 15).

use std::sync::Arc;

use avain_adapters_local::outbox::CodeKind;
use avain_domain::ports::{Identity, IdentityError, SignIn};
use time::Duration;

use crate::support::{self, PHONE, World, access_token, admin, data, session, wrong};

/// A code that waits for its answer, of each kind.
#[derive(Clone)]
enum Waiting {
    Phone,
    Mfa(String),
    Email(String),
}

impl Waiting {
    async fn make(world: &World, kind: CodeKind) -> (Self, String) {
        let waiting = match kind {
            CodeKind::Phone => {
                world.sign_up(&admin()).await.unwrap();
                Self::Phone
            }
            CodeKind::Mfa => {
                world.ready(&admin()).await;
                Self::Mfa(session(world.sign_in(&admin()).await.unwrap()))
            }
            _ => {
                world.with_phone(&data()).await;
                Self::Email(access_token(world.sign_in(&data()).await.unwrap()))
            }
        };
        let login = if kind == CodeKind::Email { data() } else { admin() };
        (waiting, world.code(&login, kind))
    }

    async fn answer(&self, world: &World, code: &str) -> Result<(), IdentityError> {
        match self {
            Self::Phone => world.pool.confirm_phone(&admin(), PHONE, code).await,
            Self::Mfa(session) => world.pool.answer_factor(&admin(), session, code).await.map(drop),
            Self::Email(token) => world.pool.verify_email(&data(), token, code).await,
        }
    }
}

const KINDS: [CodeKind; 3] = [CodeKind::Phone, CodeKind::Mfa, CodeKind::Email];

#[tokio::test]
async fn a_code_bears_five_wrong_tries_and_then_even_the_right_one_is_late() {
    for kind in KINDS {
        let world = support::world().await;
        let (waiting, code) = Waiting::make(&world, kind).await;
        for _ in 0..5 {
            assert!(matches!(waiting.answer(&world, &wrong(&code)).await, Err(IdentityError::WrongCode)));
        }
        for _ in 0..2 {
            assert!(matches!(waiting.answer(&world, &code).await, Err(IdentityError::CodeExpired)));
        }
    }
}

#[tokio::test]
async fn a_code_is_right_after_four_wrong_tries_and_only_once() {
    for kind in KINDS {
        let world = support::world().await;
        let (waiting, code) = Waiting::make(&world, kind).await;
        for given in [&wrong(&code), "", "12345", &format!("{code} ")] {
            assert!(matches!(waiting.answer(&world, given).await, Err(IdentityError::WrongCode)), "{given:?}");
        }
        waiting.answer(&world, &code).await.unwrap();
        let again = waiting.answer(&world, &code).await;
        assert!(matches!(again, Err(IdentityError::CodeExpired | IdentityError::NoSession)));
    }
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    for kind in KINDS {
        let world = support::world().await;
        let (waiting, code) = Waiting::make(&world, kind).await;
        world.clock.forward(Duration::seconds(600));
        let late = waiting.answer(&world, &code).await;
        // A second factor's code has a session, and that is what is over.
        let over = if kind == CodeKind::Mfa { IdentityError::NoSession } else { IdentityError::CodeExpired };
        assert_eq!(late.unwrap_err().to_string(), over.to_string());

        let world = support::world().await;
        let (waiting, code) = Waiting::make(&world, kind).await;
        world.clock.forward(Duration::seconds(599));
        waiting.answer(&world, &code).await.unwrap();
    }
}

#[tokio::test]
async fn codes_of_one_kind_are_none_of_another() {
    let (world, login) = (support::world().await, admin());
    world.sign_up(&login).await.unwrap();
    let phone_code = world.code(&login, CodeKind::Phone);
    world.pool.confirm_phone(&login, PHONE, &phone_code).await.unwrap();
    let session = session(world.sign_in(&login).await.unwrap());
    let answer = world.pool.answer_factor(&login, &session, &phone_code).await;
    assert!(matches!(answer, Err(IdentityError::WrongCode)));
    let mfa_code = world.code(&login, CodeKind::Mfa);
    let answer = world.pool.confirm_phone(&login, PHONE, &mfa_code).await;
    assert!(matches!(answer, Err(IdentityError::CodeExpired)), "a second-factor code verifies no phone (brief 2.3)");
}

#[tokio::test]
async fn a_fresh_login_brings_fresh_tries() {
    let (world, login) = (support::world().await, admin());
    let (waiting, code) = Waiting::make(&world, CodeKind::Mfa).await;
    for _ in 0..5 {
        waiting.answer(&world, &wrong(&code)).await.unwrap_err();
    }
    assert!(matches!(world.through_second_factor(&login).await, SignIn::Done(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_right_answers_at_once_exactly_one_wins() {
    for kind in KINDS {
        let world = Arc::new(support::world().await);
        let (waiting, code) = Waiting::make(&world, kind).await;
        let results = at_once(&world, &waiting, &code).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let late = |result: &&Result<(), IdentityError>| {
            matches!(result, Err(IdentityError::CodeExpired | IdentityError::NoSession))
        };
        assert_eq!(results.iter().filter(late).count(), 15);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_guesses_at_once_five_are_looked_at() {
    for kind in KINDS {
        let world = Arc::new(support::world().await);
        let (waiting, code) = Waiting::make(&world, kind).await;
        let results = at_once(&world, &waiting, &wrong(&code)).await;
        let looked_at = results.iter().filter(|result| matches!(result, Err(IdentityError::WrongCode))).count();
        let dead = results.iter().filter(|result| matches!(result, Err(IdentityError::CodeExpired))).count();
        assert_eq!((looked_at, dead), (5, 11));
        assert!(matches!(waiting.answer(&world, &code).await, Err(IdentityError::CodeExpired)));
    }
}

async fn at_once(world: &Arc<World>, waiting: &Waiting, code: &str) -> Vec<Result<(), IdentityError>> {
    let start = Arc::new(tokio::sync::Barrier::new(16));
    let answers: Vec<_> = (0..16)
        .map(|_| {
            let (world, waiting, code) = (Arc::clone(world), waiting.clone(), code.to_owned());
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                waiting.answer(&world, &code).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await.unwrap());
    }
    results
}
