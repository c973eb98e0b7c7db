//! Answers made here, judged offline: each thing that can be wrong, at every bank, has its word.

use std::io::Write as _;

use avain_bank_channel::check::{self, Reason, Report, Saved, Verdict};
use avain_bank_channel::pkcs10::PrivateKey;
use avain_bank_channel::{Error, answer, profile};
use avain_test_support::xmlsec;
use avain_xml_security::encryption::{Cipher, DecryptionKey, encrypt};
use avain_xml_security::{Hash, enveloped};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use crate::bank::{Answer, Bank, NOW, authority, expected_of, issue, parameters, signer};
use crate::danske::{encryption_parameters, factory};
use crate::op::certificates;

pub(crate) const LIST: &str = "<FileDescriptors><FileDescriptor><FileReference>F1</FileReference><TargetId>A1</TargetId>\
    <FileType>TITO</FileType><FileTimestamp>2027-01-15T00:00:00Z</FileTimestamp><Status>NEW</Status></FileDescriptor>\
    </FileDescriptors>";

/// A bank made here, with an answer in a bank's way.
pub(crate) struct World {
    pub(crate) bank: Bank,
    keys: Vec<DecryptionKey>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { bank: Bank::new("Bank"), keys: Vec::new() }
    }

    fn saved<'a>(&'a self, way: &str) -> Saved<'a> {
        let profile = profile(way).unwrap();
        Saved { profile, trust: &self.bank.trust, keys: &self.keys, at: None, now: NOW, sent_request_id: Some("R-1") }
    }

    pub(crate) fn reason(&self, way: &str, bytes: &[u8]) -> Option<Reason> {
        let report = check::answer(bytes, &self.saved(way));
        assert_eq!(report.verdict == Verdict::Accept, report.reason.is_none());
        report.reason
    }
}

#[test]
fn each_thing_that_can_be_wrong_has_its_word_at_every_bank() {
    let world = World::new();
    let bank = &world.bank;
    let other = Bank::new("Bank");
    let expired = {
        let mut parameters = parameters("File Transfer");
        parameters.not_after = NOW - time::Duration::days(1);
        signer(&bank.issuer, &parameters).1
    };
    for way in ["nordea", "simulator", "osuuspankki", "danskebank", "aktia", "sp", "pop", "shb", "omasp"] {
        let good = Answer { way, rest: LIST, ..Answer::default() };
        let text = String::from_utf8(good.signed(bank)).unwrap();
        let unsigned = good.envelope(&good.application());
        let application = good.application();
        let cases: [(&str, Vec<u8>, Option<Reason>); 25] = [
            ("as it is", good.signed(bank), None),
            ("another Body", text.replace(">R-1<", ">R-2<").into(), Some(Reason::SoapSignature)),
            ("another time", text.replace("10:05:30", "10:06:30").into(), Some(Reason::SoapSignature)),
            ("not signed", unsigned.clone().into(), Some(Reason::SoapSignature)),
            ("inside not signed", good.wrapped(bank, &application), Some(Reason::ApplicationResponseSignature)),
            ("another bank", good.signed(&other), Some(Reason::UntrustedCertificate)),
            ("another bank inside", good.signed_by(&bank.signer, &other.signer), Some(Reason::UntrustedCertificate)),
            ("expired signer", good.signed_by(&expired, &expired), Some(Reason::CertificateExpired)),
            ("another request", Answer { request_id: "R-2", ..good }.signed(bank), Some(Reason::RequestIdMismatch)),
            ("blanks", Answer { request_id: " R-1 ", ..good }.signed(bank), Some(Reason::RequestIdMismatch)),
            ("refused", Answer { code: "26", rest: "", ..good }.signed(bank), Some(Reason::BankError)),
            ("refused by the header", Answer { code: "7", ..good }.wrapped(bank, ""), Some(Reason::BankError)),
            ("no response", good.wrapped(bank, ""), Some(Reason::Schema)),
            ("order", Answer { rest: &swapped(), ..good }.signed(bank), Some(Reason::Schema)),
            (
                "length",
                Answer { rest: &LIST.replace("F1", &"F".repeat(33)), ..good }.signed(bank),
                Some(Reason::Schema),
            ),
            ("operation", Answer { operation: "confirmFile", ..good }.signed(bank), Some(Reason::Schema)),
            ("document type", format!("<!DOCTYPE a []>{unsigned}").into(), Some(Reason::Schema)),
            ("XML 1.1", format!("<?xml version=\"1.1\"?>{text}").into(), Some(Reason::Schema)),
            (
                "another encoding",
                format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><!--\u{e4}-->{text}").into(),
                Some(Reason::Schema),
            ),
            ("one id twice", duplicated(&text).into(), Some(Reason::SoapSignature)),
            ("two Bodies", text.replace("</s:Body>", "</s:Body><s:Body/>").into(), Some(Reason::SoapSignature)),
            ("two elements", text.replace("</s:Body>", "<x/></s:Body>").into(), Some(Reason::SoapSignature)),
            ("a mark of byte order", format!("\u{feff}{text}").into(), None),
            ("cut off", text.as_bytes()[..text.len() - 9].to_vec(), Some(Reason::Unreadable)),
            ("another format", b"{\"error\":502}".to_vec(), Some(Reason::Unreadable)),
        ];
        for (what, bytes, reason) in cases {
            assert_eq!(world.reason(way, &bytes), reason, "{way}: {what}");
        }
        assert_eq!(world.reason(way, b"<html/>"), Some(Reason::Schema), "{way}");
    }
}

