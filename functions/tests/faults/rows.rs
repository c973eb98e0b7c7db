//! The rows of the matrix: each operation in the situations in which it calls other things.

use avain::client::{ClientError, Credentials};
use avain::story::{Exported, Listed, Recipient, Signer, payment};
use avain_api::Operation;
use avain_api::operations::{
    ADD_SIGNATURES, CONFIG_CERTS, DELETE_ACCOUNT, DELETE_FILE, DELETE_KEY, DOWNLOAD_FILE, ENROLL_CERT, EXPORT_CERT,
    GET_OPEN_API, GET_POLICY, IMPORT_CERT, INIT_LOGIN, INIT_PASSWORD_RESET, INIT_REGISTER, LIST_ACCOUNT_USAGE,
    LIST_ACCOUNTS, LIST_AUDIT_EVENTS, LIST_CERTS, LIST_FILES, LIST_KEYS, LIST_UPLOADS, LOGIN, LOGIN_MFA, LOGOUT,
    PASSWORD_RESET, PUT_POLICY, REGISTER, RETIRE_CERT, SELECT_MFA, SHARE_CERTS, UNSHARE_CERTS, UPLOAD_FILE, UPLOAD_KEY,
    VERIFY_EMAIL, VERIFY_PHONE, VERIFY_TOTP,
};
use serde_json::{Value, json};

use crate::steps;
use crate::world::{Answer, World};

/// A company that has everything, and whose records are put back after each cell.
pub(crate) struct Firm {
    pub(crate) email: String,
    pub(crate) admin: Credentials,
    pub(crate) data: Credentials,
    pub(crate) signer: Signer,
    /// A second key that signs payments.
    pub(crate) second: Signer,
    file: Listed,
    /// Of a colleague: admin mode only, no certificate.
    pub(crate) newcomer: Credentials,
    /// Of another company, whose bank deletes files: data mode.
    pub(crate) elsewhere: Credentials,
    elsewhere_signer: Signer,
    /// The firm's export key, and its certificate as it was taken out once.
    pub(crate) recipient: Recipient,
    exported: Exported,
}

pub(crate) const ELSEWHERE: &str = "elsewhere@example.com";
const DELETING_BANK: &str = "osuuspankki";
pub(crate) const NEWCOMER: &str = "newcomer@example.com";
pub(crate) const BANK: &str = "simulator";
const ENROLMENT_CODE: &str = "Demo-Code-2026-0001";
const PAYMENT: &str = "pain.001.001.09";

impl Firm {
    pub(crate) async fn open(world: &World) -> Self {
        let email = "firm@example.com".to_owned();
        let story = world.story(&email);
        let admin = story.open("admin", "0").await.unwrap();
        let data = story.open("data", &admin.api_key).await.unwrap();
        let signer = Signer::generate("Payments <payments@example.com>").unwrap();
        story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
        let second = Signer::generate("Approvals <approvals@example.com>").unwrap();
        story.upload_key(&admin, &second.public_key().unwrap(), "authorize").await.unwrap();
        story.enrol(&admin, BANK, "1000038023", ENROLMENT_CODE).await.unwrap();
        let file = story.files(&data, BANK, "NEW").await.unwrap().swap_remove(0);
        let newcomer = world.story(NEWCOMER).open("admin", &admin.api_key).await.unwrap();
        let other = world.story(ELSEWHERE);
        let elsewhere_admin = other.open("admin", "0").await.unwrap();
        world.agree(ELSEWHERE).await;
        let elsewhere_signer = Signer::generate("Payments <payments@example.com>").unwrap();
        other.upload_key(&elsewhere_admin, &elsewhere_signer.public_key().unwrap(), "authorize").await.unwrap();
        other.enrol(&elsewhere_admin, DELETING_BANK, "1000000000", "2251401483958635").await.unwrap();
        let elsewhere = other.open("data", &elsewhere_admin.api_key).await.unwrap();
        let recipient = Recipient::generate("Exports <exports@example.com>").unwrap();
        story.upload_key(&admin, &recipient.public_key().unwrap(), "export").await.unwrap();
        let exported = story.export(&admin, BANK, &recipient.fingerprint()).await.unwrap();
        Self { email, admin, data, signer, second, file, newcomer, elsewhere, elsewhere_signer, recipient, exported }
    }

