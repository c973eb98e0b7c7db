//! Danske Bank: the PKI Factory's six operations, encrypted requests and answers.

use avain_bank_simulator::{Fault, Operation};
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{certificate, enveloped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::Duration;

use crate::payments::judge;
use crate::pki::{
    BANK, FORM, PIN, Pair, USER, bank_certificate, create_fields, element, encrypted, enrol, envelope, pair, post,
    read, serial,
};
use crate::request::{Call, rsa_key};
use crate::transfer_key::plain_csr;
use crate::world::{World, texts};

const AT: (&str, &str) = ("Timestamp", "2027-01-15T10:00:00Z");
const BY_SOFTWARE: (&str, &str) = ("KeyGeneratorType", "software");
const PROBLEM: &str = "Problem with UserId or PIN.";

#[tokio::test]
async fn the_bank_tells_its_certificates_and_issues_a_pair_for_a_pin() {
    let world = World::start().await;
    let fields = [("BankRootCertificateSerialNo", "1111110003"), AT, ("RequestId", "")];
    let reply = post(&world, &envelope("GetBankCertificate", USER, &element("GetBankCertificate", &fields))).await;
    reply.is("00", "OK");
    let name = |der: &[u8]| certificate::summary(der).unwrap().subject_common_name;
    let names = ["BankEncryptionCert", "BankSigningCert", "BankRootCert"].map(|field| name(&reply.der(field)));
    assert_eq!(names, ["DPCRYPT", "DPSIGN", "DBGROOT"]);
    assert_eq!(certificate::summary(&reply.der("BankRootCert")).unwrap().serial, "423A3173", "1111110003");
    assert_eq!(reply.signer, reply.der("BankSigningCert"));

    let pair = enrol(&world).await;
    let list = pair.call(&world, &Call::list("NEW")).await;
    list.is("00", "OK");
    judge(&list);
    assert_eq!(world.simulator.calls(BANK, Operation::CreateCertificate), 1);
}

#[tokio::test]
async fn a_pin_works_once_and_four_wrong_ones_lock_the_customer_out() {
    let world = World::start().await;
    let bank = bank_certificate(&world).await;
    let csr = || STANDARD.encode(plain_csr(&rsa_key(), "Esimerkki Oy"));
    let (encryption, signing) = (csr(), csr());
    let create = async |fields: &[(&str, &str)]| {
        let content = encrypted(&element("CreateCertificate", fields), &bank, Cipher::TripleDesCbc);
        post(&world, &envelope("CreateCertificate", USER, &content)).await
    };
    let with = |pin| create_fields(&encryption, &signing, pin);
    for _ in 0..3 {
        create(&with("4321")).await.is("20", PROBLEM);
    }
    // The right one is not spent by a request that cannot be met, and forgives the wrong ones when it is.
    create(&create_fields(&encryption, "cm90dGVu", PIN)).await.is("10", "Problem with PKCS#10.");
    create(&with(PIN)).await.is("00", "OK");
    create(&with(PIN)).await.is("20", PROBLEM);
    for _ in 0..4 {
        create(&with("4321")).await.is("20", PROBLEM);
    }
    create(&with(PIN)).await.is("20", PROBLEM);

    let world = World::start().await;
    let bank = bank_certificate(&world).await;
    let create = async |pin| {
        let content = encrypted(
            &element("CreateCertificate", &create_fields(&encryption, &signing, pin)),
            &bank,
            Cipher::Aes256Cbc,
        );
        post(&world, &envelope("CreateCertificate", USER, &content)).await
    };
    for _ in 0..4 {
        create("4321").await.is("20", PROBLEM);
    }
    create(PIN).await.is("20", PROBLEM);
}

#[tokio::test]
async fn wrong_pins_lock_the_files_too() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    pair.call(&world, &Call::list("ALL")).await.is("00", "OK");
    let csr = STANDARD.encode(plain_csr(&rsa_key(), "Esimerkki Oy"));
    for _ in 0..4 {
        let request = element("CreateCertificate", &create_fields(&csr, &csr, "4321"));
        let content = encrypted(&request, &pair.bank, Cipher::Aes256Cbc);
        post(&world, &envelope("CreateCertificate", USER, &content)).await.is("20", PROBLEM);
    }
    pair.call(&world, &Call::list("ALL")).await.is("08", "SenderID locked.");
}

/// A renewal that is signed as a document, in inclusive canonical form, as one library does.
#[tokio::test]
async fn a_renewal_may_be_signed_as_a_whole() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let csr = STANDARD.encode(plain_csr(&rsa_key(), "Esimerkki Oy"));
    let request = element("RenewCertificate", &create_fields(&csr, &csr, PIN)[..7]);
    let signed = enveloped::sign(&request, &pair.customer.key, &enveloped::Form::INCLUSIVE).unwrap();
    for (signed, code) in [(signed.replace("software", "HSM"), "20"), (request, "20"), (signed, "00")] {
        let content = encrypted(&signed, &pair.bank, Cipher::TripleDesCbc);
        assert_eq!(post(&world, &envelope("RenewCertificate", USER, &content)).await.code, code);
    }
}