fn swapped() -> String {
    LIST.replace("<FileType>TITO</FileType>", "").replace("<TargetId>", "<FileType>TITO</FileType><TargetId>")
}

/// The envelope with a second element of the Body's id.
fn duplicated(text: &str) -> String {
    text.replace("<o:downloadFileListout", "<x Id=\"Body-A-1\"/><o:downloadFileListout")
}

#[test]
fn time_is_the_answers_own_unless_another_is_asked_for() {
    let world = World::new();
    let answer = Answer { rest: LIST, ..Answer::default() }.signed(&world.bank);
    for (minutes, reason) in
        [(0, None), (5, None), (6, Some(Reason::TimestampExpired)), (-1, Some(Reason::TimestampExpired))]
    {
        let at = Some(NOW + time::Duration::minutes(minutes));
        assert_eq!(check::answer(&answer, &Saved { at, ..world.saved("nordea") }).reason, reason, "{minutes}");
    }
    let report = check::answer(&answer, &world.saved("nordea"));
    assert_eq!(report.judged_at, "2027-01-15T10:00:30Z");
    let nothing = check::answer(b"<a/>", &world.saved("nordea"));
    assert_eq!(nothing.judged_at, "2027-01-15T10:00:30Z", "now, without one of its own");
}

#[test]
fn a_signed_timestamp_that_cannot_be_read_is_no_time_of_validity() {
    let world = World::new();
    let bank = &world.bank;
    let (_, another) = signer(&bank.issuer, &parameters("File Transfer"));
    let answer = Answer { rest: LIST, ..Answer::default() };
    let two_signers = answer.signed_by(&bank.signer, &another);
    let answer = answer.signed(bank);
    let created = "<wsu:Created>2027-01-15T10:00:30Z</wsu:Created>";
    let expires = "<wsu:Expires>2027-01-15T10:05:30Z</wsu:Expires>";
    let good = format!("{created}{expires}");
    for (what, timestamp, reason) in [
        ("as it is", good.clone(), None),
        ("past", good.replace("10:05:30", "09:05:30"), Some(Reason::TimestampExpired)),
        ("no Expires", created.to_owned(), Some(Reason::SoapSignature)),
        ("no Created", expires.to_owned(), Some(Reason::SoapSignature)),
        ("two Expires", format!("{good}{expires}"), Some(Reason::SoapSignature)),
        ("empty", String::new(), Some(Reason::SoapSignature)),
        ("no time", good.replace("2027-01-15T10:05:30Z", "tomorrow"), Some(Reason::SoapSignature)),
        ("no zone", good.replace('Z', ""), Some(Reason::SoapSignature)),
    ] {
        let Some(signed) = signed_anew(&answer, bank, &timestamp) else { return };
        let report = check::answer(&signed, &world.saved("nordea"));
        assert_eq!(report.reason, reason, "{what}: {:?}", report.findings);
        let arrived = answer::file_list(&signed, &expected_of("nordea"), &bank.judge());
        assert_eq!(arrived.is_err(), reason.is_some(), "{what} as it arrives");
    }
    // Nor does it keep anything else from being looked at.
    let Some(signed) = signed_anew(&two_signers, bank, created) else { return };
    let report = check::answer(&signed, &world.saved("nordea"));
    let found: Vec<Reason> = report.findings.iter().map(|it| it.reason).collect();
    assert_eq!(found, [Reason::SoapSignature, Reason::UntrustedCertificate]);
}

