//! What several scenes are made of.

use std::sync::Arc;

use avain::client::{Call, ClientError, Credentials, request};
use avain::story::{Authenticator, Listed, Signer, Story, payment, text};
use avain_adapters_aws::store::DynamoStore;
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::random::SystemRandom;
use avain_api::operations::{INIT_PASSWORD_RESET, VERIFY_EMAIL};
use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::audit::{self, HORIZON};
use avain_domain::files::WAIT;
use avain_domain::names::{Bank, Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Clock, Store};
use avain_domain::records::{
    Agreement, Audited, CertificateState, Key, LAST_ID, Record, Shelf, Stored, Stretch, Upload, UploadEntry, Write,
};
use avain_domain::{Context, organisations};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{DANSKE, DANSKES_PIN, OP, OPS_KEY, PAYMENT, SIGNED_TWICE, Scenes};
use crate::roles::act::Act;
use crate::world::{ACTIVATION_CODE, BANK, World};

impl<'w> Scenes<'w> {
    /// A VerifyEmail that is refused.
    pub(super) fn wrong_address_code(&self) -> Request<Bytes> {
        let body = Some(json!({ "Code": "123456", "AccessToken": "none" }));
        let path = &[self.house.company.email.as_str(), "admin"];
        request(Call { operation: &VERIFY_EMAIL, path, query: "", credentials: None, body }).unwrap()
    }

    /// Another admin of the house's organisation.
    pub(super) async fn joined(&self) -> (Story<'w>, Credentials) {
        let story = self.world.new_story();
        let admin = self.world.open(&story, "admin", &self.admin.api_key).await;
        (story, admin)
    }

    /// A LoginMFA with a recovery code, of somebody who has just set an authenticator up.
    pub(super) async fn recovery(&self) -> Request<Bytes> {
        let story = self.world.new_story();
        self.world.open(&story, "admin", "0").await;
        let Authenticator { secret, recovery_codes } =
            story.set_up_totp(SystemClock.now().unix_timestamp()).await.unwrap();
        self.world.people.carries(&story.company, secret);
        let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
        self.world.held("LoginMFA", story.answer_factor(&session, &recovery_codes[0])).await
    }

    /// An InitPasswordReset of somebody whom nobody knows.
    pub(super) fn begin_of_reset(&self) -> Request<Bytes> {
        let somebody = self.world.new_story().company.email;
        let path = &[somebody.as_str(), "data"];
        let call = Call { operation: &INIT_PASSWORD_RESET, path, query: "", credentials: None, body: None };
        request(call).unwrap()
    }

    /// A PasswordReset of somebody who has asked for the code.
    pub(super) async fn reset(&self) -> Request<Bytes> {
        let story = self.world.new_story();
        story.register("admin", "0").await.unwrap();
        story.verify_phone("admin").await.unwrap();
        self.world.people.verify(&story.company.email, "admin").await;
        self.world.held("PasswordReset", story.reset_password("admin", "Forgotten-password-2026!y")).await
    }

    /// An AddSignatures that is the last.
    pub(super) async fn second_signature(&self, story: &Story<'_>, data: &Credentials) -> Request<Bytes> {
        let (file, signature) = self.new_payment();
        let waiting = story.upload_signed(data, BANK, SIGNED_TWICE, file.as_bytes(), &signature).await.unwrap();
        let id = text(&waiting, "UploadId").unwrap();
        let second = self.approver.sign(file.as_bytes()).unwrap();
        self.world.held("AddSignatures", story.add_signature(data, BANK, &id, &second)).await
    }

    /// An UploadFile of what waited for its second signature too long: it begins anew, and the old id names nothing any more.
    pub(super) async fn waited_in_vain(&self) -> Request<Bytes> {
        let (file, signature) = self.new_payment();
        let upload = || self.house.upload(&self.data, BANK, SIGNED_TWICE, file.as_bytes(), &signature);
        upload().await.unwrap();
        let (store, organisation) = (self.world.store(), organisation_of(&self.data));
        let email = Email::parse(&self.house.company.email).unwrap();
        let entries = Shelf::UploadEntries(organisation.clone(), email.clone(), Bank::SIMULATOR);
        let newest = Stretch { after: "", before: LAST_ID, newest_first: true, most: 1 };
        let Record::UploadEntry(entry) = store.stretch(&entries, newest).await.unwrap().remove(0).record else {
            panic!()
        };
        let key = Key::Upload(organisation, email, Bank::SIMULATOR, entry.digest.clone());
        let Stored { record: Record::Upload(record), version } = store.get(&[key]).await.unwrap().remove(0) else {
            panic!()
        };
        let began = SystemClock.now() - WAIT - Duration::HOUR;
        let id = format!("{:013}{}", began.unix_timestamp() * 1000, &entry.id[13..]);
        let old = Upload { id: id.clone(), ..record };
        let entry = UploadEntry { id, ..entry };
        let writes = vec![Write::Replace(Record::Upload(old), version), Write::Insert(Record::UploadEntry(entry))];
        store.commit(writes).await.unwrap();
        self.world.held("UploadFile", upload()).await
    }

    /// The house's certificate becomes another account's too.
    pub(super) async fn import(&self, story: &Story<'_>, admin: &Credentials) -> Result<(), ClientError> {
        let (certificate, key) = &self.certificate;
        story.import(admin, BANK, "1000038023", certificate, key).await
    }

