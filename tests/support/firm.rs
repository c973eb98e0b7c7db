//! A company that has everything it needs to move files.

use avain::client::Credentials;
use avain::story::{Signer, Story, credentials, payment};
use avain_bank_simulator::{BankKey, Operation, Simulator};
use avain_domain::names::{Bank, Email, OrganisationId};
use avain_domain::ports::Store;
use avain_domain::records::{
    CertificateState, Key, LAST_ID, Record, Shelf, SignatureRule, Stored, Stretch, Upload, Write,
};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::{Answer, OutboxCodes, Service};

/// The payment type of the tests.
pub(crate) const PAYMENT: &str = "pain.001.001.09";
/// A code of the shape that the simulator takes.
pub(crate) const CODE: &str = "Demo-Code-2026-0001";

/// A company: sessions in both modes, a registered signing key.
pub(crate) struct Firm<'a> {
    /// Its service.
    pub(crate) service: &'a Service,
    /// Its client.
    pub(crate) story: Story<'a>,
    /// Admin mode.
    pub(crate) admin: Credentials,
    /// Data mode.
    pub(crate) data: Credentials,
    /// The key that authorises payments.
    pub(crate) signer: Signer,
    name: String,
}

/// A file and its signature.
pub(crate) struct Payment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: String,
}

impl Payment {
    /// The body of an UploadFile.
    pub(crate) fn body(&self) -> Value {
        self.body_with(&self.signature)
    }

    /// The body of an UploadFile with another signature.
    pub(crate) fn body_with(&self, signature: &str) -> Value {
        json!({
            "FileContents": STANDARD.encode(&self.bytes), "FileType": PAYMENT, "FileName": "payment.xml",
            "Signature": signature,
        })
    }
}

impl<'a> Firm<'a> {
    /// Opens the account `NAME@example.com`; its user id at a bank will be its name (at most 16 characters).
    pub(crate) async fn open(service: &'a Service, codes: &'a OutboxCodes, name: &str) -> Self {
        Self::open_under(service, codes, name, "0").await
    }

    /// Opens an account under another firm's API key.
    pub(crate) async fn open_under(service: &'a Service, codes: &'a OutboxCodes, name: &str, api_key: &str) -> Self {
        let story = service.story(codes, &format!("{name}@example.com"));
        let admin = story.open("admin", api_key).await.unwrap();
        let data = story.open("data", &admin.api_key).await.unwrap();
        let signer = Signer::generate("Payments <payments@example.com>").unwrap();
        story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
        Self { service, story, admin, data, signer, name: name.to_owned() }
    }

    /// Opens one that has a certificate at the simulator.
    pub(crate) async fn enrolled(service: &'a Service, codes: &'a OutboxCodes, name: &str) -> Self {
        let firm = Self::open(service, codes, name).await;
        firm.enrol().await.succeeded(201);
        firm
    }

    /// EnrollCert at the simulator.
    pub(crate) async fn enrol(&self) -> Answer {
        self.enrol_at("simulator", &self.enrolment()).await
    }

    /// A good body for [`Firm::enrol_at`] the simulator.
    pub(crate) fn enrolment(&self) -> Value {
        json!({ "Code": CODE, "Company": self.story.company.name, "WsUserId": self.name })
    }

    /// EnrollCert.
    pub(crate) async fn enrol_at(&self, bank: &str, body: &Value) -> Answer {
        self.service.send(Method::POST, &format!("/v2/certs/{bank}"), Some(&self.admin), body.to_string()).await
    }

    /// A request in admin mode.
    pub(crate) async fn as_admin(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.service.send(method, path, Some(&self.admin), body.to_string()).await
    }