/// The envelope with this in its Timestamp, signed by the same key; none without xmlsec1.
fn signed_anew(answer: &[u8], bank: &Bank, timestamp: &str) -> Option<Vec<u8>> {
    let mut template = String::from_utf8(answer.to_vec()).unwrap();
    for (name, content) in [("wsu:Timestamp", timestamp), ("ds:DigestValue", ""), ("ds:SignatureValue", "")] {
        template = with_content(&template, name, content);
    }
    xmlsec::sign(&template, bank.signer_key.pkcs8()).map(String::into_bytes)
}

/// With this in every element of that name.
fn with_content(xml: &str, name: &str, content: &str) -> String {
    let mut parts = xml.split(name);
    let mut changed = parts.next().unwrap().to_owned();
    // After the name in a start tag its content follows, and then the name in the end tag.
    while let (Some(start), Some(end)) = (parts.next(), parts.next()) {
        let (tag, _) = start.split_once('>').unwrap();
        changed.extend([name, tag, ">", content, "</", name, end]);
    }
    changed
}

#[test]
fn what_cannot_be_read_does_not_hide_what_can() {
    let world = World::new();
    let two = LIST.replace("</FileDescriptors>", "<FileDescriptor><FileReference>F2</FileReference></FileDescriptor>");
    let answer = Answer { rest: &format!("{two}</FileDescriptors>"), ..Answer::default() };
    let report = check::answer(&answer.signed(&world.bank), &world.saved("nordea"));
    assert_eq!((report.reason, report.file_references), (Some(Reason::Schema), vec!["F1".to_owned(), "F2".to_owned()]));

    let good = world.bank.signer.certificate().to_vec();
    for (all, told, reason) in
        [(vec![good.clone(), b"none".to_vec(), good.clone()], 2, Some(Reason::Schema)), (vec![good; 40], 40, None)]
    {
        let rest = certificates(&all);
        let answer =
            Answer { way: "osuuspankki", operation: "getServiceCertificates", rest: &rest, ..Answer::default() };
        let report = check::answer(&answer.signed(&world.bank), &world.saved("osuuspankki"));
        assert_eq!((report.reason, report.certificates.len()), (reason, told));
    }
}

#[test]
fn of_a_signer_that_has_expired_the_root_is_told() {
    let world = World::new();
    let bank = &world.bank;
    let mut parameters = parameters("File Transfer");
    parameters.not_after = NOW - time::Duration::days(1);
    let (_, expired) = signer(&bank.issuer, &parameters);
    let answer = Answer { rest: LIST, ..Answer::default() }.signed_by(&expired, &expired);
    for (at, trusted) in [(NOW, false), (NOW - time::Duration::days(2), true)] {
        let report = check::answer(&answer, &Saved { at: Some(at), ..world.saved("nordea") });
        let signature = report.application_signature.unwrap();
        assert_eq!(signature.trust_anchor.as_deref(), Some("CN=Bank"));
        assert!(signature.trust_anchor_sha256.is_some_and(|it| it.len() == 64));
        assert_eq!(signature.trusted, trusted, "{at}");
    }
    let other = Bank::new("Other");
    let report = check::answer(&answer, &Saved { trust: &other.trust, ..world.saved("nordea") });
    assert_eq!(report.application_signature.unwrap().trust_anchor, None, "of a stranger none");
}

