//! Challenges, login and logout (brief 1.2, texts 2.10).

use avain_domain::names::Email;
use avain_domain::ports::{Factor, SignIn};
use avain_domain::recovery::RecoveryCode;
use avain_domain::secret::Password;
use avain_domain::session::{self, ChallengeAnswer};
use avain_domain::{Failure, authenticator, challenge};
use serde_json::{Value, json};

use super::success;
use crate::call::{Body, Call, Running, decode_base64};
use crate::path::percent_encode;

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

/// LoginMFA: with a code of the second factor, or with a recovery code in its place.
pub(crate) fn login_mfa<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (session, code, set_up) = (body.text("Session")?, body.text("Code")?, body.flag("SetupTOTP")?);
        let (store, identity) = (deps.store()?, deps.identity()?);
        if let Some(code) = RecoveryCode::parse(code) {
            let notice = authenticator::recover(call.context(), store, identity, &login, session, &code).await?;
            call.notify(&login, notice).await?;
            let text = "Recovery code accepted. The authenticator is off. Start login again.";
            return Ok(success(text, json!({})));
        }
        let step = session::answer_factor(call.context(), store, identity, &login, session, code).await?;
        let mut answer = sign_in(&step);
        // What has still to be verified comes first: then there is no secret.
        if let SignIn::Done(tokens) = &step
            && set_up
        {
            let secret = authenticator::begin(identity, &login, tokens).await?;
            answer["AccessToken"] = json!(tokens.access_token);
            answer["SecretCode"] = json!(secret.expose());
            answer["OtpauthUri"] = json!(otpauth_uri(&login.email, &secret));
        }
        Ok(answer)
    })
}

/// SelectMFA.
pub(crate) fn select_mfa<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (chosen, session) = (body.text("MfaType")?, body.text("Session")?);
        let factor = [Factor::Sms, Factor::Totp].into_iter().find(|it| mfa_type(*it) == chosen);
        let factor = factor.ok_or_else(|| Failure::Invalid("MfaType".to_owned()))?;
        Ok(sign_in(&session::choose_factor(deps.identity()?, &login, session, factor).await?))
    })
}

/// VerifyTOTP: the recovery codes are in this answer and nowhere else.
pub(crate) fn verify_totp<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (token, code) = (body.text("AccessToken")?, body.text("Code")?);
        let (store, identity) = (deps.store()?, deps.identity()?);
        let codes =
            authenticator::confirm(call.context(), store, identity, deps.settings(), &login, token, code).await?;
        let codes: Vec<Value> = codes.iter().map(|code| json!(code.text().expose())).collect();
        Ok(success("TOTP enabled", json!({ "RecoveryCodes": codes })))
    })
}

/// Logout.
pub(crate) fn logout<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (caller, login, deps) = (call.caller().await?, call.login()?, call.deps());
        session::logout(call.context(), deps.store()?, deps.identity()?, &caller, &login).await?;
        Ok(success("Logout OK", json!({})))
    })
}

/// ChResp and Encrypted; what is not base64 is answered like what does not decrypt.
pub(crate) fn challenge_answer(body: &Body) -> Result<(&str, Option<Vec<u8>>), Failure> {
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

/// What an authenticator reads from a QR code (brief 2.10). Of the address only what a path may have stays as it is.
fn otpauth_uri(email: &Email, secret: &Password) -> String {
    let label = percent_encode(email.as_str()).replace("%40", "@");
    format!("otpauth://totp/Avain:{label}?secret={}&issuer=Avain", secret.expose())
}

/// What the account may do beyond the contract: nothing yet.
fn account(owner: bool) -> Value {
    json!({ "Type": if owner { "integrator" } else { "customer" }, "Features": [], "Entitlements": [] })
}
