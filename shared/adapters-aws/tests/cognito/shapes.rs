//! The requests that must be sent, and answers in the shapes of the API reference. Names and secret hashes are written
//! out: made with sha256sum and openssl, not with the code under test.

use avain_adapters_aws::cognito::{CognitoIdentity, Pool, Pools};
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Identity, IdentityError, NewUser, SignIn};
use avain_domain::secret::Password;
use serde_json::{Value, json};

use crate::replay::{Exchange, NOW};
use crate::tokens;

pub(crate) const PHONE: &str = "+358401234567";
pub(crate) const API_KEY: &str = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";
pub(crate) const PASSWORD: &str = "Correct-Horse-Battery-9";
pub(crate) const CODE: &str = "123456";
/// As Cognito gives it.
pub(crate) const SESSION: &str = "AYABeC1-y8qooiuysEv0uM4wAqQAHQABAAdTZXJ2aWNl";
/// The same as callers have it: of an SMS, of an authenticator, of a choice.
pub(crate) const SMS_SESSION: &str = "s.AYABeC1-y8qooiuysEv0uM4wAqQAHQABAAdTZXJ2aWNl";
pub(crate) const TOTP_SESSION: &str = "t.AYABeC1-y8qooiuysEv0uM4wAqQAHQABAAdTZXJ2aWNl";
pub(crate) const CHOICE_SESSION: &str = "c.AYABeC1-y8qooiuysEv0uM4wAqQAHQABAAdTZXJ2aWNl";
/// An authenticator's secret.
pub(crate) const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

pub(crate) const ADMIN_POOL: &str = "eu-north-1_Admin0001";
pub(crate) const DATA_POOL: &str = "eu-north-1_Data00002";
pub(crate) const ADMIN_CLIENT: &str = "2admin0client0of0avain0test";
pub(crate) const DATA_CLIENT: &str = "3data0client0of0avain0test0";

pub(crate) fn pools() -> Pools {
    Pools { admin: Pool::new(ADMIN_POOL, ADMIN_CLIENT).unwrap(), data: Pool::new(DATA_POOL, DATA_CLIENT).unwrap() }
}

pub(crate) fn login(mode: Mode) -> Login {
    Login { email: Email::parse("anna@example.com").unwrap(), mode }
}

pub(crate) fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Admin => "e_f7d54c22dda5b1780276601cd005909b70543fc4a6ba72d735b4cb9bbb611f01__admin",
        Mode::Data => "e_f7d54c22dda5b1780276601cd005909b70543fc4a6ba72d735b4cb9bbb611f01__data",
    }
}

/// HMAC-SHA256 of name and client id under `admin-client-secret` and `data-client-secret`.
fn secret_hash(mode: Mode) -> &'static str {
    match mode {
        Mode::Admin => "JL22kgKclUSKGzff0j1vUbolwb8XCe0BhRkS9HH8EeA=",
        Mode::Data => "3KyPlZTsEbM6UlencI32QDmSY35rexJqilzUWUQEbyE=",
    }
}

fn pool(mode: Mode) -> &'static str {
    match mode {
        Mode::Admin => ADMIN_POOL,
        Mode::Data => DATA_POOL,
    }
}

fn client(mode: Mode) -> &'static str {
    match mode {
        Mode::Admin => ADMIN_CLIENT,
        Mode::Data => DATA_CLIENT,
    }
}

/// Signs up: the account made the API key in admin mode, joined in data mode.
pub(crate) async fn register(identity: &CognitoIdentity, mode: Mode) -> Result<(), IdentityError> {
    let user = NewUser {
        login: &login(mode),
        password: &Password::new(PASSWORD.to_owned()),
        phone: PHONE,
        api_key: API_KEY,
        organisation: &OrganisationId("org-1".to_owned()),
        owner: mode == Mode::Admin,
        phone_trusted: false,
    };
    identity.sign_up(user).await
}

pub(crate) async fn log_in(identity: &CognitoIdentity, mode: Mode) -> Result<SignIn, IdentityError> {
    identity.sign_in(&login(mode), &Password::new(PASSWORD.to_owned())).await
}

