//! Registration and verification (brief 1.1).

use avain_domain::Failure;
use avain_domain::account::{self, Registration};
use avain_domain::reset;
use avain_domain::session::ChallengeAnswer;
use serde_json::json;

use super::session::challenge_answer;
use super::success;
use crate::call::{Body, Call, Running};

/// Register.
pub(crate) fn register<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (challenge, encrypted) = challenge_answer(&body)?;
        let registration = Registration {
            name: line(&body, "Name")?,
            phone: body.text("Phone")?,
            company: line(&body, "Company")?,
            api_key: body.text("ApiKey")?,
        };
        let answer = ChallengeAnswer { login: &login, challenge, encrypted: encrypted.as_deref() };
        let api_key = account::register(
            call.context(),
            deps.store()?,
            deps.identity()?,
            deps.gateway()?,
            deps.service_keys()?,
            answer,
            registration,
        )
        .await?;
        Ok(success("Sign up successful. Verify phone number.", json!({ "ApiKey": api_key })))
    })
}

/// VerifyEmail.
pub(crate) fn verify_email<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let (token, code) = (body.text("AccessToken")?, body.text("Code")?);
        account::verify_email(call.context(), deps.store()?, deps.identity()?, &login, token, code).await?;
        Ok(success("Email verification successful.", json!({})))
    })
}

/// VerifyPhone.
pub(crate) fn verify_phone<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, phone, body, deps) = (call.login()?, call.path("Phone")?, call.body()?, call.deps());
        let code = body.text("Code")?;
        account::verify_phone(call.context(), deps.store()?, deps.identity()?, &login, &phone, code).await?;
        Ok(success("Phone confirmation successful.", json!({})))
    })
}

/// InitPasswordReset: the same answer for everybody.
pub(crate) fn init_password_reset<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, deps) = (call.login()?, call.deps());
        reset::begin(call.context(), deps.store()?, deps.identity()?, &login).await?;
        Ok(success("Password reset started", json!({})))
    })
}

/// PasswordReset.
pub(crate) fn password_reset<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (login, body, deps) = (call.login()?, call.body()?, call.deps());
        let ((challenge, encrypted), code) = (challenge_answer(&body)?, body.text("Code")?);
        let answer = ChallengeAnswer { login: &login, challenge, encrypted: encrypted.as_deref() };
        let (store, identity, keys) = (deps.store()?, deps.identity()?, deps.service_keys()?);
        let notice = reset::finish(call.context(), store, identity, keys, answer, code).await?;
        call.notify(&login, notice).await?;
        Ok(success("Password reset successful.", json!({})))
    })
}

/// One line of text, at most 128 characters.
fn line<'b>(body: &'b Body, name: &str) -> Result<&'b str, Failure> {
    let text = body.text(name)?;
    let fits = text.chars().count() <= 128 && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(Failure::Invalid(name.to_owned())) }
}