async fn renew(world: &World, before: &Pair) -> Pair {
    let (encryption_key, signing_key) = (rsa_key(), rsa_key());
    let csr = |key| STANDARD.encode(plain_csr(key, "Esimerkki Oy"));
    let (encryption, signing) = (csr(&encryption_key), csr(&signing_key));
    let fields = &create_fields(&encryption, &signing, PIN)[..7];
    let content = encrypted(&before.signed("RenewCertificate", fields), &before.bank, Cipher::Aes256Cbc);
    let reply = post(world, &envelope("RenewCertificate", USER, &content)).await;
    reply.is("00", "OK");
    pair(world, &encryption_key, &signing_key, &reply, before.bank.clone())
}

#[tokio::test]
async fn pairs_are_renewed_told_and_revoked_together() {
    let world = World::start().await;
    let first = enrol(&world).await;
    let second = renew(&world, &first).await;
    // Answers are encrypted to the newest certificate.
    first.call(&world, &Call::list("ALL")).await.is("00", "OK");

    let own =
        second.ask(&world, "GetOwnCertificateList", &[BY_SOFTWARE, ("CustomerId", USER), AT, ("RequestId", "2")]).await;
    own.is("00", "OK");
    let all = texts(&own.body, "CertificateSerialNo");
    let signing = [serial(first.customer.key.certificate()), serial(second.customer.key.certificate())];
    let encryption = [serial(&first.encryption), serial(&second.encryption)];
    assert_eq!(all, [&encryption[0], &signing[0], &encryption[1], &signing[1]].map(String::clone));
    assert_eq!(
        texts(&own.body, "MatchingCertificateSerialNo"),
        [&signing[0], &encryption[0], &signing[1], &encryption[1]].map(String::clone)
    );
    assert_eq!(texts(&own.body, "CertificateType"), ["encryption", "signing", "encryption", "signing"]);

    let ask = async |serials: &[&str]| {
        let mut fields = vec![BY_SOFTWARE];
        fields.extend(serials.iter().map(|serial| ("CertificateSerialNo", *serial)));
        fields.extend([("CustomerId", USER), AT, ("RequestId", "3")]);
        second.ask(&world, "CertificateStatus", &fields).await
    };
    let status = ask(&[&signing[0], "99"]).await;
    status.is("00", "OK");
    assert!(status.body.contains("<elem:good expiryDate=\"2029-01-14T10:00:30Z\">"), "{}", status.body);
    ask(&["99"]).await.is("07", "Schema validation error.");

    let reason = ("CRLReason", "4");
    let one = ("CertificateSerialNo", signing[0].as_str());
    let revoked = second
        .ask(&world, "RevokeCertificate", &[BY_SOFTWARE, ("CustomerId", USER), one, reason, AT, ("RequestId", "4")])
        .await;
    revoked.is("00", "OK");
    assert_eq!(texts(&revoked.body, "CertificateSerialNo"), [&encryption[0], &signing[0]].map(String::clone));
    assert_eq!(texts(&revoked.body, "RevocationTime"), ["2027-01-15T10:00:30Z"]);
    let status = ask(&[&encryption[0]]).await;
    let expected = "<elem:revoked revocationDate=\"2027-01-15T10:00:30Z\" CRLReason=\"4\">";
    assert!(status.body.contains(expected), "{}", status.body);
    let refused = first.call(&world, &Call::list("ALL")).await;
    refused.is("04", "SOAP signature error (certificate not valid).");
    first
        .ask(&world, "GetOwnCertificateList", &[BY_SOFTWARE, ("CustomerId", USER), AT, ("RequestId", "2")])
        .await
        .is("20", PROBLEM);
    second.call(&world, &Call::list("ALL")).await.is("00", "OK");

    world.pass(Duration::days(700));
    assert!(ask(&[&signing[1]]).await.body.contains("<elem:expires_soon "));
    let third = renew(&world, &second).await;
    world.pass(Duration::days(40));
    let end =
        third.ask(&world, "GetOwnCertificateList", &[BY_SOFTWARE, ("CustomerId", USER), AT, ("RequestId", "2")]).await;
    assert_eq!(end.body.matches("<elem:expired ").count(), 2);

    // All but the pair in use.
    let keep = serial(third.customer.key.certificate());
    let all_but = format!("<e:ExceptCertificateSerialNo>{keep}</e:ExceptCertificateSerialNo>");
    let fields = [BY_SOFTWARE, ("CustomerId", USER), ("RevokeAll", &*all_but), AT, ("RequestId", "5")];
    let revoked = third.ask(&world, "RevokeCertificate", &fields).await;
    revoked.is("00", "OK");
    assert_eq!(texts(&revoked.body, "CertificateSerialNo"), [&encryption[1], &signing[1]].map(String::clone));
    third.call(&world, &Call::list("ALL")).await.is("00", "OK");
}

