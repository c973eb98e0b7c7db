//! Every bank through the API, by its own protocol: a certificate, the bank's files, a payment and what the bank says to it, and the
//! payment taken back where the bank offers that.

use std::sync::Arc;

use avain::story::payment;
use avain_adapters_aws::banks::Folder;
use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::records::Agreement;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use time::Duration;
use tokio::sync::Notify;

use crate::support::firm::Firm;
use crate::support::{Answer, Service};

/// A simulated bank, and what a customer of it knows.
struct Bank {
    name: &'static str,
    user_id: &'static str,
    code: &'static str,
    /// Type of a payment file.
    payment: &'static str,
    /// Type of the bank's report on it.
    report: &'static str,
    /// How its certificates are called.
    certificates: &'static [&'static str],
    /// Whether a payment waits for the bank's next round, and can be taken back until then.
    waits: bool,
}

const SIGNING: &[&str] = &["signing"];

const NORDEA: Bank = Bank {
    name: "nordea",
    user_id: "11111111",
    code: "1234567890",
    payment: "pain.001.001.09",
    report: "pain.002.001.10",
    certificates: SIGNING,
    waits: false,
};
const OP: Bank = Bank {
    name: "osuuspankki",
    user_id: "1000000000",
    code: "2251401483958635",
    report: "pain.002.001.02",
    waits: true,
    ..NORDEA
};
const DANSKE: Bank = Bank {
    name: "danskebank",
    user_id: "360817",
    code: "1234",
    report: "pain.002.001.03",
    certificates: &["signing", "encryption"],
    waits: true,
    ..NORDEA
};
const SAMLINK: Bank =
    Bank { name: "aktia", user_id: "12345678", code: "1234567812345670", payment: "XL", report: "XP", ..NORDEA };

/// One bank of each family.
const FAMILIES: [(BankKey, Bank); 4] =
    [(BankKey::Nordea, NORDEA), (BankKey::Osuuspankki, OP), (BankKey::Danskebank, DANSKE), (BankKey::Aktia, SAMLINK)];

#[tokio::test]
async fn nordea() {
    play(&[NORDEA]).await;
}

#[tokio::test]
async fn osuuspankki() {
    play(&[OP]).await;
}

#[tokio::test]
async fn danskebank() {
    play(&[DANSKE]).await;
}

#[tokio::test]
async fn the_samlink_banks() {
    play(&["aktia", "sp", "pop", "shb", "omasp"].map(|name| Bank { name, ..SAMLINK })).await;
}

/// What is wrong with an answer is refused at every family, nothing of it is used, and the next answer is taken.
#[tokio::test]
async fn wrong_answers_are_refused_at_every_family() {
    const DOWN: &str = "Bank not reachable";
    const SIGNATURE: &str = "Bank response signature is not valid";
    const UNREADABLE: &str = "Technical error. Failed to parse bank response.";
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "faults").await;
    service.agree(&firm.organisation().await, Agreement::Active).await;
    for (key, bank) in FAMILIES {
        let at = At { firm: &firm, service: &service, bank: &bank };
        at.enrol().await;
        let listed = at.list("ALL").await;
        for (fault, text) in [
            (Fault::ServerError, DOWN),
            (Fault::DropAfterProcessing, DOWN),
            (Fault::BrokenOuterSignature, SIGNATURE),
            (Fault::BrokenInnerSignature, SIGNATURE),
            (Fault::UntrustedSigner, SIGNATURE),
            (Fault::ExpiredSigner, SIGNATURE),
            (Fault::StaleTimestamp, SIGNATURE),
            (Fault::AnswerBefore, UNREADABLE),
            (Fault::AnotherRequest, UNREADABLE),
            (Fault::Truncated, UNREADABLE),
            (Fault::Rubbish, UNREADABLE),
        ] {
            let told = format!("{}: {fault:?}", bank.name);
            firm.simulator().script_operation(key, Operation::DownloadFileList, fault);
            let answer = firm.get(&format!("/v2/files/{}?Status=ALL", bank.name)).await;
            assert_eq!((answer.status, answer.body["ResponseText"].as_str()), (502, Some(text)), "{told}");
            assert_eq!(at.list("ALL").await, listed, "{told}");
        }
        // Below the same root a bank may change its certificates at any time.
        firm.simulator().script_operation(key, Operation::DownloadFileList, Fault::RotatedAuthority);
        assert_eq!(at.list("ALL").await, listed, "{}: rotated", bank.name);
        assert_eq!(at.list("ALL").await, listed);
    }
}

