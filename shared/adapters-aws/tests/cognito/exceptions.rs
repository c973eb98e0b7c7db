//! Each exception at each call. Written anew from the API reference, not taken from the table under test.

use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Factor, Identity, IdentityError};
use avain_domain::secret::Password;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use serde_json::json;

use crate::replay::{Exchange, identity, replayed};
use crate::shapes::{
    CHOICE_SESSION, CODE, PASSWORD, PHONE, Request, SESSION, SMS_SESSION, TOTP_SESSION, access_token, answering_sms,
    answering_totp, associating, choosing, confirming, confirming_by_itself, deleting, dropping_authenticator,
    forgetting, initiating, log_in, login, preferring, reading, register, resending, resetting, sending_email_code,
    signing_out, signing_up, tokens, turning_sms_on, user, verifying, verifying_email, verifying_totp,
};

const EXCEPTIONS: [&str; 37] = [
    "AliasExistsException",
    "CodeDeliveryFailureException",
    "CodeMismatchException",
    "ConcurrentModificationException",
    "EnableSoftwareTokenMFAException",
    "ExpiredCodeException",
    "FeatureUnavailableInTierException",
    "ForbiddenException",
    "InternalErrorException",
    "InvalidEmailRoleAccessPolicyException",
    "InvalidLambdaResponseException",
    "InvalidParameterException",
    "InvalidPasswordException",
    "InvalidSmsRoleAccessPolicyException",
    "InvalidSmsRoleTrustRelationshipException",
    "InvalidUserPoolConfigurationException",
    "LimitExceededException",
    "MFAMethodNotFoundException",
    "NotAuthorizedException",
    "OperationNotEnabledException",
    "PasswordHistoryPolicyViolationException",
    "PasswordResetRequiredException",
    "ResourceNotFoundException",
    "SoftwareTokenMFANotFoundException",
    "TooManyFailedAttemptsException",
    "TooManyRequestsException",
    "UnexpectedLambdaException",
    "UnsupportedOperationException",
    "UserLambdaValidationException",
    "UserNotConfirmedException",
    "UserNotFoundException",
    "UsernameExistsException",
    // Common to all AWS services.
    "AccessDeniedException",
    "ExpiredTokenException",
    "ThrottlingException",
    "UnrecognizedClientException",
    // Not made yet.
    "SomethingNewException",
];

/// A call, after a blank its use where it has several, what runs up to it, and the exceptions that do not make the service unavailable. `-` has steps of its own,
/// in the other tests.
struct Case {
    call: &'static str,
    before: Vec<Exchange>,
    request: fn() -> Request,
    mode: Mode,
    told: &'static [(&'static str, &'static str)],
}

