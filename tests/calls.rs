//! Calls per operation, counted at the ports: round trips are what an operation costs when deployed. The golden file is the
//! budget; `AVAIN_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use avain::client::{self, Call, ClientError, Credentials, Transport};
use avain::machine::Banks;
use avain::story::{Codes, Company, Signer, Story, credentials, payment, text, totp};
use avain_adapters_aws::banks::Folder;
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::gateway::NoGateway;
use avain_adapters_local::notices::OutboxNotifier;
use avain_adapters_local::outbox::Outbox;
use avain_adapters_local::pool::PasswordCost;
use avain_adapters_local::random::SystemRandom;
use avain_api::operations::{
    CONFIG_CERTS, EXPORT_CERT, IMPORT_CERT, INIT_LOGIN, INIT_PASSWORD_RESET, LIST_AUDIT_EVENTS, LOGIN_MFA,
    PASSWORD_RESET, RETIRE_CERT, SHARE_CERTS, UNSHARE_CERTS,
};
use avain_api::route::{Route, find};
use avain_api::{Deps, Operation};
use avain_bank_simulator::BankKey;
use avain_domain::Context;
use avain_domain::names::{Bank, Email};
use avain_domain::organisations::set_agreement;
use avain_domain::ports::{
    BankChannel, BankError, BankUser, Blobs, CertificateSummary, Clock, CommitError, DataKey, Enrolment, Expiring,
    FileDescriptor, FileStatus, Issued, KeyContext, Random, RenewalRequest, Store, Unavailable, UnreadableFile, Vault,
};
use avain_domain::records::{Agreement, Key, Record, Shelf, SignatureRule, Stored, Stretch, Write};
use avain_domain::seal::Sealer;
use avain_domain::secret::Secret;
use avain_domain::service_keys::ServiceKeys;
use bytes::Bytes;
use http::{Request, Response};
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use serde_json::{Value, json};

use crate::support::OutboxCodes;
use crate::support::pool::Interposed;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/calls.txt");

#[tokio::test]
async fn calls_per_operation_are_the_golden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let directory = DataDirectory::open(folder.path(), Arc::clone(&clock), Arc::clone(&random)).unwrap();
    let banks = Banks::start(folder.path(), Arc::clone(&clock)).await.unwrap();
    let outbox = Arc::new(Outbox::in_memory());
    let cost = PasswordCost::new(8, 1, 1, None).unwrap();
    let pool = directory.pool(Arc::clone(&outbox), cost).await.unwrap();
    let count = Arc::new(Count::default());
    let store: Arc<dyn Store> = Arc::new(Counted { count: Arc::clone(&count), inner: directory.store() });
    let vault = Arc::new(Counted { count: Arc::clone(&count), inner: directory.vault() });
    let sealer = Arc::new(Sealer::new(vault, Arc::clone(&clock), Arc::clone(&random)));
    let service_keys = ServiceKeys::open(&*store, &sealer, &*random).await.unwrap();
    let password_key = service_keys.password_key_pem();
    let channel: Arc<dyn BankChannel> =
        Arc::new(directory.banks_of_machine(&Folder::default(), &banks.base, Duration::from_secs(10)));
    let deps = Deps::new(clock, random)
        .with_store(store)
        .with_tokens(Arc::new(pool.tokens()))
        .with_identity(Arc::new(pool))
        .with_service_keys(Arc::new(service_keys))
        .with_sealer(sealer)
        .with_blobs(Arc::new(Counted { count: Arc::clone(&count), inner: directory.blobs().unwrap() }))
        .with_banks(Arc::new(Counted { count: Arc::clone(&count), inner: channel }))
        // Not counted: it is called for a new organisation only, which answers_api_key.rs holds to.
        .with_gateway(Arc::new(NoGateway))
        // Not counted either: it is told after the deed, and its failure changes nothing.
        .with_notifier(Arc::new(OutboxNotifier::new(Arc::clone(&outbox), Arc::new(SystemClock))));

    let asked = Arc::clone(&count);
    let deps = Interposed::in_front_of(deps, move |_| {
        asked.one_more(I);
        Ok(())
    });
    let inside = Inside { deps, count, lines: Mutex::default() };
    let codes = OutboxCodes::new(outbox);
    let client_of = |email: &str| Story {
        transport: &inside,
        codes: &codes,
        password_key: &password_key,
        company: Company::example(email),
    };
    let admin = play(&client_of("count@example.com"), &inside).await;
    play_certificates(&client_of("count@example.com"), &client_of("other@example.com"), &inside, &admin).await;
    let owner = client_of("count@example.com");
    play_organisation(&owner, &client_of("other@example.com"), &client_of("third@example.com"), &inside, &admin).await;

    play_deletion(&client_of("fourth@example.com"), &inside, &banks).await;
    play_authenticator(&client_of("count@example.com"), &codes, &inside, &SystemClock).await;

    let mut table = String::from("operation R W O K I B\n");
    for line in inside.lines.lock().unwrap().iter() {
        writeln!(table, "{line}").unwrap();
    }
    if std::env::var("AVAIN_BLESS").is_ok() {
        std::fs::write(GOLDEN, &table).unwrap();
    }
    assert_eq!(table, std::fs::read_to_string(GOLDEN).unwrap(), "AVAIN_BLESS=1 writes the golden file anew");
}