    /// A request in admin mode without a body.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        self.service.send(method, path, Some(&self.admin), "").await
    }

    /// ShareCerts with an account.
    pub(crate) async fn share_with(&self, email: &str) -> Answer {
        self.ask(Method::PUT, &format!("/v2/certs/shared/{email}")).await
    }

    /// UnshareCerts with an account.
    pub(crate) async fn unshare_with(&self, email: &str) -> Answer {
        self.ask(Method::DELETE, &format!("/v2/certs/shared/{email}")).await
    }

    /// Registers an export key; its id.
    pub(crate) async fn register_export_key(&self, armored: &str) -> String {
        let before = self.story.keys(&self.admin).await.unwrap();
        self.story.upload_key(&self.admin, armored, "export").await.unwrap();
        let after = self.story.keys(&self.admin).await.unwrap();
        after.into_iter().find(|id| !before.contains(id)).unwrap()
    }

    /// RetireCert at the simulator.
    pub(crate) async fn retire(&self) -> Answer {
        self.ask(Method::DELETE, "/v2/certs/simulator").await
    }

    /// Its address.
    pub(crate) fn address(&self) -> &str {
        &self.story.company.email
    }

    /// A GET in data mode.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.service.send(Method::GET, path, Some(&self.data), "").await
    }

    /// ListFiles at the simulator, everything.
    pub(crate) async fn list(&self) -> Answer {
        self.get("/v2/files/simulator?Status=ALL").await
    }

    /// Path of the first file in the list.
    pub(crate) async fn first_file(&self) -> String {
        path_of(&self.list().await.succeeded(200)["FileDescriptors"][0])
    }

    /// UploadFile at the simulator.
    pub(crate) async fn upload(&self, body: &Value) -> Answer {
        self.service.send(Method::PUT, "/v2/files/simulator", Some(&self.data), body.to_string()).await
    }

    /// Registers one more key that authorises payments.
    pub(crate) async fn another_signer(&self) -> Signer {
        let signer = Signer::generate("Approver <approver@example.com>").unwrap();
        self.story.upload_key(&self.admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
        signer
    }

    /// The policy of the account's organisation, as the account has it: so many signatures for each upload.
    pub(crate) async fn ask_for(&self, required: u8) {
        let rule = SignatureRule { bank: None, file_type: None, required };
        self.ask_by(vec![rule]).await;
    }

    /// As [`Firm::ask_for`], by these rules.
    pub(crate) async fn ask_by(&self, signatures: Vec<SignatureRule>) {
        for stored in self.records().await {
            if let Record::Account(mut account) = stored.record {
                account.policy.signatures.clone_from(&signatures);
                let changed = Write::Replace(Record::Account(account), stored.version);
                self.store().commit(vec![changed]).await.unwrap();
            }
        }
    }

    /// A new session of data mode, when the clock has outlived the last.
    pub(crate) async fn log_in_again(&mut self) {
        self.data = credentials(&self.story.log_in("data").await.unwrap()).unwrap();
    }

    /// AddSignatures at the simulator.
    pub(crate) async fn sign(&self, id: &str, signature: &str) -> Answer {
        let path = format!("/v2/uploads/simulator/{id}/signatures");
        let body = json!({ "Signature": signature }).to_string();
        self.service.send(Method::PUT, &path, Some(&self.data), body).await
    }

    /// The uploads in the journal of the simulator, as ListUploads tells them.
    pub(crate) async fn uploads(&self) -> Vec<Value> {
        let answer = self.get("/v2/uploads/simulator").await;
        answer.succeeds(200, "OK", &["Uploads"]);
        answer.body["Uploads"].as_array().unwrap().clone()
    }

    /// A signed payment that differs from others by its message id.
    pub(crate) fn payment(&self, message_id: &str) -> Payment {
        let bytes = payment(message_id, &self.story.company.name, time::OffsetDateTime::UNIX_EPOCH).into_bytes();
        Payment { signature: self.signer.sign(&bytes).unwrap(), bytes }
    }

    pub(crate) fn email(&self) -> Email {
        Email::parse(&self.story.company.email).unwrap()
    }

    pub(crate) fn store(&self) -> &'a dyn Store {
        self.service.server.machine.deps.store().unwrap()
    }

    /// Everything in the account's own partition.
    pub(crate) async fn records(&self) -> Vec<Stored> {
        self.store().account(&self.email()).await.unwrap()
    }

    pub(crate) async fn organisation(&self) -> OrganisationId {
        let of = |stored: Stored| match stored.record {
            Record::Account(account) => Some(account.organisation),
            _ => None,
        };
        self.records().await.into_iter().find_map(of).unwrap()
    }

    /// Completed actions of its organisation's audit trail that begin so, by name: the clock stands still.
    pub(crate) async fn actions(&self, beginning: &str) -> Vec<String> {
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 100 };
        let found = self.store().stretch(&Shelf::AuditEvents(self.organisation().await), all).await.unwrap();
        let actions = found.into_iter().filter_map(|stored| match stored.record {
            Record::AuditEvent(event) if event.outcome == "completed" => Some(event.action),
            _ => None,
        });
        let mut actions: Vec<String> = actions.filter(|action| action.starts_with(beginning)).collect();
        actions.sort();
        actions
    }

    /// State of the certificate at the simulator, and the id of its key.
    pub(crate) async fn certificate(&self) -> Option<(CertificateState, String)> {
        self.records().await.into_iter().find_map(|stored| match stored.record {
            Record::Certificate(it) if it.bank == Bank::SIMULATOR => Some((it.state, it.key.id)),
            _ => None,
        })
    }

    /// The journal's record of these bytes at the simulator.
    pub(crate) async fn journal(&self, file_type: &str, bytes: &[u8]) -> Option<Upload> {
        let named = digest::digest(&digest::SHA256, &[file_type.as_bytes(), &[0], bytes].concat());
        let name = named.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let key = Key::Upload(self.organisation().await, self.email(), Bank::SIMULATOR, name);
        let found = self.store().get(&[key]).await.unwrap();
        found.into_iter().find_map(|stored| match stored.record {
            Record::Upload(upload) => Some(upload),
            _ => None,
        })
    }

    pub(crate) fn simulator(&self) -> &'a Simulator {
        &self.service.server.machine.banks.simulator
    }

    /// Calls of an operation that reached the simulator.
    pub(crate) fn calls(&self, operation: Operation) -> u64 {
        self.simulator().calls(BankKey::Simulator, operation)
    }
}

/// Path of a listed file.
pub(crate) fn path_of(descriptor: &Value) -> String {
    let text = |name: &str| descriptor[name].as_str().unwrap().to_owned();
    format!("/v2/files/simulator/{}/{}", text("FileType"), text("FileReference"))
}
