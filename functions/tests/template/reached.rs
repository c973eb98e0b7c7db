//! What the functions really do at the store, the vault and the user pool, recorded while the story is played, against what their roles
//! allow. Each call gets its ports anew, as in a sandbox that has just started.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use avain::client::{self, Call, ClientError, Credentials, Transport};
use avain::machine::Banks;
use avain::story::{Codes, Company, Listed, Recipient, Signer, Story, payment, text};
use avain_adapters_aws::banks::Folder;
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::gateway::NoGateway;
use avain_adapters_local::notices::OutboxNotifier;
use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_adapters_local::pool::{PasswordCost, UserPool};
use avain_adapters_local::random::SystemRandom;
use avain_api::operations::{self, INIT_PASSWORD_RESET, LOGIN_MFA};
use avain_api::route::{Route, find};
use avain_api::{Access, Deps, Need};
use avain_bank_simulator::BankKey;
use avain_domain::Context;
use avain_domain::audit::HORIZON;
use avain_domain::names::{Email, Mode};
use avain_domain::organisations::set_agreement;
use avain_domain::ports::{Clock, CommitError, DataKey, Expiring, KeyContext, Random, Store, Unavailable, Vault};
use avain_domain::records::{Agreement, Counter, Key, Record, Shelf, Stored, Stretch, Write};
use avain_domain::seal::Sealer;
use avain_domain::secret::Secret;
use avain_domain::service_keys::ServiceKeys;
use avain_domain::session::Modes;
use avain_functions::tasks::{self, RENEW, SEAL_AUDIT, Task};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::grants::{self, Condition};
use super::identity;
use crate::event;
use crate::row::{self, Row};

const BANK: &str = "simulator";

/// Allowed and needed, but by ways that the story does not take.
const NOT_PLAYED: &[(&str, &str, &str)] = &[
    ("EnrollCert", "dynamodb:DeleteItem KEY#????????-????-????-????-????????????#*", "the bank refuses"),
    ("ListCerts", "dynamodb:GetItem ACCOUNT#*", "the account has a share at one bank only"),
    ("ListFiles", "dynamodb:PutItem ACCOUNT#*", "the bank has not told its folders at enrolment"),
    ("UploadFile", "dynamodb:PutItem ACCOUNT#*", "the bank has not told its folders at enrolment"),
    ("UploadFile", "dynamodb:DeleteItem UPLOADIDS#*", "an upload that waited too long begins anew"),
    ("AddSignatures", "dynamodb:PutItem ACCOUNT#*", "the bank has not told its folders at enrolment"),
    ("DeleteAccount", "dynamodb:GetItem ACCOUNT#*", "the account has a share at one bank only"),
    ("DownloadFile", "dynamodb:PutItem ACCOUNT#*", "the bank has not told its folders at enrolment"),
    ("SealAudit", "dynamodb:Query AUDITBATCH#*", "an event came late, because a clock was set back"),
];