    /// The policy until the cell's end, when the records are put back.
    pub(crate) async fn set_policy(&self, world: &World, policy: Value) {
        world.story(&self.email).set_policy(&self.admin, &policy).await.unwrap();
    }

    /// A payment that waits at the bank: its reference.
    pub(crate) async fn wait_at_the_bank(&self, world: &World, message_id: &str) -> String {
        let story = world.story(ELSEWHERE);
        let bytes = payment(message_id, &story.company.name, time::OffsetDateTime::UNIX_EPOCH).into_bytes();
        let signature = self.elsewhere_signer.sign(&bytes).unwrap();
        story.upload(&self.elsewhere, DELETING_BANK, PAYMENT, &bytes, &signature).await.unwrap();
        self.waiting(world).await.pop().unwrap()
    }

    /// What waits at the bank.
    pub(crate) async fn waiting(&self, world: &World) -> Vec<String> {
        let listed = world.story(ELSEWHERE).files(&self.elsewhere, DELETING_BANK, "ALL").await.unwrap();
        listed.into_iter().filter(|it| it.status == "WFP").map(|it| it.reference).collect()
    }

    /// The firm's certificate becomes the colleague's too.
    pub(crate) async fn import(&self, world: &World) -> Result<(), ClientError> {
        let key = self.recipient.decrypt(&self.exported.encrypted_key).unwrap();
        let story = world.story(NEWCOMER);
        story.import(&self.newcomer, BANK, "1000038023", &self.exported.certificate, &key).await
    }
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    InitRegister,
    Register,
    RegisterAnew,
    RegisterData,
    RegisterTrusted,
    VerifyPhone,
    VerifyEmail,
    InitLogin,
    LoginData,
    LoginAdmin,
    LoginFirst,
    LoginUnverified,
    LoginMfa,
    LoginMfaFirst,
    LoginMfaSetup,
    LoginMfaRecovery,
    SelectMfa,
    VerifyTotp,
    InitPasswordReset,
    PasswordReset,
    Logout,
    ListCerts,
    ConfigCerts,
    ShareCerts,
    UnshareCerts,
    ExportCert,
    EnrollCert,
    EnrollShared,
    ImportCert,
    RetireCert,
    RetireAnothers,
    ListFiles,
    ListFilesShared,
    UploadFile,
    UploadAgain,
    UploadWaits,
    UploadLast,
    AddSignatures,
    ListUploads,
    ListAccountUsage,
    DownloadFile,
    DownloadAgain,
    DeleteFile,
    DeleteWaiting,
    ListKeys,
    ListKeysLimited,
    UploadKey,
    DeleteKey,
    ListAccounts,
    DeleteAccount,
    GetPolicy,
    PutPolicy,
    ListAuditEvents,
    GetOpenApi,
}

use Row as R;

