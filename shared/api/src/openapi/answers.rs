//! Bodies of successes.

use super::shape::{BASE64, COUNT, Field, Kind, SOME, Shape, TEXT, form, may, must, number};

const RESPONSE_CODE: Field = must("ResponseCode", Kind::OneOf(&["00"]), "This step succeeded");
const RESPONSE_TEXT: Field = must("ResponseText", SOME, "What happened; clients go by it");

/// An answer: code, text, and fields of its own.
macro_rules! answer {
    ($constant:ident, $name:literal $(, $field:expr)* $(,)?) => {
        pub(super) const $constant: Shape = Shape { name: $name, fields: &[RESPONSE_CODE, RESPONSE_TEXT $(, $field)*] };
    };
}

answer!(RESPONSE, "Response");

/// `44 characters|13 digits|UUID`: old clients cut it at fixed places.
const CHALLENGE: Kind =
    form(r"^[A-Za-z0-9+/]{43}=\|[0-9]{13}\|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");

answer!(INIT_LOGIN, "InitLoginResp", must("Challenge", CHALLENGE, "To be answered within five minutes, once"));
answer!(INIT_REGISTER, "InitRegisterResp", must("Challenge", CHALLENGE, "To be answered within five minutes, once"));
answer!(REGISTER, "RegisterResp", must("ApiKey", SOME, "The organisation's API key"));

const MFA_TYPE: Kind = Kind::OneOf(&["SMS_MFA", "SOFTWARE_TOKEN_MFA"]);

const ACCOUNT: Shape = Shape {
    name: "SessionAccount",
    fields: &[
        must("Type", Kind::OneOf(&["integrator", "customer"]), "Whether it made the API key"),
        must("Features", Kind::List(&TEXT), "None yet"),
        must("Entitlements", Kind::List(&TEXT), "None yet"),
    ],
};

/// A finished login.
const ID_TOKEN: Field = may("IdToken", SOME, "For the Authorization header of calls; with a finished login");
const API_KEY: Field = may("ApiKey", SOME, "The organisation's API key; with a finished login");
const EXPIRES_IN: Field = may("ExpiresIn", number(1, 86_400), "Seconds that IdToken is good for");
const SESSION_ACCOUNT: Field = may("Account", Kind::Object(&ACCOUNT), "Whose session it is");

answer!(
    LOGIN,
    "LoginResp",
    may("AccessToken", SOME, "For VerifyEmail, where the address must be verified"),
    API_KEY,
    may("ChallengeName", Kind::OneOf(&["SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE"]), "What comes next"),
    EXPIRES_IN,
    ID_TOKEN,
    may("Session", SOME, "For LoginMFA or SelectMFA"),
    may("MfaOptions", Kind::List(&MFA_TYPE), "The factors to choose from"),
    may("SmsDestination", SOME, "The end of the phone number that a code would go to"),
    SESSION_ACCOUNT,
);

answer!(
    LOGIN_MFA,
    "LoginMFAResp",
    may("AccessToken", SOME, "For VerifyEmail, or for VerifyTOTP where SetupTOTP was asked for"),
    API_KEY,
    EXPIRES_IN,
    ID_TOKEN,
    may("SecretCode", form("^[A-Z2-7]{16,}$"), "The authenticator's secret"),
    may("OtpauthUri", form("^otpauth://totp/"), "The same for a QR code"),
    SESSION_ACCOUNT,
);

answer!(
    SELECT_MFA,
    "SelectMFAResp",
    must("Session", SOME, "For LoginMFA"),
    must("ChallengeName", MFA_TYPE, "The factor that was chosen"),
);

answer!(
    VERIFY_TOTP,
    "VerifyTOTPResp",
    must("RecoveryCodes", Kind::List(&SOME), "Ten, each good once in place of the authenticator's code"),
);

const CERT: Shape = Shape {
    name: "CertDescriptor",
    fields: &[
        must("CertName", SOME, "Bank and purpose, as in `nordea_customer_signing_cert`"),
        must("Expires", SOME, "As OpenSSL prints it: `Oct 28 06:30:08 2017 GMT`"),
        must("Subject", TEXT, "The Web Services user id"),
        must("Issuer", TEXT, "The issuer's common name"),
        must("Serial", TEXT, "Hexadecimal"),
        must("PEM", SOME, "The certificate"),
    ],
};

const PURPOSE: Field = must("Purpose", Kind::OneOf(&["signing", "encryption"]), "What it is for");
const EXPIRES: Field = must("Expires", SOME, "As OpenSSL prints it");