/// The story, with a name for each call that is to be counted. What a process keeps in memory has been used before.
async fn play(story: &Story<'_>, inside: &Inside) -> Credentials {
    let admin = open(story, inside, "admin", "0").await;
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    let key = signer.public_key().unwrap();
    inside.named("UploadKey", story.upload_key(&admin, &key, "authorize")).await;
    inside.named("ListKeys", story.keys(&admin)).await;
    let enrol = story.enrol(&admin, "simulator", "1000038023", "Demo-Code-2026-0001");
    inside.named("EnrollCert", enrol).await;
    inside.named("ListCerts", story.certificates(&admin)).await;
    let data = open(story, inside, "data", &admin.api_key).await;

    let statement = inside.named("ListFiles", story.files(&data, "simulator", "NEW")).await;
    story.download(&data, "simulator", &statement[0]).await.unwrap();
    let file = payment("MSG-1", &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
    let signature = signer.sign(file.as_bytes()).unwrap();
    let upload = || story.upload(&data, "simulator", "pain.001.001.09", file.as_bytes(), &signature);
    inside.named("UploadFile", upload()).await;
    inside.named("UploadFile (same bytes again)", upload()).await;
    let new = story.files(&data, "simulator", "NEW").await.unwrap();
    inside.named("DownloadFile (first time)", story.download(&data, "simulator", &new[0])).await;
    inside.named("DownloadFile (again)", story.download(&data, "simulator", &new[0])).await;
    play_signatures(story, inside, &admin, &data, &signer).await;
    inside.named("Logout", story.log_out("data", &data)).await;
    let trail = Call { operation: &LIST_AUDIT_EVENTS, path: &[], query: "", credentials: Some(&admin), body: None };
    inside.named("ListAuditEvents", client::call(inside, trail)).await;
    inside.named("GetOpenApi", story.document()).await;
    admin
}

/// What it takes to have a bank delete a payment that waits there.
async fn play_deletion(story: &Story<'_>, inside: &Inside, banks: &Banks) {
    let bank = "osuuspankki";
    banks.root(BankKey::Osuuspankki).unwrap();
    let admin = story.open("admin", "0").await.unwrap();
    let records = inside.deps.store().unwrap();
    let found = records.account(&Email::parse(&story.company.email).unwrap()).await.unwrap();
    let organisation = found.into_iter().find_map(|stored| match stored.record {
        Record::Account(account) => Some(account.organisation),
        _ => None,
    });
    let context = Context { clock: &SystemClock, random: &SystemRandom, request_id: "operator" };
    set_agreement(context, records, &organisation.unwrap(), Agreement::Active).await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    story.enrol(&admin, bank, "1000000000", "2251401483958635").await.unwrap();
    let data = story.open("data", &admin.api_key).await.unwrap();
    let file = payment("WAITS", &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
    story
        .upload(&data, bank, "pain.001.001.09", file.as_bytes(), &signer.sign(file.as_bytes()).unwrap())
        .await
        .unwrap();
    let listed = story.files(&data, bank, "ALL").await.unwrap();
    let waiting = listed.iter().find(|it| it.status == "WFP").unwrap();
    inside.named("DeleteFile", story.delete(&data, bank, waiting)).await;
}

/// What an authenticator and a forgotten password take.
async fn play_authenticator(story: &Story<'_>, codes: &OutboxCodes, inside: &Inside, clock: &dyn Clock) {
    let email = story.company.email.as_str();
    let ask = |operation: &'static Operation, mode: &'static str, body: Option<Value>| async move {
        client::call(inside, Call { operation, path: &[email, mode], query: "", credentials: None, body }).await
    };
    let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
    let code = codes.newest(email, "admin", "mfa").await.unwrap();
    let body = json!({ "Session": session, "Code": code, "SetupTOTP": true });
    let answer = inside.named("LoginMFA (SetupTOTP)", ask(&LOGIN_MFA, "admin", Some(body))).await;
    let code = totp(&text(&answer, "SecretCode").unwrap(), clock.now().unix_timestamp()).unwrap();
    let confirm = story.verify_totp(answer["AccessToken"].as_str().unwrap(), &code);
    let recovery = inside.named("VerifyTOTP", confirm).await;
    let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
    let chosen = inside.named("SelectMFA", story.select_factor(&session, "SMS_MFA")).await;
    inside.named("LoginMFA (recovery code)", story.answer_factor(&chosen, &recovery[0])).await;
    inside.named("InitPasswordReset", ask(&INIT_PASSWORD_RESET, "data", None)).await;
    let (challenge, encrypted) = story.answer_challenge(&INIT_LOGIN, "data").await.unwrap();
    let code = codes.newest(email, "data", "reset").await.unwrap();
    let body = json!({ "ChResp": challenge, "Encrypted": encrypted, "Code": code });
    inside.named("PasswordReset", ask(&PASSWORD_RESET, "data", Some(body))).await;
}

/// Uploads that two keys have to sign, and what is told of uploads.
async fn play_signatures(story: &Story<'_>, inside: &Inside, admin: &Credentials, data: &Credentials, first: &Signer) {
    let second = Signer::generate("Approver <approver@example.com>").unwrap();
    story.upload_key(admin, &second.public_key().unwrap(), "authorize").await.unwrap();
    let records = inside.deps.store().unwrap();
    let email = Email::parse(&story.company.email).unwrap();
    for Stored { record, version } in records.account(&email).await.unwrap() {
        if let Record::Account(mut account) = record {
            account.policy.signatures = vec![SignatureRule { bank: None, file_type: None, required: 2 }];
            records.commit(vec![Write::Replace(Record::Account(account), version)]).await.unwrap();
        }
    }
    let file = |name: &str| payment(name, &story.company.name, time::OffsetDateTime::UNIX_EPOCH).into_bytes();
    let (one, other) = (file("MSG-SIGNED"), file("MSG-SENT"));
    let upload = async |bytes: &[u8], signer: &Signer| {
        let signature = signer.sign(bytes).unwrap();
        story.upload_signed(data, "simulator", "pain.001.001.09", bytes, &signature).await
    };
    let waiting = inside.named("UploadFile (waits for signatures)", upload(&one, first)).await;
    let (id, signature) = (text(&waiting, "UploadId").unwrap(), second.sign(&one).unwrap());
    let sign = |signature: String| {
        let id = id.clone();
        async move { story.add_signature(data, "simulator", &id, &signature).await }
    };
    inside.named("AddSignatures (known already)", sign(first.sign(&one).unwrap())).await;
    inside.named("AddSignatures (the last)", sign(signature)).await;
    upload(&other, first).await.unwrap();
    inside.named("UploadFile (the last signature)", upload(&other, &second)).await;
    inside.named("ListUploads", story.uploads(data, "simulator")).await;
    inside.named("ListAccountUsage (the owner)", story.account_usage(admin)).await;
    let keys = story.keys(admin).await.unwrap();
    inside.named("DeleteKey", story.delete_key(admin, &keys[1])).await;
}

/// What an account does with its certificate, and one that uses it.
async fn play_certificates(story: &Story<'_>, other: &Story<'_>, inside: &Inside, admin: &Credentials) {
    let admins = other.open("admin", &admin.api_key).await.unwrap();
    let data = other.open("data", &admin.api_key).await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    other.upload_key(&admins, &signer.public_key().unwrap(), "authorize").await.unwrap();
    let ask = |operation: &'static Operation, who: &Credentials, path: &[&str], query: &str, body: Option<Value>| {
        let call = Call { operation, path, query, credentials: Some(who), body };
        let request = client::request(call).unwrap();
        async move {
            let answer = inside.send(request).await?;
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(answer.status().as_u16(), operation.success, "{body}");
            Ok(body)
        }
    };
    let email = other.company.email.as_str();
    inside.named("ListAccountUsage", other.account_usage(&data)).await;
    let share = || ask(&SHARE_CERTS, admin, &[email], "", None);
    inside.named("ShareCerts", share()).await;
    inside.named("ListCerts (shared)", other.certificates(&data)).await;
    inside.named("ListFiles (shared)", other.files(&data, "simulator", "NEW")).await;
    let file = payment("MSG-2", &other.company.name, time::OffsetDateTime::UNIX_EPOCH);
    let signature = signer.sign(file.as_bytes()).unwrap();
    let upload = other.upload(&data, "simulator", "pain.001.001.09", file.as_bytes(), &signature);
    inside.named("UploadFile (shared)", upload).await;
    let new = other.files(&data, "simulator", "NEW").await.unwrap();
    inside.named("DownloadFile (shared, first time)", other.download(&data, "simulator", &new[0])).await;
    inside.named("UnshareCerts", ask(&UNSHARE_CERTS, admin, &[email], "", None)).await;
    share().await.unwrap();
    let enrol = other.enrol(&admins, "simulator", "1000038024", "Demo-Code-2026-0001");
    inside.named("EnrollCert (in place of a share)", enrol).await;
    inside.named("RetireCert", ask(&RETIRE_CERT, &admins, &["simulator"], "", None)).await;

    let (certificate, key) = self_signed();
    let body = json!({
        "Company": other.company.name, "WsUserId": "1000038024", "Certificate": certificate, "PrivateKey": key,
    });
    inside.named("ImportCert", ask(&IMPORT_CERT, &admins, &["simulator"], "", Some(body))).await;
    let query = format!("?Account={email}");
    inside.named("RetireCert (another's)", ask(&RETIRE_CERT, admin, &["simulator"], &query, None)).await;

    story.upload_key(admin, &export_key(), "export").await.unwrap();
    let query = format!("?PgpKeyId={}", story.keys(admin).await.unwrap()[1]);
    inside.named("ExportCert", ask(&EXPORT_CERT, admin, &["simulator"], &query, None)).await;
    let body = Some(json!({ "Export": "disabled" }));
    inside.named("ConfigCerts", ask(&CONFIG_CERTS, admin, &[], "", body)).await;
}

/// What the owner of the API key does with the accounts under it: its own, another one, and one that registers now.
async fn play_organisation(
    owner: &Story<'_>,
    other: &Story<'_>,
    third: &Story<'_>,
    inside: &Inside,
    admin: &Credentials,
) {
    inside.named("GetPolicy", owner.policy(admin)).await;
    let policy = json!({ "SkipPhoneVerification": true, "SkipEmailVerification": true });
    inside.named("PutPolicy (two accounts)", owner.set_policy(admin, &policy)).await;
    inside.named("PutPolicy (no change)", owner.set_policy(admin, &policy)).await;
    inside.named("Register (trusted)", third.register("admin", &admin.api_key)).await;
    inside.named("ListAccounts (three)", owner.accounts(admin)).await;
    inside.named("DeleteAccount (nothing held)", owner.delete_account(admin, &third.company.email)).await;
    owner.share(admin, &other.company.email).await.unwrap();
    inside.named("DeleteAccount", owner.delete_account(admin, &other.company.email)).await;
    owner.set_policy(admin, &json!({ "CallsPerMinute": 100_000 })).await.unwrap();
    inside.named("ListKeys (calls limited)", owner.keys(admin)).await;
}

/// A certificate and its private key, PEM.
pub(crate) fn self_signed() -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    let now = SystemClock.now();
    (parameters.not_before, parameters.not_after) = (now - time::Duration::hours(1), now + time::Duration::hours(1));
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A public key that can be encrypted to, armored.
pub(crate) fn export_key() -> String {
    let mut subkey = SubkeyParamsBuilder::default();
    subkey.key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy)).can_encrypt(EncryptionCaps::All);
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(KeyType::Ed25519Legacy).can_certify(true).can_sign(true).subkey(subkey.build().unwrap());
    key.primary_user_id("Export <export@example.com>".to_owned());
    let key = key.build().unwrap().generate(rand::rngs::OsRng).unwrap();
    SignedPublicKey::from(key).to_armored_string(ArmorOptions::default()).unwrap()
}

