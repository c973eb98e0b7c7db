//! The fields of each operation, as the contract names them (brief 1).

use crate::shape::{Field, Kind, Shape};

const NONE: &[Field] = &[];

/// As OpenSSL prints a time (brief 1.3).
const OPENSSL_TIME: Kind = Kind::Form("^[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4} GMT$");
/// Last eight digits of a PGP key's id.
const PGP_KEY_ID: Kind = Kind::Form("^[0-9A-F]{8}$");

const CH_RESP: Field = Field::text("ChResp", "The challenge, verbatim");
const ENCRYPTED: Field =
    Field::new("Encrypted", Kind::Base64, "RSA-OAEP (SHA-1) of the password, `||` and the challenge's milliseconds");
const API_KEY: Field = Field::text("ApiKey", "The organisation's API key, for the header x-api-key");
const ID_TOKEN: Field = Field::text("IdToken", "For the header Authorization");
const EXPIRES_IN: Field = Field::new("ExpiresIn", Kind::Number, "Life of the tokens in seconds");
const ACCESS_TOKEN: Field = Field::text("AccessToken", "For VerifyEmail or VerifyTOTP only");
const ACCOUNT: Field = Field::new(
    "Account",
    Kind::Object(&[
        Field::new("Type", Kind::OneOf(&["integrator", "customer"]), "Whether the account made the API key"),
        Field::new("Features", Kind::Texts, "What is switched on for it"),
        Field::new("Entitlements", Kind::Texts, "What it may use beyond the contract"),
    ]),
    "The account",
);

/// InitRegister and InitLogin.
pub const CHALLENGE: Shape = Shape {
    summary: "A challenge, for users that exist and for others",
    query: NONE,
    body: NONE,
    answer: &[Field::new(
        "Challenge",
        Kind::Form("^[A-Za-z0-9+/]{43}=\\|[0-9]{13}\\|[0-9a-f-]{36}$"),
        "MAC, milliseconds and id; good for one answer within five minutes",
    )],
};

/// Register.
pub const REGISTER: Shape = Shape {
    summary: "Registers a mode of an account and sends its phone a code",
    query: NONE,
    body: &[
        Field::text("Name", "Full name of the person"),
        Field::text("Phone", "Phone number with country code, `+` in front"),
        Field::text("Company", "Name of the company"),
        Field::text("ApiKey", "The organisation's API key, or `0` to make a new organisation"),
        CH_RESP,
        ENCRYPTED,
    ],
    answer: &[API_KEY],
};

/// VerifyEmail.
pub const VERIFY_EMAIL: Shape = Shape {
    summary: "Verifies the e-mail address with the code that the login sent",
    query: NONE,
    body: &[Field::text("Code", "Six digits"), Field::text("AccessToken", "As the login gave it")],
    answer: NONE,
};

/// VerifyPhone.
pub const VERIFY_PHONE: Shape = Shape {
    summary: "Verifies the phone with the registration's code",
    query: NONE,
    body: &[Field::text("Code", "Six digits")],
    answer: NONE,
};

/// Login.
pub const LOGIN: Shape = Shape {
    summary: "Answers a challenge with the password",
    query: NONE,
    body: &[CH_RESP, ENCRYPTED],
    answer: LOGGED_IN,
};

/// What a login gives, step by step: which fields depends on the step that comes next.
const LOGGED_IN: &[Field] = &[
    ID_TOKEN.optional(),
    API_KEY.optional(),
    EXPIRES_IN.optional(),
    ACCOUNT.optional(),
    ACCESS_TOKEN.optional(),
    Field::text("Session", "For the next step; single use").optional(),
    Field::new(
        "ChallengeName",
        Kind::OneOf(&["SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE"]),
        "What the next step answers",
    )
    .optional(),
    Field::new("MfaOptions", Kind::Choices(&["SMS_MFA", "SOFTWARE_TOKEN_MFA"]), "To choose from with SelectMFA")
        .optional(),
    Field::text("SmsDestination", "The phone, masked").optional(),
];

/// LoginMFA.
pub const LOGIN_MFA: Shape = Shape {
    summary: "Answers the second factor",
    query: NONE,
    body: &[
        Field::text("Code", "From the SMS or the authenticator, or a recovery code"),
        Field::text("Session", "As the step before gave it"),
        Field::text("ChallengeName", "Not needed: the session says which factor it is of").optional(),
        Field::new("SetupTOTP", Kind::Flag, "Whether to begin the enrolment of an authenticator").optional(),
    ],
    answer: &[
        ID_TOKEN.optional(),
        API_KEY.optional(),
        EXPIRES_IN.optional(),
        ACCOUNT.optional(),
        ACCESS_TOKEN.optional(),
        Field::text("SecretCode", "The authenticator's secret, base32").optional(),
        Field::text("OtpauthUri", "The same for a QR code").optional(),
    ],
};

