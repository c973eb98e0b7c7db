//! The one table of operations: what is deployed, routed, documented and tested follows from it.

use avain_domain::names::Mode;
use avain_domain::session::Modes;
use http::Method;

use crate::call::{Access, Call, Running};
use crate::deps::Need;
use crate::openapi;
use crate::ws_channel::{account, audit, certs, files, integrator, pgp, policy, session, uploads, usage};

/// One row.
pub struct Operation {
    /// Name in the contract (brief 1).
    pub name: &'static str,
    /// Folder and name of its function: `session/login` is the binary `login`, the file `functions/session/login.rs` and the
    /// event `events/login.json`.
    pub function: &'static str,
    /// Method.
    pub method: Method,
    /// Path with `{Name}` for parameters; a literal segment goes before a parameter.
    pub path: &'static str,
    /// Who may call.
    pub access: Access,
    /// Status of success.
    pub success: u16,
    /// The ports that it is given.
    pub needs: &'static [Need],
    /// What runs.
    pub run: for<'a> fn(&'a Call<'a>) -> Running<'a>,
}

/// What the owner of the API key may do in admin mode, and nobody else.
const OWNER_ONLY: &str = "Allowed for the API key owner only";

const BOTH: Access = Access::Token { modes: Modes::Both, otherwise: "" };

const fn admin_only(otherwise: &'static str) -> Access {
    Access::Token { modes: Modes::Only(Mode::Admin), otherwise }
}

const fn data_only(otherwise: &'static str) -> Access {
    Access::Token { modes: Modes::Only(Mode::Data), otherwise }
}

/// InitRegister.
pub const INIT_REGISTER: Operation = Operation {
    name: "InitRegister",
    function: "account/init_register",
    method: Method::GET,
    path: "/v2/account/{Email}/{Mode}",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::ServiceKeys],
    run: session::challenge,
};

/// Register.
pub const REGISTER: Operation = Operation {
    name: "Register",
    function: "account/register",
    method: Method::PUT,
    path: "/v2/account/{Email}/{Mode}",
    access: Access::Anyone,
    success: 201,
    needs: &[Need::Store, Need::Identity, Need::ServiceKeys, Need::Gateway],
    run: account::register,
};

/// VerifyEmail.
pub const VERIFY_EMAIL: Operation = Operation {
    name: "VerifyEmail",
    function: "account/verify_email",
    method: Method::POST,
    path: "/v2/account/{Email}/{Mode}",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity],
    run: account::verify_email,
};

/// VerifyPhone.
pub const VERIFY_PHONE: Operation = Operation {
    name: "VerifyPhone",
    function: "account/verify_phone",
    method: Method::POST,
    path: "/v2/account/{Email}/{Mode}/{Phone}",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity],
    run: account::verify_phone,
};

/// InitPasswordReset.
pub const INIT_PASSWORD_RESET: Operation = Operation {
    name: "InitPasswordReset",
    function: "account/init_password_reset",
    method: Method::GET,
    path: "/v2/account/{Email}/{Mode}/password",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity],
    run: account::init_password_reset,
};

/// PasswordReset.
pub const PASSWORD_RESET: Operation = Operation {
    name: "PasswordReset",
    function: "account/password_reset",
    method: Method::POST,
    path: "/v2/account/{Email}/{Mode}/password",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity, Need::ServiceKeys, Need::Notifier],
    run: account::password_reset,
};

/// InitLogin.
pub const INIT_LOGIN: Operation = Operation {
    name: "InitLogin",
    function: "session/init_login",
    method: Method::GET,
    path: "/v2/session/{Email}/{Mode}",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::ServiceKeys],
    run: session::challenge,
};

/// Login.
pub const LOGIN: Operation = Operation {
    name: "Login",
    function: "session/login",
    method: Method::POST,
    path: "/v2/session/{Email}/{Mode}",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity, Need::ServiceKeys],
    run: session::login,
};

/// LoginMFA.
pub const LOGIN_MFA: Operation = Operation {
    name: "LoginMFA",
    function: "session/login_mfa",
    method: Method::PUT,
    path: "/v2/session/{Email}/{Mode}/mfacode",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity, Need::Notifier],
    run: session::login_mfa,
};

/// SelectMFA.
pub const SELECT_MFA: Operation = Operation {
    name: "SelectMFA",
    function: "session/select_mfa",
    method: Method::PUT,
    path: "/v2/session/{Email}/{Mode}/selectmfa",
    access: Access::Anyone,
    success: 200,
    // The store for the trail of refusals only.
    needs: &[Need::Store, Need::Identity],
    run: session::select_mfa,
};

/// VerifyTOTP.
pub const VERIFY_TOTP: Operation = Operation {
    name: "VerifyTOTP",
    function: "session/verify_totp",
    method: Method::PUT,
    path: "/v2/session/{Email}/{Mode}/verifytotp",
    access: Access::Anyone,
    success: 200,
    needs: &[Need::Store, Need::Identity],
    run: session::verify_totp,
};