/// A call's request, whose answer a test chooses.
pub(crate) struct Request(&'static str, Value);

impl Request {
    pub(crate) fn answered(self, answer: Value) -> Exchange {
        Exchange::ok(self.0, self.1, answer)
    }

    pub(crate) fn refused(self, exception: &str) -> Exchange {
        self.refused_saying(exception, "Text of Cognito's.")
    }

    pub(crate) fn refused_saying(self, exception: &str, text: &str) -> Exchange {
        Exchange::refused(self.0, self.1, exception, text)
    }
}

pub(crate) fn signing_up(mode: Mode) -> Request {
    let account_type = if mode == Mode::Admin { "integrator" } else { "customer" };
    let attributes = [
        ("email", "anna@example.com"),
        ("phone_number", PHONE),
        ("custom:apikey", API_KEY),
        ("custom:organisation", "org-1"),
        ("custom:mode", mode.as_str()),
        ("custom:account_type", account_type),
    ];
    let attributes = attributes.map(|(name, value)| json!({ "Name": name, "Value": value }));
    let request = json!({
        "ClientId": client(mode), "SecretHash": secret_hash(mode), "Username": name(mode), "Password": PASSWORD,
        "UserAttributes": attributes
    });
    Request("SignUp", request)
}

pub(crate) fn signed_up(mode: Mode) -> Exchange {
    let mut answer = delivered("phone_number", "SMS", "+********4567");
    answer["UserConfirmed"] = json!(false);
    answer["UserSub"] = json!("5f3e2a10-0000-4000-8000-000000000001");
    signing_up(mode).answered(answer)
}

fn delivered(attribute: &str, medium: &str, destination: &str) -> Value {
    json!({ "CodeDeliveryDetails": {
        "AttributeName": attribute, "DeliveryMedium": medium, "Destination": destination
    } })
}

fn of_user(mode: Mode) -> Value {
    json!({ "UserPoolId": pool(mode), "Username": name(mode) })
}

pub(crate) fn reading(mode: Mode) -> Request {
    Request("AdminGetUser", of_user(mode))
}

/// A user of this status, so many seconds old.
pub(crate) fn user(mode: Mode, status: &str, age: i64) -> Exchange {
    reading(mode).answered(json!({
        "Username": name(mode),
        "UserAttributes": [
            { "Name": "sub", "Value": "5f3e2a10-0000-4000-8000-000000000001" },
            { "Name": "phone_number_verified", "Value": if status == "CONFIRMED" { "true" } else { "false" } },
            { "Name": "phone_number", "Value": PHONE },
            { "Name": "email", "Value": "anna@example.com" },
            { "Name": "custom:mode", "Value": mode.as_str() },
        ],
        "UserCreateDate": NOW - age, "UserLastModifiedDate": NOW, "Enabled": true, "UserStatus": status
    }))
}

pub(crate) fn deleting(mode: Mode) -> Request {
    Request("AdminDeleteUser", of_user(mode))
}

/// Takes these attributes as verified.
pub(crate) fn verifying(mode: Mode, attributes: &[&str]) -> Request {
    let mut request = of_user(mode);
    request["UserAttributes"] = attributes.iter().map(|name| json!({ "Name": name, "Value": "true" })).collect();
    Request("AdminUpdateUserAttributes", request)
}

pub(crate) fn confirming_by_itself(mode: Mode) -> Request {
    Request("AdminConfirmSignUp", of_user(mode))
}

pub(crate) fn confirming(mode: Mode) -> Request {
    let request = json!({
        "ClientId": client(mode), "SecretHash": secret_hash(mode), "Username": name(mode), "ConfirmationCode": CODE
    });
    Request("ConfirmSignUp", request)
}

pub(crate) fn resending(mode: Mode) -> Request {
    let request = json!({ "ClientId": client(mode), "SecretHash": secret_hash(mode), "Username": name(mode) });
    Request("ResendConfirmationCode", request)
}

pub(crate) fn resent(mode: Mode) -> Exchange {
    resending(mode).answered(delivered("phone_number", "SMS", "+********4567"))
}

pub(crate) fn initiating(mode: Mode) -> Request {
    let request = json!({
        "UserPoolId": pool(mode), "ClientId": client(mode), "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": name(mode), "PASSWORD": PASSWORD, "SECRET_HASH": secret_hash(mode) }
    });
    Request("AdminInitiateAuth", request)
}

/// Answers a challenge of an admin's.
fn responding(challenge: &str, name_of_answer: &str, answer: &str) -> Request {
    let mode = Mode::Admin;
    let request = json!({
        "UserPoolId": pool(mode), "ClientId": client(mode), "ChallengeName": challenge, "Session": SESSION,
        "ChallengeResponses": {
            "USERNAME": name(mode), name_of_answer: answer, "SECRET_HASH": secret_hash(mode)
        }
    });
    Request("AdminRespondToAuthChallenge", request)
}

pub(crate) fn answering_sms() -> Request {
    responding("SMS_MFA", "SMS_MFA_CODE", CODE)
}

pub(crate) fn answering_totp() -> Request {
    responding("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", CODE)
}

pub(crate) fn choosing(factor: &str) -> Request {
    responding("SELECT_MFA_TYPE", "ANSWER", factor)
}

/// A choice of these second factors as the answer to a password.
pub(crate) fn choice(factors: &str) -> Value {
    json!({
        "ChallengeName": "SELECT_MFA_TYPE", "Session": SESSION,
        "ChallengeParameters": {
            "MFAS_CAN_CHOOSE": factors, "CODE_DELIVERY_DESTINATION": "+********4567", "USER_ID_FOR_SRP": "x"
        }
    })
}