/// Logout.
pub const LOGOUT: Shape = Shape { summary: "Ends every session of the login at once", query: NONE, body: NONE, answer: NONE };

const CERTIFICATE_LIFE: &[Field] = &[
    Field::new("Purpose", Kind::OneOf(&["signing", "encryption"]), "What it is used for"),
    Field::new("Expires", OPENSSL_TIME, "End of its validity"),
];

const CERT_DESCRIPTOR: &[Field] = &[
    Field::text("CertName", "Bank and purpose"),
    Field::new("Expires", OPENSSL_TIME, "End of its validity"),
    Field::text("Subject", "Web Services user id"),
    Field::text("Issuer", "Common name of the issuer"),
    Field::new("Serial", Kind::Form("^[0-9A-F]+$"), "Serial number, upper-case hex"),
    Field::text("PEM", "The certificate"),
];

/// ListCerts.
pub const LIST_CERTS: Shape = Shape {
    summary: "Bank certificates and the banks that can be used",
    query: NONE,
    body: NONE,
    answer: &[
        Field::new("Certs", Kind::List(CERT_DESCRIPTOR), "The account's own"),
        Field::new(
            "Connections",
            Kind::List(&[
                Field::text("Bank", "Bank"),
                Field::new("Access", Kind::OneOf(&["direct", "shared"]), "Own certificates, or another account's"),
                Field::new("Certificates", Kind::List(CERTIFICATE_LIFE), "What they are and how long they are valid"),
            ]),
            "Banks that can be used, by own or shared certificates",
        ),
        Field::new(
            "Retired",
            Kind::List(&[
                Field::text("CertName", "As it was, with `.REMOVED.` and eight digits"),
                Field::text("Bank", "Bank"),
                Field::new("Purpose", Kind::OneOf(&["signing", "encryption"]), "What it was used for"),
                Field::text("Expires", "End of its validity, or `unknown`"),
            ]),
            "Certificates taken out of use",
        ),
    ],
};

/// EnrollCert.
pub const ENROLL_CERT: Shape = Shape {
    summary: "Gets a certificate from the bank",
    query: NONE,
    body: &[
        Field::text("Code", "The code that the bank gave out, whole"),
        Field::text("Company", "The company's name as the bank has it"),
        Field::text("WsUserId", "Web Services user id of the contract with the bank"),
    ],
    answer: NONE,
};

/// ListFiles.
pub const LIST_FILES: Shape = Shape {
    summary: "The bank's list of files",
    query: &[
        Field::new("Status", Kind::OneOf(&["NEW", "DLD", "ALL"]), "Not yet downloaded, downloaded, or any").optional(),
        Field::text("FileType", "Only files of this type").optional(),
    ],
    body: NONE,
    answer: &[Field::new(
        "FileDescriptors",
        Kind::List(&[
            Field::text("FileType", "File type in the bank's words"),
            Field::text("Status", "NEW, DLD, or another word of the bank's"),
            Field::text("FileTimestamp", "When the bank made it, ISO 8601"),
            Field::text("FileReference", "Names it for DownloadFile"),
            Field::text("ServiceId", "Bank specific, such as an account number").optional(),
            Field::text("TargetId", "The bank's folder").optional(),
        ]),
        "Files",
    )],
};

/// UploadFile.
pub const UPLOAD_FILE: Shape = Shape {
    summary: "Sends a file that authorised PGP keys have signed; the same bytes again get the recorded answer",
    query: NONE,
    body: &[
        Field::new("FileContents", Kind::Base64, "The file"),
        Field::text("FileType", "File type in the bank's words"),
        Field::text("FileName", "Name of the file"),
        Field::text("Signature", "Armored detached PGP signatures over the file's bytes; also taken as `Signatures`"),
    ],
    answer: NONE,
};

/// DownloadFile.
pub const DOWNLOAD_FILE: Shape = Shape {
    summary: "A file of the bank's; the same bytes every time",
    query: NONE,
    body: NONE,
    answer: &[Field::new("Content", Kind::Base64, "The file")],
};

const PGP_KEYS: Field = Field::new(
    "PgpKeys",
    Kind::List(&[
        Field::new("PgpKeyId", PGP_KEY_ID, "Last eight digits of its id"),
        Field::new("PgpKeyPurpose", Kind::OneOf(&["export", "authorize"]), "Its purpose"),
    ]),
    "Registered keys",
);

/// ListKeys.
pub const LIST_KEYS: Shape = Shape { summary: "Registered PGP keys", query: NONE, body: NONE, answer: &[PGP_KEYS] };

/// UploadKey.
pub const UPLOAD_KEY: Shape = Shape {
    summary: "Registers a public PGP key for a purpose",
    query: NONE,
    body: &[
        Field::text("PgpKey", "The public key, armored"),
        Field::new(
            "PgpKeyPurpose",
            Kind::OneOf(&["export", "authorize"]),
            "Certificates are exported to it, or its signatures authorise uploads",
        ),
    ],
    answer: NONE,
};
