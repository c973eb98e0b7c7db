//! The rows of the matrix: each operation in the situations in which it calls other things.

use avain::client::{ClientError, Credentials};
use avain::story::{Exported, Listed, Recipient, Signer, credentials, payment, text};
use avain_api::Operation;
use avain_api::operations::{
    CONFIG_CERTS, DELETE_FILE, DOWNLOAD_FILE, ENROLL_CERT, EXPORT_CERT, IMPORT_CERT, INIT_LOGIN, INIT_REGISTER,
    LIST_AUDIT_EVENTS, LIST_CERTS, LIST_FILES, LIST_KEYS, LOGIN, LOGIN_MFA, LOGOUT, REGISTER, RETIRE_CERT, SHARE_CERTS,
    UNSHARE_CERTS, UPLOAD_FILE, UPLOAD_KEY, VERIFY_EMAIL, VERIFY_PHONE,
};

use crate::world::{Answer, World};

/// A company that has everything, and whose records are put back after each cell.
pub(crate) struct Firm {
    email: String,
    admin: Credentials,
    data: Credentials,
    signer: Signer,
    file: Listed,
    /// Of a colleague: admin mode only, no certificate.
    newcomer: Credentials,
    /// The firm's export key, and its certificate as it was taken out once.
    recipient: Recipient,
    exported: Exported,
}

const NEWCOMER: &str = "newcomer@example.com";
const BANK: &str = "simulator";
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
        story.enrol(&admin, BANK, "1000038023", ENROLMENT_CODE).await.unwrap();
        let file = story.files(&data, BANK, "NEW").await.unwrap().swap_remove(0);
        let newcomer = world.story(NEWCOMER).open("admin", &admin.api_key).await.unwrap();
        let recipient = Recipient::generate("Exports <exports@example.com>").unwrap();
        story.upload_key(&admin, &recipient.public_key().unwrap(), "export").await.unwrap();
        let exported = story.export(&admin, BANK, &recipient.fingerprint()).await.unwrap();
        Self { email, admin, data, signer, file, newcomer, recipient, exported }
    }

    /// The firm's certificate becomes the colleague's too.
    async fn import(&self, world: &World) -> Result<(), ClientError> {
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
    VerifyPhone,
    VerifyEmail,
    InitLogin,
    LoginData,
    LoginAdmin,
    LoginFirst,
    LoginUnverified,
    LoginMfa,
    LoginMfaFirst,
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
    DownloadFile,
    DownloadAgain,
    DeleteFile,
    ListKeys,
    UploadKey,
    ListAuditEvents,
}

use Row as R;

/// Every row with its operation and what is special about its situation.
pub(crate) const ROWS: [(Row, &Operation, &str); 34] = [
    (R::InitRegister, &INIT_REGISTER, ""),
    (R::Register, &REGISTER, "new organisation"),
    (R::RegisterAnew, &REGISTER, "over a left-over"),
    (R::RegisterData, &REGISTER, "data"),
    (R::VerifyPhone, &VERIFY_PHONE, ""),
    (R::VerifyEmail, &VERIFY_EMAIL, ""),
    (R::InitLogin, &INIT_LOGIN, ""),
    (R::LoginData, &LOGIN, "data"),
    (R::LoginAdmin, &LOGIN, "admin"),
    (R::LoginFirst, &LOGIN, "admin, first"),
    (R::LoginUnverified, &LOGIN, "phone not verified"),
    (R::LoginMfa, &LOGIN_MFA, ""),
    (R::LoginMfaFirst, &LOGIN_MFA, "e-mail not verified"),
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
    (R::DownloadFile, &DOWNLOAD_FILE, "first time"),
    (R::DownloadAgain, &DOWNLOAD_FILE, "again"),
    (R::DeleteFile, &DELETE_FILE, "refused"),
    (R::ListKeys, &LIST_KEYS, ""),
    (R::UploadKey, &UPLOAD_KEY, ""),
    (R::ListAuditEvents, &LIST_AUDIT_EVENTS, ""),
];

/// What a call needs, got before anything goes wrong.
pub(crate) struct Case {
    pub(crate) email: String,
    api_key: String,
    /// Access token or session.
    token: String,
    bytes: String,
    signature: String,
    key: String,
}

impl Row {
    /// The status of the operation when nothing goes wrong; no bank deletes files.
    pub(crate) fn status(self, operation: &Operation) -> u16 {
        if self == R::DeleteFile { 400 } else { operation.success }
    }

