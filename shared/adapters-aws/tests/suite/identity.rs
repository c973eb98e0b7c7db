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
    /// The code for another password that was sent.
    fn reset_code(&self, login: &Login) -> String;
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

/// It is not asked for any more, and the session that paid for it lets nobody in.
pub(crate) async fn an_authenticator_is_turned_off(pool: &dyn Pool) {
    let (identity, eva) = (pool.identity(), admin("eva@example.com"));
    let token = enrolled(pool, &eva).await;
    let secret = identity.begin_totp(&eva, &token).await.unwrap();
    let Some(first) = totp::code(secret.expose(), pool.next_step()) else { return };
    identity.confirm_totp(&eva, &token, &first).await.unwrap();
    identity.prefer_factor(&eva, &token, Some(Factor::Totp)).await.unwrap();
    let waiting = session(sign_in(pool, &eva).await);
    for (login, session) in
        [(&eva, "unknown"), (&eva, ""), (&Login { mode: Mode::Data, ..eva.clone() }, waiting.as_str())]
    {
        let result = identity.drop_authenticator(login, session).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
    identity.drop_authenticator(&eva, &waiting).await.unwrap();
    let step = identity.sign_in(&eva, &Password::new(PASSWORD.to_owned())).await;
    // What else there is to ask for, the emulator does not know.
    let asked = matches!(step, Ok(SignIn::SecondFactor { factor: Factor::Totp, .. } | SignIn::ChooseFactor { .. }));
    assert!(!asked);
}

/// The old password is none any more, and who has no code learns nothing.
pub(crate) async fn a_password_is_reset_with_its_code(pool: &dyn Pool) {
    let (identity, frida) = (pool.identity(), admin("frida@example.com"));
    enrolled(pool, &frida).await;
    let new = Password::new("Another-Horse-Battery-9".to_owned());
    identity.begin_reset(&admin("nobody@example.com")).await.unwrap();
    for login in [&frida, &admin("nobody@example.com")] {
        assert!(matches!(identity.reset(login, "111111", &new).await, Err(IdentityError::WrongCode)));
    }
    identity.begin_reset(&frida).await.unwrap();
    let code = pool.reset_code(&frida);
    let other = if code == "111111" { "222222" } else { "111111" };
    assert!(matches!(identity.reset(&frida, other, &new).await, Err(IdentityError::WrongCode)));
    identity.reset(&frida, &code, &new).await.unwrap();
    assert!(matches!(identity.reset(&frida, &code, &new).await, Err(IdentityError::WrongCode)), "once");
    let old = identity.sign_in(&frida, &Password::new(PASSWORD.to_owned())).await;
    assert!(matches!(old, Err(IdentityError::WrongCredentials)));
    let step = identity.sign_in(&frida, &new).await;
    assert!(!matches!(step, Err(IdentityError::WrongCredentials)));
}

fn session(step: SignIn) -> String {
    match step {
        SignIn::SecondFactor { factor: Factor::Totp, session } => session,
        _ => panic!("no authenticator's code was asked for"),
    }
}