/// Every row with its operation and what is special about its situation.
pub(crate) const ROWS: [(Row, &Operation, &str); 54] = [
    (R::InitRegister, &INIT_REGISTER, ""),
    (R::Register, &REGISTER, "new organisation"),
    (R::RegisterAnew, &REGISTER, "over a left-over"),
    (R::RegisterData, &REGISTER, "data"),
    (R::RegisterTrusted, &REGISTER, "trusted"),
    (R::VerifyPhone, &VERIFY_PHONE, ""),
    (R::VerifyEmail, &VERIFY_EMAIL, ""),
    (R::InitLogin, &INIT_LOGIN, ""),
    (R::LoginData, &LOGIN, "data"),
    (R::LoginAdmin, &LOGIN, "admin"),
    (R::LoginFirst, &LOGIN, "admin, first"),
    (R::LoginUnverified, &LOGIN, "phone not verified"),
    (R::LoginMfa, &LOGIN_MFA, ""),
    (R::LoginMfaFirst, &LOGIN_MFA, "e-mail not verified"),
    (R::LoginMfaSetup, &LOGIN_MFA, "SetupTOTP"),
    (R::LoginMfaRecovery, &LOGIN_MFA, "recovery code"),
    (R::SelectMfa, &SELECT_MFA, ""),
    (R::VerifyTotp, &VERIFY_TOTP, ""),
    (R::InitPasswordReset, &INIT_PASSWORD_RESET, ""),
    (R::PasswordReset, &PASSWORD_RESET, ""),
    (R::Logout, &LOGOUT, ""),
    (R::ListCerts, &LIST_CERTS, ""),
    (R::ConfigCerts, &CONFIG_CERTS, ""),
    (R::ShareCerts, &SHARE_CERTS, ""),
    (R::UnshareCerts, &UNSHARE_CERTS, ""),
    (R::ExportCert, &EXPORT_CERT, ""),
    (R::EnrollCert, &ENROLL_CERT, ""),
    (R::EnrollShared, &ENROLL_CERT, "in place of a share"),
    (R::ImportCert, &IMPORT_CERT, ""),
    (R::RetireCert, &RETIRE_CERT, ""),
    (R::RetireAnothers, &RETIRE_CERT, "another's"),
    (R::ListFiles, &LIST_FILES, ""),
    (R::ListFilesShared, &LIST_FILES, "shared"),
    (R::UploadFile, &UPLOAD_FILE, ""),
    (R::UploadAgain, &UPLOAD_FILE, "same bytes again"),
    (R::UploadWaits, &UPLOAD_FILE, "waits for signatures"),
    (R::UploadLast, &UPLOAD_FILE, "the last signature"),
    (R::AddSignatures, &ADD_SIGNATURES, "the last"),
    (R::ListUploads, &LIST_UPLOADS, ""),
    (R::ListAccountUsage, &LIST_ACCOUNT_USAGE, ""),
    (R::DownloadFile, &DOWNLOAD_FILE, "first time"),
    (R::DownloadAgain, &DOWNLOAD_FILE, "again"),
    (R::DeleteFile, &DELETE_FILE, "refused"),
    (R::DeleteWaiting, &DELETE_FILE, ""),
    (R::ListKeys, &LIST_KEYS, ""),
    (R::ListKeysLimited, &LIST_KEYS, "calls limited"),
    (R::UploadKey, &UPLOAD_KEY, ""),
    (R::DeleteKey, &DELETE_KEY, ""),
    (R::ListAccounts, &LIST_ACCOUNTS, ""),
    (R::DeleteAccount, &DELETE_ACCOUNT, ""),
    (R::GetPolicy, &GET_POLICY, ""),
    (R::PutPolicy, &PUT_POLICY, ""),
    (R::ListAuditEvents, &LIST_AUDIT_EVENTS, ""),
    (R::GetOpenApi, &GET_OPEN_API, ""),
];

/// What a call needs, got before anything goes wrong.
pub(crate) struct Case {
    pub(crate) email: String,
    pub(crate) api_key: String,
    /// Access token or session.
    pub(crate) token: String,
    pub(crate) bytes: String,
    pub(crate) signature: String,
    pub(crate) key: String,
    /// Of an authenticator, base32.
    pub(crate) secret: String,
    /// Of an authenticator, or of a recovery.
    pub(crate) code: String,
    /// An upload's id; a file's reference at the bank.
    pub(crate) upload: String,
    /// A session that is fresh, or that is to end.
    pub(crate) session: Option<Credentials>,
}

impl Case {
    pub(crate) fn of(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            api_key: "0".to_owned(),
            token: String::new(),
            bytes: String::new(),
            signature: String::new(),
            key: String::new(),
            secret: String::new(),
            code: String::new(),
            upload: String::new(),
            session: None,
        }
    }
}

impl Row {
    /// The status of the operation when nothing goes wrong.
    pub(crate) fn status(self, operation: &Operation) -> u16 {
        if self == R::DeleteFile { 400 } else { operation.success }
    }

