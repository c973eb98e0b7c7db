use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Factor, Identity, IdentityError, SignIn};
use avain_domain::secret::Password;
use serde_json::{Value, json};

use crate::replay::{Exchange, replayed};
use crate::shapes::{
    API_KEY, CHOICE_SESSION, CODE, Request, SESSION, SMS_SESSION, TOTP_SESSION, access_token, answering_sms,
    answering_totp, challenge, choice, choosing, initiating, log_in, login, resent, sent_email_code, tokens,
    turning_sms_on,
};
use crate::tokens as jwt;

async fn logged_in(mode: Mode, exchanges: &[Exchange]) -> Result<SignIn, IdentityError> {
    replayed(exchanges, async |identity: CognitoIdentity| log_in(&identity, mode).await).await
}

async fn answered(mode: Mode, session: &str, code: &str, exchanges: &[Exchange]) -> Result<SignIn, IdentityError> {
    let steps = async |identity: CognitoIdentity| identity.answer_factor(&login(mode), session, code).await;
    replayed(exchanges, steps).await
}

async fn chosen(mode: Mode, session: &str, factor: Factor, exchanges: &[Exchange]) -> Result<SignIn, IdentityError> {
    let steps = async |identity: CognitoIdentity| identity.choose_factor(&login(mode), session, factor).await;
    replayed(exchanges, steps).await
}

fn asks_for(step: SignIn, expected: Factor, expected_session: &str) {
    let SignIn::SecondFactor { factor, session } = step else { panic!("no code is asked for") };
    assert_eq!((factor, session.as_str()), (expected, expected_session));
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
    for (asked, factor, session) in
        [("SMS_MFA", Factor::Sms, SMS_SESSION), ("SOFTWARE_TOKEN_MFA", Factor::Totp, TOTP_SESSION)]
    {
        let step = logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(challenge(asked))]).await.unwrap();
        asks_for(step, factor, session);
    }
}

#[tokio::test]
async fn an_admin_with_two_factors_and_no_preference_chooses() {
    let offered = |factors: &str| [initiating(Mode::Admin).answered(choice(factors))];
    // What the service does not do is not offered.
    for factors in [
        r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"#,
        r#"["SOFTWARE_TOKEN_MFA","SMS_MFA"]"#,
        r#"["EMAIL_MFA","SMS_MFA","SOFTWARE_TOKEN_MFA"]"#,
    ] {
        let step = logged_in(Mode::Admin, &offered(factors)).await.unwrap();
        let SignIn::ChooseFactor { factors, sms_destination, session } = step else { panic!("no choice") };
        assert_eq!(factors, [Factor::Sms, Factor::Totp]);
        assert_eq!((sms_destination.as_deref(), session.as_str()), (Some("+********4567"), CHOICE_SESSION));
    }
    for factors in ["", "[]", "SMS_MFA", r#"["SMS_MFA"]"#, r#"["SMS_MFA","EMAIL_MFA"]"#] {
        let text = unavailable(logged_in(Mode::Admin, &offered(factors)).await);
        assert_eq!(text, "Cognito: a choice of second factors without SMS and authenticator");
    }
    let mut bare = choice("[]");
    bare["ChallengeParameters"] = json!({ "MFAS_CAN_CHOOSE": r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"# });
    let step = logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(bare)]).await.unwrap();
    assert!(matches!(step, SignIn::ChooseFactor { sms_destination: None, .. }));
}

