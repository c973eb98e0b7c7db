//! The same requests as another client of the protocol built (a Ruby gem, with a fixed clock and the keys of the reference
//! data): the canonical forms of the documents inside differ in nothing but what is listed here, each with its reason in
//! the bank-channel brief.

use std::path::Path;

use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{
    CertificateRequests, Channel, Environment, FileList, Request, Stamp, Status, Upload, WantedFile, profile,
};
use avain_test_support::{output, peer, reference_data, xmlsec};
use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt};
use avain_xml_security::{Document, SigningKey};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use time::macros::datetime;

const STAMP: Stamp<'static> = Stamp { request_id: "0000000001", at: datetime!(2027-01-15 10:00:00 UTC) };

/// What the gem has and what is here instead, line by line of the canonical form.
type Differences = (&'static [&'static str], &'static [&'static str]);

/// Nothing.
const NONE: Differences = (&[], &[]);
/// A name is sent with each upload: without it the specification has the request refused (2.3, FKL 4.6.1.10).
const NAME: Differences = (&[], &["<UserFilename>palkat.xml</UserFilename>"]);
/// A file is asked for whether it has been downloaded before or not (2.3); the gem asks for new ones.
const ANY_STATUS: Differences = (&["<Status>NEW</Status>"], &["<Status>ALL</Status>"]);
/// Nordea's Service is a word (3, step 5); the gem leaves it empty.
const SERVICE: Differences = (&["<Service></Service>"], &["<Service>service</Service>"]);
/// OP's own examples have no Command (4).
const NO_COMMAND: Differences = (&["<Command>GetCertificate</Command>"], &[]);
/// OP wants files packed (4): three elements, and another Content.
const PACKED: Differences = (
    &["<Content>CONTENT</Content>"],
    &[
        "<UserFilename>palkat.xml</UserFilename>",
        "<Compression>true</Compression>",
        "<CompressionMethod>RFC1952</CompressionMethod>",
        "<Content>CONTENT</Content>",
    ],
);
/// Samlink's folder is always NONE (6, 10).
const FOLDER: Differences = (&[], &["<TargetId>NONE</TargetId>"]);
/// Samlink: what a client in production sends (6).
const ISSUER: Differences = (
    &["<Service></Service>", "<Content>CONTENT</Content>"],
    &["<Service>ISSUER</Service>", "<Content>CONTENT</Content>"],
);
/// Danske Bank: the header's id in the element too, which the gem leaves empty (5.2).
const OWN_ID: Differences = (&["<elem:RequestId></elem:RequestId>"], &["<elem:RequestId>0000000001</elem:RequestId>"]);
/// Declarations in the gem's request for certificates.
const UNUSED: [&str; 4] = [
    " xmlns:pkif=\"http://danskebank.dk/PKI/PKIFactoryService\"",
    " xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:xd=\"http://www.w3.org/2000/09/xmldsig#\"",
    " xmlns:xe=\"http://www.w3.org/2001/04/xmlenc#\"",
];
/// Danske Bank: the root as it is since 2020, and the header's id in the element too (5.2).
const NEW_ROOT: Differences = (
    &[
        "<elem:BankRootCertificateSerialNo>1111110002</elem:BankRootCertificateSerialNo>",
        "<elem:RequestId></elem:RequestId>",
    ],
    &[
        "<elem:BankRootCertificateSerialNo>1111110003</elem:BankRootCertificateSerialNo>",
        "<elem:RequestId>0000000001</elem:RequestId>",
    ],
);

