//! Bodies of requests. What is asked of a text that only the rules can judge (a code, a challenge, a key) is not said here.

use avain_domain::names::Bank;

use super::shape::{BASE64, Field, Kind, SOME, Shape, TEXT, at_most, form, may, must, number};

/// One line, at most 128 characters.
const LINE: Kind = form(r"^[^\u0000-\u001f\u007f-\u009f]{1,128}$");
/// Printable, at most 40 or 80 characters; `ALL` is a filter's word.
const FILE_TYPE: Kind = at_most(40);
const FILE_NAME: Kind = at_most(80);

const CH_RESP: Field = must("ChResp", SOME, "The challenge as it was given");
const ENCRYPTED: Field =
    must("Encrypted", SOME, "Base64 of `password||timestamp`, the challenge's, encrypted with RSA-OAEP (SHA-1)");
const CODE: Field = must("Code", SOME, "The code that was sent");

pub(super) const REGISTER: Shape = Shape {
    name: "RegisterReq",
    fields: &[
        must("Name", LINE, "Who registers"),
        must("Phone", form(r"^\+[1-9][0-9]{6,14}$"), "With country code and `+`"),
        must("Company", LINE, "The company"),
        must("ApiKey", SOME, "The organisation's API key, or `0` for a new one"),
        CH_RESP,
        ENCRYPTED,
    ],
};

pub(super) const VERIFY_EMAIL: Shape = Shape {
    name: "VerifyEmailReq",
    fields: &[CODE, must("AccessToken", SOME, "As the login gave it that asked for the verification")],
};

pub(super) const VERIFY_PHONE: Shape = Shape { name: "VerifyPhoneReq", fields: &[CODE] };

pub(super) const PASSWORD_RESET: Shape = Shape { name: "PasswordResetReq", fields: &[CODE, CH_RESP, ENCRYPTED] };

pub(super) const LOGIN: Shape = Shape { name: "LoginReq", fields: &[CH_RESP, ENCRYPTED] };

pub(super) const LOGIN_MFA: Shape = Shape {
    name: "LoginMFAReq",
    fields: &[
        must("Code", SOME, "The code of the second factor, or a recovery code in its place"),
        must("Session", SOME, "As the login gave it"),
        may("ChallengeName", TEXT, "Not looked at: the session knows which factor was asked for"),
        may("SetupTOTP", Kind::FlagOrWord, "True begins the set-up of an authenticator"),
    ],
};

pub(super) const SELECT_MFA: Shape = Shape {
    name: "SelectMFAReq",
    fields: &[
        must("MfaType", Kind::OneOf(&["SMS_MFA", "SOFTWARE_TOKEN_MFA"]), "The factor"),
        must("Session", SOME, "As the login gave it that let choose"),
    ],
};

pub(super) const VERIFY_TOTP: Shape = Shape {
    name: "VerifyTOTPReq",
    fields: &[
        must("Code", SOME, "The authenticator's code"),
        must("AccessToken", SOME, "As the login gave it that began the set-up"),
    ],
};

pub(super) const CONFIG_CERTS: Shape = Shape {
    name: "ConfigCertsReq",
    fields: &[must("Export", Kind::OneOf(&["disabled", "allowed"]), "`disabled` is for good")],
};

pub(super) const ENROLL_CERT: Shape = Shape {
    name: "EnrollCertReq",
    fields: &[
        must("Code", SOME, "The bank's activation code"),
        must("Company", at_most(64), "The company's name as the bank has it"),
        must("WsUserId", SOME, "The Web Services user id of the agreement with the bank"),
    ],
};

pub(super) const IMPORT_CERT: Shape = Shape {
    name: "ImportCertReq",
    fields: &[
        must("Company", at_most(64), "The company's name as the bank has it"),
        must("WsUserId", SOME, "The Web Services user id of the agreement with the bank"),
        must("PrivateKey", SOME, "PEM, PKCS#8 or PKCS#1, without a passphrase"),
        must("Certificate", SOME, "PEM"),
        may("EncCertificate", TEXT, "The encryption certificate, PEM: with danskebank and no other"),
        may("EncPrivatekey", TEXT, "Its private key, PEM; taken as EncPrivateKey too"),
    ],
};

pub(super) const UPLOAD_FILE: Shape = Shape {
    name: "UploadFileReq",
    fields: &[
        must("FileContents", BASE64, "The file's bytes; white space in the base64 does not matter"),
        must("FileType", FILE_TYPE, "The file's type at the bank"),
        must("FileName", FILE_NAME, "A name for people"),
        must("Signature", SOME, "Detached PGP signatures of the bytes, armored; taken as Signatures too"),
    ],
};

pub(super) const ADD_SIGNATURES: Shape = Shape {
    name: "AddSignaturesReq",
    fields: &[must("Signature", SOME, "Detached PGP signatures of the file's bytes, armored; taken as Signatures too")],
};

pub(super) const UPLOAD_KEY: Shape = Shape {
    name: "UploadKeyReq",
    fields: &[
        must("PgpKey", SOME, "A public key, armored"),
        must("PgpKeyPurpose", Kind::OneOf(&["export", "authorize"]), "What it is for"),
    ],
};

pub(super) const DELETE_KEY: Shape = Shape {
    name: "DeleteKeyReq",
    fields: &[must("PgpKeyId", SOME, "The last eight hexadecimal digits of its fingerprint, or all of them")],
};

pub(super) const DELETE_ACCOUNT: Shape =
    Shape { name: "DeleteAccountReq", fields: &[must("Confirm", SOME, "The address in the path, exactly")] };

const SIGNATURE_RULE: Shape = Shape {
    name: "SignatureRuleReq",
    fields: &[
        may("Bank", Kind::OneOf(&Bank::NAMES), "The bank; absent for every bank"),
        may("FileType", at_most(35), "The file type; absent for every type"),
        must("Required", number(1, 9), "How many different keys must have signed"),
    ],
};

pub(super) const PUT_POLICY: Shape = Shape {
    name: "PutPolicyReq",
    fields: &[
        may("SkipPhoneVerification", Kind::Flag, "Phone numbers count as verified; absent: false"),
        may("SkipEmailVerification", Kind::Flag, "E-mail addresses count as verified; absent: false"),
        may("CallsPerMinute", number(1, 100_000), "Calls that the organisation may make; absent: no limit here"),
        may("Signatures", Kind::List(&Kind::Object(&SIGNATURE_RULE)), "At most 50 rules; absent: one key is enough"),
    ],
};