#[tokio::test]
async fn pki_faults_stand_under_the_body_in_the_order_of_the_checks() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let fields = [BY_SOFTWARE, ("CustomerId", USER), AT, ("RequestId", "2")];
    let list = pair.signed("GetOwnCertificateList", &fields);
    let good = envelope("GetOwnCertificateList", USER, &list);
    post(&world, &good).await.is("00", "OK");
    let schema = "Schema validation error.";
    for (from, to, code, text) in [
        ("<p:SenderId>360817</p:SenderId>", "<p:SenderId>^</p:SenderId>", "07", schema),
        ("<p:InterfaceVersion>1</p:InterfaceVersion>", "", "07", schema),
        ("<p:Environment>production", "<p:Environment>PRODUCTION", "07", schema),
        ("<p:Environment>production", "<p:Environment>customertest", "07", schema),
        ("<e:KeyGeneratorType>software", "<e:KeyGeneratorType>hand", "07", schema),
        ("<p:CustomerId>360817</p:CustomerId>", "<p:CustomerId>360818</p:CustomerId>", "20", PROBLEM),
        ("<e:RequestId>2", "<e:RequestId>3", "20", PROBLEM),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        post(&world, &changed).await.is(code, text);
    }
    // The earlier fault answers.
    let both = good
        .replace("<e:RequestId>2", "<e:RequestId>3")
        .replace("<e:KeyGeneratorType>software", "<e:KeyGeneratorType>x");
    let fault = post(&world, &both).await;
    fault.is("07", schema);
    assert!(texts(&fault.body, "AdditionalReturnText")[0].contains("KeyGeneratorType"));
    // Unsigned, and signed by nobody whom the bank knows.
    post(&world, &envelope("GetOwnCertificateList", USER, &element("GetOwnCertificateList", &fields)))
        .await
        .is("20", PROBLEM);
    let other = World::start().await;
    let stranger = enrol(&other).await;
    post(&world, &envelope("GetOwnCertificateList", USER, &stranger.signed("GetOwnCertificateList", &fields)))
        .await
        .is("20", PROBLEM);
    // The URI "" over the element alone is taken too.
    let element_alone = element("GetOwnCertificateList", &fields);
    let alone = enveloped::sign(&element_alone, &pair.customer.key, &FORM).unwrap();
    post(&world, &envelope("GetOwnCertificateList", USER, &alone)).await.is("00", "OK");
    // Anything about the encryption is one fault.
    let csr = STANDARD.encode(plain_csr(&rsa_key(), "Esimerkki Oy"));
    let request = element("CreateCertificate", &create_fields(&csr, &csr, PIN));
    for content in [
        request.clone(),
        encrypted(&request, &pair.encryption, Cipher::Aes256Cbc),
        encrypted(&request, &pair.bank, Cipher::Aes256Cbc).replace("aes256-cbc", "tripledes-cbc"),
        encrypted(&request, &pair.bank, Cipher::Aes256Cbc).replace("aes256-cbc", "aes128-cbc"),
        encrypted(&request, &pair.bank, Cipher::Aes256Cbc).replace("rsa-1_5", "rsa-oaep-mgf1p"),
    ] {
        post(&world, &envelope("CreateCertificate", USER, &content)).await.is("22", "Decrypt error.");
    }
    let (status, body) =
        world.post(BANK, "CertificateService", &good.replace("GetOwnCertificateListIn", "OtherIn")).await.unwrap();
    assert_eq!((status, world.read(BANK, status, &body).code.as_str()), (500, "05"));
}

#[tokio::test]
async fn scripted_faults_at_the_pki_factory() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let fields = [BY_SOFTWARE, ("CustomerId", USER), AT, ("RequestId", "2")];
    let ask = async |fault| {
        world.simulator.script(BANK, fault);
        let request = envelope("GetOwnCertificateList", USER, &pair.signed("GetOwnCertificateList", &fields));
        world.post(BANK, "CertificateService", &request).await
    };
    assert_eq!(ask(Fault::ServerError).await, Ok((500, String::new())));
    assert!(ask(Fault::DropAfterProcessing).await.is_err());
    for (fault, why) in [
        (Fault::Rubbish, "the XML is not acceptable"),
        (Fault::Truncated, "the XML is not acceptable"),
        (Fault::BrokenInnerSignature, "the digest of a signed element differs"),
        (Fault::BrokenOuterSignature, "the digest of a signed element differs"),
        (Fault::UntrustedSigner, "the certificate is not trusted"),
        (Fault::ExpiredSigner, "the certificate is not trusted: a certificate has expired"),
    ] {
        let (_, body) = ask(fault.clone()).await.unwrap();
        let error = read(&world, &body).err().unwrap();
        assert!(error.starts_with(why), "{fault:?}: {error}");
    }
    let (_, body) = ask(Fault::AnotherRequest).await.unwrap();
    assert_eq!(read(&world, &body).unwrap().request_id, "another");
    let (_, body) = ask(Fault::Answer { code: "20".into(), text: PROBLEM.into() }).await.unwrap();
    read(&world, &body).unwrap().is("20", PROBLEM);
    let before = bank_certificate(&world).await;
    ask(Fault::RotatedAuthority).await.unwrap();
    let after = bank_certificate(&world).await;
    assert_ne!(before, after, "a client asks for the bank's certificates anew");
}
