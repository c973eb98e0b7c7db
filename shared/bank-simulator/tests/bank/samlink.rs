//! The Samlink family: five banks with one server and one customer authority.

use avain_bank_simulator::{BankKey, BankSetting};
use avain_xml_security::{C14n, enveloped};
use rcgen::DnType;
use time::Duration;

use crate::payments::{judge, payment};
use crate::request::{Call, rsa_key};
use crate::transfer_key::{KeyRequest, csr, customer, enrol, plain_csr};
use crate::world::{World, texts};

const BANKS: [BankKey; 5] = [BankKey::Aktia, BankKey::Sp, BankKey::Pop, BankKey::Shb, BankKey::Omasp];
const BANK: BankKey = BankKey::Omasp;
const USER: &str = "12345678";
const KEY: &str = "1234567812345670";
const REFUSED: &str = "Asiakkaan palvelusopimuksen tarkistuksessa virhe:A00";

#[tokio::test]
async fn five_banks_have_one_root_and_each_its_own_customers() {
    let world = World::start().await;
    let mut serials = Vec::new();
    for bank in BANKS {
        let customer = enrol(&world, bank, USER, KEY).await;
        let list = customer.list(&world, "NEW").await;
        list.is("00", "OK");
        judge(&list);
        assert_eq!(world.simulator.root_pem(bank).unwrap(), world.simulator.root_pem(BANK).unwrap());
        let summary = avain_xml_security::certificate::summary(customer.key.certificate()).unwrap();
        let organisation = format!("O=Aineistopalvelut-{}", bank.as_str());
        assert!(summary.subject.contains(&organisation) && summary.subject.contains(USER), "{}", summary.subject);
        serials.push(summary.serial);
        let other = if bank == BankKey::Sp { BankKey::Pop } else { BankKey::Sp };
        let envelope = Call::list("NEW").envelope(&world, &customer);
        world.files(other, &envelope).await.is("03", "SOAP signature error (certificate not valid for this id).");
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 5, "the authority numbers no two certificates alike");
}

#[tokio::test]
async fn certificate_answers_say_0_and_carry_pem_in_base64() {
    let world = World::start().await;
    let key = rsa_key();
    let der = csr(
        &key,
        &[
            (DnType::CountryName, "FI"),
            (DnType::OrganizationName, "Esimerkki Oy"),
            (DnType::CommonName, "Esimerkki Oy"),
            (DnType::CustomDnType(vec![2, 5, 4, 4]), USER),
        ],
    );
    let pem = avain_test_support::xmlsec::pem("CERTIFICATE REQUEST", &der);
    for (content, service) in [(pem.as_bytes(), "ISSUER"), (&*der, "MATU"), (&*der, "")] {
        let answer = KeyRequest::new(BANK, USER, content, KEY).with("Service", service).send(&world).await;
        answer.is("0", "OK");
        judge(&answer);
        assert!(!answer.signer.is_empty(), "Samlink signs the envelope too");
        assert_eq!(answer.all("CertificateFormat"), ["X509"]);
        assert_eq!(answer.all("Name"), ["SURNAME=12345678, CN=Esimerkki Oy, O=Aineistopalvelut-omasp, C=FI"]);
        assert!(answer.bytes("Certificate").starts_with(b"-----BEGIN CERTIFICATE-----"));
        customer(BANK, USER, &key, &answer).list(&world, "NEW").await.is("00", "OK");
    }
    for (request, code, text) in [
        (KeyRequest::new(BANK, USER, &der, "1234567812345678"), "30", REFUSED),
        (KeyRequest::new(BANK, "87654321", &plain_csr(&key, "87654321"), KEY), "30", REFUSED),
        (KeyRequest::renewal(BANK, USER, &der), "30", REFUSED),
        (KeyRequest::new(BANK, USER, &plain_csr(&key, "1"), KEY), "26", "Technical error."),
    ] {
        let answer = request.send(&world).await;
        answer.is(code, text);
        judge(&answer);
    }
    KeyRequest::service_certificates(BANK, USER).send(&world).await.is_fault("05");
}