    /// Gets everything ready for the n-th cell.
    pub(crate) async fn prepare(self, world: &World, firm: &Firm, n: usize) -> Case {
        let own = |email: String| Case {
            email,
            api_key: "0".to_owned(),
            token: String::new(),
            bytes: String::new(),
            signature: String::new(),
            key: String::new(),
        };
        let stranger = own(format!("person-{n}@example.com"));
        let known = own(firm.email.clone());
        let story = world.story(&stranger.email);
        match self {
            R::InitRegister | R::Register => stranger,
            R::RegisterAnew => {
                let before = world.records();
                story.register("admin", "0").await.unwrap();
                world.put_back(&before);
                world.clock.set(MINUTE);
                stranger
            }
            R::RegisterData => {
                let api_key = story.register("admin", "0").await.unwrap();
                Case { api_key, ..stranger }
            }
            R::VerifyPhone | R::LoginUnverified => {
                story.register("admin", "0").await.unwrap();
                stranger
            }
            R::LoginFirst => {
                story.register("admin", "0").await.unwrap();
                story.verify_phone("admin").await.unwrap();
                stranger
            }
            R::VerifyEmail => {
                story.register("admin", "0").await.unwrap();
                story.verify_phone("admin").await.unwrap();
                let token = text(&story.log_in("admin").await.unwrap(), "AccessToken").unwrap();
                Case { token, ..stranger }
            }
            R::LoginMfaFirst => {
                story.register("admin", "0").await.unwrap();
                story.verify_phone("admin").await.unwrap();
                let token = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                Case { token, ..stranger }
            }
            R::LoginMfa => {
                let answer = world.story(&known.email).password("admin").await.unwrap();
                Case { token: text(&answer, "Session").unwrap(), ..known }
            }
            R::EnrollCert | R::ImportCert => own(NEWCOMER.to_owned()),
            R::EnrollShared | R::ListFilesShared => {
                world.story(&known.email).share(&firm.admin, NEWCOMER).await.unwrap();
                own(NEWCOMER.to_owned())
            }
            R::UnshareCerts => {
                world.story(&known.email).share(&firm.admin, NEWCOMER).await.unwrap();
                known
            }
            R::RetireAnothers => {
                firm.import(world).await.unwrap();
                known
            }
            R::UploadFile | R::UploadAgain => {
                let story = world.story(&known.email);
                let bytes = payment(&format!("MSG-{n}"), &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
                let case = Case { signature: firm.signer.sign(bytes.as_bytes()).unwrap(), bytes, ..known };
                if self == R::UploadAgain {
                    self.call(world, firm, &case).await;
                    assert_eq!(world.answer().status, 201);
                }
                case
            }
            R::DownloadAgain => {
                self.call(world, firm, &known).await;
                assert_eq!(world.answer().status, 200);
                known
            }
            R::UploadKey => {
                let key = Signer::generate("Another <another@example.com>").unwrap().public_key().unwrap();
                Case { key, ..known }
            }
            _ => known,
        }
    }

    /// Makes the call, with a fresh challenge where one belongs to it.
    pub(crate) async fn call(self, world: &World, firm: &Firm, case: &Case) -> Answer {
        let story = world.story(&case.email);
        // The answer is looked at as it went over the wire.
        let _ = match self {
            R::InitRegister => story.answer_challenge(&INIT_REGISTER, "admin").await.map(drop),
            R::InitLogin => story.answer_challenge(&INIT_LOGIN, "admin").await.map(drop),
            R::Register | R::RegisterAnew => story.register("admin", &case.api_key).await.map(drop),
            R::RegisterData => story.register("data", &case.api_key).await.map(drop),
            R::VerifyPhone => story.verify_phone("admin").await,
            R::VerifyEmail => story.verify_email("admin", &case.token).await,
            R::LoginData => story.password("data").await.map(drop),
            R::LoginAdmin | R::LoginFirst | R::LoginUnverified => story.password("admin").await.map(drop),
            R::LoginMfa | R::LoginMfaFirst => story.second_factor(&case.token).await.map(drop),
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
            R::UploadFile | R::UploadAgain => {
                story.upload(&firm.data, BANK, PAYMENT, case.bytes.as_bytes(), &case.signature).await
            }
            R::DownloadFile | R::DownloadAgain => story.download(&firm.data, BANK, &firm.file).await.map(drop),
            R::DeleteFile => story.delete(&firm.data, BANK, &firm.file).await,
            R::ListKeys => story.keys(&firm.data).await.map(drop),
            R::UploadKey => story.upload_key(&firm.admin, &case.key, "authorize").await,
            R::ListAuditEvents => story.audit_events(&firm.admin).await.map(drop),
        };
        world.answer()
    }

    /// What somebody does whose repeated call was refused, until he has what he wanted; in words.
    pub(crate) async fn recover(self, world: &World, firm: &Firm, case: &Case) -> String {
        let story = world.story(&case.email);
        match self {
            R::Register | R::RegisterAnew | R::RegisterData | R::EnrollCert | R::EnrollShared | R::ImportCert => {
                world.clock.set(2 * MINUTE);
                let later = self.call(world, firm, case).await;
                if later.status == 201 {
                    return "a minute later 201".to_owned();
                }
                assert_eq!(later.status, 409, "{later:?}");
                if matches!(self, R::EnrollCert | R::EnrollShared | R::ImportCert) {
                    assert_eq!(story.certificates(&firm.newcomer).await.unwrap().len(), 1);
                    return "the certificate is there".to_owned();
                }
                story.verify_phone(if self == R::RegisterData { "data" } else { "admin" }).await.unwrap();
                "the account is there".to_owned()
            }
            R::VerifyPhone => {
                text(&story.password("admin").await.unwrap(), "Session").unwrap();
                "Login finds the phone verified".to_owned()
            }
            R::VerifyEmail => {
                credentials(&story.log_in("admin").await.unwrap()).unwrap();
                "Login finds the address verified".to_owned()
            }
            R::LoginMfa | R::LoginMfaFirst => {
                story.log_in("admin").await.unwrap();
                "a new login 200".to_owned()
            }
            R::UnshareCerts => {
                assert_eq!(world.answer().status, 404);
                "it is shared no more".to_owned()
            }
            R::RetireCert | R::RetireAnothers => {
                let who = if self == R::RetireCert { &firm.admin } else { &firm.newcomer };
                assert_eq!(story.certificates(who).await.unwrap().len(), 0);
                "it is retired".to_owned()
            }
            R::Logout => {
                assert_eq!(world.answer().status, 401);
                "the token is dead".to_owned()
            }
            R::UploadFile => {
                let answer = world.answer();
                let unresolved = answer.status == 409 && answer.text.contains("unresolved");
                assert!(unresolved || answer.code == "26", "{answer:?}");
                "never sent again".to_owned()
            }
            other => panic!("{other:?}: {:?}", world.answer()),
        }
    }
}

/// Seconds after which what broke off gives way.
const MINUTE: i64 = 61;