#[tokio::test]
async fn roles_allow_what_the_story_does_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let directory = DataDirectory::open(folder.path(), Arc::clone(&clock), Arc::clone(&random)).unwrap();
    let later = Arc::new(Later::default());
    let banks = Banks::start(folder.path(), Arc::clone(&later) as _).await.unwrap();
    for bank in [BankKey::Osuuspankki, BankKey::Danskebank] {
        banks.root(bank).unwrap();
    }
    let outbox = Arc::new(Outbox::in_memory());
    let pool = directory.pool(Arc::clone(&outbox), PasswordCost::new(8, 1, 1, None).unwrap()).await.unwrap();
    let recorded = Recorded { directory, banks, pool: Arc::new(pool), done: Arc::default(), steps: Arc::default() };
    // Twice: the keys are made, and then there.
    for task in tasks::ALL.iter().chain(&tasks::ALL) {
        recorded.run(task).await;
    }
    let keys =
        ServiceKeys::open(&*recorded.directory.store(), &recorded.directory.sealer(), &SystemRandom).await.unwrap();
    let (codes, password_key) = (OutboxCodes(outbox), keys.password_key_pem());
    let story = |email: &str| Story {
        transport: &recorded,
        codes: &codes,
        password_key: &password_key,
        company: Company::example(email),
    };
    let records = recorded.directory.store();
    let (admin, data) = play(&story("first@example.com"), &story("second@example.com"), &*records).await;
    for operation in &operations::ALL {
        let only_admin = matches!(operation.access, Access::Token { modes: Modes::Only(Mode::Admin), .. });
        // Either is logged out.
        let credentials = if only_admin { &admin } else { &data };
        let refused = recorded.send(event::sample_request(operation, credentials)).await.unwrap();
        // One has the same answer for everybody.
        let answers = !operation.needs.contains(&Need::Store) || operation.name == "InitPasswordReset";
        assert!(answers || refused.status().is_client_error(), "{}", operation.name);
    }
    later.move_on(HORIZON + time::Duration::MINUTE);
    recorded.run_at(&SEAL_AUDIT, Arc::clone(&later) as _).await;
    // Certificates live for two years.
    later.move_on(time::Duration::days(710));
    recorded.run_at(&RENEW, later).await;

    let mut faults = Vec::new();
    let steps = recorded.steps.lock().unwrap().clone();
    for row in row::all().filter(|it| it.needs(Need::Identity)) {
        let of_row = steps.iter().filter(|(name, _)| *name == row.name);
        let done = identity::actions(&of_row.map(|(_, step)| step.clone()).collect()).await;
        let (allowed, name) = (identity::granted(&grants::of(&row)), row.name);
        faults.extend(done.difference(&allowed).map(|it| format!("{name}: its role does not allow {it}")));
        faults
            .extend(allowed.difference(&done).map(|it| format!("{name}: its role allows {it}, which it does not do")));
    }
    let done = recorded.done.lock().unwrap();
    for row in row::all() {
        let of_row = done.iter().filter(|(name, _)| *name == row.name);
        let done: BTreeSet<String> = of_row.map(|(_, what)| what.clone()).collect();
        let allowed = allowed(&grants::of(&row));
        let name = row.name;
        faults.extend(done.difference(&allowed).map(|it| format!("{name}: its role does not allow {it}")));
        let unexplained =
            allowed.difference(&done).filter(|it| !NOT_PLAYED.iter().any(|(of, what, _)| *of == name && what == it));
        faults.extend(unexplained.map(|it| format!("{name}: its role allows {it}, which it does not do")));
        let played =
            NOT_PLAYED.iter().filter(|(of, what, _)| *of == name && (done.contains(*what) || !allowed.contains(*what)));
        faults.extend(played.map(|(_, what, _)| format!("{name}: {what} is no exception any more")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Gives what logged out at the end.
async fn play(first: &Story<'_>, second: &Story<'_>, records: &dyn Store) -> (Credentials, Credentials) {
    let admin = first.open("admin", "0").await.unwrap();
    // From here on each call is counted.
    first.set_policy(&admin, &terms(1)).await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    first.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    first.keys(&admin).await.unwrap();
    first.enrol(&admin, BANK, "1000038023", "Demo-Code-2026-0001").await.unwrap();
    first.certificates(&admin).await.unwrap();
    let data = first.open("data", &admin.api_key).await.unwrap();
    let file = payment("MSG-1", &first.company.name, SystemClock.now());
    let signature = signer.sign(file.as_bytes()).unwrap();
    first.upload(&data, BANK, "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    first.uploads(&data, BANK).await.unwrap();
    let files = first.files(&data, BANK, "NEW").await.unwrap();
    for _ in ["from the bank", "kept"] {
        first.download(&data, BANK, &files[0]).await.unwrap();
    }
    let not_a_reference =
        Listed { file_type: files[0].file_type.clone(), reference: "x".repeat(40), ..files[0].clone() };
    assert!(first.download(&data, BANK, &not_a_reference).await.is_err());
    assert!(first.delete(&data, BANK, &files[0]).await.is_err());

    // Banks of the other ways: one that deletes files, one that encrypts.
    agree(records, &first.company.email).await;
    first.enrol(&admin, "osuuspankki", "1000000000", "2251401483958635").await.unwrap();
    first.upload(&data, "osuuspankki", "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    first.delete(&data, "osuuspankki", &waiting(first, &data).await).await.unwrap();
    first.enrol(&admin, "danskebank", "360817", "1234").await.unwrap();
    first.files(&data, "danskebank", "ALL").await.unwrap();
    let recipient = Recipient::generate("Exports <exports@example.com>").unwrap();
    first.upload_key(&admin, &recipient.public_key().unwrap(), "export").await.unwrap();
    first.export(&admin, "danskebank", &recipient.fingerprint()).await.unwrap();

    // Another account of the same organisation, and a wrong code.
    let others = second.open("admin", &admin.api_key).await.unwrap();
    let session = first.password("admin").await.unwrap()["Session"].as_str().unwrap().to_owned();
    let path = format!("/v2/session/{}/admin/mfacode", first.company.email);
    let body = format!("{{\"Session\": \"{session}\", \"Code\": \"000000\"}}");
    let wrong = Request::builder().method(&LOGIN_MFA.method).uri(path).body(Bytes::from(body)).unwrap();
    assert_eq!(first.transport.send(wrong).await.unwrap().status(), 400);

    certificates(first, &admin, second, &others).await;
    first.audit_events(&admin).await.unwrap();
    organisation(first, &admin, &data, second).await;
    first.document().await.unwrap();
    first.log_out("data", &data).await.unwrap();
    authenticator(first).await;
    first.log_out("admin", &admin).await.unwrap();
    (admin, data)
}

/// Lets the organisation of an account use real banks, as the operator does.
async fn agree(store: &dyn Store, email: &str) {
    let found = store.account(&Email::parse(email).unwrap()).await.unwrap();
    let organisation = found.into_iter().find_map(|stored| match stored.record {
        Record::Account(account) => Some(account.organisation),
        _ => None,
    });
    let context = Context { clock: &SystemClock, random: &SystemRandom, request_id: "operator" };
    set_agreement(context, store, &organisation.unwrap(), Agreement::Active).await.unwrap();
}

/// The payment that waits at the bank.
async fn waiting(story: &Story<'_>, data: &Credentials) -> Listed {
    let listed = story.files(data, "osuuspankki", "ALL").await.unwrap();
    listed.into_iter().find(|it| it.status == "WFP").unwrap()
}

/// A policy that counts calls, and asks for so many signatures.
fn terms(required: u8) -> Value {
    json!({ "CallsPerMinute": 100_000, "Signatures": [{ "Required": required }] })
}

/// A payment that waits for the second of two keys, which comes with the bytes or without them.
async fn signed_twice(story: &Story<'_>, admin: &Credentials, data: &Credentials, keys: [&Signer; 2], name: &str) {
    story.upload_key(admin, &keys[1].public_key().unwrap(), "authorize").await.unwrap();
    for (with_bytes, name) in [(true, format!("{name}-A")), (false, format!("{name}-B"))] {
        let file = payment(&name, &story.company.name, SystemClock.now()).into_bytes();
        let [first, second] = keys.map(|key| key.sign(&file).unwrap());
        let waiting = story.upload_signed(data, BANK, "pain.001.001.09", &file, &first).await.unwrap();
        let id = text(&waiting, "UploadId").unwrap();
        if with_bytes {
            story.upload(data, BANK, "pain.001.001.09", &file, &second).await.unwrap();
        } else {
            story.add_signature(data, BANK, &id, &second).await.unwrap();
        }
    }
}

/// Accounts of an organisation that has verified its people itself come and go.
async fn organisation(owner: &Story<'_>, admin: &Credentials, data: &Credentials, other: &Story<'_>) {
    owner.set_policy(admin, &terms(2)).await.unwrap();
    owner.policy(data).await.unwrap();
    let keys = [(); 2].map(|()| Signer::generate("Payments <payments@example.com>").unwrap());
    owner.upload_key(admin, &keys[0].public_key().unwrap(), "authorize").await.unwrap();
    signed_twice(owner, admin, data, [&keys[0], &keys[1]], "OWN").await;
    owner.uploads(data, BANK).await.unwrap();
    owner.account_usage(data).await.unwrap();
    owner.account_usage(admin).await.unwrap();
    owner.delete_key(admin, &owner.keys(admin).await.unwrap()[1]).await.unwrap();

    let mut trusting = terms(1);
    trusting["SkipPhoneVerification"] = true.into();
    trusting["SkipEmailVerification"] = true.into();
    owner.set_policy(admin, &trusting).await.unwrap();
    let trusted = Story { company: Company::example("third@example.com"), ..*owner };
    trusted.register("admin", &admin.api_key).await.unwrap();
    owner.share(admin, &trusted.company.email).await.unwrap();
    owner.accounts(admin).await.unwrap();
    for leaver in [&trusted, other] {
        owner.delete_account(admin, &leaver.company.email).await.unwrap();
    }
}

/// An authenticator comes and goes, and a password is forgotten.
async fn authenticator(story: &Story<'_>) {
    let authenticator = story.set_up_totp(SystemClock.now().unix_timestamp()).await.unwrap();
    let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
    let session = story.select_factor(&session, "SMS_MFA").await.unwrap();
    story.answer_factor(&session, &authenticator.recovery_codes[0]).await.unwrap();
    story.reset_password("data", &story.company.data_password).await.unwrap();
    // Each beginning of a reset counts.
    let path = &[story.company.email.as_str(), "data"];
    let begin = || Call { operation: &INIT_PASSWORD_RESET, path, query: "", credentials: None, body: None };
    while client::call(story.transport, begin()).await.is_ok() {}
}

/// Shares, and both ways of a certificate to be one's own in place of a share.
async fn certificates(owner: &Story<'_>, admin: &Credentials, other: &Story<'_>, others: &Credentials) {
    let email = other.company.email.as_str();
    owner.share(admin, email).await.unwrap();
    owner.unshare(admin, email).await.unwrap();
    owner.share(admin, email).await.unwrap();
    let shared = other.open("data", &admin.api_key).await.unwrap();
    other.certificates(&shared).await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    other.upload_key(others, &signer.public_key().unwrap(), "authorize").await.unwrap();
    let file = payment("MSG-2", &other.company.name, SystemClock.now());
    let signature = signer.sign(file.as_bytes()).unwrap();
    other.upload(&shared, BANK, "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    other.upload(&shared, "osuuspankki", "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    other.delete(&shared, "osuuspankki", &waiting(other, &shared).await).await.unwrap();
    let files = other.files(&shared, BANK, "NEW").await.unwrap();
    other.download(&shared, BANK, &files[0]).await.unwrap();
    owner.set_policy(admin, &terms(2)).await.unwrap();
    let second = Signer::generate("Approvals <approvals@example.com>").unwrap();
    signed_twice(other, others, &shared, [&signer, &second], "SHARED").await;
    owner.set_policy(admin, &terms(1)).await.unwrap();

    other.enrol(others, BANK, "1000038024", "Demo-Code-2026-0001").await.unwrap();
    let recipient = Recipient::generate("Exports <exports@example.com>").unwrap();
    other.upload_key(others, &recipient.public_key().unwrap(), "export").await.unwrap();
    let exported = other.export(others, BANK, &recipient.fingerprint()).await.unwrap();
    let key = recipient.decrypt(&exported.encrypted_key).unwrap();
    owner.retire(admin, BANK, Some(email)).await.unwrap();
    for shared_before in [false, true] {
        if shared_before {
            owner.share(admin, email).await.unwrap();
        }
        other.import(others, BANK, "1000038024", &exported.certificate, &key).await.unwrap();
        other.retire(others, BANK, None).await.unwrap();
    }
    other.import(others, BANK, "1000038024", &exported.certificate, &key).await.unwrap();
    other.forbid_export(others).await.unwrap();
}

fn allowed(grants: &[grants::Grant]) -> BTreeSet<String> {
    let each = grants.iter().filter_map(|grant| match &grant.condition {
        Some(Condition::Partitions(on) | Condition::Kinds(on)) => Some((grant, on)),
        Some(Condition::Sender) | None => None,
    });
    each.flat_map(|(grant, on)| on.iter().map(|on| format!("{} {on}", grant.action))).collect()
}

/// The service, and what was done by which operation.
struct Recorded {
    directory: DataDirectory,
    banks: Banks,
    pool: Arc<UserPool>,
    done: Done,
    steps: Done,
}

type Done = Arc<Mutex<BTreeSet<(&'static str, String)>>>;

#[async_trait]
impl Transport for Recorded {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let Route::Found(operation) = find(request.method(), request.uri().path()) else { panic!("no such operation") };
        let deps = self.deps(operation.name, operation.needs, Arc::new(SystemClock)).await;
        Ok(avain_api::answer(operation, &deps, "request", &request).await)
    }
}

impl Recorded {
    async fn run(&self, task: &'static Task) {
        self.run_at(task, Arc::new(SystemClock)).await;
    }

    async fn run_at(&self, task: &'static Task, clock: Arc<dyn Clock>) {
        let deps = self.deps(task.name, task.needs, clock).await;
        // Nobody listens for an answer: what matters is done by then.
        let _ = (task.run)(&deps, &event::sample_of(Row::of_task(task))).await;
    }

    /// Ports that write down what is done through them, in the function's name.
    async fn deps(&self, function: &'static str, needs: &[Need], clock: Arc<dyn Clock>) -> Deps {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let recorder = Recorder { function, done: Arc::clone(&self.done), steps: Arc::clone(&self.steps) };
        let store = Arc::new(Recording { recorder: recorder.clone(), inner: self.directory.store() });
        let pool = Arc::new(Recording { recorder: recorder.clone(), inner: Arc::clone(&self.pool) });
        let vault = Arc::new(Recording { recorder, inner: self.directory.vault() });
        let sealer = Arc::new(Sealer::new(vault, Arc::clone(&clock), Arc::clone(&random)));
        let mut deps = Deps::new(clock, random);
        for need in needs {
            deps = match need {
                Need::Store => deps.with_store(Arc::clone(&store) as Arc<dyn Store>),
                Need::Identity => deps.with_identity(Arc::clone(&pool) as _),
                Need::Tokens => deps.with_tokens(Arc::new(self.pool.tokens())),
                Need::ServiceKeys => {
                    let keys = ServiceKeys::open(&*store, &sealer, &SystemRandom).await.unwrap();
                    deps.with_service_keys(Arc::new(keys))
                }
                Need::Sealer => deps.with_sealer(Arc::clone(&sealer)),
                Need::Gateway => deps.with_gateway(Arc::new(NoGateway)),
                Need::Notifier => {
                    let outbox = Arc::new(Outbox::in_memory());
                    deps.with_notifier(Arc::new(OutboxNotifier::new(outbox, Arc::new(SystemClock))))
                }
                Need::Blobs => deps.with_blobs(self.directory.blobs().unwrap()),
                Need::Banks => {
                    let wait = Duration::from_secs(10);
                    deps.with_banks(Arc::new(self.directory.banks_of_machine(
                        &Folder::default(),
                        &self.banks.base,
                        wait,
                    )))
                }
            };
        }
        deps
    }
}

/// The clock of the banks, and of what is done after the story.
#[derive(Default)]
struct Later(AtomicI64);

impl Later {
    fn move_on(&self, by: time::Duration) {
        self.0.fetch_add(by.whole_seconds(), Ordering::SeqCst);
    }
}

impl Clock for Later {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + time::Duration::seconds(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Clone)]
pub(super) struct Recorder {
    function: &'static str,
    done: Done,
    steps: Done,
}

impl Recorder {
    /// A step at the user pool.
    pub(super) fn step(&self, name: &str) {
        self.steps.lock().unwrap().insert((self.function, name.to_owned()));
    }

    fn note(&self, action: &str, on: &str) {
        self.done.lock().unwrap().insert((self.function, format!("{action} {on}")));
    }
}

pub(super) struct Recording<P> {
    pub(super) recorder: Recorder,
    pub(super) inner: P,
}

#[async_trait]
impl Store for Recording<Arc<dyn Store>> {
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable> {
        self.recorder.note("dynamodb:Query", grants::partition(&Key::Account(email.clone())));
        self.inner.account(email).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable> {
        let action = if keys.len() == 1 { "dynamodb:GetItem" } else { "dynamodb:BatchGetItem" };
        for key in keys {
            self.recorder.note(action, grants::partition(key));
        }
        self.inner.get(keys).await
    }

    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable> {
        self.recorder.note("dynamodb:Query", grants::shelf(of));
        self.inner.stretch(of, stretch).await
    }

    async fn expiring(&self, from: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<Expiring>, Unavailable> {
        self.recorder.note("dynamodb:Query", grants::EXPIRES);
        self.inner.expiring(from, until).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        for write in &writes {
            let (action, key) = match write {
                Write::Insert(record) | Write::Replace(record, _) | Write::Keep(record) => {
                    ("dynamodb:PutItem", record.key())
                }
                Write::Event(event) => {
                    let counter = Counter::Events(event.organisation.clone(), event.shard);
                    self.recorder.note("dynamodb:UpdateItem", grants::partition(&Key::Count(counter)));
                    ("dynamodb:PutItem", Key::AuditEvent(event.organisation.clone(), event.id.clone()))
                }
                Write::Count(counter, ..) => ("dynamodb:UpdateItem", Key::Count(counter.clone())),
                Write::Delete(key, _) | Write::Forget(key) => ("dynamodb:DeleteItem", key.clone()),
                Write::Check(key, _) | Write::Absent(key) => ("dynamodb:ConditionCheckItem", key.clone()),
            };
            self.recorder.note(action, grants::partition(&key));
        }
        self.inner.commit(writes).await
    }
}

#[async_trait]
impl Vault for Recording<Arc<dyn Vault>> {
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        self.recorder.note("kms:GenerateDataKey", context.kind.as_str());
        self.inner.generate(context).await
    }

    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.recorder.note("kms:Decrypt", context.kind.as_str());
        self.inner.open(context, wrapped).await
    }
}

struct OutboxCodes(Arc<Outbox>);

#[async_trait]
impl Codes for OutboxCodes {
    async fn newest(&self, email: &str, mode: &str, kind: &str) -> Result<String, ClientError> {
        let (email, mode) = (Email::parse(email).unwrap(), Mode::parse(mode).unwrap());
        let found = self.0.newest(&email, mode, CodeKind::parse(kind).unwrap());
        found.map(|it| it.code.to_string()).ok_or_else(|| ClientError::Unexpected(format!("no {kind} code")))
    }
}