pub(crate) fn associating() -> Request {
    Request("AssociateSoftwareToken", json!({ "AccessToken": access_token(Mode::Admin) }))
}

pub(crate) fn verifying_totp() -> Request {
    Request("VerifySoftwareToken", json!({ "AccessToken": access_token(Mode::Admin), "UserCode": CODE }))
}

/// Both factors on; which of them is preferred.
pub(crate) fn preferring(sms: bool, totp: bool) -> Request {
    let request = json!({
        "AccessToken": access_token(Mode::Admin),
        "SMSMfaSettings": { "Enabled": true, "PreferredMfa": sms },
        "SoftwareTokenMfaSettings": { "Enabled": true, "PreferredMfa": totp }
    });
    Request("SetUserMFAPreference", request)
}

pub(crate) fn turning_sms_on() -> Request {
    let mut request = of_user(Mode::Admin);
    request["SMSMfaSettings"] = json!({ "Enabled": true, "PreferredMfa": false });
    Request("AdminSetUserMFAPreference", request)
}

pub(crate) fn dropping_authenticator() -> Request {
    let mut request = of_user(Mode::Admin);
    request["SMSMfaSettings"] = json!({ "Enabled": true, "PreferredMfa": true });
    request["SoftwareTokenMfaSettings"] = json!({ "Enabled": false, "PreferredMfa": false });
    Request("AdminSetUserMFAPreference", request)
}

pub(crate) fn forgetting(mode: Mode) -> Request {
    let request = json!({ "ClientId": client(mode), "SecretHash": secret_hash(mode), "Username": name(mode) });
    Request("ForgotPassword", request)
}

/// The code is on its way, or, of an unknown user, seems to be.
pub(crate) fn forgot(mode: Mode) -> Exchange {
    forgetting(mode).answered(delivered("email", "EMAIL", "a***@e***"))
}

pub(crate) fn resetting(mode: Mode) -> Request {
    let request = json!({
        "ClientId": client(mode), "SecretHash": secret_hash(mode), "Username": name(mode), "ConfirmationCode": CODE,
        "Password": PASSWORD
    });
    Request("ConfirmForgotPassword", request)
}

/// A challenge as the answer to a password or to another challenge.
pub(crate) fn challenge(challenge: &str) -> Value {
    json!({
        "ChallengeName": challenge, "Session": SESSION,
        "ChallengeParameters": {
            "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+********4567",
            "USER_ID_FOR_SRP": "x"
        }
    })
}

/// Tokens of a user whose e-mail address is verified, or not.
pub(crate) fn tokens(mode: Mode, email_verified: bool) -> Value {
    let id_token = tokens::signed(&tokens::with(tokens::id_claims(mode), "email_verified", json!(email_verified)));
    json!({
        "AuthenticationResult": {
            "AccessToken": access_token(mode), "ExpiresIn": 3600, "IdToken": id_token, "RefreshToken": "refresh",
            "TokenType": "Bearer"
        },
        "ChallengeParameters": {}
    })
}

/// The access token in [`tokens`].
pub(crate) fn access_token(mode: Mode) -> String {
    tokens::signed(&tokens::access_claims(mode))
}

pub(crate) fn sending_email_code(mode: Mode) -> Request {
    let request = json!({ "AccessToken": access_token(mode), "AttributeName": "email" });
    Request("GetUserAttributeVerificationCode", request)
}

pub(crate) fn sent_email_code(mode: Mode) -> Exchange {
    sending_email_code(mode).answered(delivered("email", "EMAIL", "a***@e***"))
}

pub(crate) fn verifying_email(mode: Mode) -> Request {
    let request = json!({ "AccessToken": access_token(mode), "AttributeName": "email", "Code": CODE });
    Request("VerifyUserAttribute", request)
}

pub(crate) fn signing_out(mode: Mode) -> Request {
    Request("AdminUserGlobalSignOut", of_user(mode))
}

pub(crate) fn sign_out(mode: Mode) -> Exchange {
    signing_out(mode).answered(json!({}))
}

pub(crate) fn describing_client(mode: Mode) -> Request {
    Request("DescribeUserPoolClient", json!({ "UserPoolId": pool(mode), "ClientId": client(mode) }))
}

/// The client as it is described, with this secret or none.
pub(crate) fn described(mode: Mode, secret: Option<&str>) -> Exchange {
    let mut described = json!({ "UserPoolId": pool(mode), "ClientId": client(mode), "ClientName": "avain" });
    if let Some(secret) = secret {
        described["ClientSecret"] = json!(secret);
    }
    describing_client(mode).answered(json!({ "UserPoolClient": described }))
}