#[test]
fn requests_differ_from_the_gems_only_where_the_brief_says_so() {
    let Some(folder) = reference_data() else { return };
    let world = World { folder: &folder };
    for (file, request, differences) in [
        ("nordea/gem_req_download_file_list", world.list("nordea", "NDCORPAYS"), NONE),
        ("nordea/gem_req_download_file", world.file("nordea", "NDCORPAYS"), ANY_STATUS),
        ("nordea/gem_req_upload_file", world.upload("nordea", "NDCORPAYS"), NAME),
        ("nordea/gem_req_get_user_info", world.user_info("nordea"), NONE),
        ("nordea/gem_req_get_certificate", world.certificate("nordea", "1234567890"), SERVICE),
        ("op/gem_req_download_file_list", world.list("osuuspankki", "pain.001.001.03"), NONE),
        ("op/gem_req_upload_file", world.upload("osuuspankki", "pain.001.001.03"), PACKED),
        ("op/gem_req_get_certificate", world.certificate("osuuspankki", "2251401483958635"), NO_COMMAND),
        ("samlink/gem_req_download_file_list", world.list("sp", "XL"), FOLDER),
        ("samlink/gem_req_get_certificate", world.certificate("sp", "1234567812345678"), ISSUER),
        ("danske/gem_req_download_file_list", world.list("danskebank", "pain.001.001.03"), NONE),
        ("danske/gem_req_get_bank_certificate", world.bank_certificates(), NEW_ROOT),
        ("danske/gem_req_create_certificate", world.certificates(), OWN_ID),
    ] {
        let gem = std::fs::read_to_string(folder.join(format!("{file}_gem_sha1.xml"))).unwrap();
        let (gem, own) = (world.document(&gem), world.document(&String::from_utf8(request.body).unwrap()));
        let (Some(gem), Some(own)) = (canonical(&gem), canonical(&own)) else { return };
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| !those.contains(line)).map(|line| named(line)).collect()
        };
        assert_eq!((only(&gem, &own), only(&own, &gem)), owned(differences), "{file}\n{gem:#?}\n{own:#?}");
        // What both have comes in the same order.
        let common = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| those.contains(line)).cloned().collect()
        };
        assert_eq!(common(&gem, &own), common(&own, &gem), "{file}");
    }
}

fn owned((gem, own): Differences) -> (Vec<String>, Vec<String>) {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    (owned(gem), owned(own))
}

/// A long Content by its name only.
fn named(line: &str) -> String {
    if line.starts_with("<Content>") { "<Content>CONTENT</Content>".to_owned() } else { line.to_owned() }
}

struct World<'f> {
    folder: &'f Path,
}