/// Registers a mode and logs it in; its calls are counted one by one.
async fn open(story: &Story<'_>, inside: &Inside, mode: &str, api_key: &str) -> Credentials {
    let name = |operation: &str| format!("{operation} ({mode})");
    inside.named(&name("InitLogin"), story.answer_challenge(&INIT_LOGIN, mode)).await;
    inside.named(&name("Register"), story.register(mode, api_key)).await;
    inside.named(&name("VerifyPhone"), story.verify_phone(mode)).await;
    let first = story.log_in(mode).await.unwrap();
    let token = text(&first, "AccessToken").unwrap();
    inside.named(&name("VerifyEmail"), story.verify_email(mode, &token)).await;
    let mut answer = inside.named(&name("Login"), story.password(mode)).await;
    if let Some(session) = answer["Session"].as_str().map(str::to_owned) {
        answer = inside.named(&name("LoginMFA"), story.second_factor(&session)).await;
    }
    credentials(&answer).unwrap()
}

/// The service without HTTP around it: what is counted is what one call does.
struct Inside {
    deps: Deps,
    count: Arc<Count>,
    lines: Mutex<Vec<String>>,
}

impl Inside {
    async fn named<T>(&self, name: &str, call: impl Future<Output = Result<T, ClientError>>) -> T {
        self.count.take();
        let outcome = call.await.unwrap();
        self.lines.lock().unwrap().push(format!("{name} {}", self.count.take()));
        outcome
    }
}

