//! The order of the checks (brief 11): of two faults in one request, the earlier check answers.

use avain_bank_simulator::BankKey;
use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use time::Duration;

use crate::request::{Call, Customer, fresh_id};
use crate::world::World;

const BANK: BankKey = BankKey::Simulator;

/// What can be wrong with an upload, in the order in which it is looked at; then the answer: whether it is a SOAP Fault, its
/// code and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Doctype,
    Operation,
    Header,
    Signature,
    Chain,
    Retired,
    Sender,
    Expired,
    Replay,
    Base64,
    Schema,
    Encrypted,
    ContentSignature,
    ContentCertificate,
    CustomerId,
    Command,
    Environment,
    FileType,
    Target,
    NoTarget,
    NoFileType,
    NotGzip,
    NoPayment,
}

use Wrong::{
    Base64, Chain, Command, ContentCertificate, ContentSignature, CustomerId, Doctype, Encrypted, Environment, Expired,
    FileType, Header, NoFileType, NoPayment, NoTarget, NotGzip, Operation, Replay, Retired, Schema, Sender, Signature,
    Target,
};

const IN_ORDER: [(Wrong, bool, &str, &str); 23] = [
    (Doctype, true, "12", "Schema validation failed."),
    (Operation, true, "05", "Operation unknown."),
    (Header, false, "12", "Schema validation failed."),
    (Signature, false, "02", "SOAP signature error."),
    (Chain, true, "04", "SOAP signature error (certificate not valid)."),
    (Retired, true, "04", "SOAP signature error (certificate not valid)."),
    (Sender, true, "03", "SOAP signature error (certificate not valid for this id)."),
    (Expired, false, "02", "SOAP signature error."),
    (Replay, false, "31", "Duplicate message rejected."),
    (Base64, false, "12", "Schema validation failed."),
    (Schema, false, "12", "Schema validation failed."),
    (Encrypted, false, "22", "Decrypt error."),
    (ContentSignature, false, "18", "Content digital signature not valid."),
    (ContentCertificate, false, "19", "Content certificate not valid."),
    (CustomerId, false, "13", "CustomerID not found."),
    (Command, false, "29", "Command Mismatch"),
    (Environment, false, "29", "Environment mismatch"),
    (FileType, false, "20", "Content type not valid."),
    (Target, false, "25", "Content not allowed."),
    (NoTarget, false, "29", "Invalid parameters: TargetId is required"),
    (NoFileType, false, "29", "Invalid parameters: FileType is required"),
    (NotGzip, false, "21", "Deflate error."),
    (NoPayment, false, "23", "Content processing error. Download feedback."),
];

/// What one request cannot have both of: one key signs, an element is there or not, content is compressed or not.
const NOT_BOTH: [(Wrong, Wrong); 4] =
    [(Chain, Retired), (FileType, NoFileType), (Target, NoTarget), (NotGzip, NoPayment)];

struct Scene {
    world: World,
    customer: Customer,
    /// The customer's certificate before its present one.
    retired: SigningKey,
    other: Customer,
    /// A customer of another bank.
    stranger: Customer,
    /// A request id that the customer has used.
    spent: String,
}

impl Scene {
    async fn open() -> Self {
        let world = World::start().await;
        let retired = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await.key;
        let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
        let other = Customer::enrol(&world, BANK, "toinen", "Toinen Oy").await;
        let stranger = Customer::enrol(&world, BankKey::Nordea, "11111111", "Vieras Oy").await;
        let list = Call::list("NEW");
        customer.call(&world, &list).await.is("00", "OK.");
        Self { world, customer, retired, other, stranger, spent: list.request_id }
    }