impl World<'_> {
    fn der(&self, name: &str) -> Vec<u8> {
        xmlsec::der(&std::fs::read_to_string(self.folder.join("_fixture_pki").join(name)).unwrap()).unwrap()
    }

    fn customer(&self, bank: &str) -> SigningKey {
        let name = match bank {
            "osuuspankki" => "op_client",
            "danskebank" => "danske_client_sign",
            "sp" => "samlink_client",
            _ => "nordea_client",
        };
        SigningKey::new(&self.der(&format!("{name}.key")), &self.der(&format!("{name}.pem"))).unwrap()
    }

    /// Runs with a channel as the gem's was.
    fn with<T>(&self, bank: &str, build: impl FnOnce(&Channel<'_>) -> T) -> T {
        let bank_certificate = self.der("danske_bank_enc.pem");
        build(&Channel {
            profile: profile(bank).unwrap(),
            user_id: crate::every_bank::channel(bank).user_id,
            environment: Environment::Production,
            software: "Sepa Transfer Library 1.1.14",
            bank_certificate: Some(&bank_certificate),
        })
    }

    fn list(&self, bank: &str, file_type: &str) -> Request {
        let target_id = Some("11111111A1");
        let list = FileList { status: Status::New, target_id, file_type: Some(file_type), from: None, to: None };
        self.with(bank, |channel| channel.file_list(&STAMP, &self.customer(bank), &list).unwrap())
    }

    fn file(&self, bank: &str, file_type: &str) -> Request {
        let file = WantedFile { file_reference: "2022122808151084", file_type, target_id: Some("11111111A1") };
        self.with(bank, |channel| channel.file(&STAMP, &self.customer(bank), &file).unwrap())
    }

    fn upload(&self, bank: &str, file_type: &str) -> Request {
        let folder = if bank == "nordea" { "nordea" } else { "op" };
        let gem = std::fs::read_to_string(self.folder.join(folder).join("gem_req_upload_file_gem_sha1.xml")).unwrap();
        let content = BASE64.decode(between(&self.document(&gem), "<Content>", "<").replace('\n', "")).unwrap();
        let upload = Upload { file_type, target_id: Some("11111111A1"), file_name: "palkat.xml", content: &content };
        self.with(bank, |channel| channel.upload(&STAMP, &self.customer(bank), &upload).unwrap())
    }

    fn user_info(&self, bank: &str) -> Request {
        self.with(bank, |channel| channel.user_info(&STAMP, &self.customer(bank)).unwrap())
    }

    fn certificate(&self, bank: &str, code: &str) -> Request {
        let name = match bank {
            "osuuspankki" => "new_op",
            "sp" => "new_samlink",
            _ => "new_nordea",
        };
        self.with(bank, |channel| {
            let request = self.pkcs10(channel, name);
            channel.certificate(&STAMP, code, &request).unwrap()
        })
    }

    /// Made here with the key of the reference data: to the byte what openssl made.
    fn pkcs10(&self, channel: &Channel<'_>, name: &str) -> CertificateRequest {
        let key = PrivateKey::from_pkcs8(&self.der(&format!("{name}.key"))).unwrap();
        let request = CertificateRequest::new(channel, &key, "Fixture Oy").unwrap();
        assert_eq!(request.der(), self.der(&format!("{name}.csr")), "{name}");
        request
    }

    fn bank_certificates(&self) -> Request {
        self.with("danskebank", |channel| channel.bank_certificates(&STAMP).unwrap())
    }

    fn certificates(&self) -> Request {
        self.with("danskebank", |channel| {
            let [signing, encryption] = ["new_danske_sign", "new_danske_enc"].map(|name| self.pkcs10(channel, name));
            let requests = CertificateRequests { signing: &signing, encryption: &encryption };
            channel.certificates(&STAMP, "1234", &requests).unwrap()
        })
    }

    /// The document in an envelope: decoded, decrypted, without its signature.
    fn document(&self, envelope: &str) -> String {
        let wrapped = application(envelope);
        let inner = wrapped.unwrap_or_else(|| between(envelope, "</pkif:RequestHeader>", "</pkif:").trim().to_owned());
        let inner = if inner.contains("EncryptedData") { self.decrypted(&inner) } else { inner };
        match (inner.split_once("<ds:Signature"), inner.split_once("<dsig:Signature")) {
            (Some((before, rest)), _) => before.to_owned() + rest.split_once("</ds:Signature>").unwrap().1,
            (_, Some((before, rest))) => before.to_owned() + rest.split_once("</dsig:Signature>").unwrap().1,
            (None, None) => inner,
        }
    }

    fn decrypted(&self, encrypted: &str) -> String {
        let key = DecryptionKey::new(&self.der("danske_bank_enc.key")).unwrap();
        let document = Document::parse(encrypted.as_bytes()).unwrap();
        let plain = decrypt(document.root(), &key, &[Cipher::Aes256Cbc, Cipher::TripleDesCbc]).unwrap();
        String::from_utf8(plain.to_vec()).unwrap()
    }
}

/// What the envelope has in base64.
fn application(envelope: &str) -> Option<String> {
    let document = Document::parse(envelope.as_bytes()).unwrap();
    let body = document.root().children().last()?;
    let operation = body.children().next()?;
    let wrapped = operation.children().find(|child| child.local_name() == "ApplicationRequest")?;
    let base64: String = wrapped.text().split_whitespace().collect();
    Some(String::from_utf8(BASE64.decode(base64).unwrap()).unwrap())
}

/// Canonical XML by xmllint, without white space between elements, an element a line.
fn canonical(xml: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.xml");
    std::fs::write(&file, xml).unwrap();
    let output = output(peer("xmllint")?.args(["--nonet", "--noblanks", "--c14n"]).arg(&file));
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Line breaks in base64 mean nothing (brief 12 j).
    let lines = text.replace('\n', "").replace("><", ">\n<").replace(">\n</", "></");
    // The last element has the end tag of the whole behind it.
    let lines = lines.rsplit_once("</").map_or(lines.clone(), |(elements, _)| elements.to_owned());
    // A prefix is a name only, and a namespace that no element has is none; the gem's differ.
    let lines = lines.replace("<tns:", "<elem:").replace("</tns:", "</elem:").replace("xmlns:tns", "xmlns:elem");
    let lines = UNUSED.iter().fold(lines, |lines, declaration| lines.replace(declaration, ""));
    Some(lines.lines().map(str::to_owned).collect())
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}
