//! What Cognito's exceptions mean, by call.
//!
//! Exceptions of the API reference of each call (version 2016-04-18). What is in no row, or in a row without the call,
//! is a failure of the service: it says nothing about the request.

use avain_domain::ports::{IdentityError, Unavailable};
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use self::Call::{
    AdminConfirmSignUp, AdminDeleteUser, AdminGetUser, AdminInitiateAuth, AdminRespondToAuthChallenge,
    AdminSetUserMFAPreference, AdminUserGlobalSignOut, AssociateSoftwareToken, ConfirmForgotPassword, ConfirmSignUp,
    ForgotPassword, GetUserAttributeVerificationCode, ResendConfirmationCode, SetUserMFAPreference, SignUp,
    VerifySoftwareToken, VerifyUserAttribute,
};
use self::Meaning as M;
use crate::sdk;

/// An exception; the calls in which it says something about the request, and what; what an operator does about it in
/// the others.
type Row = (&'static str, &'static [(Call, Meaning)], &'static str);

const ROWS: &[Row] = &[
    ("AliasExistsException", &[], "the pool must have no aliases"),
    ("CodeDeliveryFailureException", &[], "the pool could not send a code: see its SMS and e-mail settings"),
    (
        "CodeMismatchException",
        &[
            (ConfirmSignUp, M::WrongCode),
            (ConfirmForgotPassword, M::WrongCode),
            (AdminRespondToAuthChallenge, M::WrongCode),
            (VerifyUserAttribute, M::WrongCode),
            (VerifySoftwareToken, M::WrongCode),
        ],
        "",
    ),
    ("ConcurrentModificationException", &[], "the user was being changed by another call"),
    // An authenticator's first code is wrong.
    ("EnableSoftwareTokenMFAException", &[(VerifySoftwareToken, M::WrongCode)], ""),
    (
        "ExpiredCodeException",
        &[
            (ConfirmSignUp, M::CodeExpired),
            // Also of a user who asked for no code: it would tell that there is one.
            (ConfirmForgotPassword, M::WrongCode),
            (AdminRespondToAuthChallenge, M::CodeExpired),
            (VerifyUserAttribute, M::CodeExpired),
        ],
        "",
    ),
    ("FeatureUnavailableInTierException", &[], "a setting of the pool is not in its feature plan"),
    ("ForbiddenException", &[], "a web ACL of the pool refused the call"),
    ("InternalErrorException", &[], "Cognito failed"),
    ("InvalidEmailRoleAccessPolicyException", &[], "the pool may not send e-mail"),
    ("InvalidLambdaResponseException", &[], "the pool must have no triggers"),
    // The user's address is not verified, where the client's PreventUserExistenceErrors does not hide it.
    ("InvalidParameterException", &[(ForgotPassword, M::NoUser)], "the settings of the pool or its client do not fit"),
    ("InvalidPasswordException", &[], "the pool's password policy is stricter than the service's own check"),
    ("InvalidSmsRoleAccessPolicyException", &[], "the pool's SMS role may not publish"),
    ("InvalidSmsRoleTrustRelationshipException", &[], "the pool may not assume its SMS role"),
    ("InvalidUserPoolConfigurationException", &[], "the pool's settings contradict each other"),
    (
        "LimitExceededException",
        &[
            // Codes asked for, and codes tried, by one user within Cognito's time.
            (ConfirmSignUp, M::TooMany),
            (ResendConfirmationCode, M::TooMany),
            (GetUserAttributeVerificationCode, M::TooMany),
            (VerifyUserAttribute, M::TooMany),
            (ConfirmForgotPassword, M::TooMany),
            // Told to nobody: an unknown user has no limit.
            (ForgotPassword, M::NoUser),
        ],
        "a quota of Cognito for the account is used up",
    ),
    ("MFAMethodNotFoundException", &[], "the pool offers no second factor that this user has"),
    (
        "NotAuthorizedException",
        &[
            // The user is confirmed already.
            (ConfirmSignUp, M::CodeExpired),
            (AdminConfirmSignUp, M::Confirmed),
            // The user is disabled.
            (ForgotPassword, M::NoUser),
            (ConfirmForgotPassword, M::WrongCode),
            // A wrong password, an unknown or disabled user, and Cognito's own lock-out alike.
            (AdminInitiateAuth, M::WrongCredentials),
            (AdminRespondToAuthChallenge, M::NoSession),
            (GetUserAttributeVerificationCode, M::NoSession),
            (VerifyUserAttribute, M::NoSession),
            (AssociateSoftwareToken, M::NoSession),
            (VerifySoftwareToken, M::NoSession),
            (SetUserMFAPreference, M::NoSession),
        ],
        "the pool or its client does not allow the call",
    ),
    ("OperationNotEnabledException", &[], "the pool does not allow the call"),
    ("PasswordHistoryPolicyViolationException", &[], "the pool must keep no password history"),
    ("PasswordResetRequiredException", &[], "an operator demanded a new password of this user; no operation sets one"),
    ("ResourceNotFoundException", &[], "there is no such pool or client"),
    ("SoftwareTokenMFANotFoundException", &[], "this user has no authenticator"),
    ("TooManyFailedAttemptsException", &[(ConfirmSignUp, M::TooMany), (ConfirmForgotPassword, M::TooMany)], ""),
    // The rate of all calls of a kind in the account and region: no user's doing. The client has tried again by then.
    ("TooManyRequestsException", &[], "Cognito throttled the call"),
    ("UnexpectedLambdaException", &[], "the pool must have no triggers"),
    ("UnsupportedOperationException", &[], "the settings of the pool or its client do not fit"),
    ("UserLambdaValidationException", &[], "the pool must have no triggers"),
    (
        "UserNotConfirmedException",
        &[
            (AdminInitiateAuth, M::NotConfirmed),
            (ConfirmForgotPassword, M::WrongCode),
            (AdminRespondToAuthChallenge, M::NoSession),
            (GetUserAttributeVerificationCode, M::NoSession),
            (VerifyUserAttribute, M::NoSession),
            (VerifySoftwareToken, M::NoSession),
            (SetUserMFAPreference, M::NoSession),
        ],
        "the user's phone is not verified",
    ),
    (
        "UserNotFoundException",
        &[
            (ConfirmSignUp, M::CodeExpired),
            (ForgotPassword, M::NoUser),
            (ConfirmForgotPassword, M::WrongCode),
            (AdminSetUserMFAPreference, M::NoUser),
            (ResendConfirmationCode, M::WrongCredentials),
            (AdminGetUser, M::NoUser),
            (AdminDeleteUser, M::NoUser),
            (AdminInitiateAuth, M::WrongCredentials),
            (AdminRespondToAuthChallenge, M::NoSession),
            (GetUserAttributeVerificationCode, M::NoSession),
            (VerifyUserAttribute, M::NoSession),
            (VerifySoftwareToken, M::NoSession),
            (SetUserMFAPreference, M::NoSession),
            (AdminUserGlobalSignOut, M::NoUser),
        ],
        "the user was deleted meanwhile",
    ),
    ("UsernameExistsException", &[(SignUp, M::UserExists)], ""),
    (CLIENT_SECRET, &[], "the client's secret is not the one in the service's settings"),
];

/// Cognito's answer to a wrong secret hash is `NotAuthorizedException`, like that to a wrong password; only its text
/// differs. Without this row a wrong setting would look like wrong passwords everywhere.
const CLIENT_SECRET: &str = "NotAuthorizedException: secret hash";

/// The calls, by their names in Cognito.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    SignUp,
    ConfirmSignUp,
    ResendConfirmationCode,
    AdminGetUser,
    AdminDeleteUser,
    AdminUpdateUserAttributes,
    AdminConfirmSignUp,
    AdminInitiateAuth,
    AdminRespondToAuthChallenge,
    AdminSetUserMFAPreference,
    ForgotPassword,
    ConfirmForgotPassword,
    GetUserAttributeVerificationCode,
    VerifyUserAttribute,
    AdminUserGlobalSignOut,
    AssociateSoftwareToken,
    VerifySoftwareToken,
    SetUserMFAPreference,
}