/// A bank that has a request and does not answer: the caller is told in time, and what may have been booked is not sent again.
#[tokio::test]
async fn slow_banks_of_every_family() {
    let service = Service::start_with(|settings| settings.bank_wait = std::time::Duration::from_secs(6)).await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "slow").await;
    service.agree(&firm.organisation().await, Agreement::Active).await;
    let banks = FAMILIES.each_ref().map(|(key, bank)| (*key, At { firm: &firm, service: &service, bank }));
    for (_, at) in &banks {
        at.enrol().await;
    }
    let [nordea, op, danske, samlink] = banks.each_ref().map(|(key, at)| at.held_up(*key));
    tokio::join!(nordea, op, danske, samlink);
}

/// An operator's profile: the common file service with the certificate service that OP and the Samlink banks share. It says
/// nothing about the bank whose key it has, of which nothing is public.
const OWN_PROFILE: &str = r#"
bank = "alandsbanken"
name = "A bank by configuration"
verified = false
receiver_id = "EXAMPLE"
target_id = "omitted"
empty_list_code = "24"
max_file_size = 10_000_000
signers_may_differ = false

[status_words]
new = "NEW"
downloaded = "DLD"
all = "ALL"

[signing]
hash = "sha256"
signed_info = "exclusive"
second_transform = "exclusive"
accepted = ["sha256"]

[compression]
upload = "xml"
download = true
method = "GZIP"

[offers]
delete = true
user_info = true

[enrolment]
kind = "transfer-key"
user_id = { min = 8, max = 8, characters = "digits" }
code = { min = 16, max = 16, characters = "digits", luhn = true }
subject = [{ country = "FI" }, "user-id-as-common-name"]

[certificate_service]
operations = "http://mlp.op.fi/OPCertificateService"
documents = "http://op.fi/mlp/xmldata/"
service = "MATU"
request_form = "der"
certificate_form = "der"
envelope_signed = true
"#;

#[tokio::test]
async fn a_bank_by_configuration_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alandsbanken.toml"), OWN_PROFILE).unwrap();
    let own = Folder::read(folder.path()).unwrap();
    let bank = Bank { name: "alandsbanken", report: "pain.002.001.03", waits: true, payment: OP.payment, ..SAMLINK };
    play_at(&Service::start_with(|settings| settings.banks = own).await, &[bank]).await;

    let wrong = OWN_PROFILE.replace("receiver_id", "reciever_id");
    std::fs::write(folder.path().join("alandsbanken.toml"), wrong).unwrap();
    let error = Folder::read(folder.path()).err().unwrap();
    assert!(error.contains("alandsbanken.toml") && error.contains("reciever_id"), "{error}");
}

async fn play(banks: &[Bank]) {
    play_at(&Service::start().await, banks).await;
}

async fn play_at(service: &Service, banks: &[Bank]) {
    let codes = service.codes();
    let firm = Firm::open(service, &codes, "banks").await;
    service.agree(&firm.organisation().await, Agreement::Active).await;
    for bank in banks {
        At { firm: &firm, service, bank }.play().await;
    }
}

/// A firm at a bank.
struct At<'a> {
    firm: &'a Firm<'a>,
    service: &'a Service,
    bank: &'a Bank,
}