/// Logout.
pub const LOGOUT: Operation = Operation {
    name: "Logout",
    function: "session/logout",
    method: Method::DELETE,
    path: "/v2/session/{Email}/{Mode}",
    access: Access::Token { modes: Modes::Both, otherwise: "Logout allowed for the own session only" },
    success: 200,
    needs: &[Need::Store, Need::Identity, Need::Tokens],
    run: session::logout,
};

/// ListCerts.
pub const LIST_CERTS: Operation = Operation {
    name: "ListCerts",
    function: "certs/list_certs",
    method: Method::GET,
    path: "/v2/certs",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Banks],
    run: certs::list,
};

/// ConfigCerts.
pub const CONFIG_CERTS: Operation = Operation {
    name: "ConfigCerts",
    function: "certs/config_certs",
    method: Method::POST,
    path: "/v2/certs",
    access: admin_only("Cert configuration allowed for admin user only"),
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: certs::configure,
};

/// ShareCerts.
pub const SHARE_CERTS: Operation = Operation {
    name: "ShareCerts",
    function: "certs/share_certs",
    method: Method::PUT,
    path: "/v2/certs/shared/{ExtEmail}",
    access: admin_only("Cert sharing allowed for admin user only"),
    success: 201,
    needs: &[Need::Store, Need::Tokens],
    run: certs::share,
};

/// UnshareCerts.
pub const UNSHARE_CERTS: Operation = Operation {
    name: "UnshareCerts",
    function: "certs/unshare_certs",
    method: Method::DELETE,
    path: "/v2/certs/shared/{ExtEmail}",
    access: admin_only("Cert sharing allowed for admin user only"),
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: certs::unshare,
};

/// ExportCert.
pub const EXPORT_CERT: Operation = Operation {
    name: "ExportCert",
    function: "certs/export_cert",
    method: Method::GET,
    path: "/v2/certs/{Bank}",
    access: admin_only("Cert export allowed for admin user only"),
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Sealer],
    run: certs::export,
};

/// ImportCert.
pub const IMPORT_CERT: Operation = Operation {
    name: "ImportCert",
    function: "certs/import_cert",
    method: Method::PUT,
    path: "/v2/certs/{Bank}",
    access: admin_only("Cert import allowed for admin user only"),
    success: 201,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Banks],
    run: certs::import,
};

/// RetireCert.
pub const RETIRE_CERT: Operation = Operation {
    name: "RetireCert",
    function: "certs/retire_cert",
    method: Method::DELETE,
    path: "/v2/certs/{Bank}",
    access: admin_only("Cert retirement allowed for admin user only"),
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: certs::retire,
};

/// EnrollCert.
pub const ENROLL_CERT: Operation = Operation {
    name: "EnrollCert",
    function: "certs/enroll_cert",
    method: Method::POST,
    path: "/v2/certs/{Bank}",
    access: admin_only("Cert enrollment allowed for admin user only"),
    success: 201,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Banks],
    run: certs::enroll,
};

/// ListFiles.
pub const LIST_FILES: Operation = Operation {
    name: "ListFiles",
    function: "files/list_files",
    method: Method::GET,
    path: "/v2/files/{Bank}",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Banks],
    run: files::list,
};

/// UploadFile.
pub const UPLOAD_FILE: Operation = Operation {
    name: "UploadFile",
    function: "files/upload_file",
    method: Method::PUT,
    path: "/v2/files/{Bank}",
    access: data_only("File uploads not allowed on admin mode, use data account mode"),
    success: 201,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Blobs, Need::Banks],
    run: files::upload,
};

/// ListUploads.
pub const LIST_UPLOADS: Operation = Operation {
    name: "ListUploads",
    function: "uploads/list_uploads",
    method: Method::GET,
    path: "/v2/uploads/{Bank}",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: uploads::list,
};

/// AddSignatures.
pub const ADD_SIGNATURES: Operation = Operation {
    name: "AddSignatures",
    function: "uploads/add_signatures",
    method: Method::PUT,
    path: "/v2/uploads/{Bank}/{UploadId}/signatures",
    access: data_only("File uploads not allowed on admin mode, use data account mode"),
    success: 201,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Blobs, Need::Banks],
    run: uploads::sign,
};

/// DownloadFile.
pub const DOWNLOAD_FILE: Operation = Operation {
    name: "DownloadFile",
    function: "files/download_file",
    method: Method::GET,
    path: "/v2/files/{Bank}/{FileType}/{FileReference}",
    access: data_only("File downloads not allowed on admin mode, use data account mode"),
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Blobs, Need::Banks],
    run: files::download,
};

