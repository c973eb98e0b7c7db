//! Registration and verification (brief 1.1).

use avain_domain::Failure;
use avain_domain::account::{self, Registration};
use avain_domain::members::{self, Deletion};
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
        let registered = account::register(
            call.context(),
            deps.store()?,
            deps.identity()?,
            deps.gateway()?,
            deps.service_keys()?,
            answer,
            registration,
        )
        .await?;
        if let Some(cause) = registered.not_trusted {
            let request_id = call.context().request_id;
            tracing::warn!(request_id, %cause, "registered, but phone and e-mail address are to be verified with codes");
        }
        let text =
            if registered.phone_trusted { "Sign up successful." } else { "Sign up successful. Verify phone number." };
        Ok(success(text, json!({ "ApiKey": registered.api_key })))
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

/// DeleteAccount.
pub(crate) fn delete<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (caller, deps) = (call.caller().await?, call.deps());
        if !caller.account.owner {
            return Err(Failure::NotOwner);
        }
        let (email, body) = (call.email("Email")?, call.body()?);
        let deletion = Deletion { email: &email, confirmed: body.text("Confirm")? == call.path("Email")? };
        let deleted = members::delete(call.context(), deps.store()?, deps.identity()?, &caller, deletion).await?;
        let deleted = json!({
            "AdminUser": deleted.admin_user, "DataUser": deleted.data_user, "Account": deleted.account,
        });
        Ok(success("Account deleted", json!({ "Deleted": deleted, "Email": email.as_str() })))
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
        let reset = reset::finish(call.context(), store, identity, keys, answer, code).await?;
        call.notify(&login, reset.notice).await?;
        reset.ended?;
        Ok(success("Password reset successful.", json!({})))
    })
}

/// One line of text, at most 128 characters.
fn line<'b>(body: &'b Body, name: &str) -> Result<&'b str, Failure> {
    let text = body.text(name)?;
    let fits = text.chars().count() <= 128 && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(Failure::Invalid(name.to_owned())) }
}