    /// An upload with these faults and no others.
    fn request(&self, faults: &[Wrong]) -> String {
        let has = |wrong| faults.contains(&wrong);
        let payment = crate::payments::payment("pain.001.001.09", &fresh_id(), &["1.00"]);
        let content = if has(NoPayment) || has(NotGzip) { "rubbish" } else { payment.as_str() };
        let mut call = Call::upload("pain.001.001.09", content.as_bytes())
            .with("CustomerId", "kauppa")
            .with("TargetId", "kauppaA1");
        for (wrong, name, value) in [
            (Schema, "SoftwareId", ""),
            (Encrypted, "Encryption", "true"),
            (CustomerId, "CustomerId", "toinen"),
            (Command, "Command", "DownloadFile"),
            (Environment, "Environment", "TEST"),
            (FileType, "FileType", "camt.053.001.02"),
            (Target, "TargetId", "kauppaA2"),
            (NoTarget, "TargetId", ""),
            (NoFileType, "FileType", ""),
            (NotGzip, "Compression", "true"),
        ] {
            if has(wrong) {
                call = call.with(name, value);
            }
        }
        if has(Replay) {
            call.request_id.clone_from(&self.spent);
        }
        if has(Operation) {
            call.operation = "confirmFile";
        }

        let signer = if has(Chain) {
            &self.stranger.key
        } else if has(Retired) {
            &self.retired
        } else {
            &self.customer.key
        };
        let content_signer = if has(ContentCertificate) { &self.other.key } else { signer };
        let mut application =
            enveloped::sign(&call.application(), content_signer, &enveloped::Form::INCLUSIVE).unwrap();
        if has(ContentSignature) {
            application = changed(&application, "<Timestamp>2027-01-15T10:00:00Z", "<Timestamp>2027-01-15T10:00:01Z");
        }
        let sender = if has(Sender) { "toinen" } else { "kauppa" };
        let mut envelope = call.unsigned_envelope(sender, &application);
        if has(Base64) {
            envelope = changed(&envelope, "</ApplicationRequest>", "!</ApplicationRequest>");
        }
        if has(Header) {
            envelope = changed(&envelope, "<UserAgent>tests</UserAgent>", "");
        }
        let created = if has(Expired) { self.world.now() - Duration::minutes(10) } else { self.world.now() };
        let mut request = soap::sign(&envelope, signer, Hash::Sha256, "id", created, Duration::minutes(5)).unwrap();
        if has(Signature) {
            request = changed(&request, "<Language>EN", "<Language>FI");
        }
        if has(Doctype) { format!("<!DOCTYPE e>{request}") } else { request }
    }
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

#[tokio::test]
async fn of_two_faults_the_earlier_check_answers() {
    let scene = Scene::open().await;
    scene.world.files(BANK, &scene.request(&[])).await.is("00", "OK.");
    let mut neighbours = 0;
    for (first, (wrong, fault, code, text)) in IN_ORDER.into_iter().enumerate() {
        for (second, (later, ..)) in IN_ORDER.into_iter().enumerate().skip(first) {
            if NOT_BOTH.contains(&(wrong, later)) {
                continue;
            }
            let answer = scene.world.files(BANK, &scene.request(&[wrong, later])).await;
            let told = (answer.fault, answer.code.as_str(), answer.text.as_str());
            assert_eq!(told, (fault, code, text), "{wrong:?} and {later:?}");
            neighbours += usize::from(second == first + 1);
        }
    }
    // All but Chain and Retired, Target and NoTarget, NotGzip and NoPayment.
    assert_eq!(neighbours, IN_ORDER.len() - 1 - 3);
}

#[tokio::test]
async fn of_two_faults_in_a_download_the_earlier_check_answers() {
    let scene = Scene::open().await;
    let unknown = Call::download("999999");
    for (call, code, text) in [
        (unknown.clone().with("FileType", "UNKNOWN").with("TargetId", "other"), "20", "Content type not valid."),
        (unknown.clone().with("TargetId", "other").with("Status", "DLD"), "25", "Content not allowed."),
        (unknown.clone().without("TargetId").with("Status", "DLD"), "29", "Invalid parameters: TargetId is required"),
        (unknown.clone().with("Status", "DLD"), "29", "Invalid parameters: Status is NEW, DOWNLOADED or ALL"),
        (
            unknown.clone().with("FileReferences", "<FileReference>1</FileReference><FileReference>2</FileReference>"),
            "29",
            "Invalid parameters: Only one FileReference at a time",
        ),
        (unknown, "24", "Content not found."),
    ] {
        scene.customer.call(&scene.world, &Call { request_id: fresh_id(), ..call }).await.is(code, text);
    }
}
