//! How clients go by the answer of a login (brief 2.3, 2.4), and what the strictest of them asks of every answer (2.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::Answer;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// VerifyPhone.
    VerifyPhone,
    /// VerifyEmail, with this access token.
    VerifyEmail(String),
    /// LoginMFA, with this session.
    Code(String),
    /// There is a session: id token, API key.
    Done(String, String),
    /// The client gives up.
    Failed,
}

/// wscli: fragments of the text, in upper and lower case as they are; the end by the whole text.
pub(super) fn by_exact_texts(answer: &Answer) -> Step {
    let text = answer.text("ResponseText");
    let field = |name: &str| answer.text(name);
    if answer.text("ResponseCode") != "00" {
        return Step::Failed;
    }
    if text.contains("Verify phone number") {
        Step::VerifyPhone
    } else if text.contains("Give SMS code") {
        Step::Code(field("Session"))
    } else if text.contains("Verify email address") {
        Step::VerifyEmail(field("AccessToken"))
    } else if text == "Login OK" {
        // Its arithmetic with ExpiresIn.
        assert!(answer.body["ExpiresIn"].as_u64().unwrap() > 10);
        Step::Done(field("IdToken"), field("ApiKey"))
    } else {
        Step::Failed
    }
}

/// The kit in TypeScript: fields and fragments in this order.
pub(super) fn by_order(answer: &Answer) -> Step {
    let text = answer.text("ResponseText").to_lowercase();
    let field = |name: &str| answer.body[name].as_str().map(str::to_owned);
    if answer.text("ResponseCode") != "00" {
        return Step::Failed;
    }
    if let (Some(id_token), Some(api_key)) = (field("IdToken"), field("ApiKey")) {
        return Step::Done(id_token, api_key);
    }
    if text.contains("verify phone") {
        return Step::VerifyPhone;
    }
    if let Some(token) = field("AccessToken") {
        return Step::VerifyEmail(token);
    }
    match field("Session") {
        Some(_) if text.contains("verify email") => Step::Failed,
        Some(session) if field("ChallengeName").as_deref() != Some("SELECT_MFA_TYPE") => Step::Code(session),
        _ => Step::Failed,
    }
}

/// What the client in C# refuses an answer for; its session's API key is this one.
pub(super) fn strict(answer: &Answer, api_key: Option<&str>) {
    let body = &answer.body;
    let code = answer.text("ResponseCode");
    assert!(code.len() == 2 && code.bytes().all(|it| it.is_ascii_digit()), "{answer:?}");
    assert!(!(300..400).contains(&answer.status) && answer.bytes.len() <= 8 * 1024 * 1024);
    if let Some(token) = body["IdToken"].as_str() {
        assert_eq!(token.split('.').count(), 3, "plain in YAML");
        assert!(body["ChallengeName"].is_null() && !answer.text("ResponseText").to_lowercase().contains("verify "));
        assert!((1..=86_400).contains(&body["ExpiresIn"].as_u64().unwrap()));
        assert!(api_key.is_none_or(|it| body["ApiKey"] == it));
    }
    if let Some(key) = body["ApiKey"].as_str() {
        assert!(
            key.len() == 40 && key.bytes().all(|it| it.is_ascii_alphanumeric()) && !key.as_bytes()[0].is_ascii_digit()
        );
    }
    if let Some(options) = body.get("MfaOptions") {
        let options = options.as_array().unwrap();
        assert!(!options.is_empty() && options.iter().all(|it| *it == "SMS_MFA" || *it == "SOFTWARE_TOKEN_MFA"));
    }
    for name in ["Certs", "FileDescriptors", "PgpKeys", "Connections", "SharedTo", "SharedFrom", "CertsAndKeys"] {
        assert!(body.get(name).is_none_or(serde_json::Value::is_array), "{name}: {answer:?}");
    }
    if let Some(content) = body["Content"].as_str() {
        assert!(STANDARD.decode(content).is_ok());
    }
}
