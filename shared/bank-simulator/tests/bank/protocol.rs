//! What is refused before anything is done: form, signatures, replay.

use avain_bank_simulator::{BankKey, Operation};
use avain_xml_security::{Hash, enveloped, soap};
use http_body_util::Full;
use hyper::body::Bytes;
use time::Duration;

use crate::request::{Call, Customer, fresh_id};
use crate::world::World;

const BANK: BankKey = BankKey::Simulator;

async fn world_and_customer() -> (World, Customer) {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    (world, customer)
}

#[tokio::test]
async fn a_replay_is_refused_for_three_months() {
    let (world, customer) = world_and_customer().await;
    let call = Call::list("NEW");
    let envelope = call.envelope(&world, &customer);
    world.files(BANK, &envelope).await.is("00", "OK.");
    world.files(BANK, &envelope).await.is("31", "Duplicate message rejected.");
    // Another message with the same id, at another time.
    world.pass(Duration::days(91));
    let other = Call { request_id: call.request_id.clone(), ..Call::list("ALL") };
    customer.call(&world, &other).await.is("31", "Duplicate message rejected.");
    world.pass(Duration::days(93));
    customer.call(&world, &other).await.is("00", "OK.");
}

#[tokio::test]
async fn the_timestamp_must_be_now() {
    let (world, customer) = world_and_customer().await;
    let envelope = Call::list("NEW").envelope(&world, &customer);
    world.pass(Duration::minutes(7));
    world.files(BANK, &envelope).await.is("02", "SOAP signature error.");
    world.pass(Duration::minutes(-10));
    world.files(BANK, &envelope).await.is("02", "SOAP signature error.");
    world.pass(Duration::minutes(3));
    world.files(BANK, &envelope).await.is("00", "OK.");
}

/// Some clients sign the Body only (brief 2.2): what their Timestamp says counts all the same, and none is needed.
#[tokio::test]
async fn a_timestamp_that_is_not_signed_must_be_now_too() {
    let (world, customer) = world_and_customer().await;
    let unsigned = |call: &Call| {
        let call = call.clone().for_customer(&customer);
        let application = enveloped::sign(&call.application(), &customer.key, &enveloped::Form::INCLUSIVE).unwrap();
        call.unsigned_envelope("kauppa", &application)
    };
    for (created, code) in [(None, "00"), (Some("2027-01-15T10:00:00Z"), "00"), (Some("2027-01-15T08:00:00Z"), "02")] {
        let envelope = body_only(&unsigned(&Call::list("NEW")), &customer, created);
        let Some(envelope) = envelope else { return };
        assert_eq!(world.files(BANK, &envelope).await.code, code, "{created:?}");
    }
}

/// Signed by xmlsec1 over the Body only.
fn body_only(envelope: &str, customer: &Customer, created: Option<&str>) -> Option<String> {
    use base64::Engine as _;
    const OASIS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
    let token = base64::engine::general_purpose::STANDARD.encode(customer.key.certificate());
    let timestamp = created.map_or_else(String::new, |created| {
        let expires = created.replace(":00:00Z", ":05:00Z");
        format!("<u:Timestamp><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>")
    });
    let security = format!(
        "<w:Security xmlns:w=\"{OASIS}-wssecurity-secext-1.0.xsd\" xmlns:u=\"{OASIS}-wssecurity-utility-1.0.xsd\">\
         <w:BinarySecurityToken u:Id=\"T\">{token}</w:BinarySecurityToken>{timestamp}\
         <Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Reference URI=\"#B\"><Transforms>\
         <Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transforms><DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue/></Reference></SignedInfo>\
         <SignatureValue/><KeyInfo><w:SecurityTokenReference><w:Reference URI=\"#T\"/></w:SecurityTokenReference>\
         </KeyInfo></Signature></w:Security>"
    );
    let body = format!("<e:Body xmlns:u=\"{OASIS}-wssecurity-utility-1.0.xsd\" u:Id=\"B\">");
    let template = envelope
        .replace("<e:Header></e:Header>", &format!("<e:Header>{security}</e:Header>"))
        .replace("<e:Body>", &body);
    avain_test_support::xmlsec::sign(&template, &customer.private_key)
}

