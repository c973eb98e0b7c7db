//! The answer to every failure: status, ResponseCode and text, in one table (reference data, answers). Clients match on
//! the texts.

use avain_domain::Failure;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::json;

use crate::call::Access;
use crate::operations::Operation;

/// What goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `01`, or the bank's own code.
    pub code: String,
    /// Text.
    pub text: String,
    /// Seconds for Retry-After.
    pub retry_after: Option<u64>,
}

/// The reply to a failure of an operation.
#[must_use]
pub fn reply(operation: &Operation, failure: &Failure) -> Reply {
    let (status, text) = match failure {
        Failure::Missing => (400, "Missing parameter(s)".to_owned()),
        Failure::Invalid(what) => (400, format!("Invalid parameter(s): {what}")),
        Failure::UnknownBank => (400, "Invalid parameter bank".to_owned()),
        Failure::WeakPassword => (
            400,
            "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special"
                .to_owned(),
        ),
        Failure::WrongCredentials => (400, "Incorrect username or password".to_owned()),
        Failure::AttemptLimit { .. } => (429, "Attempt limit exceeded, please try after some time".to_owned()),
        Failure::WrongCode => (400, "Invalid verification code".to_owned()),
        Failure::CodeExpired => (400, "Code expired, request a new one".to_owned()),
        Failure::NotPreferred(_) => (400, "TOTP verified but setting MFA preference failed".to_owned()),
        Failure::NoSession => (400, "Invalid session, start login again".to_owned()),
        Failure::Unauthorized => (401, "Unauthorized".to_owned()),
        Failure::InvalidApiKey => (403, "Invalid API key".to_owned()),
        Failure::WrongMode => (403, wrong_mode(operation).to_owned()),
        Failure::NoAgreement => (403, "No service agreement".to_owned()),
        Failure::NoSimulator => (403, "Bank Simulator access is not enabled for this tenant".to_owned()),
        Failure::NotFound => (404, "Not found".to_owned()),
        Failure::NoCertificate => (404, "No certificate(s) for this bank,".to_owned()),
        Failure::NoExportKey => (404, "Requested export PGP key not found.".to_owned()),
        Failure::ExportDisabled => (403, "Cert export is disabled for this account, and cannot be enabled".to_owned()),
        Failure::NotOwner => (403, "Allowed for the API key owner only".to_owned()),
        Failure::Stale => (400, "Re-authenticate to delete accounts".to_owned()),
        Failure::OwnerStays => (403, "The account that made the API key cannot be deleted".to_owned()),
        Failure::StillShares => (409, "Account still shares certificates: unshare or retire them first".to_owned()),
        Failure::RateLimited { .. } => (429, "Too many requests".to_owned()),
        Failure::ReadOnly => {
            (403, "No PGP keys. Without a registered authorize key this account is read-only.".to_owned())
        }
        Failure::NotOffered => (400, "Not offered by this bank".to_owned()),
        Failure::Exists(text) => (409, (*text).to_owned()),
        Failure::NoSignature => {
            (400, "No signatures found. File upload requires PGP authorize key detached signature(s).".to_owned())
        }
        Failure::SignaturesFailed => (400, "All signature verification(s) failed".to_owned()),
        Failure::Unresolved(id) => (409, format!("Earlier upload of these bytes is unresolved: {id}")),
        Failure::NotWaiting => (409, "This upload does not wait for signatures".to_owned()),
        Failure::WaitedTooLong => {
            (400, "This upload has waited for signatures too long: upload the file again".to_owned())
        }
        Failure::Ambiguous(instead) => (409, format!("Several have this id: use the {instead}")),
        Failure::TooLarge { limit } => (413, format!("Content too large: {limit}")),
        Failure::Unusable(text) | Failure::BankRefused { text, .. } => (400, text.clone()),
        Failure::BankUnreachable => (502, "Bank not reachable".to_owned()),
        Failure::BankTimeout => (504, "Bank did not answer in time".to_owned()),
        Failure::BankUnreadable(_) => (502, "Technical error. Failed to parse bank response.".to_owned()),
        Failure::BankSignature(_) => (502, "Bank response signature is not valid".to_owned()),
        Failure::Unavailable(_) | Failure::Vault(_) => (503, "Temporarily unavailable".to_owned()),
        Failure::Internal(_) => (500, "Internal server processing side error".to_owned()),
    };
    let code = match failure {
        Failure::BankRefused { code, .. } => code.clone(),
        _ => "01".to_owned(),
    };
    let retry_after = match failure {
        Failure::AttemptLimit { retry_after } | Failure::RateLimited { retry_after } => Some(*retry_after),
        Failure::Unavailable(_) | Failure::Vault(_) => Some(1),
        _ => None,
    };
    Reply { status, code, text, retry_after }
}

fn wrong_mode(operation: &Operation) -> &'static str {
    match operation.access {
        Access::Token { otherwise, .. } => otherwise,
        Access::Anyone => "",
    }
}

/// The answer to a failure; told to the log once, here, with what is not for the caller.
#[must_use]
pub fn respond(operation: &Operation, request_id: &str, failure: &Failure) -> Response<Bytes> {
    let reply = reply(operation, failure);
    let (name, status) = (operation.name, reply.status);
    if status >= 500 {
        tracing::error!(operation = name, request_id, status, cause = %failure, "failed");
    } else {
        tracing::info!(operation = name, request_id, status, reason = %failure, "refused");
    }
    let mut response = error(status, &reply.code, &reply.text, request_id);
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An ErrorResponse; for what goes wrong outside any operation (no such path, wrong method) too.
#[must_use]
pub fn error(status: u16, code: &str, text: &str, request_id: &str) -> Response<Bytes> {
    let body = json!({ "RequestId": request_id, "ResponseCode": code, "ResponseText": text });
    super::respond(status, Bytes::from(body.to_string()))
}