impl Case {
    /// The call's name.
    fn name(&self) -> &str {
        self.call.split(' ').next().unwrap()
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    use Mode::{Admin, Data};
    const CODES: (&str, &str) = ("CodeMismatchException", "wrong code");
    const OLD: (&str, &str) = ("ExpiredCodeException", "the code has expired");
    const LIMIT: (&str, &str) = ("LimitExceededException", "too many attempts");
    const NO_SESSION: [(&str, &str); 3] = [
        ("NotAuthorizedException", "no such session"),
        ("UserNotFoundException", "no such session"),
        ("UserNotConfirmedException", "no such session"),
    ];
    let left_over = || vec![signing_up(Data).refused("UsernameExistsException"), user(Data, "UNCONFIRMED", 60)];
    vec![
        Case {
            call: "SignUp",
            before: vec![],
            request: || signing_up(Data),
            mode: Data,
            told: &[("UsernameExistsException", "-")],
        },
        Case {
            call: "AdminGetUser",
            before: vec![signing_up(Data).refused("UsernameExistsException")],
            request: || reading(Data),
            mode: Data,
            told: &[("UserNotFoundException", "-")],
        },
        Case {
            call: "AdminDeleteUser",
            before: left_over(),
            request: || deleting(Data),
            mode: Data,
            told: &[("UserNotFoundException", "-")],
        },
        Case {
            call: "AdminDeleteUser alone",
            before: vec![],
            request: || deleting(Data),
            mode: Data,
            told: &[("UserNotFoundException", "-")],
        },
        Case {
            call: "AdminUpdateUserAttributes",
            before: vec![],
            request: || verifying(Data, &["phone_number_verified"]),
            mode: Data,
            told: &[],
        },
        Case {
            call: "AdminConfirmSignUp",
            before: vec![verifying(Data, &["phone_number_verified"]).answered(json!({}))],
            request: || confirming_by_itself(Data),
            mode: Data,
            told: &[("NotAuthorizedException", "-")],
        },
        Case {
            call: "ConfirmSignUp",
            before: vec![user(Admin, "UNCONFIRMED", 5)],
            request: || confirming(Admin),
            mode: Admin,
            told: &[
                CODES,
                OLD,
                ("NotAuthorizedException", "the code has expired"),
                LIMIT,
                ("TooManyFailedAttemptsException", "too many attempts"),
                ("UserNotFoundException", "the code has expired"),
            ],
        },
        Case {
            call: "AdminInitiateAuth",
            before: vec![],
            request: || initiating(Data),
            mode: Data,
            told: &[
                ("NotAuthorizedException", "wrong credentials"),
                ("UserNotFoundException", "wrong credentials"),
                ("UserNotConfirmedException", "-"),
            ],
        },
        Case {
            call: "ResendConfirmationCode",
            before: vec![initiating(Data).refused("UserNotConfirmedException")],
            request: || resending(Data),
            mode: Data,
            told: &[("UserNotFoundException", "wrong credentials"), LIMIT],
        },
        Case {
            call: "AdminSetUserMFAPreference",
            before: vec![initiating(Admin).answered(tokens(Admin, true))],
            request: turning_sms_on,
            mode: Admin,
            told: &[("UserNotFoundException", "Cognito: the user was replaced meanwhile")],
        },
        Case {
            call: "AdminSetUserMFAPreference drop",
            before: vec![],
            request: dropping_authenticator,
            mode: Admin,
            told: &[("UserNotFoundException", "no such session")],
        },
        Case {
            call: "ForgotPassword",
            before: vec![],
            request: || forgetting(Data),
            mode: Data,
            told: &[
                ("InvalidParameterException", "-"),
                ("LimitExceededException", "-"),
                ("NotAuthorizedException", "-"),
                ("UserNotFoundException", "-"),
            ],
        },
        Case {
            call: "ConfirmForgotPassword",
            before: vec![],
            request: || resetting(Data),
            mode: Data,
            told: &[
                CODES,
                ("ExpiredCodeException", "wrong code"),
                LIMIT,
                ("NotAuthorizedException", "wrong code"),
                ("TooManyFailedAttemptsException", "too many attempts"),
                ("UserNotConfirmedException", "wrong code"),
                ("UserNotFoundException", "wrong code"),
            ],
        },
        Case {
            call: "AdminRespondToAuthChallenge SMS",
            before: vec![],
            request: answering_sms,
            mode: Admin,
            told: &[CODES, OLD, NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "AdminRespondToAuthChallenge TOTP",
            before: vec![],
            request: answering_totp,
            mode: Admin,
            told: &[CODES, ("ExpiredCodeException", "wrong code"), NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "AdminRespondToAuthChallenge choice",
            before: vec![],
            request: || choosing("SMS_MFA"),
            mode: Admin,
            told: &[CODES, OLD, NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "AssociateSoftwareToken",
            before: vec![],
            request: associating,
            mode: Admin,
            told: &[NO_SESSION[0]],
        },
        Case {
            call: "VerifySoftwareToken",
            before: vec![],
            request: verifying_totp,
            mode: Admin,
            told: &[
                CODES,
                ("EnableSoftwareTokenMFAException", "wrong code"),
                NO_SESSION[0],
                NO_SESSION[1],
                NO_SESSION[2],
            ],
        },
        Case {
            call: "SetUserMFAPreference",
            before: vec![],
            request: || preferring(false, true),
            mode: Admin,
            told: &[NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "GetUserAttributeVerificationCode",
            before: vec![initiating(Data).answered(tokens(Data, false))],
            request: || sending_email_code(Data),
            mode: Data,
            told: &[LIMIT, NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "VerifyUserAttribute",
            before: vec![],
            request: || verifying_email(Data),
            mode: Data,
            told: &[CODES, OLD, LIMIT, NO_SESSION[0], NO_SESSION[1], NO_SESSION[2]],
        },
        Case {
            call: "AdminUserGlobalSignOut",
            before: vec![],
            request: || signing_out(Admin),
            mode: Admin,
            told: &[("UserNotFoundException", "-")],
        },
    ]
}

/// The operation that makes the call.
async fn operation(identity: CognitoIdentity, call: &str, mode: Mode) -> Result<(), IdentityError> {
    let login = login(mode);
    match call {
        "SignUp" | "AdminGetUser" | "AdminDeleteUser" => register(&identity, mode).await,
        "AdminDeleteUser alone" => identity.remove(&login).await.map(drop),
        "AdminUpdateUserAttributes" | "AdminConfirmSignUp" => identity.trust(&login, true, false).await,
        "ConfirmSignUp" => identity.confirm_phone(&login, PHONE, CODE).await,
        "AdminRespondToAuthChallenge SMS" => identity.answer_factor(&login, SMS_SESSION, CODE).await.map(drop),
        "AdminRespondToAuthChallenge TOTP" => identity.answer_factor(&login, TOTP_SESSION, CODE).await.map(drop),
        "AdminRespondToAuthChallenge choice" => {
            identity.choose_factor(&login, CHOICE_SESSION, Factor::Sms).await.map(drop)
        }
        "AssociateSoftwareToken" => identity.begin_totp(&login, &access_token(mode)).await.map(drop),
        "VerifySoftwareToken" => identity.confirm_totp(&login, &access_token(mode), CODE).await,
        "SetUserMFAPreference" => identity.prefer_factor(&login, &access_token(mode), Some(Factor::Totp)).await,
        "AdminSetUserMFAPreference drop" => identity.drop_authenticator(&login, TOTP_SESSION).await,
        "ForgotPassword" => identity.begin_reset(&login).await,
        "ConfirmForgotPassword" => identity.reset(&login, CODE, &Password::new(PASSWORD.to_owned())).await,
        "VerifyUserAttribute" => identity.verify_email(&login, &access_token(mode), CODE).await,
        "AdminUserGlobalSignOut" => identity.sign_out(&login).await,
        _ => log_in(&identity, mode).await.map(drop),
    }
}

/// The error, and that it says what failed without repeating Cognito's text.
async fn error(case: &Case, last: Exchange) -> String {
    let exchanges = [case.before.as_slice(), &[last]].concat();
    let result = replayed(&exchanges, async |identity| operation(identity, case.call, case.mode).await).await;
    let text = result.unwrap_err().to_string();
    for secret in [PASSWORD, CODE, SESSION, PHONE, "Value at", &access_token(case.mode)] {
        assert!(!text.contains(secret), "{text}");
    }
    text
}

/// As Cognito's texts do that repeat what was sent.
fn repeating() -> String {
    format!("Value at '{PASSWORD} {CODE} {SESSION} {PHONE}' failed to satisfy constraint")
}

#[tokio::test]
async fn every_exception_of_every_call_has_its_meaning() {
    for case in cases() {
        for exception in EXCEPTIONS {
            let told = case.told.iter().find(|(name, _)| *name == exception).map(|(_, meaning)| *meaning);
            if told == Some("-") {
                continue;
            }
            let text = error(&case, (case.request)().refused_saying(exception, &repeating())).await;
            if let Some(meaning) = told {
                assert_eq!(text, meaning, "{} {exception}", case.call);
                continue;
            }
            assert!(text.starts_with(&format!("Cognito {}: {exception} (status ", case.name())), "{text}");
            assert!(text.contains("request 3cd7e3c1-0000-4000-8000-5a2f6e1b7c90"), "{text}");
        }
        for (name, _) in case.told {
            assert!(EXCEPTIONS.contains(name), "{name}");
        }
    }
}

/// Else a wrong setting of the service would read as everybody's wrong password.
#[tokio::test]
async fn a_wrong_client_secret_is_the_operators() {
    let texts = [
        "Unable to verify secret hash for client 3data0client0of0avain0test0",
        "SecretHash does not match for the client: 3data0client0of0avain0test0",
        "Client 3data0client0of0avain0test0 is configured with secret but SECRET_HASH was not received",
    ];
    for case in cases() {
        for words in texts {
            let text = error(&case, (case.request)().refused_saying("NotAuthorizedException", words)).await;
            assert!(text.ends_with("the client's secret is not the one in the service's settings"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_user_who_vanishes_between_two_calls_is_nobodys_fault() {
    for exception in ["UserNotFoundException", "NotAuthorizedException"] {
        let exchanges = [
            initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
            turning_sms_on().answered(json!({})),
            initiating(Mode::Admin).refused(exception),
        ];
        let result = replayed(&exchanges, async |identity| log_in(&identity, Mode::Admin).await).await;
        assert!(matches!(result, Err(IdentityError::WrongCredentials)));
    }
    let exchanges = [
        initiating(Mode::Admin).answered(tokens(Mode::Admin, true)),
        turning_sms_on().answered(json!({})),
        initiating(Mode::Admin).refused("UserNotConfirmedException"),
    ];
    let result = replayed(&exchanges, async |identity| log_in(&identity, Mode::Admin).await).await;
    let text = result.map(drop).unwrap_err().to_string();
    assert_eq!(text, "Cognito: the user was replaced meanwhile");
}

#[tokio::test]
async fn no_connection_and_unreadable_answers_are_nobodys_fault() {
    for case in cases().iter().filter(|case| case.before.is_empty()) {
        let unreachable = identity(StaticReplayClient::new(vec![]));
        let text = operation(unreachable, case.call, case.mode).await.unwrap_err().to_string();
        assert!(text.starts_with(&format!("Cognito {}: not reached", case.name())), "{text}");

        for (status, body) in [(200, "<html>"), (503, "<html>Service Unavailable"), (400, "{}"), (500, "")] {
            let answer = http::Response::builder().status(status).body(SdkBody::from(body)).unwrap();
            let event = ReplayEvent::new(http::Request::new(SdkBody::empty()), answer);
            let result = operation(identity(StaticReplayClient::new(vec![event])), case.call, case.mode).await;
            assert!(matches!(result, Err(IdentityError::Unavailable(_))), "{} {status} {body}", case.call);
        }
    }
}