#[tokio::test]
async fn the_application_request_is_read_strictly() {
    let (world, customer) = world_and_customer().await;
    for (name, text) in [
        ("Timestamp", "yesterday"),
        ("Environment", "production"),
        ("StartDate", "15.1.2027"),
        ("Status", "NEW and longer"),
        ("FileReferences", "<FileReference>123456789012345678901234567890123</FileReference>"),
        ("FileReferences", "<Reference>1</Reference>"),
        ("FileReferences", "1"),
        ("Compression", "yes"),
        ("Content", "not base64!"),
        ("SoftwareId", ""),
        ("TargetId", "<x/>"),
    ] {
        let answer = customer.call(&world, &Call::list("NEW").with(name, text)).await;
        answer.is("12", "Schema validation failed.");
    }
    for application in [
        "<ApplicationRequest xmlns=\"http://bxd.fi/xmldata/\"/>".to_owned(),
        Call::list("NEW").application().replace("http://bxd.fi/xmldata/", "http://example.com/"),
        Call::list("NEW").with("CustomerId", "kauppa").application().replace("<Status>", "<Extra/><Status>"),
        Call::list("NEW").with("CustomerId", "kauppa").application().replace("<Status>NEW", "loose text<Status>NEW"),
        Call::list("NEW")
            .with("CustomerId", "kauppa")
            .application()
            .replace("</Status>", "</Status><Status>NEW</Status>"),
    ] {
        let signed = enveloped::sign(&application, &customer.key, &enveloped::Form::INCLUSIVE).unwrap();
        send(&world, &customer, &signed).await.is("12", "Schema validation failed.");
    }
    send(&world, &customer, "<!DOCTYPE a><a/>").await.is("12", "Schema validation failed.");
    send(&world, &customer, "rubbish").await.is("12", "Schema validation failed.");
}

#[tokio::test]
async fn the_content_must_be_signed_by_the_same_certificate() {
    let (world, customer) = world_and_customer().await;
    let tampered = Call { tamper: true, ..Call::list("NEW") };
    customer.call(&world, &tampered).await.is("18", "Content digital signature not valid.");
    let unsigned = Call::list("NEW").with("CustomerId", "kauppa").with("TargetId", "kauppaA1").application();
    send(&world, &customer, &unsigned).await.is("18", "Content digital signature not valid.");
    let other = Customer::enrol(&world, BANK, "kauppa", "Toinen Oy").await;
    let signed = enveloped::sign(&unsigned, &other.key, &enveloped::Form::INCLUSIVE).unwrap();
    send(&world, &customer, &signed).await.is("19", "Content certificate not valid.");
}

#[tokio::test]
async fn command_environment_and_parameters_are_checked() {
    let (world, customer) = world_and_customer().await;
    for (call, code, text) in [
        (Call::list("NEW").with("Command", "UploadFile"), "29", "Command Mismatch"),
        (Call::list("NEW").with("Command", "downloadfilelist"), "29", "Command Mismatch"),
        (Call::list("NEW").with("Environment", "TEST"), "29", "Environment mismatch"),
        (Call::list("DLD"), "29", "Invalid parameters: Status is NEW, DOWNLOADED or ALL"),
        (Call::list("NEW").without("TargetId"), "29", "Invalid parameters: TargetId is required"),
        (Call::list("NEW").without("Status"), "29", "Invalid parameters: Status is required"),
        (Call::list("NEW").with("FileType", "UNKNOWN"), "20", "Content type not valid."),
        (Call::upload("camt.053.001.02", b"x"), "20", "Content type not valid."),
        (Call::upload("pain.001.001.09", b"").without("FileType"), "29", "Invalid parameters: FileType is required"),
        (Call::upload("pain.001.001.09", b""), "29", "Invalid parameters: Content is required"),
    ] {
        customer.call(&world, &call).await.is(code, text);
    }
    // Command may be left out (brief 2.3).
    customer.call(&world, &Call::list("NEW").without("Command")).await.is("00", "OK.");
}

#[tokio::test]
async fn the_envelope_is_read_strictly() {
    let (world, customer) = world_and_customer().await;
    let call = Call::list("NEW");
    let envelope = call.envelope(&world, &customer);
    for (changed, code) in [
        (String::new(), "12"),
        (
            envelope.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
            "12",
        ),
        (format!("<!DOCTYPE x>{envelope}"), "12"),
        (envelope.replace("downloadFileListin", "deleteFilein"), "06"),
        (envelope.replace("downloadFileListin", "confirmFilein"), "05"),
        (envelope.replace("http://bxd.fi/CorporateFileService", "http://bxd.fi/CertificateService"), "05"),
    ] {
        world.files(BANK, &changed).await.is_fault(code);
    }
    world.certificates(BANK, &envelope).await.is_fault("05");
    // Header fields: rightly signed, wrongly formed.
    for (from, to) in [
        ("<UserAgent>tests</UserAgent>", ""),
        ("<ReceiverId>BANK</ReceiverId>", "<ReceiverId>BANK</ReceiverId><More/>"),
        ("<Language>EN</Language>", "<Language>DE</Language>"),
        ("<Language>EN</Language><UserAgent>tests</UserAgent>", "<UserAgent>tests</UserAgent><Language>EN</Language>"),
        ("<SenderId>kauppa</SenderId>", "<SenderId></SenderId>"),
        ("<RequestId>", "<RequestId>12345678901234567890123456789"),
    ] {
        let unsigned = Call { request_id: fresh_id(), ..call.clone() }.unsigned_envelope("kauppa", "<a/>");
        let changed = unsigned.replace(from, to);
        assert_ne!(changed, unsigned);
        let signed =
            soap::sign(&changed, &customer.key, Hash::Sha256, "id", world.now(), Duration::minutes(5)).unwrap();
        world.files(BANK, &signed).await.is("12", "Schema validation failed.");
    }
    // Not signed at all.
    let unsigned = call.unsigned_envelope("kauppa", "<a/>");
    world.files(BANK, &unsigned).await.is("02", "SOAP signature error.");
}

