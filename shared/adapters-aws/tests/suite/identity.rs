//! What any `Identity` must do with authenticators, as functions over the port.

use async_trait::async_trait;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Factor, Identity, IdentityError, NewUser, SignIn};
use avain_domain::secret::Password;
use avain_test_support::totp;

pub(crate) const PHONE: &str = "+358401234567";
pub(crate) const PASSWORD: &str = "Correct-Horse-Battery-9";

/// A user pool, and what a test reaches past it.
#[async_trait]
pub(crate) trait Pool {
    /// The pool.
    fn identity(&self) -> &dyn Identity;
    /// The code that was sent to the phone.
    fn phone_code(&self, login: &Login) -> String;
    /// Verifies the e-mail address of an admin who has no authenticator, and gives an access token of the login.
    async fn ready(&self, login: &Login) -> String;
    /// A moment in Unix seconds, now for the pool, at which no code of an authenticator was given yet.
    fn next_step(&self) -> i64;
}

fn admin(address: &str) -> Login {
    Login { email: Email::parse(address).unwrap(), mode: Mode::Admin }
}

async fn sign_in(pool: &dyn Pool, login: &Login) -> SignIn {
    pool.identity().sign_in(login, &Password::new(PASSWORD.to_owned())).await.unwrap()
}

/// An admin with a session, and an access token of it.
async fn enrolled(pool: &dyn Pool, login: &Login) -> String {
    let identity = pool.identity();
    let user = NewUser {
        login,
        password: &Password::new(PASSWORD.to_owned()),
        phone: PHONE,
        api_key: "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0",
        organisation: &OrganisationId("org-1".to_owned()),
        owner: true,
        phone_trusted: false,
    };
    identity.sign_up(user).await.unwrap();
    identity.confirm_phone(login, PHONE, &pool.phone_code(login)).await.unwrap();
    pool.ready(login).await
}

/// An admin sets an authenticator up, is asked for its code from then on, and gets in with it.
pub(crate) async fn an_authenticator_is_a_second_factor(pool: &dyn Pool) {
    let (identity, anna) = (pool.identity(), admin("anna@example.com"));
    let token = enrolled(pool, &anna).await;

    let secret = identity.begin_totp(&anna, &token).await.unwrap();
    assert!(secret.expose().len() >= 32, "at least 160 bits");
    assert!(secret.expose().bytes().all(|it| matches!(it, b'A'..=b'Z' | b'2'..=b'7')), "base32 without padding");
    let at = pool.next_step();
    let Some(first) = totp::code(secret.expose(), at) else { return };
    let mistaken = identity.confirm_totp(&anna, &token, &totp::wrong(secret.expose(), at)).await;
    assert!(matches!(mistaken, Err(IdentityError::WrongCode)));
    identity.confirm_totp(&anna, &token, &first).await.unwrap();
    identity.prefer_factor(&anna, &token, Some(Factor::Totp)).await.unwrap();

    let session = session(sign_in(pool, &anna).await);
    let at = pool.next_step();
    let code = totp::code(secret.expose(), at).unwrap();
    for given in [totp::wrong(secret.expose(), at), String::new(), format!("{code}0"), "abcdef".to_owned()] {
        let mistaken = identity.answer_factor(&anna, &session, &given).await;
        assert!(matches!(mistaken, Err(IdentityError::WrongCode)), "{given:?}");
    }
    let chosen = identity.choose_factor(&anna, &session, Factor::Sms).await;
    assert!(matches!(chosen, Err(IdentityError::NoSession)), "a code is asked for, no choice");
    let SignIn::Done(tokens) = identity.answer_factor(&anna, &session, &code).await.unwrap() else {
        panic!("not logged in")
    };
    assert_eq!((tokens.organisation.0.as_str(), tokens.expires_in), ("org-1", 3600));
}

/// Until the new one is confirmed the old one is asked for, and from then on no more.
pub(crate) async fn an_authenticator_is_replaced_when_the_new_one_is_confirmed(pool: &dyn Pool) {
    let (identity, bertil) = (pool.identity(), admin("bertil@example.com"));
    let token = enrolled(pool, &bertil).await;
    let old = identity.begin_totp(&bertil, &token).await.unwrap();
    let Some(first) = totp::code(old.expose(), pool.next_step()) else { return };
    identity.confirm_totp(&bertil, &token, &first).await.unwrap();
    identity.prefer_factor(&bertil, &token, Some(Factor::Totp)).await.unwrap();

    let new = identity.begin_totp(&bertil, &token).await.unwrap();
    assert!(new.expose() != old.expose());
    let waiting = session(sign_in(pool, &bertil).await);
    let given = totp::code(old.expose(), pool.next_step()).unwrap();
    assert!(matches!(identity.answer_factor(&bertil, &waiting, &given).await.unwrap(), SignIn::Done(_)));

    let given = totp::code(new.expose(), pool.next_step()).unwrap();
    identity.confirm_totp(&bertil, &token, &given).await.unwrap();
    let waiting = session(sign_in(pool, &bertil).await);
    let at = pool.next_step();
    let (stale, fresh) = (totp::code(old.expose(), at).unwrap(), totp::code(new.expose(), at).unwrap());
    if !totp::is_near(new.expose(), at, &stale) {
        let mistaken = identity.answer_factor(&bertil, &waiting, &stale).await;
        assert!(matches!(mistaken, Err(IdentityError::WrongCode)));
    }
    assert!(matches!(identity.answer_factor(&bertil, &waiting, &fresh).await.unwrap(), SignIn::Done(_)));
}

/// Nobody sets up another's authenticator, nor one for a mode that has no second factor.
pub(crate) async fn an_authenticator_is_an_admins_own(pool: &dyn Pool) {
    let (identity, cecilia) = (pool.identity(), admin("cecilia@example.com"));
    let token = enrolled(pool, &cecilia).await;
    let data = Login { mode: Mode::Data, ..cecilia.clone() };
    for (login, token) in
        [(&admin("dora@example.com"), token.as_str()), (&data, &token), (&cecilia, "a.b.c"), (&cecilia, "")]
    {
        let results = [
            identity.begin_totp(login, token).await.map(drop),
            identity.confirm_totp(login, token, "123456").await,
            identity.prefer_factor(login, token, Some(Factor::Totp)).await,
        ];
        assert!(results.iter().all(|result| matches!(result, Err(IdentityError::NoSession))));
    }
    for session in ["", "unknown", "t.", "t.AYABeC1"] {
        let result = identity.answer_factor(&cecilia, session, "123456").await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
}

fn session(step: SignIn) -> String {
    match step {
        SignIn::SecondFactor { factor: Factor::Totp, session } => session,
        _ => panic!("no authenticator's code was asked for"),
    }
}