#[tokio::test]
async fn the_chosen_factor_is_asked_for() {
    for (factor, name, session) in
        [(Factor::Sms, "SMS_MFA", SMS_SESSION), (Factor::Totp, "SOFTWARE_TOKEN_MFA", TOTP_SESSION)]
    {
        let exchanges = [choosing(name).answered(challenge(name))];
        asks_for(chosen(Mode::Admin, CHOICE_SESSION, factor, &exchanges).await.unwrap(), factor, session);
    }
    let sms = || choosing("SMS_MFA");
    let without = chosen(Mode::Admin, CHOICE_SESSION, Factor::Sms, &[sms().answered(tokens(Mode::Admin, true))]).await;
    assert_eq!(unavailable(without), "Cognito: a choice of second factors was not followed by one");
    for asked in [challenge("SOFTWARE_TOKEN_MFA"), choice(r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"#)] {
        let other = chosen(Mode::Admin, CHOICE_SESSION, Factor::Sms, &[sms().answered(asked)]).await;
        assert_eq!(unavailable(other), "Cognito: another second factor was asked for than was chosen");
    }
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
    asks_for(step, Factor::Sms, SMS_SESSION);
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
        let again = [answering_sms().answered(challenge(asked))];
        let text = unavailable(answered(Mode::Admin, SMS_SESSION, CODE, &again).await);
        assert!(text.starts_with(&format!("Cognito: the pool asks for {asked}, ")), "{text}");
    }
    // Nor those that are answered, where they do not belong: in data mode, and after an answer.
    for asked in ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE"] {
        unavailable(logged_in(Mode::Data, &[initiating(Mode::Data).answered(challenge(asked))]).await);
        unavailable(answered(Mode::Admin, SMS_SESSION, CODE, &[answering_sms().answered(challenge(asked))]).await);
    }
    let mut no_session = challenge("SMS_MFA");
    no_session.as_object_mut().unwrap().remove("Session");
    unavailable(logged_in(Mode::Admin, &[initiating(Mode::Admin).answered(no_session)]).await);
}

#[tokio::test]
async fn the_right_code_logs_an_admin_in() {
    for (session, answering) in
        [(SMS_SESSION, answering_sms as fn() -> Request), (TOTP_SESSION, answering_totp as fn() -> Request)]
    {
        let exchanges = [answering().answered(tokens(Mode::Admin, true))];
        is_done(answered(Mode::Admin, session, CODE, &exchanges).await.unwrap(), Mode::Admin);

        let exchanges = [answering().answered(tokens(Mode::Admin, false)), sent_email_code(Mode::Admin)];
        let step = answered(Mode::Admin, session, CODE, &exchanges).await.unwrap();
        assert!(matches!(step, SignIn::VerifyEmail { access_token: token } if token == access_token(Mode::Admin)));
    }
}

/// An authenticator has no code that could be requested anew.
#[tokio::test]
async fn a_used_code_of_an_authenticator_is_a_wrong_one() {
    let used = |request: Request| {
        [request.refused_saying("ExpiredCodeException", "Your software token has already been used once.")]
    };
    let result = answered(Mode::Admin, TOTP_SESSION, CODE, &used(answering_totp())).await;
    assert!(matches!(result, Err(IdentityError::WrongCode)));
    let result = answered(Mode::Admin, SMS_SESSION, CODE, &used(answering_sms())).await;
    assert!(matches!(result, Err(IdentityError::CodeExpired)));
}

#[tokio::test]
async fn what_is_no_session_or_no_code_is_not_asked_about() {
    let (long, short) = (format!("s.{}", "a".repeat(2049)), "s.nineteen-characters");
    for session in ["", "s.", "t.", "unknown", SESSION, short, &long, "x.AYABeC1-y8qooiuysEv0uM4wAqQAHQABAAdTZXJ2aWNl"]
    {
        let result = answered(Mode::Admin, session, CODE, &[]).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
        let result = chosen(Mode::Admin, session, Factor::Sms, &[]).await;
        assert!(matches!(result, Err(IdentityError::NoSession)));
    }
    // A choice is no code, and a code no choice.
    assert!(matches!(answered(Mode::Admin, CHOICE_SESSION, CODE, &[]).await, Err(IdentityError::NoSession)));
    for session in [SMS_SESSION, TOTP_SESSION] {
        assert!(matches!(chosen(Mode::Admin, session, Factor::Sms, &[]).await, Err(IdentityError::NoSession)));
        assert!(matches!(answered(Mode::Data, session, CODE, &[]).await, Err(IdentityError::NoSession)));
    }
    assert!(matches!(chosen(Mode::Data, CHOICE_SESSION, Factor::Sms, &[]).await, Err(IdentityError::NoSession)));
    for code in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
        for session in [SMS_SESSION, TOTP_SESSION] {
            let result = answered(Mode::Admin, session, code, &[]).await;
            assert!(matches!(result, Err(IdentityError::WrongCode)), "{code}");
        }
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