#[async_trait]
impl Transport for Inside {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let Route::Found(operation) = find(request.method(), request.uri().path()) else { panic!("no such operation") };
        Ok(avain_api::answer(operation, &self.deps, "request", &request).await)
    }
}

/// Reads, writes, blobs, vault, identity, bank.
#[derive(Default)]
pub(crate) struct Count([AtomicU32; 6]);

const R: usize = 0;
const W: usize = 1;
const O: usize = 2;
const K: usize = 3;
pub(crate) const I: usize = 4;
const B: usize = 5;

impl Count {
    /// How many there were of one kind.
    pub(crate) fn of(&self, what: usize) -> u32 {
        self.0[what].load(Ordering::SeqCst)
    }

    /// Counts one of a kind.
    pub(crate) fn one_more(&self, what: usize) {
        self.0[what].fetch_add(1, Ordering::SeqCst);
    }

    fn take(&self) -> String {
        self.0.each_ref().map(|it| it.swap(0, Ordering::SeqCst).to_string()).join(" ")
    }
}

pub(crate) struct Counted<P> {
    pub(crate) count: Arc<Count>,
    pub(crate) inner: P,
}

impl<P> Counted<P> {
    fn count(&self, what: usize) -> &P {
        self.count.0[what].fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

#[async_trait]
impl Store for Counted<Arc<dyn Store>> {
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable> {
        self.count(R).account(email).await
    }
    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable> {
        self.count(R).get(keys).await
    }
    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable> {
        self.count(R).stretch(of, stretch).await
    }
    async fn expiring(
        &self,
        from: time::OffsetDateTime,
        until: time::OffsetDateTime,
    ) -> Result<Vec<Expiring>, Unavailable> {
        self.count(R).expiring(from, until).await
    }
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.count(W).commit(writes).await
    }
}

#[async_trait]
impl Blobs for Counted<Arc<dyn Blobs>> {
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Unavailable> {
        self.count(O).put(name, bytes).await
    }
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        self.count(O).get(name).await
    }
}

