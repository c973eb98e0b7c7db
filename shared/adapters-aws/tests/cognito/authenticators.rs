//! Setting an authenticator up.

use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Factor, Identity, IdentityError};
use serde_json::json;

use crate::replay::replayed;
use crate::shapes::{CODE, SECRET, access_token, associating, login, preferring, verifying_totp};

#[tokio::test]
async fn an_authenticator_is_begun_confirmed_and_preferred() {
    let exchanges = [
        associating().answered(json!({ "SecretCode": SECRET })),
        verifying_totp().answered(json!({ "Status": "SUCCESS" })),
        preferring(false, true).answered(json!({})),
        preferring(true, false).answered(json!({})),
        preferring(false, false).answered(json!({})),
    ];
    let (anna, token) = (login(Mode::Admin), access_token(Mode::Admin));
    let steps = async |identity: CognitoIdentity| {
        let secret = identity.begin_totp(&anna, &token).await.unwrap();
        assert_eq!(secret.expose(), SECRET);
        identity.confirm_totp(&anna, &token, CODE).await.unwrap();
        for preferred in [Some(Factor::Totp), Some(Factor::Sms), None] {
            identity.prefer_factor(&anna, &token, preferred).await.unwrap();
        }
    };
    replayed(&exchanges, steps).await;
}

#[tokio::test]
async fn what_is_no_success_is_none() {
    let (anna, token) = (login(Mode::Admin), access_token(Mode::Admin));
    for answer in [json!({ "Status": "ERROR" }), json!({ "Status": "A_NEW_ONE" }), json!({})] {
        let steps = async |identity: CognitoIdentity| identity.confirm_totp(&anna, &token, CODE).await;
        let result = replayed(&[verifying_totp().answered(answer)], steps).await;
        assert!(matches!(result, Err(IdentityError::WrongCode)));
    }
    let steps = async |identity: CognitoIdentity| identity.begin_totp(&anna, &token).await.map(drop);
    let result = replayed(&[associating().answered(json!({}))], steps).await;
    assert_eq!(result.unwrap_err().to_string(), "Cognito: an authenticator was begun without a secret");
}

#[tokio::test]
async fn an_authenticator_is_an_admins_own() {
    let (admin, data) = (access_token(Mode::Admin), access_token(Mode::Data));
    for (mode, token) in [
        (Mode::Admin, data.as_str()),
        (Mode::Data, &data),
        (Mode::Data, &admin),
        (Mode::Admin, ""),
        (Mode::Admin, "a.b.c"),
    ] {
        let login = login(mode);
        let steps = async |identity: CognitoIdentity| {
            [
                identity.begin_totp(&login, token).await.map(drop),
                identity.confirm_totp(&login, token, CODE).await,
                identity.prefer_factor(&login, token, Some(Factor::Sms)).await,
            ]
        };
        let results = replayed(&[], steps).await;
        assert!(results.iter().all(|result| matches!(result, Err(IdentityError::NoSession))));
    }
    let login = login(Mode::Admin);
    for code in ["", "12345", "1234567", "12 456", "１２３４５６"] {
        let steps = async |identity: CognitoIdentity| identity.confirm_totp(&login, &admin, code).await;
        assert!(matches!(replayed(&[], steps).await, Err(IdentityError::WrongCode)), "{code}");
    }
}
