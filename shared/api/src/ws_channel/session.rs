//! Challenges, login and logout (brief 1.2, texts 2.10).

use avain_domain::challenge;
use avain_domain::ports::{Factor, SignIn};
use avain_domain::session::{self, ChallengeAnswer};
use serde_json::{Value, json};

use super::success;
use crate::call::{Body, Call, Running, decode_base64};

/// InitLogin and InitRegister: interchangeable challenges, for users that do not exist too.
pub(crate) fn challenge<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let challenge = challenge::issue(call.context(), call.deps().service_keys()?, &call.login()?);
        Ok(success("OK", json!({ "Challenge": challenge })))
    })
}

/// Login.
pub(crate) fn login<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (challenge, encrypted) = challenge_answer(&body)?;
        let answer = ChallengeAnswer { login: &login, challenge, encrypted: encrypted.as_deref() };
        let step =
            session::login(call.context(), deps.store()?, deps.identity()?, deps.service_keys()?, answer).await?;
        Ok(sign_in(&step))
    })
}

/// LoginMFA.
pub(crate) fn login_mfa<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (session, code) = (body.text("Session")?, body.text("Code")?);
        let step =
            session::answer_factor(call.context(), deps.store()?, deps.identity()?, &login, session, code).await?;
        Ok(sign_in(&step))
    })
}

/// Logout.
pub(crate) fn logout<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, caller, deps) = (call.login()?, call.caller().await?, call.deps());
        session::logout(call.context(), deps.store()?, deps.identity()?, &caller, &login).await?;
        Ok(success("Logout OK", json!({})))
    })
}

/// ChResp and Encrypted; what is not base64 is answered like what does not decrypt.
pub(crate) fn challenge_answer(body: &Body) -> Result<(&str, Option<Vec<u8>>), avain_domain::Failure> {
    Ok((body.text("ChResp")?, decode_base64(body.text("Encrypted")?)))
}

fn sign_in(step: &SignIn) -> Value {
    match step {
        SignIn::VerifyPhone => success("User authentication failed. Verify phone number with received SMS.", json!({})),
        SignIn::SecondFactor { factor, session } => {
            let text = match factor {
                Factor::Sms => "Give SMS code",
                Factor::Totp => "Give authenticator code",
            };
            success(text, json!({ "Session": session, "ChallengeName": mfa_type(*factor) }))
        }
        SignIn::ChooseFactor { factors, sms_destination, session } => {
            let options: Vec<&str> = factors.iter().copied().map(mfa_type).collect();
            let mut fields = json!({ "Session": session, "ChallengeName": "SELECT_MFA_TYPE", "MfaOptions": options });
            if let Some(destination) = sms_destination {
                fields["SmsDestination"] = json!(destination);
            }
            success("Select MFA type", fields)
        }
        SignIn::VerifyEmail { access_token } => {
            success("Login OK. Verify email address.", json!({ "AccessToken": access_token }))
        }
        SignIn::Done(tokens) => success(
            "Login OK",
            json!({
                "IdToken": tokens.id_token,
                "ApiKey": tokens.api_key,
                "ExpiresIn": tokens.expires_in,
                "Account": account(tokens.owner),
            }),
        ),
    }
}

/// A factor's name in the contract.
fn mfa_type(factor: Factor) -> &'static str {
    match factor {
        Factor::Sms => "SMS_MFA",
        Factor::Totp => "SOFTWARE_TOKEN_MFA",
    }
}

/// What the account may do beyond the contract: nothing yet.
fn account(owner: bool) -> Value {
    json!({ "Type": if owner { "integrator" } else { "customer" }, "Features": [], "Entitlements": [] })
}