#[async_trait]
impl Vault for Counted<Arc<dyn Vault>> {
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        self.count(K).generate(context).await
    }
    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.count(K).open(context, wrapped).await
    }
}

#[async_trait]
impl BankChannel for Counted<Arc<dyn BankChannel>> {
    fn bank(&self, name: &str) -> Option<Bank> {
        self.inner.bank(name)
    }
    fn check_enrolment(&self, bank: Bank, user_id: &str, code: &str) -> Result<(), &'static str> {
        self.inner.check_enrolment(bank, user_id, code)
    }
    fn user_id_fits(&self, bank: Bank, user_id: &str) -> bool {
        self.inner.user_id_fits(bank, user_id)
    }
    fn knows_issuer(&self, bank: Bank, certificate: &[u8]) -> bool {
        self.inner.knows_issuer(bank, certificate)
    }
    fn generate_key(&self, bank: Bank) -> Result<Secret, BankError> {
        self.inner.generate_key(bank)
    }
    async fn enrol(&self, enrolment: Enrolment<'_>) -> Result<Issued, BankError> {
        self.count(B).enrol(enrolment).await
    }
    fn renews(&self, bank: Bank) -> bool {
        self.inner.renews(bank)
    }
    async fn renew(&self, renewal: RenewalRequest<'_>) -> Result<Issued, BankError> {
        self.count(B).renew(renewal).await
    }
    fn has_folders(&self, bank: Bank) -> bool {
        self.inner.has_folders(bank)
    }
    async fn target_ids(&self, user: BankUser<'_>) -> Result<Vec<String>, BankError> {
        self.count(B).target_ids(user).await
    }
    async fn list(
        &self,
        user: BankUser<'_>,
        status: FileStatus,
        file_type: Option<&str>,
    ) -> Result<Vec<FileDescriptor>, BankError> {
        self.count(B).list(user, status, file_type).await
    }
    async fn download(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, BankError> {
        self.count(B).download(user, file_type, reference).await
    }
    async fn upload(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        file_name: &str,
        bytes: &[u8],
    ) -> Result<(), BankError> {
        self.count(B).upload(user, file_type, file_name, bytes).await
    }
    fn deletes(&self, bank: Bank) -> bool {
        self.inner.deletes(bank)
    }
    async fn delete(&self, user: BankUser<'_>, file_type: &str, reference: &str) -> Result<(), BankError> {
        self.count(B).delete(user, file_type, reference).await
    }
    fn accounts_in(&self, file_type: &str, bytes: &[u8]) -> Result<Vec<String>, UnreadableFile> {
        self.inner.accounts_in(file_type, bytes)
    }
    fn summary(&self, certificate: &[u8]) -> Result<CertificateSummary, BankError> {
        self.inner.summary(certificate)
    }
}