    /// An event that is old enough, of an organisation of its own.
    pub(super) async fn something_to_seal(&self) {
        let organisation = OrganisationId(format!("organisation {}", self.world.number()));
        let context = Context { clock: &LongAgo, random: &SystemRandom, request_id: "scene" };
        let actor = Login { email: Email::parse("aino@esimerkki.fi").unwrap(), mode: Mode::Admin };
        let event = audit::completed(context, &organisation, &actor, "certificate.share", "nordea");
        let audited = Write::Insert(Record::Audited(Audited { organisation }));
        self.world.store().commit(vec![audited, event]).await.unwrap();
    }

    /// A DeleteFile of a payment that waits at the bank.
    pub(super) async fn delete(&self, story: &Story<'_>, data: &Credentials) -> Act {
        let (file, signature) = self.new_payment();
        let before = waiting(story, data).await;
        story.upload(data, OP, PAYMENT, file.as_bytes(), &signature).await.unwrap();
        let new = waiting(story, data).await.into_iter().find(|it| !before.contains(it)).unwrap();
        Act::Request(self.world.held("DeleteFile", story.delete(data, OP, &new)).await, Some(200))
    }

    /// The certificate's record says that it ends soon, and that nobody has tried to renew it.
    pub(super) async fn nearly_ended(&self, account: &str, bank: Bank) {
        let store = self.world.store();
        let key = Key::Certificate(Email::parse(account).unwrap(), bank);
        let Stored { record: Record::Certificate(mut certificate), version } =
            store.get(&[key]).await.unwrap().remove(0)
        else {
            panic!()
        };
        let CertificateState::Active { expires, .. } = &mut certificate.state else { panic!() };
        *expires = SystemClock.now() + Duration::DAY;
        certificate.renewal = None;
        store.commit(vec![Write::Replace(Record::Certificate(certificate), version)]).await.unwrap();
    }

    pub(super) fn script(&self, operation: Operation, fault: Fault) {
        self.world.banks.simulator.script_operation(BankKey::Simulator, operation, fault);
    }

    pub(super) fn new_payment(&self) -> (String, String) {
        let file = payment(&format!("MSG-{}", self.world.number()), &self.house.company.name, SystemClock.now());
        let signature = self.signer.sign(file.as_bytes()).unwrap();
        (file, signature)
    }

    /// The bank's report on a payment of its own.
    pub(super) async fn new_report(&self) -> Listed {
        let (file, signature) = self.new_payment();
        self.house.upload(&self.data, BANK, PAYMENT, file.as_bytes(), &signature).await.unwrap();
        let listed = self.house.files(&self.data, BANK, "NEW").await.unwrap();
        listed.into_iter().rfind(|it| it.file_type == "pain.002.001.10").unwrap()
    }
}

/// The payments that wait at OP.
async fn waiting(story: &Story<'_>, data: &Credentials) -> Vec<Listed> {
    let listed = story.files(data, OP, "ALL").await.unwrap();
    listed.into_iter().filter(|it| it.status == "WFP").collect()
}

/// When what happens then is old enough to be sealed.
struct LongAgo;

impl Clock for LongAgo {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() - 2 * HORIZON
    }
}

/// A company with certificates at several banks, and one of it who uses them, each with its credentials as an admin.
pub(super) async fn with_several_banks<'w>(
    world: &'w World,
    signer: &Signer,
) -> ((Story<'w>, Credentials), (Story<'w>, Credentials)) {
    let owner = world.new_story();
    let admin = world.open(&owner, "admin", "0").await;
    let context = Context { clock: &SystemClock, random: &SystemRandom, request_id: "scene" };
    let (store, organisation) = (world.store(), organisation_of(&admin));
    organisations::set_agreement(context, &store, &organisation, Agreement::Active).await.unwrap();
    owner.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
    owner.enrol(&admin, OP, "1000000000", OPS_KEY).await.unwrap();
    owner.enrol(&admin, DANSKE, "360817", DANSKES_PIN).await.unwrap();
    let user = world.new_story();
    let users = world.open(&user, "admin", &admin.api_key).await;
    for (story, admin) in [(&owner, &admin), (&user, &users)] {
        story.upload_key(admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    }
    owner.share(&admin, &user.company.email).await.unwrap();
    ((owner, admin), (user, users))
}

/// The organisation that an id token names.
fn organisation_of(credentials: &Credentials) -> OrganisationId {
    let claims = URL_SAFE_NO_PAD.decode(credentials.id_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    OrganisationId(claims["custom:organisation"].as_str().unwrap().to_owned())
}

impl World {
    /// A policy that counts calls, unlike each before it, and asks for two signatures of one type of file.
    pub(super) fn terms(&self) -> Value {
        json!({
            "CallsPerMinute": 50_000 + self.number(),
            "Signatures": [{ "FileType": SIGNED_TWICE, "Required": 2 }],
        })
    }

    pub(super) fn store(&self) -> DynamoStore {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        DynamoStore::new(client, self.stack.id("Table").to_owned(), Arc::new(SystemRandom))
    }

    /// The request that a step of the story makes to this operation, instead of sending it.
    pub(super) async fn held<T>(
        &self,
        operation: &'static str,
        step: impl Future<Output = Result<T, ClientError>>,
    ) -> Request<Bytes> {
        self.gateway.hold(operation);
        let _ = step.await;
        self.gateway.take()
    }
}
