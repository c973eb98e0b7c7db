//! What was refused, for the trail of audit (decision 0009): every refusal of a change, and of a read what the caller may not
//! see. Malformed requests of nobody in particular go to the log only.

use avain_domain::Failure;
use avain_domain::audit::{Refused, Who, keep_refusal};
use http::Method;

use super::errors::reply;
use crate::call::{Access, Call};
use crate::operations::Operation;

/// Keeps a refusal. Where that fails, the refusal is answered all the same, and the log says so.
pub(crate) async fn keep(operation: &Operation, call: &Call<'_>, failure: &Failure) {
    let reply = reply(operation, failure);
    if !belongs(operation, failure, reply.status) {
        return;
    }
    let (object, reason) = (call.object(), failure.to_string());
    let refused = Refused {
        action: action(operation),
        phase: if authorization(failure) { "authorization" } else { "request" },
        outcome: if reply.status == 404 { "not_found" } else { "rejected" },
        object: &object,
        reason: &reason,
        bank_code: matches!(failure, Failure::BankRefused { .. }).then_some(&reply.code),
    };
    let claimed = if matches!(operation.access, Access::Anyone) { call.login().ok() } else { None };
    let who = match (call.bearer(), &claimed) {
        (Some((login, organisation)), _) => Who::Known(login, organisation),
        (None, Some(login)) => Who::Claimed(login),
        (None, None) => return,
    };
    let kept = match call.deps().store() {
        Ok(store) => keep_refusal(call.context(), store, who, refused).await,
        Err(absent) => Err(absent),
    };
    if let Err(cause) = kept {
        let request_id = call.context().request_id;
        tracing::warn!(operation = operation.name, request_id, %cause, "refusal not kept");
    }
}

fn belongs(operation: &Operation, failure: &Failure, status: u16) -> bool {
    if !(400..500).contains(&status) {
        return false;
    }
    let change = operation.method != Method::GET;
    match failure {
        // To write each of these down would be the work that the limit is there against.
        Failure::RateLimited { .. } => false,
        // Also where a password's reset begins, with a GET.
        Failure::AttemptLimit { .. } => true,
        // What a bank says to a change is an event of its own; a read has none.
        Failure::BankRefused { .. } => !change,
        Failure::Missing | Failure::Invalid(_) => change && matches!(operation.access, Access::Token { .. }),
        _ => change || [401, 403, 404].contains(&status),
    }
}

/// Whether it was the caller that was not good enough, not what was asked.
fn authorization(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::WrongCredentials
            | Failure::AttemptLimit { .. }
            | Failure::WrongCode
            | Failure::CodeExpired
            | Failure::NoSession
            | Failure::Unauthorized
            | Failure::InvalidApiKey
            | Failure::WrongMode
            | Failure::NotOwner
            | Failure::Stale
            | Failure::OwnerStays
            | Failure::ReadOnly
            | Failure::NoAgreement
            | Failure::NoSimulator
            | Failure::ExportDisabled
            | Failure::NoSignature
            | Failure::SignaturesFailed
    )
}

/// The action that an operation would have been: that of its event, where it has one.
fn action(operation: &Operation) -> &'static str {
    match operation.name {
        "Register" | "InitRegister" => "account.register",
        "VerifyEmail" => "account.verify-email",
        "VerifyPhone" => "account.verify-phone",
        "Login" | "LoginMFA" | "SelectMFA" | "InitLogin" => "session.login",
        "VerifyTOTP" => "session.enrol-authenticator",
        "InitPasswordReset" | "PasswordReset" => "account.reset-password",
        "Logout" => "session.logout",
        "ListCerts" => "certificate.list",
        "ConfigCerts" => "certificate.disable-export",
        "ShareCerts" => "certificate.share",
        "UnshareCerts" => "certificate.unshare",
        "ExportCert" => "certificate.export",
        "ImportCert" => "certificate.import",
        "EnrollCert" => "certificate.enrol",
        "RetireCert" => "certificate.retire",
        "ListFiles" => "file.list",
        "UploadFile" => "file.upload",
        "DownloadFile" => "file.download",
        "DeleteFile" => "file.delete",
        "ListKeys" => "pgp-key.list",
        "UploadKey" => "pgp-key.register",
        "DeleteKey" => "pgp-key.delete",
        "ListUploads" => "file.list-uploads",
        "AddSignatures" => "file.sign",
        "ListAccountUsage" => "usage.list",
        "ListAuditEvents" => "audit.list",
        "GetOpenApi" => "document.read",
        "ListAccounts" => "account.list",
        "DeleteAccount" => "account.delete",
        "GetPolicy" => "organisation.get-policy",
        "PutPolicy" => "organisation.policy",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::ALL;

    #[test]
    fn every_operation_has_an_action() {
        for operation in ALL {
            assert!(action(operation).contains('.'), "{} needs an action", operation.name);
        }
    }
}
