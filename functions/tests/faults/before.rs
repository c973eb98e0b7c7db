//! What is got ready before a call, while nothing goes wrong.

use avain::story::{Signer, credentials, payment, text, totp};
use avain_domain::ports::Clock;
use serde_json::json;

use crate::rows::{BANK, Case, ELSEWHERE, Firm, MINUTE, NEWCOMER, Row};
use crate::steps;
use crate::world::World;

use Row as R;

impl Row {
    /// Gets everything ready for the n-th cell.
    pub(crate) async fn prepare(self, world: &World, firm: &Firm, n: usize) -> Case {
        let stranger = Case::of(&format!("person-{n}@example.com"));
        let known = Case::of(&firm.email);
        match self {
            R::InitRegister
            | R::Register
            | R::RegisterAnew
            | R::RegisterData
            | R::RegisterTrusted
            | R::VerifyPhone
            | R::VerifyEmail
            | R::LoginFirst
            | R::LoginUnverified
            | R::LoginMfaFirst => self.newly_registered(world, firm, stranger).await,
            R::LoginMfaRecovery | R::SelectMfa | R::VerifyTotp | R::InitPasswordReset | R::PasswordReset => {
                self.with_account(world, stranger).await
            }
            R::UploadFile | R::UploadAgain | R::UploadWaits | R::UploadLast | R::AddSignatures | R::ListUploads => {
                self.with_payment(world, firm, n, known).await
            }
            R::DeleteAccount => {
                let story = world.story(&stranger.email);
                let leaver = story.open("admin", &firm.admin.api_key).await.unwrap();
                story.register("data", &firm.admin.api_key).await.unwrap();
                let signer = Signer::generate("Another <another@example.com>").unwrap();
                story.upload_key(&leaver, &signer.public_key().unwrap(), "authorize").await.unwrap();
                let session = credentials(&world.story(&firm.email).log_in("admin").await.unwrap()).unwrap();
                Case { session: Some(session), ..stranger }
            }
            R::ListKeysLimited => {
                firm.set_policy(world, json!({ "CallsPerMinute": 100_000 })).await;
                known
            }
            R::LoginMfa | R::LoginMfaSetup => {
                let answer = world.story(&known.email).password("admin").await.unwrap();
                Case { token: text(&answer, "Session").unwrap(), ..known }
            }
            R::EnrollCert | R::ImportCert => Case::of(NEWCOMER),
            R::EnrollShared | R::ListFilesShared => {
                world.story(&known.email).share(&firm.admin, NEWCOMER).await.unwrap();
                Case::of(NEWCOMER)
            }
            R::UnshareCerts => {
                world.story(&known.email).share(&firm.admin, NEWCOMER).await.unwrap();
                known
            }
            R::RetireAnothers => {
                firm.import(world).await.unwrap();
                known
            }
            R::DownloadAgain => {
                self.call(world, firm, &known).await;
                assert_eq!(world.answer().status, 200);
                known
            }
            R::DeleteWaiting => {
                let upload = firm.wait_at_the_bank(world, &format!("WAIT-{n}")).await;
                Case { upload, ..Case::of(ELSEWHERE) }
            }
            R::UploadKey => {
                let key = Signer::generate("Another <another@example.com>").unwrap().public_key().unwrap();
                Case { key, ..known }
            }
            _ => known,
        }
    }

    /// Somebody who is new, as far as the row has come with him.
    async fn newly_registered(self, world: &World, firm: &Firm, stranger: Case) -> Case {
        let story = world.story(&stranger.email);
        match self {
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
            R::RegisterTrusted => {
                let trusting = json!({ "SkipPhoneVerification": true, "SkipEmailVerification": true });
                firm.set_policy(world, trusting).await;
                Case { api_key: firm.admin.api_key.clone(), ..stranger }
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
            _ => stranger,
        }
    }

    /// Somebody with an account of his own, which the call changes in the pool.
    async fn with_account(self, world: &World, stranger: Case) -> Case {
        let story = world.story(&stranger.email);
        let opened = story.open("admin", "0").await.unwrap();
        match self {
            R::LoginMfaRecovery => {
                let authenticator = story.set_up_totp(world.clock.now().unix_timestamp()).await.unwrap();
                let token = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                Case { token, code: authenticator.recovery_codes[0].clone(), ..stranger }
            }
            R::SelectMfa => {
                story.set_up_totp(world.clock.now().unix_timestamp()).await.unwrap();
                let token = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                Case { token, ..stranger }
            }
            R::VerifyTotp => {
                let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                let begun = steps::begin_totp(&story, &session).await.unwrap();
                let secret = text(&begun, "SecretCode").unwrap();
                let code = totp(&secret, world.clock.now().unix_timestamp()).unwrap();
                Case { token: text(&begun, "AccessToken").unwrap(), secret, code, ..stranger }
            }
            R::PasswordReset => {
                steps::begin_reset(&story).await.unwrap();
                Case { session: Some(opened), ..stranger }
            }
            _ => stranger,
        }
    }

    /// A payment of the firm's, and what has become of it before.
    async fn with_payment(self, world: &World, firm: &Firm, n: usize, known: Case) -> Case {
        if matches!(self, R::UploadWaits | R::UploadLast | R::AddSignatures) {
            firm.set_policy(world, json!({ "Signatures": [{ "Bank": BANK, "Required": 2 }] })).await;
        }
        let story = world.story(&known.email);
        let bytes = payment(&format!("MSG-{n}"), &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
        let mut case = Case { signature: firm.signer.sign(bytes.as_bytes()).unwrap(), bytes, ..known };
        if !matches!(self, R::UploadFile | R::UploadWaits) {
            R::UploadFile.call(world, firm, &case).await;
            assert_eq!(world.answer().status, 201);
            case.upload = world.text("UploadId");
        }
        if matches!(self, R::UploadLast | R::AddSignatures) {
            case.signature = firm.second.sign(case.bytes.as_bytes()).unwrap();
        }
        case
    }
}