#[test]
fn packed_content_is_told_unpacked_and_an_encrypted_answer_opened() {
    let mut world = World::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"camt").unwrap();
    let bytes = encoder.finish().unwrap();
    let packed = BASE64.encode(&bytes);
    let rest =
        format!("<Compressed>true</Compressed><CompressionMethod>x</CompressionMethod><Content>{packed}</Content>");
    let download = Answer { way: "danskebank", operation: "downloadFile", rest: &rest, ..Answer::default() };
    let content = |report: &Report| report.content.as_ref().map(|it| (it.bytes, it.compressed));
    let report = check::answer(&download.signed(&world.bank), &world.saved("danskebank"));
    assert_eq!((report.reason, content(&report)), (None, Some((4, true))));
    let came = report.content.as_ref().map(|it| (it.packed_bytes, it.packed_sha256.clone()));
    assert_eq!(came, Some((Some(bytes.len()), Some(sha256(&bytes)))));
    assert_eq!((report.compressed.as_deref(), report.compression_method.as_deref()), (Some("true"), Some("x")));
    let broken = Answer { rest: &rest.replace(&packed[8..16], "AAAAAAAA"), ..download };
    assert_eq!(world.reason("danskebank", &broken.signed(&world.bank)), Some(Reason::Schema));

    let key = PrivateKey::generate().unwrap();
    let certificate = issue(&world.bank.issuer, key.pkcs8(), &parameters("Fixture Oy"));
    let signed = enveloped::sign(&download.application(), &world.bank.signer, &enveloped::Form::INCLUSIVE).unwrap();
    let encrypted = encrypt(&signed, &certificate, Cipher::TripleDesCbc, None).unwrap();
    let answer = download.wrapped(&world.bank, &encrypted);
    assert_eq!(world.reason("danskebank", &answer), Some(Reason::Decrypt));
    world.keys = vec![DecryptionKey::new(PrivateKey::generate().unwrap().pkcs8()).unwrap()];
    assert_eq!(world.reason("danskebank", &answer), Some(Reason::Decrypt));
    world.keys.push(DecryptionKey::new(key.pkcs8()).unwrap());
    let report = check::answer(&answer, &world.saved("danskebank"));
    assert_eq!((report.reason, report.encrypted, content(&report)), (None, true, Some((4, true))));
    let told = report.encryption.unwrap();
    assert!(told.algorithm.is_some_and(|it| it.ends_with("#tripledes-cbc")));
    assert!(told.key_transport.is_some_and(|it| it.ends_with("#rsa-1_5")));
    assert_eq!(
        (told.recipient.as_deref(), told.decrypted_sha256),
        (Some("CN=Fixture Oy"), Some(sha256(signed.as_bytes())))
    );
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn a_saved_answer_of_op_has_sha_256_from_the_day_on_that_it_must() {
    let world = World::new();
    let answer = |way| {
        let answer = Answer { way, rest: LIST, ..Answer::default() };
        let form = enveloped::Form { hash: Hash::Sha1, ..enveloped::Form::INCLUSIVE };
        let application = enveloped::sign(&answer.application(), &world.bank.signer, &form).unwrap();
        answer.wrapped(&world.bank, &application)
    };
    assert_eq!(world.reason("osuuspankki", &answer("osuuspankki")), Some(Reason::ApplicationResponseSignature));
    assert_eq!(world.reason("nordea", &answer("nordea")), None, "of Nordea no day is known");
}

#[test]
fn faults_are_told_with_their_code() {
    let world = World::new();
    let soap = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Server\
         </faultcode><faultstring>no</faultstring><detail><f:FileServiceFaultElement \
         xmlns:f=\"http://bxd.fi/CorporateFileService\"><code>601</code></f:FileServiceFaultElement></detail></s:Fault>\
         </s:Body></s:Envelope>";
    let report = check::answer(soap.as_bytes(), &world.saved("osuuspankki"));
    assert_eq!((report.verdict, report.reason), (Verdict::Reject, Some(Reason::BankError)));
    assert_eq!((report.operation.as_deref(), report.response_code.as_deref()), (Some("Fault"), Some("601")));
}

