use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Identity, IdentityError, SignIn};
use avain_domain::secret::Password;
use serde_json::{Value, json};

use crate::replay::{Exchange, replayed};
use crate::shapes::{
    API_KEY, CODE, SESSION, access_token, challenge, initiating, log_in, login, resent, responding, sent_email_code,
    tokens, turning_sms_on,
};
use crate::tokens as jwt;

async fn logged_in(mode: Mode, exchanges: &[Exchange]) -> Result<SignIn, IdentityError> {
    replayed(exchanges, async |identity: CognitoIdentity| log_in(&identity, mode).await).await
}

async fn answered(mode: Mode, session: &str, code: &str, exchanges: &[Exchange]) -> Result<SignIn, IdentityError> {
    let steps = async |identity: CognitoIdentity| identity.answer_sms(&login(mode), session, code).await;
    replayed(exchanges, steps).await
}

fn unavailable(result: Result<SignIn, IdentityError>) -> String {
    match result {
        Err(IdentityError::Unavailable(unavailable)) => unavailable.0,
        _ => panic!("the service must be unavailable"),
    }
}

fn is_done(step: SignIn, mode: Mode) {
    let SignIn::Done(set) = step else { panic!("not logged in") };
    let expected = tokens(mode, true)["AuthenticationResult"].clone();
    assert_eq!(json!(set.id_token), expected["IdToken"]);
    assert_eq!(json!(set.access_token), expected["AccessToken"]);
    assert_eq!((set.expires_in, set.api_key.as_str(), set.organisation.0.as_str()), (3600, API_KEY, "org-1"));
    assert_eq!(set.owner, mode == Mode::Admin);
}

#[tokio::test]
async fn an_admin_is_asked_for_the_code() {
    let step = logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(challenge("SMS_MFA"))]).await.unwrap();
    assert!(matches!(step, SignIn::SmsCode { session } if session == SESSION));
}

#[tokio::test]
async fn a_data_login_needs_only_its_password() {
    let step = logged_in(Mode::Data, &[initiating(Mode::Data).answered(tokens(Mode::Data, true))]).await.unwrap();
    is_done(step, Mode::Data);
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_sent_its_code() {
    let exchanges = [initiating(Mode::Data).answered(tokens(Mode::Data, false)), sent_email_code(Mode::Data)];
    let step = logged_in(Mode::Data, &exchanges).await.unwrap();
    assert!(matches!(step, SignIn::VerifyEmail { access_token: token } if token == access_token(Mode::Data)));

    // Cognito leaves the claim out until an address has been verified.
    let mut claims = jwt::id_claims(Mode::Data);
    claims.as_object_mut().unwrap().remove("email_verified");
    let mut answer = tokens(Mode::Data, true);
    answer["AuthenticationResult"]["IdToken"] = json!(jwt::signed(&claims));
    let exchanges = [initiating(Mode::Data).answered(answer), sent_email_code(Mode::Data)];
    assert!(matches!(logged_in(Mode::Data, &exchanges).await.unwrap(), SignIn::VerifyEmail { .. }));
}

#[tokio::test]
async fn a_phone_that_is_not_verified_is_sent_its_code_again() {
    for mode in [Mode::Admin, Mode::Data] {
        let exchanges = [initiating(mode).refused("UserNotConfirmedException"), resent(mode)];
        assert!(matches!(logged_in(mode, &exchanges).await.unwrap(), SignIn::VerifyPhone));
    }
}

/// Tokens without a second factor never leave the adapter: SMS is turned on for the user, and the login starts again.
#[tokio::test]
async fn an_admin_without_a_second_factor_is_given_one() {
    let exchanges = [
        initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
        turning_sms_on().answered(json!({})),
        initiating(Mode::Admin).answered(challenge("SMS_MFA")),
    ];
    let step = logged_in(Mode::Admin, &exchanges).await.unwrap();
    assert!(matches!(step, SignIn::SmsCode { session } if session == SESSION));
}

#[tokio::test]
async fn an_admin_is_never_let_in_without_a_second_factor() {
    let exchanges = [
        initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
        turning_sms_on().answered(json!({})),
        initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
    ];
    let text = unavailable(logged_in(Mode::Admin, &exchanges).await);
    assert_eq!(text, "Cognito: the admin pool let a login in without a second factor; it was refused");

    let exchanges = [
        initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
        turning_sms_on().refused("InvalidParameterException"),
    ];
    unavailable(logged_in(Mode::Admin, &exchanges).await);
    // Neither where the answer has a challenge and tokens, or nothing.
    let mut both = tokens(Mode::Admin, true);
    both["ChallengeName"] = json!("DEVICE_SRP_AUTH");
    unavailable(logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(both)]).await);
    let nothing = || initiating(Mode::Admin).answered(json!({}));
    unavailable(logged_in(Mode::Admin, &[nothing(), turning_sms_on().answered(json!({})), nothing()]).await);
}