impl At<'_> {
    async fn play(&self) {
        self.enrol().await;
        let new = self.list("NEW").await;
        assert!(!new.is_empty(), "{}: nothing is there from the start", self.bank.name);
        let statement = self.download(&new[0]).await;
        assert!(!statement.is_empty());
        assert_eq!(self.download(&new[0]).await, statement, "kept");
        assert!(self.list("DLD").await.iter().any(|it| it["FileReference"] == new[0]["FileReference"]));

        let sent = self.upload("FIRST").await;
        assert_eq!(self.upload("FIRST").await, sent, "sent once");
        if self.bank.waits {
            let waiting = self.of_status("WFP").await;
            assert_eq!(waiting.len(), 1, "{waiting:?}");
            self.upload("SECOND").await;
            let both = self.of_status("WFP").await;
            let second = both.iter().find(|it| it["FileReference"] != waiting[0]["FileReference"]).unwrap();
            assert_eq!(self.delete(second).await.succeeded(200)["ResponseText"], "File deleted");
            assert_eq!(self.of_status("WFP").await, waiting);
            self.delete(second).await.is(400, "24", "Content not found.");
            self.service.clock.advance(Duration::minutes(31));
            self.delete(&waiting[0]).await.is(400, "27", "Cannot be deleted.");
        } else {
            let file = &self.list("ALL").await[0];
            self.delete(file).await.is(400, "01", "Not offered by this bank");
        }
        let mut told = 0;
        for report in self.of_type(self.bank.report).await {
            let report = String::from_utf8(self.download(&report).await).unwrap();
            told += usize::from(report.contains("FIRST"));
        }
        assert_eq!(told, 1, "{}: reports on the first payment", self.bank.name);
    }

    async fn held_up(&self, key: BankKey) {
        const SLOW: &str = "Bank did not answer in time";
        let Bank { name, .. } = self.bank;
        let simulator = self.firm.simulator();
        let listed = self.list("ALL").await;
        let release = [Operation::DownloadFileList, Operation::UploadFile].map(|operation| {
            let release = Arc::new(Notify::new());
            simulator.script_operation(key, operation, Fault::Hold(Arc::clone(&release)));
            release
        });
        let list = format!("/v2/files/{name}?Status=ALL");
        let (list, upload) = tokio::join!(self.firm.get(&list), self.send("SLOW"));
        for answer in [list, upload] {
            answer.is(504, "01", SLOW);
        }
        for held in &release {
            held.notify_one();
        }

        let calls = simulator.calls(key, Operation::UploadFile);
        let again = self.send("SLOW").await;
        let text = again.body["ResponseText"].as_str().unwrap_or_default();
        assert_eq!(again.status, 409, "{name}: {text}");
        assert!(text.starts_with("Earlier upload of these bytes is unresolved: "), "{name}: {text}");
        assert_eq!(simulator.calls(key, Operation::UploadFile), calls, "{name}");
        assert!(self.list("ALL").await.len() > listed.len(), "{name}: the bank had it");
    }

    async fn enrol(&self) {
        let Bank { name, user_id, code, certificates, .. } = self.bank;
        let body = json!({ "Code": code, "Company": self.firm.story.company.name, "WsUserId": user_id });
        self.firm.enrol_at(name, &body).await.succeeded(201);
        let listed = self.firm.get("/v2/certs").await;
        let names: Vec<&str> =
            listed.body["Certs"].as_array().unwrap().iter().filter_map(|it| it["CertName"].as_str()).collect();
        for purpose in *certificates {
            assert!(names.contains(&format!("{name}_customer_{purpose}_cert").as_str()), "{names:?}");
        }
        self.firm.enrol_at(name, &body).await.is(409, "01", "Bank certificate(s) already exists");
    }

    async fn list(&self, status: &str) -> Vec<Value> {
        let answer = self.firm.get(&format!("/v2/files/{}?Status={status}", self.bank.name)).await;
        answer.succeeded(200)["FileDescriptors"].as_array().unwrap().clone()
    }

    async fn of_status(&self, status: &str) -> Vec<Value> {
        self.list("ALL").await.into_iter().filter(|it| it["Status"] == status).collect()
    }

    async fn of_type(&self, file_type: &str) -> Vec<Value> {
        self.list("ALL").await.into_iter().filter(|it| it["FileType"] == file_type).collect()
    }

    async fn upload(&self, message_id: &str) -> Value {
        self.send(message_id).await.succeeded(201)["UploadId"].clone()
    }

    async fn send(&self, message_id: &str) -> Answer {
        let company = &self.firm.story.company.name;
        let bytes = payment(message_id, company, time::OffsetDateTime::UNIX_EPOCH).into_bytes();
        let body = json!({
            "FileContents": STANDARD.encode(&bytes), "FileType": self.bank.payment, "FileName": "payment.xml",
            "Signature": self.firm.signer.sign(&bytes).unwrap(),
        });
        let path = format!("/v2/files/{}", self.bank.name);
        self.service.send(Method::PUT, &path, Some(&self.firm.data), body.to_string()).await
    }

    async fn download(&self, file: &Value) -> Vec<u8> {
        let content = self.firm.get(&self.path(file)).await.succeeded(200)["Content"].clone();
        STANDARD.decode(content.as_str().unwrap()).unwrap()
    }

    async fn delete(&self, file: &Value) -> Answer {
        self.service.send(Method::DELETE, &self.path(file), Some(&self.firm.data), "").await
    }

    fn path(&self, file: &Value) -> String {
        let text = |name: &str| file[name].as_str().unwrap().to_owned();
        format!("/v2/files/{}/{}/{}", self.bank.name, text("FileType"), text("FileReference"))
    }
}
