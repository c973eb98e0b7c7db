//! What each operation carries: a line of this table for each row of the table of operations.

use super::parameters::EMAIL;
use super::shape::{Field, Kind, Shape, TEXT, at_most, form, may, must, number};
use super::{Wire, answers, requests};

/// A line; failures are the statuses that do not follow from the operation's row.
const fn wire(
    operation: &'static str,
    summary: &'static str,
    body: Option<&'static Shape>,
    answer: &'static Shape,
    failures: &'static [u16],
) -> Wire {
    Wire { operation, summary, query: &[], body, answer, failures }
}

impl Wire {
    const fn asking(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }
}

const LIMIT: Field = may("Limit", number(1, 100), "Most that a page has");
const NEXT_TOKEN: Field = may("NextToken", TEXT, "As the page before had it; the other parameters stay the same");
const TENANT: Field = may("Tenant", TEXT, "The organisation's id: no other than one's own");

/// What asking a bank can end in.
const NO_CERTIFICATE_OR_BANK: &[u16] = &[404, 502, 504];

pub(super) static WIRES: &[Wire] = &[
    wire("InitRegister", "A challenge for Register", None, &answers::INIT_REGISTER, &[]),
    wire("Register", "Registers a mode of an account", Some(&requests::REGISTER), &answers::REGISTER, &[409, 429]),
    wire("VerifyEmail", "Verifies the e-mail address", Some(&requests::VERIFY_EMAIL), &answers::RESPONSE, &[429]),
    wire("VerifyPhone", "Verifies the phone number", Some(&requests::VERIFY_PHONE), &answers::RESPONSE, &[429]),
    wire("InitPasswordReset", "Sends a code for PasswordReset", None, &answers::RESPONSE, &[429]),
    wire(
        "PasswordReset",
        "Sets a new password; sessions end, the second factor stays",
        Some(&requests::PASSWORD_RESET),
        &answers::RESPONSE,
        &[429],
    ),
    wire("InitLogin", "A challenge for Login", None, &answers::INIT_LOGIN, &[]),
    wire("Login", "Answers the challenge with the password", Some(&requests::LOGIN), &answers::LOGIN, &[429]),
    wire("LoginMFA", "Answers the second factor", Some(&requests::LOGIN_MFA), &answers::LOGIN_MFA, &[429]),
    wire("SelectMFA", "Chooses the second factor", Some(&requests::SELECT_MFA), &answers::SELECT_MFA, &[429]),
    wire(
        "VerifyTOTP",
        "Ends the set-up of an authenticator",
        Some(&requests::VERIFY_TOTP),
        &answers::VERIFY_TOTP,
        &[429],
    ),
    wire("Logout", "Ends every session of the account's mode", None, &answers::RESPONSE, &[]),
    wire("ListCerts", "Certificates and connections to banks", None, &answers::LIST_CERTS, &[]),
    wire(
        "ConfigCerts",
        "Forbids the export of certificates for good",
        Some(&requests::CONFIG_CERTS),
        &answers::RESPONSE,
        &[],
    ),
    wire("ShareCerts", "Lets another account use the certificates", None, &answers::SHARE_CERTS, &[404]),
    wire("UnshareCerts", "Ends the sharing with another account", None, &answers::UNSHARE_CERTS, &[404]),
    wire(
        "ExportCert",
        "A bank's certificates with their private keys, encrypted to an export key",
        None,
        &answers::EXPORT_CERT,
        &[404],
    )
    .asking(&[must("PgpKeyId", at_most(128), "The export key: the last eight digits of its fingerprint, or all")]),
    wire(
        "EnrollCert",
        "Gets a certificate from the bank",
        Some(&requests::ENROLL_CERT),
        &answers::RESPONSE,
        &[409, 502, 504],
    ),
    wire(
        "ImportCert",
        "Takes over a certificate with its private key",
        Some(&requests::IMPORT_CERT),
        &answers::IMPORT_CERT,
        &[409],
    ),
    wire("RetireCert", "Ends a certificate; its private key is destroyed", None, &answers::RETIRE_CERT, &[404])
        .asking(&[may("Account", EMAIL, "Another account's, for the owner of the API key")]),
    wire("ListFiles", "Files at the bank", None, &answers::LIST_FILES, NO_CERTIFICATE_OR_BANK).asking(&[
        may("Status", Kind::OneOf(&["NEW", "DLD", "ALL"]), "Absent: ALL"),
        may("FileType", at_most(40), "Only this type"),
    ]),
    wire(
        "UploadFile",
        "Sends a file to the bank, at most once",
        Some(&requests::UPLOAD_FILE),
        &answers::UPLOAD_FILE,
        &[404, 409, 502, 504],
    ),
    wire("DownloadFile", "Gets a file from the bank", None, &answers::DOWNLOAD_FILE, NO_CERTIFICATE_OR_BANK),
    wire("DeleteFile", "Deletes a file at the bank, where it offers that", None, &answers::RESPONSE, &[404]),
    wire("ListKeys", "PGP keys", None, &answers::LIST_KEYS, &[]),
    wire("UploadKey", "Registers a PGP key", Some(&requests::UPLOAD_KEY), &answers::RESPONSE, &[409]),
    wire("DeleteKey", "Removes a PGP key", Some(&requests::DELETE_KEY), &answers::DELETE_KEY, &[404, 409]),
    wire("ListAccounts", "The organisation's accounts", None, &answers::LIST_ACCOUNTS, &[]),
    wire(
        "DeleteAccount",
        "Deletes an account of the organisation",
        Some(&requests::DELETE_ACCOUNT),
        &answers::DELETE_ACCOUNT,
        &[404, 409],
    ),
    wire("GetPolicy", "The organisation's policy", None, &answers::POLICY, &[]),
    wire("PutPolicy", "Replaces the organisation's policy", Some(&requests::PUT_POLICY), &answers::POLICY, &[]),
    wire("ListUploads", "What became of uploads", None, &answers::LIST_UPLOADS, &[]).asking(&[LIMIT, NEXT_TOKEN]),
    wire(
        "AddSignatures",
        "Adds signatures to an upload that waits for them",
        Some(&requests::ADD_SIGNATURES),
        &answers::UPLOAD_FILE,
        &[404, 409, 502, 504],
    ),
    wire(
        "ListAccountUsage",
        "How many bank accounts were served in a month",
        None,
        &answers::LIST_ACCOUNT_USAGE,
        &[404],
    )
    .asking(&[
        may("Month", form("^[0-9]{4}-[0-9]{2}$"), "In Europe/Helsinki; absent: this month"),
        TENANT,
        may("Account", EMAIL, "Only this user"),
    ]),
    wire("ListAuditEvents", "The audit trail", None, &answers::LIST_AUDIT_EVENTS, &[404]).asking(&[
        TENANT,
        may("Account", EMAIL, "Only this account's"),
        may("From", TEXT, "RFC 3339 time, or a day; absent: seven days before To"),
        may("To", TEXT, "RFC 3339 time, or a day; absent: now"),
        may("Action", TEXT, "Only this action"),
        may("Outcome", Kind::OneOf(answers::OUTCOMES), "Only this outcome"),
        LIMIT,
        NEXT_TOKEN,
    ]),
    wire("GetOpenApi", "This document", None, &answers::OPEN_API, &[]),
];