#[tokio::test]
async fn a_certificate_is_renewed_with_the_one_in_force() {
    let world = World::start().await;
    let before = enrol(&world, BANK, USER, KEY).await;
    let key = rsa_key();
    let renewal = KeyRequest::renewal(BANK, USER, &plain_csr(&key, USER)).with("Command", "RenewCertificate");
    let answer = renewal.send_signed(&world, &before.key).await;
    answer.is("0", "OK");
    judge(&answer);
    customer(BANK, USER, &key, &answer).list(&world, "NEW").await.is("00", "OK");
    before.list(&world, "NEW").await.is("00", "OK");
}

#[tokio::test]
async fn files_stand_as_samlink_lists_them_and_an_empty_list_is_00() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    let call = Call::upload("XL", payment("pain.001.001.03", "M1", &["1.00"]).as_bytes());
    let answer = customer.call(&world, &call.with("ExecutionSerial", "77")).await;
    answer.is("00", "OK");
    judge(&answer);
    assert_eq!(answer.all("ExecutionSerial"), ["77"]);
    let uploaded = answer.all("FileReference").remove(0);
    let listed = customer.call(&world, &Call::list("NEW").with("FileType", "XP")).await;
    judge(&listed);
    assert_eq!(listed.all("TargetId"), ["NONE"]);
    assert_eq!(listed.all("ParentFileReference"), [uploaded]);
    assert_eq!(listed.all("Deletable"), ["false"]);
    let report = listed.all("FileReference").remove(0);
    let answer = customer.call(&world, &Call::download(&report)).await;
    judge(&answer);
    assert_eq!(answer.all("FileType"), ["XP", "XP"], "in the descriptor and beside it");
    let text = String::from_utf8(answer.bytes("Content")).unwrap();
    assert!(text.contains("pain.002.001.03"));
    assert_eq!(texts(&text, "GrpSts"), ["ACSC"]);
    let empty = customer.call(&world, &Call::list("NEW").with("FileType", "XP")).await;
    empty.is("00", "OK");
    judge(&empty);
    assert!(empty.all("FileReference").is_empty() && !empty.application.contains("FileDescriptors"));
    let header = empty.envelope;
    assert!(header.contains("<mod:ReceiverId></mod:ReceiverId>"), "{header}");
    for operation in ["deleteFile", "getUserInfo"] {
        let call = Call { operation, ..Call::list("NEW") };
        customer.call(&world, &call).await.is_fault("05");
    }
}

#[tokio::test]
async fn the_schema_is_not_enforced_unless_the_operator_says_so() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    // As one client in production use writes it: Status after FileType, and an element that no schema knows; an attribute, too.
    let loose = |number: u32| {
        format!(
            "<ApplicationRequest xmlns=\"http://bxd.fi/xmldata/\"><CustomerId>{USER}</CustomerId>\
             <Command>DownloadFileList</Command><Timestamp>2027-01-15T10:00:{number}Z</Timestamp>\
             <Environment>PRODUCTION</Environment><TargetId>NONE</TargetId><SoftwareId xml:lang=\"fi\">tests</SoftwareId>\
             <FileType>XT</FileType><Status>NEW</Status><ParentFileReference/></ApplicationRequest>"
        )
    };
    let form = enveloped::Form {
        signed_info: C14n::ExclusiveWithComments,
        second_transform: Some(C14n::ExclusiveWithComments),
        ..enveloped::Form::INCLUSIVE
    };
    let signed = |key, number| enveloped::sign(&loose(number), key, &form).unwrap();
    crate::protocol::send(&world, &customer, &signed(&customer.key, 10)).await.is("00", "OK");

    let world = World::with(|config| {
        let mut setting = BankSetting::new(BANK);
        setting.strict_schema = Some(true);
        config.setting = Some(setting);
    })
    .await;
    let customer = enrol(&world, BANK, USER, "any key will do").await;
    let answer = crate::protocol::send(&world, &customer, &signed(&customer.key, 11)).await;
    answer.is("12", "Schemavalidation failed.");
}

#[tokio::test]
async fn what_goes_wrong_at_nordea_goes_wrong_at_samlink() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    crate::faults::every_fault(&world, &customer).await;
    world.pass(Duration::days(731));
    customer.list(&world, "NEW").await.is("04", "SOAP signature error (certificate not valid).");
}