    /// Makes the call, with a fresh challenge where one belongs to it.
    pub(crate) async fn call(self, world: &World, firm: &Firm, case: &Case) -> Answer {
        let story = world.story(&case.email);
        // The answer is looked at as it went over the wire.
        let _ = match self {
            R::InitRegister => story.answer_challenge(&INIT_REGISTER, "admin").await.map(drop),
            R::InitLogin => story.answer_challenge(&INIT_LOGIN, "admin").await.map(drop),
            R::Register | R::RegisterAnew | R::RegisterTrusted => {
                story.register("admin", &case.api_key).await.map(drop)
            }
            R::RegisterData => story.register("data", &case.api_key).await.map(drop),
            R::VerifyPhone => story.verify_phone("admin").await,
            R::VerifyEmail => story.verify_email("admin", &case.token).await,
            R::LoginData => story.password("data").await.map(drop),
            R::LoginAdmin | R::LoginFirst | R::LoginUnverified => story.password("admin").await.map(drop),
            R::LoginMfa | R::LoginMfaFirst => story.second_factor(&case.token).await.map(drop),
            R::LoginMfaSetup => steps::begin_totp(&story, &case.token).await.map(drop),
            R::LoginMfaRecovery => story.answer_factor(&case.token, &case.code).await.map(drop),
            R::SelectMfa => story.select_factor(&case.token, "SMS_MFA").await.map(drop),
            R::VerifyTotp => story.verify_totp(&case.token, &case.code).await.map(drop),
            R::InitPasswordReset => steps::begin_reset(&story).await,
            R::PasswordReset => steps::finish_reset(&world.story_anew(&case.email)).await,
            R::Logout => story.log_out("data", &firm.data).await,
            R::ListCerts => story.certificates(&firm.data).await.map(drop),
            R::ConfigCerts => story.forbid_export(&firm.admin).await,
            R::ShareCerts => story.share(&firm.admin, NEWCOMER).await.map(drop),
            R::UnshareCerts => story.unshare(&firm.admin, NEWCOMER).await,
            R::ExportCert => story.export(&firm.admin, BANK, &firm.recipient.fingerprint()).await.map(drop),
            R::EnrollCert | R::EnrollShared => story.enrol(&firm.newcomer, BANK, "1000038024", ENROLMENT_CODE).await,
            R::ImportCert => firm.import(world).await,
            R::RetireCert => story.retire(&firm.admin, BANK, None).await,
            R::RetireAnothers => story.retire(&firm.admin, BANK, Some(NEWCOMER)).await,
            R::ListFilesShared => story.files(&firm.newcomer, BANK, "ALL").await.map(drop),
            R::ListFiles => story.files(&firm.data, BANK, "ALL").await.map(drop),
            R::UploadFile | R::UploadAgain | R::UploadWaits | R::UploadLast => {
                story.upload(&firm.data, BANK, PAYMENT, case.bytes.as_bytes(), &case.signature).await
            }
            R::AddSignatures => story.add_signature(&firm.data, BANK, &case.upload, &case.signature).await.map(drop),
            R::ListUploads => story.uploads(&firm.data, BANK).await.map(drop),
            R::ListAccountUsage => story.account_usage(&firm.data).await.map(drop),
            R::DownloadFile | R::DownloadAgain => story.download(&firm.data, BANK, &firm.file).await.map(drop),
            R::DeleteFile => story.delete(&firm.data, BANK, &firm.file).await,
            R::DeleteWaiting => {
                let file =
                    Listed { file_type: PAYMENT.to_owned(), reference: case.upload.clone(), status: String::new() };
                story.delete(&firm.elsewhere, DELETING_BANK, &file).await
            }
            R::ListKeys | R::ListKeysLimited => story.keys(&firm.data).await.map(drop),
            R::UploadKey => story.upload_key(&firm.admin, &case.key, "authorize").await,
            R::DeleteKey => story.delete_key(&firm.admin, &firm.recipient.fingerprint()).await.map(drop),
            R::ListAccounts => story.accounts(&firm.admin).await.map(drop),
            R::DeleteAccount => {
                let owner = world.story(&firm.email);
                owner.delete_account(case.session.as_ref().unwrap(), &case.email).await.map(drop)
            }
            R::GetPolicy => story.policy(&firm.data).await.map(drop),
            R::PutPolicy => {
                let policy = json!({ "Signatures": [{ "Required": 2 }] });
                story.set_policy(&firm.admin, &policy).await.map(drop)
            }
            R::ListAuditEvents => story.audit_events(&firm.admin).await.map(drop),
            R::GetOpenApi => story.document().await.map(drop),
        };
        world.answer()
    }
}

/// Seconds after which what broke off gives way.
pub(crate) const MINUTE: i64 = 61;
