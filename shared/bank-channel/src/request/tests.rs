use avain_test_support::reference_data;
use time::macros::{date, datetime};

use super::certificates::{CertificateWanted, activation_hmac};
use super::files::sanitised;
use super::*;
use crate::operation::{DOWNLOAD_FILE_LIST, GET_USER_INFO};
use crate::profile::{TargetIdRule, profile};

fn channel(bank: &str) -> Channel<'static> {
    Channel {
        profile: profile(bank).unwrap(),
        user_id: "11111111",
        environment: Environment::Production,
        software: "Avain 0.1.0",
        bank_certificate: None,
    }
}

const STAMP: Stamp<'static> = Stamp { request_id: "R-1", at: datetime!(2027-01-15 12:00:00.9 +2) };

#[test]
fn a_list_request_before_signing() {
    let list = FileList {
        status: Status::Downloaded,
        target_id: Some("11111111A1"),
        file_type: Some("<TITO & co>"),
        from: Some(date!(2027 - 01 - 01)),
        to: Some(date!(2027 - 01 - 15)),
    };
    let channel = channel("nordea");
    let document =
        channel.application_request(&DOWNLOAD_FILE_LIST, &STAMP, &channel.wanted_list(&list).unwrap()).unwrap();
    assert_eq!(
        document,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ApplicationRequest xmlns=\"http://bxd.fi/xmldata/\">\
         <CustomerId>11111111</CustomerId><Command>DownloadFileList</Command>\
         <Timestamp>2027-01-15T10:00:00.9Z</Timestamp><StartDate>2027-01-01</StartDate><EndDate>2027-01-15</EndDate>\
         <Status>DOWNLOADED</Status>\
         <Environment>PRODUCTION</Environment><TargetId>11111111A1</TargetId><SoftwareId>Avain 0.1.0</SoftwareId>\
         <FileType>&lt;TITO &amp; co&gt;</FileType></ApplicationRequest>"
    );
    assert_eq!(
        channel.envelope(&DOWNLOAD_FILE_LIST, &STAMP, "<a/>").unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Header/><soapenv:Body>\
         <op:downloadFileListin xmlns:op=\"http://bxd.fi/CorporateFileService\" xmlns:mod=\"http://model.bxd.fi\">\
         <mod:RequestHeader><mod:SenderId>11111111</mod:SenderId><mod:RequestId>R-1</mod:RequestId>\
         <mod:Timestamp>2027-01-15T10:00:00Z</mod:Timestamp><mod:Language>EN</mod:Language>\
         <mod:UserAgent>Avain 0.1.0</mod:UserAgent><mod:ReceiverId>NDEAFIHH</mod:ReceiverId></mod:RequestHeader>\
         <mod:ApplicationRequest>PGEvPg==</mod:ApplicationRequest></op:downloadFileListin></soapenv:Body>\
         </soapenv:Envelope>"
    );
}

#[test]
fn the_activation_hmac_is_the_one_of_the_reference_data() {
    let Some(folder) = reference_data() else { return };
    let message =
        std::fs::read_to_string(folder.join("nordea/gen_req_valid_get_certificate_pin1234567890.xml")).unwrap();
    let index: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let expected = index["fixtures"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["file"] == "nordea/gen_req_valid_get_certificate_pin1234567890.xml")
        .map(|entry| entry["expected"]["verdict"]["hmac_b64"].as_str().unwrap())
        .unwrap();
    let application = BASE64.decode(between(&message, "<cer:ApplicationRequest>", "<")).unwrap();
    let pkcs10 = BASE64.decode(between(&String::from_utf8(application).unwrap(), "<Content>", "<")).unwrap();
    assert_eq!(activation_hmac("1234567890", &pkcs10), expected);
}

#[test]
fn each_bank_gets_its_proof_of_the_code() {
    let sent = |bank: &str, code: &str| {
        let channel = channel(bank);
        let service = channel.profile.certificate_service.as_ref().unwrap();
        let wanted = CertificateWanted { command: service.command.as_deref(), pkcs10: Some(b"csr"), code: Some(code) };
        let text = channel.cert_application_request(&STAMP, service, &wanted).unwrap();
        between(&text, "</SoftwareId>", "</CertApplicationRequest>").to_owned()
    };
    let hmac = |code| format!("<HMAC>{}</HMAC>", activation_hmac(code, b"csr"));
    let nordea = "<Command>GetCertificate</Command><Service>service</Service><Content>Y3Ny</Content>";
    assert_eq!(sent("nordea", "1234567890"), format!("{nordea}{}", hmac("1234567890")));
    let code = "a-code-of-16-or-more";
    assert_eq!(sent("simulator", code), format!("{nordea}<TransferKey>{code}</TransferKey>{}", hmac(code)));
    assert_eq!(
        sent("osuuspankki", "2251401483958635"),
        "<Compression>false</Compression><Service>MATU</Service><Content>Y3Ny</Content>\
         <TransferKey>2251401483958635</TransferKey>"
    );
    let pem = BASE64.encode("-----BEGIN CERTIFICATE REQUEST-----\nY3Ny\n-----END CERTIFICATE REQUEST-----\n");
    assert_eq!(
        sent("sp", "1234567812345678"),
        format!(
            "<Command>GetCertificate</Command><Compression>false</Compression><Service>ISSUER</Service>\
             <Content>{pem}</Content><TransferKey>1234567812345678</TransferKey>"
        )
    );
}

#[test]
fn target_id_follows_the_profile() {
    let of = |bank, given| channel(bank).target_id(given).map(|id| id.map(str::to_owned));
    assert_eq!(of("nordea", None), Err(Error::Field("TargetId")));
    assert_eq!(of("nordea", Some("A1")), Ok(Some("A1".into())));
    assert_eq!(of("osuuspankki", Some("A1")), Ok(None));
    assert_eq!(of("pop", Some("A1")), Ok(Some("NONE".into())));
    assert_eq!(profile("danskebank").unwrap().target_id, TargetIdRule::Omitted);
}

#[test]
fn a_request_id_is_a_name_and_not_markup() {
    for request_id in ["", "a b", "a\"/>", "ä", "0123456789012345678901234567890123456"] {
        let stamp = Stamp { request_id, ..STAMP };
        let made = channel("nordea").envelope(&GET_USER_INFO, &stamp, "<a/>");
        assert_eq!(made, Err(Error::Field("RequestId")), "{request_id}");
    }
    let stamp = Stamp { request_id: "0123456789A", ..STAMP };
    assert_eq!(channel("danskebank").envelope(&GET_USER_INFO, &stamp, "<a/>"), Err(Error::Field("RequestId")));
}

#[test]
fn file_names_are_sanitised_and_cut() {
    assert_eq!(sanitised("../palkat ä&1.xml"), ".._palkat___1.xml");
    assert_eq!(sanitised(&"a".repeat(200)).len(), 80);
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}
