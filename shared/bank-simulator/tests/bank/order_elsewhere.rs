//! The order of the checks (brief 11) at OP, Samlink, Danske Bank and the common profile: of two faults in one request, the
//! earlier check answers, with that bank's code. Nordea's is in `order.rs`.

use avain_bank_simulator::BankKey;
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use time::Duration;

use crate::op::packed;
use crate::pki::{self, FORM};
use crate::request::{Call, Customer, fresh_id};
use crate::transfer_key::enrol;
use crate::world::World;

/// What can be wrong with an upload, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Doctype,
    Operation,
    Header,
    Signature,
    Chain,
    Sender,
    Expired,
    Replay,
    Base64,
    Encryption,
    Schema,
    ContentSignature,
    ContentCertificate,
    CustomerId,
    Command,
    Environment,
    Repeated,
    FileType,
    Target,
    NoFileType,
    NotCompressed,
    NoPayment,
}

use Wrong::{
    Base64, Chain, Command, ContentCertificate, ContentSignature, CustomerId, Doctype, Encryption, Environment,
    Expired, FileType, Header, NoFileType, NoPayment, NotCompressed, Operation, Repeated, Replay, Schema, Sender,
    Signature, Target,
};

/// With the code, and whether it comes as a SOAP Fault.
const IN_ORDER: [(Wrong, bool, &str); 22] = [
    (Doctype, true, "12"),
    (Operation, true, "05"),
    (Header, false, "12"),
    (Signature, false, "02"),
    (Chain, false, "04"),
    (Sender, false, "03"),
    (Expired, false, "02"),
    (Replay, false, "31"),
    (Base64, false, "12"),
    (Encryption, false, "22"),
    (Schema, false, "12"),
    (ContentSignature, false, "18"),
    (ContentCertificate, false, "19"),
    (CustomerId, false, "13"),
    (Command, false, "29"),
    (Environment, false, "29"),
    (Repeated, false, "32"),
    (FileType, false, "20"),
    (Target, false, "25"),
    (NoFileType, false, "29"),
    (NotCompressed, false, "21"),
    (NoPayment, false, "23"),
];

/// What one request cannot have both of.
const NOT_BOTH: [(Wrong, Wrong); 7] = [
    (FileType, NoFileType),
    (NotCompressed, NoPayment),
    (Base64, Encryption),
    // What is not encrypted to the bank has nothing in it.
    (Encryption, Schema),
    (Encryption, ContentSignature),
    (Encryption, ContentCertificate),
    // Each changes the same element.
    (Repeated, CustomerId),
];

struct Scene {
    bank: BankKey,
    world: World,
    user_id: &'static str,
    key: SigningKey,
    /// Another customer's.
    other: SigningKey,
    /// A customer's of another bank.
    stranger: SigningKey,
    spent: String,
    /// The bank's encryption certificate, and one that is not the bank's.
    encrypt_to: Option<[Vec<u8>; 2]>,
}

impl Scene {
    async fn open(bank: BankKey, user_id: &'static str, other: &str) -> Self {
        let world = World::start().await;
        let stranger = Customer::enrol(&world, BankKey::Nordea, "11111111", "Vieras Oy").await.key;
        let list = Call::list("ALL");
        let spent = list.request_id.clone();
        let (key, other, encrypt_to) = if bank == BankKey::Danskebank {
            let other = pki::enrol_as(&world, other, "2345").await;
            let pair = pki::enrol(&world).await;
            pair.call(&world, &list).await.is("00", "OK");
            (pair.customer.key, other.customer.key, Some([pair.bank, pair.encryption]))
        } else {
            let (own_secret, other_secret) = match bank {
                BankKey::Osuuspankki => ("2251401483958635", "3141592653589796"),
                _ => ("1234567812345670", "3141592653589796"),
            };
            let customer = enrol(&world, bank, user_id, own_secret).await;
            let other = enrol(&world, bank, other, other_secret).await;
            assert_eq!(customer.call(&world, &list).await.code, "00");
            (customer.key, other.key, None)
        };
        Self { bank, world, user_id, key, other, stranger, spent, encrypt_to }
    }

    fn request(&self, faults: &[Wrong], number: u32) -> String {
        let has = |wrong| faults.contains(&wrong);
        let payment = crate::payments::payment("pain.001.001.03", &fresh_id(), &["1.00"]);
        let content = if has(NoPayment) { "rubbish" } else { payment.as_str() };
        let is_samlink = self.bank == BankKey::Sp;
        let file_type = if is_samlink { "XL" } else { "pain.001.001.03" };
        let mut call = if self.bank == BankKey::Osuuspankki && !has(NotCompressed) {
            Call::upload(file_type, &packed(content)).with("Compression", "true")
        } else {
            Call::upload(file_type, content.as_bytes())
        };
        call = call.with("CustomerId", self.user_id).with("Timestamp", &format!("2027-01-15T09:00:00.{number:06}Z"));
        for (wrong, name, value) in [
            (Schema, "SoftwareId", ""),
            (CustomerId, "CustomerId", "999999"),
            (Command, "Command", "DownloadFile"),
            (Environment, "Environment", "TEST"),
            (FileType, "FileType", "UNKNOWN"),
            (Target, "TargetId", "other"),
            (NoFileType, "FileType", ""),
            (Repeated, "Timestamp", "2027-01-15T08:00:00Z"),
        ] {
            if has(wrong) {
                call = call.with(name, value);
            }
        }
        if has(NotCompressed) && self.bank != BankKey::Osuuspankki {
            // Says that it is compressed, and is not.
            call = call.with("Compression", "true");
        }
        if has(Replay) {
            call.request_id.clone_from(&self.spent);
        }
        if has(Operation) {
            call.operation = "confirmFile";
        }
        self.sealed(&call, faults)
    }

