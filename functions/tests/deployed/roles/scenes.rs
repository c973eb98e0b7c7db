//! For each action of each role the one call that needs it: everything before it is played, the call itself is kept until
//! the role has changed.

mod props;

use avain::client::{Call, Credentials, Transport, request};
use avain::story::{Listed, Recipient, Signer, Story, credentials};
use avain_adapters_local::clock::SystemClock;
use avain_api::operations::{INIT_LOGIN, INIT_REGISTER, LIST_UPLOADS};
use avain_bank_simulator::{Fault, Operation};
use avain_domain::names::Bank;
use avain_domain::ports::Clock;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::act::Act;
use crate::world::{ACTIVATION_CODE, BANK, World};
use props::with_several_banks;

/// The partition of the service's keys.
const SERVICE_KEYS: &str = "KEY#service#service";
/// A payment that one key signs, and one that two have to.
const PAYMENT: &str = "pain.001.001.09";
const SIGNED_TWICE: &str = "NDCORPAYS";
/// In the shape of a session in which a second factor is chosen.
const NO_SESSION: &str = "c.of-no-login-that-there-is";
/// The other banks that are played: one deletes files, one encrypts.
const OP: &str = "osuuspankki";
const OPS_KEY: &str = "2251401483958635";
const DANSKE: &str = "danskebank";
const DANSKES_PIN: &str = "1234";
/// When a registration that broke off counts as left over (avain-adapters-aws, cognito).
const LEFT_OVER: Duration = Duration::seconds(61);