const CONNECTION_CERT: Shape = Shape { name: "BankConnectionCertificateDescriptor", fields: &[PURPOSE, EXPIRES] };

const CONNECTION: Shape = Shape {
    name: "BankConnectionDescriptor",
    fields: &[
        must("Bank", SOME, "The bank"),
        must("Access", Kind::OneOf(&["direct", "shared"]), "Whether the certificates are the account's own"),
        must("Certificates", Kind::List(&Kind::Object(&CONNECTION_CERT)), "Its certificates"),
    ],
};

const RETIRED: Shape = Shape {
    name: "RetiredCertDescriptor",
    fields: &[must("CertName", SOME, "With `REMOVED` in it"), must("Bank", SOME, "The bank"), PURPOSE, EXPIRES],
};

answer!(
    LIST_CERTS,
    "ListCertsResp",
    must("Certs", Kind::List(&Kind::Object(&CERT)), "The account's own certificates"),
    must("Connections", Kind::List(&Kind::Object(&CONNECTION)), "The banks that it reaches, by own or shared ones"),
    must("Retired", Kind::List(&Kind::Object(&RETIRED)), "What it had"),
);

const SHARED_TO: Field = must("SharedTo", Kind::List(&SOME), "Accounts that use this account's certificates");
const SHARED_FROM: Field = must("SharedFrom", Kind::List(&SOME), "Accounts whose certificates this account uses");

answer!(SHARE_CERTS, "ShareCertsResp", SHARED_TO, SHARED_FROM);
answer!(UNSHARE_CERTS, "UnshareCertsResp", SHARED_TO, SHARED_FROM);

const PAIR: Shape = Shape {
    name: "CertsAndKeys",
    fields: &[
        must("Certificate", SOME, "PEM"),
        must("EncryptedPrivateKey", SOME, "Its private key, PEM, in an armored PGP message"),
    ],
};

answer!(
    EXPORT_CERT,
    "ExportCertResp",
    must("CertsAndKeys", Kind::List(&Kind::Object(&PAIR)), "The certificates with their private keys"),
);

answer!(
    IMPORT_CERT,
    "ImportCertResp",
    must("Warnings", Kind::List(&TEXT), "For people: the certificate was imported all the same"),
);

answer!(
    RETIRE_CERT,
    "RetireCertResp",
    must("Bank", SOME, "The bank"),
    must("RetiredCertNames", Kind::List(&SOME), "As ListCerts has them under Retired"),
);

const FILE: Shape = Shape {
    name: "FileDescriptor",
    fields: &[
        must("FileType", TEXT, "The file's type at the bank"),
        must("Status", TEXT, "NEW, or DLD when it was downloaded"),
        must("FileTimestamp", SOME, "When the bank made it, beginning with YYYY-MM-DD"),
        must("FileReference", SOME, "For DownloadFile"),
        must("ServiceId", TEXT, "The bank's, such as an account number"),
        must("TargetId", TEXT, "The bank's"),
    ],
};

answer!(LIST_FILES, "ListFilesResp", must("FileDescriptors", Kind::List(&Kind::Object(&FILE)), "Files to download"),);

answer!(
    UPLOAD_FILE,
    "UploadFileResp",
    may("UploadId", SOME, "For ListUploads and AddSignatures"),
    may("SignaturesGiven", COUNT, "Where more signatures are waited for: by how many different keys"),
    may("SignaturesRequired", COUNT, "Where more signatures are waited for: how many the policy asks for"),
);

answer!(DOWNLOAD_FILE, "DownloadFileResp", must("Content", BASE64, "The file's bytes"));

const PGP_KEY: Shape = Shape {
    name: "PgpKeyDescriptor",
    fields: &[
        must("PgpKeyId", form("^[0-9A-F]{8}$"), "The last digits of its fingerprint"),
        must("PgpKeyPurpose", Kind::OneOf(&["export", "authorize"]), "What it is for"),
    ],
};

const PGP_KEYS: Field = must("PgpKeys", Kind::List(&Kind::Object(&PGP_KEY)), "The account's keys");

answer!(LIST_KEYS, "ListKeysResp", PGP_KEYS);
answer!(DELETE_KEY, "DeleteKeyResp", PGP_KEYS);

const REGISTERED: Kind = Kind::OneOf(&["registered", "unregistered"]);