    /// Signed, encrypted where the bank wants it, in its envelope.
    fn sealed(&self, call: &Call, faults: &[Wrong]) -> String {
        let has = |wrong| faults.contains(&wrong);
        let signer = if has(Chain) { &self.stranger } else { &self.key };
        let content_signer = if has(ContentCertificate) { &self.other } else { signer };
        let mut application = enveloped::sign(&call.application(), content_signer, &FORM).unwrap();
        if has(ContentSignature) {
            application = changed(
                &application,
                "<SoftwareId>tests 1",
                "<SoftwareId>tests 2",
                "<Timestamp>2027",
                "<Timestamp>2026",
            );
        }
        if let Some([bank, another]) = &self.encrypt_to {
            application = pki::encrypted(&application, if has(Encryption) { another } else { bank }, Cipher::Aes256Cbc);
        }
        let sender = match (has(Sender), self.bank) {
            (false, _) => self.user_id,
            (true, BankKey::Danskebank) => "360819",
            (true, _) => "1000000001",
        };
        let mut envelope = call.unsigned_envelope(sender, &application);
        if has(Base64) {
            envelope = envelope.replace("</ApplicationRequest>", "!</ApplicationRequest>");
        }
        if has(Header) {
            envelope = envelope.replace("<UserAgent>tests</UserAgent>", "");
        }
        let created = if has(Expired) { self.world.now() - Duration::minutes(10) } else { self.world.now() };
        let mut request = soap::sign(&envelope, signer, Hash::Sha256, "id", created, Duration::minutes(5)).unwrap();
        if has(Signature) {
            request = request.replace("<Language>EN", "<Language>FI");
        }
        if has(Doctype) { format!("<!DOCTYPE e>{request}") } else { request }
    }

    /// What this bank does not look at, or says otherwise.
    fn answered(&self, wrong: Wrong) -> Option<&'static str> {
        match (self.bank, wrong) {
            (BankKey::Danskebank | BankKey::Sp | BankKey::Seb, Target) => None,
            (bank, Encryption) if bank != BankKey::Danskebank => None,
            (BankKey::Osuuspankki, NoPayment) => Some("12"),
            _ => IN_ORDER.iter().find(|(known, ..)| *known == wrong).map(|(.., code)| *code),
        }
    }
}

fn changed(text: &str, from: &str, to: &str, or_from: &str, or_to: &str) -> String {
    if text.contains(from) { text.replace(from, to) } else { text.replace(or_from, or_to) }
}

async fn of_two_faults_the_earlier_answers(bank: BankKey, user_id: &'static str, other: &str) {
    let scene = Scene::open(bank, user_id, other).await;
    let mut number = 0;
    let good = scene.world.files(bank, &scene.request(&[], number)).await;
    assert_eq!(good.code, "00", "{good:?}");
    // The request whose time will be repeated.
    let first = scene.world.files(bank, &scene.request(&[Repeated], number)).await;
    assert_eq!(first.code, "00", "{first:?}");
    let mut pairs = 0;
    for (first, (wrong, fault, _)) in IN_ORDER.into_iter().enumerate() {
        for (later, ..) in IN_ORDER.into_iter().skip(first) {
            let not_both = NOT_BOTH.contains(&(wrong, later)) || NOT_BOTH.contains(&(later, wrong));
            let (Some(code), Some(_), false) = (scene.answered(wrong), scene.answered(later), not_both) else {
                continue;
            };
            number += 1;
            let answer = scene.world.files(bank, &scene.request(&[wrong, later], number)).await;
            assert_eq!(
                (answer.fault, answer.code.as_str()),
                (fault, code),
                "{bank:?}: {wrong:?} and {later:?}: {answer:?}"
            );
            pairs += 1;
        }
    }
    assert!(pairs > 190, "{pairs}");
}

#[tokio::test]
async fn at_op() {
    of_two_faults_the_earlier_answers(BankKey::Osuuspankki, "1000000000", "1000000001").await;
}

#[tokio::test]
async fn at_samlink() {
    of_two_faults_the_earlier_answers(BankKey::Sp, "12345678", "12345679").await;
}

#[tokio::test]
async fn at_danske_bank() {
    of_two_faults_the_earlier_answers(BankKey::Danskebank, "360817", "360818").await;
}

#[tokio::test]
async fn at_a_bank_of_the_common_profile() {
    of_two_faults_the_earlier_answers(BankKey::Seb, "12345678", "12345679").await;
}
