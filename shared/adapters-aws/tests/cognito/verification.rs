use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::ports::{Identity, IdentityError};
use serde_json::{Value, json};

use crate::replay::{Exchange, NOW, replayed};
use crate::shapes::{
    ADMIN_CLIENT, CODE, PHONE, access_token, confirming, login, name, reading, sign_out, signing_out, tokens, user,
    verifying_email,
};
use crate::tokens as jwt;

async fn confirmed(exchanges: &[Exchange], phone: &str, code: &str) -> Result<(), IdentityError> {
    let steps = async |identity: CognitoIdentity| identity.confirm_phone(&login(Mode::Admin), phone, code).await;
    replayed(exchanges, steps).await
}

async fn email_verified(exchanges: &[Exchange], login: &Login, token: &str, code: &str) -> Result<(), IdentityError> {
    let steps = async |identity: CognitoIdentity| identity.verify_email(login, token, code).await;
    replayed(exchanges, steps).await
}

/// What people send in place of six digits, some of which Cognito would call an invalid parameter.
const NO_CODES: [&str; 7] = ["", "12345", "1234567", "12345a", "12 456", "١٢٣", "１２３４５６"];

#[tokio::test]
async fn the_registered_phone_is_confirmed() {
    for mode in [Mode::Admin, Mode::Data] {
        let exchanges = [user(mode, "UNCONFIRMED", 5), confirming(mode).answered(json!({}))];
        let steps = async |identity: CognitoIdentity| identity.confirm_phone(&login(mode), PHONE, CODE).await;
        replayed(&exchanges, steps).await.unwrap();
    }
}

#[tokio::test]
async fn unknown_users_other_phones_and_verified_phones_read_alike() {
    let unknown = [reading(Mode::Admin).refused("UserNotFoundException")];
    assert!(matches!(confirmed(&unknown, PHONE, CODE).await, Err(IdentityError::CodeExpired)));

    let there = [user(Mode::Admin, "UNCONFIRMED", 5)];
    for phone in ["+358401234568", "358401234567", "", "true"] {
        assert!(matches!(confirmed(&there, phone, CODE).await, Err(IdentityError::CodeExpired)), "{phone}");
    }

    for status in ["CONFIRMED", "RESET_REQUIRED", "NEW_WORD"] {
        let there = [user(Mode::Admin, status, 5)];
        assert!(matches!(confirmed(&there, PHONE, CODE).await, Err(IdentityError::CodeExpired)), "{status}");
    }
}

#[tokio::test]
async fn what_is_no_code_is_not_asked_about() {
    for code in NO_CODES {
        let there = [user(Mode::Admin, "UNCONFIRMED", 5)];
        assert!(matches!(confirmed(&there, PHONE, code).await, Err(IdentityError::WrongCode)), "{code}");
        let result = email_verified(&[], &login(Mode::Data), &access_token(Mode::Data), code).await;
        assert!(matches!(result, Err(IdentityError::WrongCode)), "{code}");
    }
}

#[tokio::test]
async fn an_address_is_verified_with_the_logins_own_access_token() {
    for mode in [Mode::Admin, Mode::Data] {
        let exchanges = [verifying_email(mode).answered(json!({}))];
        email_verified(&exchanges, &login(mode), &access_token(mode), CODE).await.unwrap();
    }
}

#[tokio::test]
async fn another_logins_token_verifies_nothing() {
    let bertil = Login { email: Email::parse("bertil@example.com").unwrap(), mode: Mode::Data };
    let id_token = tokens(Mode::Data, true)["AuthenticationResult"]["IdToken"].as_str().unwrap().to_owned();
    let (admin, data) = (access_token(Mode::Admin), access_token(Mode::Data));
    let changed = |claim: &str, value: Value| jwt::signed(&jwt::with(jwt::access_claims(Mode::Data), claim, value));
    for (login, token) in [
        (&bertil, data.as_str()),
        (&login(Mode::Data), &admin),
        (&login(Mode::Admin), &data),
        (&login(Mode::Data), &id_token),
        (&login(Mode::Data), ""),
        (&login(Mode::Data), "a.b.c"),
        // Of the pool without a second factor, under the name in the other.
        (&login(Mode::Admin), &changed("username", json!(name(Mode::Admin)))),
        (&login(Mode::Data), &changed("client_id", json!(ADMIN_CLIENT))),
        (&login(Mode::Data), &changed("token_use", json!("id"))),
        (&login(Mode::Data), &changed("exp", json!(NOW))),
        (&login(Mode::Data), &changed("iat", json!(NOW + 61))),
    ] {
        let result = email_verified(&[], login, token, CODE).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
}

#[tokio::test]
async fn signing_out_ends_all_sessions_and_of_nobody_none() {
    for mode in [Mode::Admin, Mode::Data] {
        for exchange in [sign_out(mode), signing_out(mode).refused("UserNotFoundException")] {
            let steps = async |identity: CognitoIdentity| identity.sign_out(&login(mode)).await;
            replayed(&[exchange], steps).await.unwrap();
        }
    }
}