/// What an exception says about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    WrongCredentials,
    UserExists,
    WrongCode,
    CodeExpired,
    NoSession,
    TooMany,
    NotConfirmed,
    Confirmed,
    NoUser,
}

/// Why a call did not succeed.
pub(super) enum Refusal {
    /// There is a user of this name.
    UserExists,
    /// The user's phone is not verified.
    NotConfirmed,
    /// The user's phone is verified already.
    Confirmed,
    /// There is no such user.
    NoUser,
    /// For the caller.
    Identity(IdentityError),
}

impl Refusal {
    /// By the table. The text of a failure has Cognito's code and request id and what to do, not Cognito's own text:
    /// that may repeat what was sent.
    pub(super) fn of<E: ProvideErrorMetadata>(call: Call, error: &SdkError<E, HttpResponse>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        let text = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
        let about_secret = ["ecret hash", "ecretHash", "SECRET_HASH"].iter().any(|words| text.contains(words));
        let code = if code == "NotAuthorizedException" && about_secret { CLIENT_SECRET } else { code };
        let row = ROWS.iter().find(|(exception, ..)| *exception == code);
        let said = row.and_then(|(_, meanings, _)| meanings.iter().find(|(of, _)| *of == call));
        if let Some((_, meaning)) = said {
            return (*meaning).into();
        }
        let Unavailable(mut text) = sdk::unavailable(&format!("Cognito {call:?}"), error);
        if let Some((.., cure)) = row.filter(|(.., cure)| !cure.is_empty()) {
            text += ": ";
            text += cure;
        }
        Self::Identity(Unavailable(text).into())
    }

    pub(super) fn failed(what: &str) -> Self {
        Self::Identity(Unavailable(format!("Cognito: {what}")).into())
    }
}

impl From<Meaning> for Refusal {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            M::UserExists => Self::UserExists,
            M::NotConfirmed => Self::NotConfirmed,
            M::Confirmed => Self::Confirmed,
            M::NoUser => Self::NoUser,
            M::WrongCredentials => Self::Identity(IdentityError::WrongCredentials),
            M::WrongCode => Self::Identity(IdentityError::WrongCode),
            M::CodeExpired => Self::Identity(IdentityError::CodeExpired),
            M::NoSession => Self::Identity(IdentityError::NoSession),
            M::TooMany => Self::Identity(IdentityError::TooMany),
        }
    }
}

impl From<Refusal> for IdentityError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UserExists => Self::UserExists,
            Refusal::Identity(error) => error,
            // Between two calls of one operation.
            Refusal::NotConfirmed | Refusal::Confirmed | Refusal::NoUser => {
                Unavailable("Cognito: the user was replaced meanwhile".to_owned()).into()
            }
        }
    }
}