/// A company with both modes, a certificate and a signing key, for scenes that leave it as it is.
pub(super) struct Scenes<'w> {
    world: &'w World,
    house: Story<'w>,
    admin: Credentials,
    data: Credentials,
    signer: Signer,
    /// The house's certificate as it was taken out, its key in clear; and the id of the key that it was taken out to.
    certificate: (String, String),
    export_key: String,
    /// Another key that signs, for the house and for the colleague.
    approver: Signer,
    /// Uses the house's certificate, in data mode.
    colleague: (Story<'w>, Credentials),
    /// A company with certificates at several banks, and one of it who uses them; both in data mode, and the id of an export key.
    several_banks: (Story<'w>, Credentials),
    user_of_several: (Story<'w>, Credentials),
    at_op: Credentials,
    at_op_too: Credentials,
    their_export_key: String,
    /// The API key of a company that has verified its people itself.
    trusting: String,
    /// Logged out.
    gone: Credentials,
    /// Of registrations that broke off at the beginning.
    left_over: Vec<Story<'w>>,
    begun: OffsetDateTime,
    /// The service's keys, while there are none in the table.
    service_keys: Vec<std::collections::HashMap<String, AttributeValue>>,
}

impl<'w> Scenes<'w> {
    pub(super) async fn begin(world: &'w World) -> Self {
        let house = world.new_story();
        let admin = world.open(&house, "admin", "0").await;
        house.set_policy(&admin, &world.terms()).await.unwrap();
        let signer = Signer::generate("Payments <payments@esimerkki.fi>").unwrap();
        let approver = Signer::generate("Approvals <approvals@esimerkki.fi>").unwrap();
        for key in [&signer, &approver] {
            house.upload_key(&admin, &key.public_key().unwrap(), "authorize").await.unwrap();
        }
        house.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
        let data = world.open(&house, "data", &admin.api_key).await;
        let recipient = Recipient::generate("Exports <exports@esimerkki.fi>").unwrap();
        house.upload_key(&admin, &recipient.public_key().unwrap(), "export").await.unwrap();
        let export_key = recipient.fingerprint();
        let exported = house.export(&admin, BANK, &export_key).await.unwrap();
        let certificate = (exported.certificate, recipient.decrypt(&exported.encrypted_key).unwrap());

        let colleague = world.new_story();
        let colleagues = world.open(&colleague, "admin", &admin.api_key).await;
        for key in [&signer, &approver] {
            colleague.upload_key(&colleagues, &key.public_key().unwrap(), "authorize").await.unwrap();
        }
        house.share(&admin, &colleague.company.email).await.unwrap();
        let in_data_mode = world.open(&colleague, "data", &admin.api_key).await;
        colleague.log_out("admin", &colleagues).await.unwrap();

        let (several_banks, user_of_several) = with_several_banks(world, &signer).await;
        let at_op = world.open(&several_banks.0, "data", &several_banks.1.api_key).await;
        let at_op_too = world.open(&user_of_several.0, "data", &several_banks.1.api_key).await;
        let their_recipient = Recipient::generate("Exports <exports@esimerkki.fi>").unwrap();
        several_banks.0.upload_key(&several_banks.1, &their_recipient.public_key().unwrap(), "export").await.unwrap();
        let trusting = world.new_story();
        let trusts = world.open(&trusting, "admin", "0").await;
        let skipped = json!({ "SkipPhoneVerification": true, "SkipEmailVerification": true });
        trusting.set_policy(&trusts, &skipped).await.unwrap();

        let left_over = vec![world.new_story(), world.new_story()];
        for story in &left_over {
            world.people.leave_over(&story.company).await;
        }
        let begun = SystemClock.now();
        let colleague = (colleague, in_data_mode);
        let (gone, service_keys) = (colleagues, Vec::new());
        Self {
            world,
            house,
            admin,
            data,
            signer,
            certificate,
            export_key,
            approver,
            colleague,
            several_banks,
            user_of_several,
            at_op,
            at_op_too,
            their_export_key: their_recipient.fingerprint(),
            trusting: trusts.api_key,
            gone,
            left_over,
            begun,
            service_keys,
        }
    }

    /// Plays up to the call of this function that needs this action. `None` if no scene is known to.
    pub(super) async fn prepare(&mut self, function: &str, action: &str) -> Option<Act> {
        let world = self.world;
        // An action that makes what is there already.
        if matches!(function, "InitRegister" | "InitLogin" | "ServiceKeys") && action == "dynamodb:PutItem"
            || matches!(function, "InitRegister" | "InitLogin" | "ServiceKeys" | "Register" | "Login")
                && action == "kms:GenerateDataKey"
        {
            let call = self.request(function, action).await?;
            self.take_service_keys().await;
            return Some(match call {
                // The challenge in it was signed with the keys that are gone.
                Act::Request(request, _) if matches!(function, "Register" | "Login") => {
                    Act::Request(request, Some(400))
                }
                call => call,
            });
        }
        if (function, action) == ("Register", "cognito-idp:AdminDeleteUser") {
            let age = SystemClock.now() - self.begun;
            tokio::time::sleep((LEFT_OVER - age).try_into().unwrap_or_default()).await;
            let story = self.left_over.pop()?;
            return Some(Act::Request(world.held("Register", story.register("admin", "0")).await, Some(201)));
        }
        self.request(function, action).await
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    async fn request(&self, function: &str, action: &str) -> Option<Act> {
        let (world, house) = (self.world, &self.house);
        let (colleague, colleagues) = &self.colleague;
        let act = match (function, action) {
            // What only a refusal needs.
            ("VerifyEmail", "dynamodb:GetItem" | "dynamodb:PutItem" | "dynamodb:UpdateItem") => {
                Act::AllTheSame(self.wrong_address_code(), 400)
            }
            ("VerifyPhone", "dynamodb:GetItem") => {
                Act::AllTheSame(world.held("VerifyPhone", world.new_story().verify_phone("admin")).await, 400)
            }
            ("LoginMFA", "dynamodb:GetItem") => {
                Act::AllTheSame(world.held("LoginMFA", house.second_factor("none")).await, 400)
            }
            ("SelectMFA", "dynamodb:GetItem" | "dynamodb:PutItem" | "dynamodb:UpdateItem") => {
                Act::AllTheSame(world.held("SelectMFA", house.select_factor("none", "SMS_MFA")).await, 400)
            }
            ("VerifyTOTP", "dynamodb:GetItem") => {
                Act::AllTheSame(world.held("VerifyTOTP", house.verify_totp("none", "123456")).await, 400)
            }
            ("ListCerts", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListCerts", house.certificates(&self.gone)).await, 401)
            }
            ("ListKeys", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListKeys", house.keys(&self.gone)).await, 401)
            }
            ("ListUploads", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListUploads", house.uploads(&self.gone, BANK)).await, 401)
            }
            ("ListAccountUsage", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListAccountUsage", house.account_usage(&self.gone)).await, 401)
            }
            ("ListAuditEvents", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListAuditEvents", house.audit_events(&self.gone)).await, 401)
            }
            ("ListAccounts", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("ListAccounts", house.accounts(&self.gone)).await, 401)
            }
            ("GetPolicy", "dynamodb:PutItem") => {
                Act::AllTheSame(world.held("GetPolicy", house.policy(&self.gone)).await, 401)
            }
            ("DeleteFile", "dynamodb:BatchGetItem") => self.delete(&self.user_of_several.0, &self.at_op_too).await,
            ("DeleteFile", _) => self.delete(&self.several_banks.0, &self.at_op).await,
            ("ExportCert", "dynamodb:BatchGetItem") => {
                let (story, admin) = &self.several_banks;
                let export = world.held("ExportCert", story.export(admin, DANSKE, &self.their_export_key)).await;
                Act::Request(export, Some(200))
            }
            // One key is read alone, two are read together.
            ("Renew", "dynamodb:GetItem") => {
                let (story, admin) = self.joined().await;
                story.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
                self.nearly_ended(&story.company.email, Bank::SIMULATOR).await;
                Act::Renewal
            }
            ("Renew", _) => {
                let danske = Bank::parse(DANSKE).unwrap();
                self.nearly_ended(&self.several_banks.0.company.email, danske).await;
                Act::Renewal
            }
            // What only a notice needs, and what only a company that trusts its people.
            ("LoginMFA" | "PasswordReset", "ses:SendEmail") => {
                let request = if function == "LoginMFA" { self.recovery().await } else { self.reset().await };
                Act::AllTheSame(request, 200)
            }
            ("Register", "cognito-idp:AdminUpdateUserAttributes" | "cognito-idp:AdminConfirmSignUp") => {
                let join = world.new_story();
                // It stands, and phone and address are verified with codes.
                Act::AllTheSame(world.held("Register", join.register("admin", &self.trusting)).await, 201)
            }
            // What only a share needs.
            ("ListCerts", "dynamodb:GetItem") => {
                Act::Request(world.held("ListCerts", colleague.certificates(colleagues)).await, Some(200))
            }
            ("ListCerts", "dynamodb:BatchGetItem") => {
                let (user, users) = &self.user_of_several;
                Act::Request(world.held("ListCerts", user.certificates(users)).await, Some(200))
            }
            ("ListFiles", "dynamodb:BatchGetItem") => {
                Act::Request(world.held("ListFiles", colleague.files(colleagues, BANK, "ALL")).await, Some(200))
            }
            ("UploadFile", "dynamodb:BatchGetItem") => {
                let (file, signature) = self.new_payment();
                let upload = colleague.upload(colleagues, BANK, PAYMENT, file.as_bytes(), &signature);
                Act::Request(world.held("UploadFile", upload).await, Some(201))
            }
            ("AddSignatures", "dynamodb:BatchGetItem") => {
                Act::Request(self.second_signature(colleague, colleagues).await, Some(201))
            }
            ("EnrollCert", "dynamodb:GetItem") => {
                let (story, admin) = self.joined().await;
                house.share(&self.admin, &story.company.email).await.unwrap();
                let user_id = world.user_id();
                let enrol = story.enrol(&admin, BANK, &user_id, ACTIVATION_CODE);
                Act::Request(world.held("EnrollCert", enrol).await, Some(201))
            }
            ("ImportCert", _) => {
                let (story, admin) = self.joined().await;
                if matches!(action, "dynamodb:GetItem" | "dynamodb:DeleteItem") {
                    house.share(&self.admin, &story.company.email).await.unwrap();
                }
                Act::Request(world.held("ImportCert", self.import(&story, &admin)).await, Some(201))
            }
            ("RetireCert", _) => {
                let (story, admin) = self.joined().await;
                self.import(&story, &admin).await.unwrap();
                let retire = match action {
                    "dynamodb:BatchGetItem" => {
                        let email = story.company.email.as_str();
                        world.held("RetireCert", house.retire(&self.admin, BANK, Some(email))).await
                    }
                    _ => world.held("RetireCert", story.retire(&admin, BANK, None)).await,
                };
                Act::Request(retire, Some(200))
            }
            ("ShareCerts" | "UnshareCerts", _) => {
                let story = world.new_story();
                story.register("admin", &self.admin.api_key).await.unwrap();
                let email = story.company.email.as_str();
                if function == "ShareCerts" {
                    Act::Request(world.held("ShareCerts", house.share(&self.admin, email)).await, Some(201))
                } else {
                    house.share(&self.admin, email).await.unwrap();
                    Act::Request(world.held("UnshareCerts", house.unshare(&self.admin, email)).await, Some(200))
                }
            }
            ("ExportCert", _) => {
                let export = house.export(&self.admin, BANK, &self.export_key);
                Act::Request(world.held("ExportCert", export).await, Some(200))
            }
            ("ConfigCerts", _) => {
                let (story, admin) = self.joined().await;
                Act::Request(world.held("ConfigCerts", story.forbid_export(&admin)).await, Some(200))
            }
            ("ListAuditEvents", _) => {
                Act::Request(world.held("ListAuditEvents", house.audit_events(&self.admin)).await, Some(200))
            }
            ("SealAudit", _) => {
                self.something_to_seal().await;
                Act::Event(json!({}))
            }
            ("InitRegister", _) => {
                let challenge = house.answer_challenge(&INIT_REGISTER, "admin");
                Act::Request(world.held("InitRegister", challenge).await, Some(200))
            }
            ("Register", "dynamodb:ConditionCheckItem") => {
                let join = world.new_story();
                Act::Request(world.held("Register", join.register("admin", &self.admin.api_key)).await, Some(201))
            }
            ("Register", "cognito-idp:AdminGetUser") => {
                let story = world.new_story();
                world.people.leave_over(&story.company).await;
                Act::Request(world.held("Register", story.register("admin", "0")).await, Some(409))
            }
            ("Register", _) => {
                let story = world.new_story();
                Act::Request(world.held("Register", story.register("admin", "0")).await, Some(201))
            }
            ("VerifyPhone", _) => {
                let story = world.new_story();
                story.register("admin", "0").await.unwrap();
                Act::Request(world.held("VerifyPhone", story.verify_phone("admin")).await, Some(200))
            }
            ("VerifyEmail", _) => Act::Request(self.wrong_address_code(), Some(400)),
            ("InitLogin", _) => {
                let challenge = house.answer_challenge(&INIT_LOGIN, "data");
                Act::Request(world.held("InitLogin", challenge).await, Some(200))
            }
            ("Login", "cognito-idp:AdminSetUserMFAPreference") => {
                let story = world.new_story();
                story.register("admin", "0").await.unwrap();
                story.verify_phone("admin").await.unwrap();
                world.people.verify(&story.company.email, "admin").await;
                // The emulator lets the admin in without a second factor, and the service does not.
                Act::Request(world.held("Login", story.password("admin")).await, Some(503))
            }
            ("Login", _) => Act::Request(world.held("Login", house.password("data")).await, Some(200)),
            ("LoginMFA", "cognito-idp:AdminSetUserMFAPreference") => Act::Request(self.recovery().await, Some(200)),
            ("LoginMFA", "dynamodb:BatchGetItem") => {
                // A recovery code of somebody who has none.
                let wrong = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23";
                let nobody = world.new_story();
                Act::Request(world.held("LoginMFA", nobody.answer_factor(NO_SESSION, wrong)).await, Some(400))
            }
            // The emulator knows no such challenge, which the service takes for a fault of the pool.
            ("SelectMFA", _) => {
                Act::Request(world.held("SelectMFA", house.select_factor(NO_SESSION, "SMS_MFA")).await, Some(503))
            }
            ("VerifyTOTP", _) => {
                let story = world.new_story();
                world.open(&story, "admin", "0").await;
                let set_up = story.set_up_totp(SystemClock.now().unix_timestamp());
                Act::Request(world.held("VerifyTOTP", set_up).await, Some(200))
            }
            ("InitPasswordReset", "dynamodb:GetItem" | "dynamodb:UpdateItem") => {
                let begin = self.begin_of_reset();
                while world.gateway.send(begin.clone()).await.unwrap().status() == 200 {}
                Act::AllTheSame(begin, 429)
            }
            ("InitPasswordReset", _) => Act::Request(self.begin_of_reset(), Some(200)),
            ("PasswordReset", _) => Act::Request(self.reset().await, Some(200)),
            ("LoginMFA", _) => {
                let answer = house.password("admin").await.unwrap();
                let session = answer["Session"].as_str().unwrap();
                Act::Request(world.held("LoginMFA", house.second_factor(session)).await, Some(200))
            }
            ("Logout", _) => {
                let (story, admin) = self.joined().await;
                Act::Request(world.held("Logout", story.log_out("admin", &admin)).await, Some(200))
            }
            ("ListCerts", _) => Act::Request(world.held("ListCerts", house.certificates(&self.admin)).await, Some(200)),
            ("EnrollCert", _) => {
                let (story, admin) = self.joined().await;
                if action == "dynamodb:DeleteItem" {
                    let refusal = Fault::Answer { code: "30".to_owned(), text: "Authentication failed.".to_owned() };
                    self.script(Operation::GetCertificate, refusal);
                }
                let user_id = world.user_id();
                let enrol = story.enrol(&admin, BANK, &user_id, ACTIVATION_CODE);
                let wanted = if action == "dynamodb:DeleteItem" { 400 } else { 201 };
                Act::Request(world.held("EnrollCert", enrol).await, Some(wanted))
            }
            ("ListFiles", "dynamodb:PutItem") => {
                let story = world.new_story();
                let admin = world.open(&story, "admin", "0").await;
                // The bank does not tell its folders at the enrolment: the first use asks again.
                self.script(Operation::GetUserInfo, Fault::ServerError);
                story.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
                let data = world.open(&story, "data", &admin.api_key).await;
                Act::Request(world.held("ListFiles", story.files(&data, BANK, "ALL")).await, Some(200))
            }
            ("ListFiles", _) => {
                Act::Request(world.held("ListFiles", house.files(&self.data, BANK, "ALL")).await, Some(200))
            }
            ("UploadFile", "kms:GenerateDataKey" | "s3:PutObject") => {
                let (file, signature) = self.new_payment();
                let upload = house.upload(&self.data, BANK, SIGNED_TWICE, file.as_bytes(), &signature);
                Act::Request(world.held("UploadFile", upload).await, Some(201))
            }
            ("UploadFile", "dynamodb:DeleteItem") => Act::Request(self.waited_in_vain().await, Some(201)),
            ("ListUploads", _) => {
                for _ in 0..2 {
                    let (file, signature) = self.new_payment();
                    house.upload(&self.data, BANK, SIGNED_TWICE, file.as_bytes(), &signature).await.unwrap();
                }
                let query = if action == "dynamodb:GetItem" { "?Limit=1" } else { "" };
                let (path, credentials) = (&[BANK], Some(&self.data));
                let call = Call { operation: &LIST_UPLOADS, path, query, credentials, body: None };
                Act::Request(request(call).unwrap(), Some(200))
            }
            ("AddSignatures", _) => Act::Request(self.second_signature(house, &self.data).await, Some(201)),
            ("UploadFile", _) => {
                let (file, signature) = self.new_payment();
                let upload = house.upload(&self.data, BANK, PAYMENT, file.as_bytes(), &signature);
                Act::Request(world.held("UploadFile", upload).await, Some(201))
            }
            ("DownloadFile", "dynamodb:Query") => {
                // What is no reference at all is in no record: then the account alone is read.
                let none = Listed {
                    file_type: "pain.002.001.10".to_owned(),
                    reference: "x".repeat(40),
                    status: String::new(),
                };
                let download = house.download(&self.data, BANK, &none);
                Act::Request(world.held("DownloadFile", download).await, Some(400))
            }
            ("DownloadFile", _) => {
                let report = self.new_report().await;
                if action == "s3:GetObject" {
                    house.download(&self.data, BANK, &report).await.unwrap();
                }
                let download = house.download(&self.data, BANK, &report);
                Act::Request(world.held("DownloadFile", download).await, Some(200))
            }
            ("ListKeys", _) => Act::Request(world.held("ListKeys", house.keys(&self.admin)).await, Some(200)),
            ("UploadKey", _) => {
                let key = Signer::generate("Another <another@esimerkki.fi>").unwrap().public_key().unwrap();
                Act::Request(world.held("UploadKey", house.upload_key(&self.admin, &key, "authorize")).await, Some(201))
            }
            ("DeleteKey", _) => {
                let known = house.keys(&self.admin).await.unwrap();
                let key = Signer::generate("Another <another@esimerkki.fi>").unwrap().public_key().unwrap();
                house.upload_key(&self.admin, &key, "authorize").await.unwrap();
                let id = house.keys(&self.admin).await.unwrap().into_iter().find(|id| !known.contains(id)).unwrap();
                Act::Request(world.held("DeleteKey", house.delete_key(&self.admin, &id)).await, Some(200))
            }
            ("ListAccountUsage", _) => {
                Act::Request(world.held("ListAccountUsage", house.account_usage(&self.data)).await, Some(200))
            }
            ("ListAccounts", _) => {
                Act::Request(world.held("ListAccounts", house.accounts(&self.admin)).await, Some(200))
            }
            ("GetPolicy", _) => Act::Request(world.held("GetPolicy", house.policy(&self.data)).await, Some(200)),
            ("PutPolicy", _) => {
                let terms = world.terms();
                Act::Request(world.held("PutPolicy", house.set_policy(&self.admin, &terms)).await, Some(200))
            }
            ("DeleteAccount", _) => {
                // Who uses certificates at two banks, or at one.
                let (owner, key) = match action {
                    "dynamodb:BatchGetItem" => (&self.several_banks.0, &self.several_banks.1),
                    _ => (house, &self.admin),
                };
                let leaver = world.new_story();
                leaver.register("admin", &key.api_key).await.unwrap();
                let email = leaver.company.email.as_str();
                owner.share(key, email).await.unwrap();
                // Who deletes has just logged in.
                let fresh = credentials(&owner.log_in("admin").await.unwrap()).unwrap();
                Act::Request(world.held("DeleteAccount", owner.delete_account(&fresh, email)).await, Some(200))
            }
            ("Watch", _) => Act::Event(json!({})),
            _ => return None,
        };
        Some(act)
    }

    /// Undoes what a scene did to others.
    pub(super) async fn clear(&mut self, function: &str) {
        if self.service_keys.is_empty() {
            return;
        }
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.world.sdk);
        for item in self.service_keys.drain(..) {
            let put = dynamodb.put_item().table_name(self.world.stack.id("Table"));
            put.set_item(Some(item)).send().await.unwrap();
        }
        self.world.stack.account.restart(self.world.stack.id(function), self.world.number()).await;
    }

    async fn take_service_keys(&mut self) {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.world.sdk);
        let table = self.world.stack.id("Table");
        let query = dynamodb.query().table_name(table).key_condition_expression("PK = :keys");
        let query = query.expression_attribute_values(":keys", AttributeValue::S(SERVICE_KEYS.to_owned()));
        self.service_keys = query.send().await.unwrap().items.unwrap();
        assert_eq!(self.service_keys.len(), 2, "the service's keys are not in {SERVICE_KEYS}");
        for item in &self.service_keys {
            let delete = dynamodb.delete_item().table_name(table);
            delete.key("PK", item["PK"].clone()).key("SK", item["SK"].clone()).send().await.unwrap();
        }
    }
}
