//! Another password, and an authenticator turned off.

use avain_adapters_local::outbox::CodeKind;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::ports::{Clock, Factor, Identity, IdentityError, SignIn};
use avain_domain::secret::Password;
use avain_test_support::totp;
use time::Duration;

use crate::support::{World, admin, world};

const NEW: &str = "Another-Horse-Battery-9";

fn new() -> Password {
    Password::new(NEW.to_owned())
}

async fn ready() -> World {
    let world = world().await;
    world.ready(&admin()).await;
    world
}

#[tokio::test]
async fn the_code_goes_to_the_address_and_sets_the_password_once() {
    let world = ready().await;
    let before = world.logged_in(&admin()).await.access_token;
    world.pool.begin_reset(&admin()).await.unwrap();
    let code = world.code(&admin(), CodeKind::Reset);
    world.pool.reset(&admin(), &code, &new()).await.unwrap();
    assert!(matches!(world.pool.reset(&admin(), &code, &new()).await, Err(IdentityError::WrongCode)));
    // What was given out before is no good any more, and the second factor is asked for as before.
    assert!(matches!(world.pool.begin_totp(&admin(), &before).await, Err(IdentityError::NoSession)));
    let step = world.pool.sign_in(&admin(), &new()).await.unwrap();
    assert!(matches!(step, SignIn::SecondFactor { factor: Factor::Sms, .. }));
}

#[tokio::test]
async fn without_the_code_nothing_is_learnt() {
    let world = ready().await;
    let nobody = Login { email: Email::parse("nobody@example.com").unwrap(), mode: Mode::Admin };
    world.pool.begin_reset(&nobody).await.unwrap();
    for login in [&nobody, &admin()] {
        assert!(matches!(world.pool.reset(login, "123456", &new()).await, Err(IdentityError::WrongCode)));
    }
    world.pool.begin_reset(&admin()).await.unwrap();
    let code = world.code(&admin(), CodeKind::Reset);
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..7 {
        assert!(matches!(world.pool.reset(&admin(), &wrong, &new()).await, Err(IdentityError::WrongCode)));
    }
    assert!(matches!(world.pool.reset(&admin(), &code, &new()).await, Err(IdentityError::CodeExpired)));

    world.pool.begin_reset(&admin()).await.unwrap();
    let code = world.code(&admin(), CodeKind::Reset);
    world.clock.forward(Duration::minutes(10));
    assert!(matches!(world.pool.reset(&admin(), &wrong, &new()).await, Err(IdentityError::WrongCode)));
    assert!(matches!(world.pool.reset(&admin(), &code, &new()).await, Err(IdentityError::CodeExpired)));
}

#[tokio::test]
async fn an_authenticator_is_turned_off_for_a_login_that_waits() {
    let world = ready().await;
    let token = world.logged_in(&admin()).await.access_token;
    let secret = world.pool.begin_totp(&admin(), &token).await.unwrap();
    let Some(code) = totp::code(secret.expose(), world.clock.now().unix_timestamp()) else { return };
    world.pool.confirm_totp(&admin(), &token, &code).await.unwrap();
    let password = Password::new(crate::support::PASSWORD.to_owned());
    for preferred in [Some(Factor::Totp), None] {
        world.pool.prefer_factor(&admin(), &token, preferred).await.unwrap();
        let step = world.pool.sign_in(&admin(), &password).await.unwrap();
        let (SignIn::SecondFactor { session, .. } | SignIn::ChooseFactor { session, .. }) = step else { panic!() };
        let data = Login { mode: Mode::Data, ..admin() };
        for (login, other) in [(&admin(), "unknown"), (&data, session.as_str())] {
            let refused = world.pool.drop_authenticator(login, other).await;
            assert!(matches!(refused, Err(IdentityError::NoSession)));
        }
        if preferred.is_some() {
            world.clock.forward(Duration::minutes(10));
            let late = world.pool.drop_authenticator(&admin(), &session).await;
            assert!(matches!(late, Err(IdentityError::NoSession)));
            continue;
        }
        world.pool.drop_authenticator(&admin(), &session).await.unwrap();
        let again = world.pool.drop_authenticator(&admin(), &session).await;
        assert!(matches!(again, Err(IdentityError::NoSession)), "the session is over");
    }
    let step = world.pool.sign_in(&admin(), &password).await.unwrap();
    assert!(matches!(step, SignIn::SecondFactor { factor: Factor::Sms, .. }));
}
