//! Another password, and an authenticator turned off.

use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Identity, IdentityError};
use avain_domain::secret::Password;
use serde_json::json;

use crate::replay::replayed;
use crate::shapes::{
    CHOICE_SESSION, CODE, PASSWORD, SESSION, SMS_SESSION, TOTP_SESSION, dropping_authenticator, forgetting, forgot,
    login, resetting,
};

#[tokio::test]
async fn a_password_is_reset_with_the_code_that_was_sent() {
    for mode in [Mode::Admin, Mode::Data] {
        let login = login(mode);
        let steps = async |identity: CognitoIdentity| {
            identity.begin_reset(&login).await.unwrap();
            identity.reset(&login, CODE, &Password::new(PASSWORD.to_owned())).await.unwrap();
        };
        replayed(&[forgot(mode), resetting(mode).answered(json!({}))], steps).await;
    }
}

/// An unknown user, a disabled one, one whose address is not verified, and one who has asked too often.
#[tokio::test]
async fn whoever_gets_no_code_is_not_told() {
    for exception in
        ["UserNotFoundException", "NotAuthorizedException", "InvalidParameterException", "LimitExceededException"]
    {
        let login = login(Mode::Admin);
        let steps = async |identity: CognitoIdentity| identity.begin_reset(&login).await;
        replayed(&[forgetting(Mode::Admin).refused(exception)], steps).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_code_is_not_sent() {
    let login = login(Mode::Admin);
    for code in ["", "12345", "1234567", "12 456"] {
        let steps = async |identity: CognitoIdentity| identity.reset(&login, code, &Password::new(String::new())).await;
        assert!(matches!(replayed(&[], steps).await, Err(IdentityError::WrongCode)), "{code}");
    }
}

/// Any session of a second factor will do, and none is used up: Cognito knows no other way to look at one.
#[tokio::test]
async fn an_authenticator_is_turned_off_and_sms_preferred() {
    let anna = login(Mode::Admin);
    for session in [SMS_SESSION, TOTP_SESSION, CHOICE_SESSION] {
        let steps = async |identity: CognitoIdentity| identity.drop_authenticator(&anna, session).await;
        replayed(&[dropping_authenticator().answered(json!({}))], steps).await.unwrap();
    }
    for (mode, session) in
        [(Mode::Admin, SESSION), (Mode::Admin, ""), (Mode::Admin, "t.short"), (Mode::Data, TOTP_SESSION)]
    {
        let login = login(mode);
        let steps = async |identity: CognitoIdentity| identity.drop_authenticator(&login, session).await;
        assert!(matches!(replayed(&[], steps).await, Err(IdentityError::NoSession)), "{session}");
    }
}