#[test]
fn keys_come_as_pem_of_either_kind() {
    let pem = |label, key: &[u8]| avain_test_support::xmlsec::pem(label, key);
    let key = PrivateKey::generate().unwrap();
    assert!(check::key(&pem("PRIVATE KEY", key.pkcs8())).is_ok());
    for text in ["", &pem("RSA PRIVATE KEY", b"none"), &pem("PRIVATE KEY", b"none")] {
        assert_eq!(check::key(text).err(), Some(Error::Key), "{text}");
    }
}

#[test]
fn answers_of_pki_factory_are_judged_by_their_response() {
    let world = World::new();
    let bank = &world.bank;
    let key = PrivateKey::generate().unwrap();
    let certificate = |bank: &Bank, days| {
        let mut parameters = encryption_parameters("DPCRYPT");
        parameters.not_after = NOW + time::Duration::days(days);
        issue(&bank.issuer, key.pkcs8(), &parameters)
    };
    let rest = |encryption: &[u8]| {
        let [encryption, signing] = [encryption, bank.signer.certificate()].map(|der| BASE64.encode(der));
        format!(
            "<e:BankEncryptionCert>{encryption}</e:BankEncryptionCert><e:BankSigningCert>{signing}</e:BankSigningCert>\
             <e:BankRootCert>{signing}</e:BankRootCert><e:RequestId/>"
        )
    };
    let good = rest(&certificate(bank, 30));
    let made = |code: &str, rest: &str| factory(bank, "GetBankCertificate", code, rest);
    let text = String::from_utf8(made("00", &good)).unwrap();
    let other = Bank::new("Bank");
    for (what, bytes, reason) in [
        ("as it is", made("00", &good), None),
        ("changed", text.replace("ReturnText>OK", "ReturnText>Ok").into(), Some(Reason::ApplicationResponseSignature)),
        ("another bank", factory(&other, "GetBankCertificate", "00", &good), Some(Reason::UntrustedCertificate)),
        ("another bank's key", made("00", &rest(&certificate(&other, 30))), Some(Reason::UntrustedCertificate)),
        ("an old key", made("00", &rest(&certificate(bank, -1))), Some(Reason::CertificateExpired)),
        ("no certificate", made("00", &rest(b"none")), Some(Reason::Schema)),
        ("order", made("00", &good.replace("<e:RequestId/>", "")), Some(Reason::Schema)),
        ("the request's own id", made("00", &good.replace("<e:RequestId/>", "<e:RequestId>R-1</e:RequestId>")), None),
        (
            "an answer of before in a new header",
            made("00", &good.replace("<e:RequestId/>", "<e:RequestId>R-0</e:RequestId>")),
            Some(Reason::RequestIdMismatch),
        ),
        ("refused", made("20", ""), Some(Reason::BankError)),
        ("another request", text.replace("p:RequestId>R-1", "p:RequestId>R-2").into(), Some(Reason::RequestIdMismatch)),
        ("another operation", text.replace("CertificateOut", "Certificates").into(), Some(Reason::Schema)),
    ] {
        assert_eq!(world.reason("danskebank", &bytes), reason, "{what}");
    }
    // What requests are encrypted to must be issued by the root directly, as the signer.
    let (between, pem) = authority("Between", Some(&bank.issuer));
    let below = issue(&between, key.pkcs8(), &encryption_parameters("DPCRYPT"));
    let trust = bank.trust.clone().with_issuers([xmlsec::der(&pem).unwrap()]);
    let saved = Saved { trust: &trust, ..world.saved("danskebank") };
    assert_eq!(check::answer(&made("00", &rest(&below)), &saved).reason, Some(Reason::UntrustedCertificate));

    let report = check::answer(&made("00", &good), &world.saved("danskebank"));
    let elements: Vec<&str> = report.certificates.iter().map(|it| it.element.as_str()).collect();
    assert_eq!(elements, ["BankEncryptionCert", "BankSigningCert", "BankRootCert"]);
    assert_eq!(world.reason("nordea", &made("00", &good)), Some(Reason::Schema), "at a bank that has no such service");
}