/// DeleteFile.
pub const DELETE_FILE: Operation = Operation {
    name: "DeleteFile",
    function: "files/delete_file",
    method: Method::DELETE,
    path: "/v2/files/{Bank}/{FileType}/{FileReference}",
    access: data_only("File deletion not allowed on admin mode, use data account mode"),
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Sealer, Need::Banks],
    run: files::delete,
};

/// ListKeys.
pub const LIST_KEYS: Operation = Operation {
    name: "ListKeys",
    function: "pgp/list_keys",
    method: Method::GET,
    path: "/v2/pgp",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: pgp::list,
};

/// UploadKey.
pub const UPLOAD_KEY: Operation = Operation {
    name: "UploadKey",
    function: "pgp/upload_key",
    method: Method::PUT,
    path: "/v2/pgp",
    access: admin_only("PGP key upload allowed for admin user only"),
    success: 201,
    needs: &[Need::Store, Need::Tokens],
    run: pgp::upload,
};

/// DeleteKey.
pub const DELETE_KEY: Operation = Operation {
    name: "DeleteKey",
    function: "pgp/delete_key",
    method: Method::DELETE,
    path: "/v2/pgp",
    access: admin_only("PGP key deletion allowed for admin user only"),
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: pgp::delete,
};

/// ListAccountUsage.
pub const LIST_ACCOUNT_USAGE: Operation = Operation {
    name: "ListAccountUsage",
    function: "usage/list_account_usage",
    method: Method::GET,
    path: "/v2/usage/accounts",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: usage::list,
};

/// ListAuditEvents.
pub const LIST_AUDIT_EVENTS: Operation = Operation {
    name: "ListAuditEvents",
    function: "audit/list_audit_events",
    method: Method::GET,
    path: "/v2/audit",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::ServiceKeys],
    run: audit::list,
};

/// GetOpenApi.
pub const GET_OPEN_API: Operation = Operation {
    name: "GetOpenApi",
    function: "docs/get_open_api",
    method: Method::GET,
    path: "/openapi.json",
    access: Access::Anyone,
    success: 200,
    needs: &[],
    run: openapi::get,
};

/// DeleteAccount.
pub const DELETE_ACCOUNT: Operation = Operation {
    name: "DeleteAccount",
    function: "account/delete_account",
    method: Method::DELETE,
    path: "/v2/account/{Email}",
    access: admin_only(OWNER_ONLY),
    success: 200,
    needs: &[Need::Store, Need::Identity, Need::Tokens],
    run: account::delete,
};

/// ListAccounts.
pub const LIST_ACCOUNTS: Operation = Operation {
    name: "ListAccounts",
    function: "integrator/list_accounts",
    method: Method::GET,
    path: "/v2/integrator/accounts",
    access: admin_only(OWNER_ONLY),
    success: 200,
    needs: &[Need::Store, Need::Tokens, Need::Banks],
    run: integrator::list,
};

/// GetPolicy.
pub const GET_POLICY: Operation = Operation {
    name: "GetPolicy",
    function: "policy/get_policy",
    method: Method::GET,
    path: "/v2/policy",
    access: BOTH,
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: policy::get,
};

/// PutPolicy.
pub const PUT_POLICY: Operation = Operation {
    name: "PutPolicy",
    function: "policy/put_policy",
    method: Method::PUT,
    path: "/v2/policy",
    access: admin_only(OWNER_ONLY),
    success: 200,
    needs: &[Need::Store, Need::Tokens],
    run: policy::put,
};

/// Every operation. A function refers to its own row only, so that it links no other's code.
pub static ALL: [&Operation; 36] = [
    &INIT_REGISTER,
    &REGISTER,
    &VERIFY_EMAIL,
    &VERIFY_PHONE,
    &INIT_PASSWORD_RESET,
    &PASSWORD_RESET,
    &INIT_LOGIN,
    &LOGIN,
    &LOGIN_MFA,
    &SELECT_MFA,
    &VERIFY_TOTP,
    &LOGOUT,
    &LIST_CERTS,
    &CONFIG_CERTS,
    &SHARE_CERTS,
    &UNSHARE_CERTS,
    &EXPORT_CERT,
    &ENROLL_CERT,
    &IMPORT_CERT,
    &RETIRE_CERT,
    &LIST_FILES,
    &UPLOAD_FILE,
    &LIST_UPLOADS,
    &ADD_SIGNATURES,
    &DOWNLOAD_FILE,
    &DELETE_FILE,
    &LIST_KEYS,
    &UPLOAD_KEY,
    &DELETE_KEY,
    &LIST_ACCOUNT_USAGE,
    &LIST_AUDIT_EVENTS,
    &GET_OPEN_API,
    &DELETE_ACCOUNT,
    &LIST_ACCOUNTS,
    &GET_POLICY,
    &PUT_POLICY,
];

impl Operation {
    /// Name of the function's binary and of its event: the last part of [`Operation::function`].
    #[must_use]
    pub fn binary(&self) -> &'static str {
        self.function.rsplit('/').next().unwrap_or(self.function)
    }
}