const ACCOUNT_DESCRIPTOR: Shape = Shape {
    name: "AccountDescriptor",
    fields: &[
        must("Name", TEXT, "Who registered"),
        must("Email", SOME, "Its address"),
        must("Phone", TEXT, "With country code and `+`"),
        must("Export", Kind::OneOf(&["disabled", "allowed"]), "Whether its certificates may be exported"),
        must("Certs", Kind::List(&Kind::Object(&CERT)), "Its own certificates"),
        must("AdminMode", REGISTERED, "Admin mode"),
        must("DataMode", REGISTERED, "Data mode"),
        must("AccountType", Kind::OneOf(&["integrator", "customer"]), "Whether it made the API key"),
        must("LinkedTo", TEXT, "Whose certificates it uses; empty if its own"),
        must("Retired", Kind::List(&Kind::Object(&RETIRED)), "What it had"),
    ],
};

answer!(
    LIST_ACCOUNTS,
    "ListAccountsResp",
    must("Accounts", Kind::List(&Kind::Object(&ACCOUNT_DESCRIPTOR)), "The organisation's accounts"),
);

const DELETED: Shape = Shape {
    name: "DeletedAccount",
    fields: &[
        must("AdminUser", Kind::Flag, "There was a user for admin mode"),
        must("DataUser", Kind::Flag, "There was a user for data mode"),
        must("Account", Kind::Flag, "There was an account"),
    ],
};

answer!(
    DELETE_ACCOUNT,
    "DeleteAccountResp",
    must("Deleted", Kind::Object(&DELETED), "What was there"),
    must("Email", SOME, "Its address"),
);

const SIGNATURE_RULE: Shape = Shape {
    name: "SignatureRule",
    fields: &[
        must("Bank", Kind::OrNull(&TEXT), "The bank, or null for every bank"),
        must("FileType", Kind::OrNull(&TEXT), "The file type, or null for every type"),
        must("Required", number(1, 9), "How many different keys must have signed"),
    ],
};

const POLICY_SHAPE: Shape = Shape {
    name: "Policy",
    fields: &[
        must("SkipPhoneVerification", Kind::Flag, "Phone numbers count as verified"),
        must("SkipEmailVerification", Kind::Flag, "E-mail addresses count as verified"),
        must("CallsPerMinute", Kind::OrNull(&number(1, 100_000)), "Calls that the organisation may make"),
        must("Signatures", Kind::List(&Kind::Object(&SIGNATURE_RULE)), "Where one key is not enough"),
    ],
};

answer!(POLICY, "PolicyResp", must("Policy", Kind::Object(&POLICY_SHAPE), "The organisation's policy"));

const UPLOAD: Shape = Shape {
    name: "UploadDescriptor",
    fields: &[
        must("UploadId", SOME, "Its id"),
        must("FileType", TEXT, "The file's type at the bank"),
        must("FileName", TEXT, "As UploadFile had it"),
        must("Size", COUNT, "Bytes"),
        must("Sha256", form("^[0-9a-f]{64}$"), "Of the bytes"),
        must(
            "State",
            Kind::OneOf(&["waiting", "expired", "sending", "not-sent", "sent", "refused", "unknown"]),
            "What became of it",
        ),
        must("Signers", Kind::List(&SOME), "The keys that have signed"),
        must("SignaturesRequired", COUNT, "How many different keys must have signed"),
        must("At", SOME, "When it began, RFC 3339"),
        may("BankCode", TEXT, "The bank's code, where it refused"),
        may("BankText", TEXT, "The bank's text, where it refused"),
    ],
};

const NEXT_TOKEN: Field = may("NextToken", SOME, "Opens the next page, if there may be one");

answer!(
    LIST_UPLOADS,
    "ListUploadsResp",
    must("Uploads", Kind::List(&Kind::Object(&UPLOAD)), "Newest first"),
    NEXT_TOKEN,
);

const EVENT: Shape = Shape {
    name: "AuditEvent",
    fields: &[
        must("eventId", SOME, "The same event has the same id on every page"),
        must("timestamp", SOME, "RFC 3339, UTC"),
        must("action", SOME, "As in `certificate.enrol`"),
        must("phase", Kind::OneOf(&["request", "authorization", "step", "result"]), "How far it came"),
        must("outcome", Kind::OneOf(OUTCOMES), "How it ended"),
        must("operationId", SOME, "What belongs together"),
        must("sequence", COUNT, "Order within the organisation's trail; 1 for a refusal"),
        must("requestId", SOME, "The request"),
        must("resourceId", TEXT, "What it was done to"),
        must("actorType", Kind::OneOf(&["user", "operator", "system", "unknown"]), "Who did it"),
        may("actorEmail", SOME, "Who did it"),
        may("actorMode", SOME, "In which mode"),
        may("targetEmail", SOME, "To whom"),
        may("targetMode", SOME, "In which mode"),
        may("reason", TEXT, "Why it was refused"),
        may("bankResponseCode", TEXT, "The bank's code"),
        may("bankResponseText", TEXT, "The bank's text"),
    ],
};