#[tokio::test]
async fn a_challenge_that_no_operation_answers_is_the_operators() {
    let challenges = [
        "SOFTWARE_TOKEN_MFA",
        "SELECT_MFA_TYPE",
        "MFA_SETUP",
        "NEW_PASSWORD_REQUIRED",
        "EMAIL_OTP",
        "DEVICE_SRP_AUTH",
        "CUSTOM_CHALLENGE",
        "PASSWORD_VERIFIER",
        "A_NEW_ONE",
    ];
    for asked in challenges {
        let text = unavailable(logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(challenge(asked))]).await);
        assert!(text.starts_with(&format!("Cognito: the pool asks for {asked}, ")), "{text}");
        let text = unavailable(logged_in(Mode::Data, &[initiating(Mode::Data).answered(challenge(asked))]).await);
        assert!(text.starts_with(&format!("Cognito: the pool asks for {asked}, ")), "{text}");
        let again = [responding().answered(challenge(asked))];
        let text = unavailable(answered(Mode::Admin, SESSION, CODE, &again).await);
        assert!(text.starts_with(&format!("Cognito: the pool asks for {asked}, ")), "{text}");
    }
    unavailable(logged_in(Mode::Data, &[initiating(Mode::Data).answered(challenge("SMS_MFA"))]).await);
    unavailable(answered(Mode::Admin, SESSION, CODE, &[responding().answered(challenge("SMS_MFA"))]).await);
    let mut no_session = challenge("SMS_MFA");
    no_session.as_object_mut().unwrap().remove("Session");
    unavailable(logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(no_session)]).await);
}

#[tokio::test]
async fn the_right_code_logs_an_admin_in() {
    let exchanges = [responding().answered(tokens(Mode::Admin, true))];
    is_done(answered(Mode::Admin, SESSION, CODE, &exchanges).await.unwrap(), Mode::Admin);

    let exchanges = [responding().answered(tokens(Mode::Admin, false)), sent_email_code(Mode::Admin)];
    let step = answered(Mode::Admin, SESSION, CODE, &exchanges).await.unwrap();
    assert!(matches!(step, SignIn::VerifyEmail { access_token: token } if token == access_token(Mode::Admin)));
}

#[tokio::test]
async fn what_is_no_session_or_no_code_is_not_asked_about() {
    for session in ["", "nineteen-characters", &"a".repeat(2049)] {
        let result = answered(Mode::Admin, session, CODE, &[]).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
    assert!(matches!(answered(Mode::Data, SESSION, CODE, &[]).await, Err(IdentityError::NoSession)));
    for code in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
        let result = answered(Mode::Admin, SESSION, code, &[]).await;
        assert!(matches!(result, Err(IdentityError::WrongCode)), "{code}");
    }
}

#[tokio::test]
async fn a_password_that_nobody_can_have_is_wrong() {
    for password in [String::new(), "ä".repeat(257)] {
        let steps = async |identity: CognitoIdentity| {
            identity.sign_in(&login(Mode::Data), &Password::new(password.clone())).await
        };
        assert!(matches!(replayed(&[], steps).await, Err(IdentityError::WrongCredentials)));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_the_logins_own_is_not_passed_on() {
    let with = |name: &str, value: Value| {
        let mut answer = tokens(Mode::Data, true);
        answer["AuthenticationResult"][name] = value;
        answer
    };
    let id_token = |name: &str, value: Value| jwt::signed(&jwt::with(jwt::id_claims(Mode::Data), name, value));
    let answers = [
        json!({}),
        json!({ "AuthenticationResult": {} }),
        with("IdToken", Value::Null),
        with("AccessToken", Value::Null),
        with("ExpiresIn", json!(-1)),
        with("IdToken", json!("a.b.c")),
        with("IdToken", json!(jwt::signed(&jwt::id_claims(Mode::Admin)))),
        with("IdToken", json!(id_token("cognito:username", json!("another")))),
        with("IdToken", json!(id_token("custom:apikey", Value::Null))),
        with("IdToken", json!(id_token("custom:organisation", Value::Null))),
        with("IdToken", json!(id_token("custom:account_type", Value::Null))),
    ];
    for answer in answers {
        unavailable(logged_in(Mode::Data, &[initiating(Mode::Data).answered(answer)]).await);
    }
}
