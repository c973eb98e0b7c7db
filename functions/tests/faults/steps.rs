//! Steps that the story takes only together with others.

use avain::client::{self, Call, ClientError};
use avain::story::Story;
use avain_api::Operation;
use avain_api::operations::{INIT_LOGIN, INIT_PASSWORD_RESET, LOGIN_MFA, PASSWORD_RESET};
use serde_json::{Value, json};

use crate::cognito::{CODE, RESET_CODE};

/// LoginMFA with SetupTOTP; the body of the answer.
pub(crate) async fn begin_totp(story: &Story<'_>, session: &str) -> Result<Value, ClientError> {
    call(story, &LOGIN_MFA, Some(json!({ "Session": session, "Code": CODE, "SetupTOTP": true }))).await
}

/// InitPasswordReset.
pub(crate) async fn begin_reset(story: &Story<'_>) -> Result<(), ClientError> {
    call(story, &INIT_PASSWORD_RESET, None).await.map(drop)
}

/// PasswordReset to the password of the story's company.
pub(crate) async fn finish_reset(story: &Story<'_>) -> Result<(), ClientError> {
    let (challenge, encrypted) = story.answer_challenge(&INIT_LOGIN, "admin").await?;
    let body = json!({ "Code": RESET_CODE, "ChResp": challenge, "Encrypted": encrypted });
    call(story, &PASSWORD_RESET, Some(body)).await.map(drop)
}

async fn call(story: &Story<'_>, operation: &'static Operation, body: Option<Value>) -> Result<Value, ClientError> {
    let path = [story.company.email.as_str(), "admin"];
    client::call(story.transport, Call { operation, path: &path, query: "", credentials: None, body }).await
}