/// Signature wrapping: the signed Body is kept aside and another one is put in its place.
#[tokio::test]
async fn a_body_that_is_not_the_signed_one_is_refused() {
    let (world, customer) = world_and_customer().await;
    let envelope = Call::list("NEW").envelope(&world, &customer);
    let start = envelope.find("<e:Body").unwrap();
    let end = envelope.find("</e:Body>").unwrap() + "</e:Body>".len();
    let body = &envelope[start..end];
    let other = Call::list("ALL").unsigned_envelope("kauppa", "<a/>");
    let other = &other[other.find("<e:Body>").unwrap()..other.find("</e:Envelope>").unwrap()];
    let aside = |wrapper: &str| {
        envelope.replace(body, other).replace("</e:Header>", &format!("<{wrapper}>{body}</{wrapper}></e:Header>"))
    };
    for changed in
        [aside("aside"), envelope.replace(body, &format!("{other}{body}")), envelope.replace(body, &body.repeat(2))]
    {
        let answer = world.files(BANK, &changed).await;
        assert!(matches!(answer.code.as_str(), "02" | "12"), "{answer:?}");
        assert!(answer.fault || answer.code == "02");
    }
    assert_eq!(world.simulator.calls(BANK, Operation::DownloadFileList), 1, "two of three have no single Body");
}

/// Two elements with one id: a signature that names the id is over neither. Nothing before the signature is told by it.
#[tokio::test]
async fn one_id_twice_is_a_signature_error() {
    let (world, customer) = world_and_customer().await;
    let envelope = Call::list("NEW").envelope(&world, &customer);
    let id = envelope.split("wsu:Id=\"TS-").nth(1).unwrap().split('"').next().unwrap();
    let twice = envelope.replace("<e:Header>", &format!("<e:Header><x xml:id=\"TS-{id}\"/>"));
    assert_ne!(twice, envelope);
    world.files(BANK, &twice).await.is("02", "SOAP signature error.");
    let unknown = twice.replace("downloadFileListin", "confirmFilein");
    world.files(BANK, &unknown).await.is_fault("05");
    let too_long = twice.replace("<UserAgent>tests<", &format!("<UserAgent>{}<", "x".repeat(36)));
    assert_ne!(too_long, twice);
    assert_eq!(world.files(BANK, &too_long).await.code, "12");
}

/// What the schema does not know is refused in attributes too.
#[tokio::test]
async fn an_application_request_has_no_attributes_of_its_own() {
    let (world, customer) = world_and_customer().await;
    let instance = "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"";
    for (name, attribute, is_known) in [
        ("ApplicationRequest", format!("{instance} i:schemaLocation=\"http://bxd.fi/xmldata/ a.xsd\""), true),
        ("ApplicationRequest", "version=\"1\"".to_owned(), false),
        ("Status", "xmlns:own=\"urn:own\" own:a=\"1\"".to_owned(), false),
        ("SoftwareId", "Id=\"1\"".to_owned(), false),
    ] {
        let application = Call::list("ALL").for_customer(&customer).application();
        let changed = application.replacen(&format!("<{name}"), &format!("<{name} {attribute}"), 1);
        assert_ne!(changed, application);
        let signed = enveloped::sign(&changed, &customer.key, &enveloped::Form::INCLUSIVE).unwrap();
        let answer = send(&world, &customer, &signed).await;
        assert_eq!(answer.code, if is_known { "00" } else { "12" }, "{name} {attribute}: {answer:?}");
    }
}

#[tokio::test]
async fn only_text_xml_is_taken_by_post_at_the_right_address() {
    let world = World::start().await;
    let status = async |method: &str, path: &str, content_type: &str, body: Vec<u8>| {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content_type)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        world.send(request).await.unwrap().0.status.as_u16()
    };
    let path = "/simulator/CorporateFileService";
    assert_eq!(status("POST", path, "application/json", b"<a/>".to_vec()).await, 415);
    assert_eq!(status("GET", path, "text/xml", Vec::new()).await, 405);
    assert_eq!(status("POST", "/sampo/CorporateFileService", "text/xml", b"<a/>".to_vec()).await, 404);
    assert_eq!(status("POST", "/simulator/Other", "text/xml", b"<a/>".to_vec()).await, 404);
    assert_eq!(status("POST", path, "text/xml", vec![b' '; 16 * 1024 * 1024 + 1]).await, 413);
    assert_eq!(status("POST", path, "text/xml", vec![b' '; 16 * 1024 * 1024]).await, 500);
}

/// Sends an application request that is made already, at the customer's bank.
pub(crate) async fn send(world: &World, customer: &Customer, application: &str) -> crate::world::Answer {
    let envelope = Call::list("NEW").unsigned_envelope(&customer.user_id, application);
    let signed = soap::sign(&envelope, &customer.key, Hash::Sha256, "id", world.now(), Duration::minutes(5)).unwrap();
    world.files(customer.bank, &signed).await
}