/// What ListAuditEvents can be asked for.
pub(super) const OUTCOMES: &[&str] =
    &["started", "accepted", "completed", "not_found", "rejected", "failed", "partial_failure", "skipped"];

answer!(
    LIST_AUDIT_EVENTS,
    "ListAuditEventsResp",
    must("Events", Kind::List(&Kind::Object(&EVENT)), "Newest first; there may be none though there are further pages"),
    NEXT_TOKEN,
);

const ACCOUNT_USAGE: Shape = Shape {
    name: "AccountUsage",
    fields: &[must("Email", SOME, "The user"), must("UniqueAccounts", COUNT, "Different bank accounts")],
};

const USAGE_ISSUE: Shape = Shape {
    name: "UsageIssue",
    fields: &[
        must("Date", form(DATE), "The day"),
        must("Email", SOME, "Whose file"),
        must("Sha256", form("^[0-9a-f]{64}$"), "Of the file"),
        must("Reason", Kind::OneOf(&["too_many_accounts", "unreadable"]), "Why it is not counted whole"),
    ],
};

/// Files that could not be counted whole.
const ISSUES: Field = must("Issues", Kind::List(&Kind::Object(&USAGE_ISSUE)), "Files that could not be counted whole");

const DAILY_USAGE: Shape = Shape {
    name: "DailyUsage",
    fields: &[must("Date", form(DATE), "The day"), ISSUES, may("UniqueAccounts", COUNT, "Different bank accounts")],
};

const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";

const COLLECTION: Shape = Shape {
    name: "UsageCollection",
    fields: &[
        must("Date", form(DATE), "The last day that was counted"),
        must("State", Kind::OneOf(&["completed", "in_progress"]), "How far it is"),
    ],
};

const LICENSES: Shape = Shape {
    name: "UsageLicenses",
    fields: &[
        must("Basis", SOME, "What is counted"),
        must("Scope", Kind::OneOf(&["tenant", "user"]), "Of whom"),
        must("State", Kind::OneOf(&["provisional", "unavailable", "historical_unavailable"]), "What it is worth"),
        may("Count", COUNT, "Over all users, each at least one"),
        may("BillableUsers", COUNT, "Users"),
        may("RetiredUsers", COUNT, "Users that are there no more"),
        may("AsOf", SOME, "When"),
    ],
};

const USAGE: Shape = Shape {
    name: "Usage",
    fields: &[
        must("Tenant", SOME, "The organisation"),
        must("Month", form("^[0-9]{4}-[0-9]{2}$"), "The month, in Timezone"),
        must("Timezone", SOME, "Europe/Helsinki"),
        must("Basis", SOME, "What is counted"),
        must("Accounts", Kind::List(&Kind::Object(&ACCOUNT_USAGE)), "By user"),
        must("Daily", Kind::List(&Kind::Object(&DAILY_USAGE)), "By day"),
        must("MissingDays", Kind::List(&form(DATE)), "Days that were not counted"),
        ISSUES,
        may("UniqueAccounts", COUNT, "Different bank accounts in all"),
        may("Collection", Kind::Object(&COLLECTION), "How far the counting is"),
        may("Licenses", Kind::Object(&LICENSES), "What licences go by"),
    ],
};

answer!(LIST_ACCOUNT_USAGE, "ListAccountUsageResp", must("Usage", Kind::Object(&USAGE), "The month"));

/// The document itself: the one answer without code and text.
pub(super) const OPEN_API: Shape = Shape {
    name: "OpenApiDocument",
    fields: &[
        must("openapi", form("^3\\.1\\."), "The form's version"),
        must("info", Kind::AnyObject, "About the API"),
        must("paths", Kind::AnyObject, "Its operations"),
        must("components", Kind::AnyObject, "What they have in common"),
        must("servers", Kind::List(&Kind::AnyObject), "Where it is"),
        must("tags", Kind::List(&Kind::AnyObject), "Its parts"),
    ],
};
