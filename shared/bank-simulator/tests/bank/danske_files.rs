//! Danske Bank's file service: encrypted requests and answers.

use avain_bank_simulator::Fault;
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{Hash, enveloped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::Duration;

use crate::payments::{judge, payment};
use crate::pki::{BANK, FORM, encrypted, enrol};
use crate::request::Call;
use crate::world::{World, texts};

#[tokio::test]
async fn requests_and_answers_are_encrypted_with_either_cipher_and_signed_with_either_hash() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    for (cipher, hash) in [(Cipher::Aes256Cbc, Hash::Sha256), (Cipher::TripleDesCbc, Hash::Sha1)] {
        let (status, body) = world
            .post(BANK, "edifileservice.asmx", &pair.request(&world, &Call::list("ALL"), cipher, hash))
            .await
            .unwrap();
        let answer = world.read(BANK, status, &body);
        answer.is("00", "OK");
        judge(&answer);
        let names = ["rsa-sha256", "rsa-sha1"];
        let (own, other) = if hash == Hash::Sha256 { (names[0], names[1]) } else { (names[1], names[0]) };
        assert!(body.contains(own) && !body.contains(other));
        let payload = STANDARD.decode(&texts(&body, "ApplicationResponse")[0]).unwrap();
        let payload = String::from_utf8(payload).unwrap();
        let name = if cipher == Cipher::Aes256Cbc { "aes256-cbc" } else { "tripledes-cbc" };
        assert!(payload.starts_with("<xenc:EncryptedData") && payload.contains(name), "{payload}");
        assert_eq!(
            (answer.all("Compressed"), answer.all("CompressionMethod")),
            (vec!["true".into()], vec!["gzip".into()])
        );
        assert_eq!((answer.all("TargetId"), answer.all("SubType")), (vec!["20270115".into()], vec!["ACK".into()]));
        assert_eq!(answer.all("FileTimestamp"), ["2027-01-15T10:00:30"]);
    }
    let answer = pair.call(&world, &Call::user_info()).await;
    answer.is("00", "OK");
    judge(&answer);
}

/// Whatever is wrong with the encryption has one answer.
#[tokio::test]
async fn there_is_one_answer_to_anything_wrong_with_the_encryption() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let call = Call::list("ALL").for_customer(&pair.customer);
    let application = enveloped::sign(&call.application(), &pair.customer.key, &FORM).unwrap();
    let good = encrypted(&application, &pair.bank, Cipher::Aes256Cbc);
    let flipped = |from_end: usize| {
        let value = good.rfind("CipherValue>").unwrap();
        let end = good[..value].rfind("</").unwrap();
        let at = end - from_end;
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &good[..at], &good[at + 1..])
    };
    for wrong in [
        application.clone(),
        "<a/>".to_owned(),
        encrypted(&application, &pair.encryption, Cipher::Aes256Cbc),
        encrypted("<not><xml/></not>", &pair.bank, Cipher::Aes256Cbc).replace("aes256-cbc", "tripledes-cbc"),
        flipped(8),
        flipped(40),
        good.replace("rsa-1_5", "rsa-oaep-mgf1p"),
    ] {
        let call = Call::list("ALL");
        let answer = world.files(BANK, &pair.wrap(&world, &call, &wrong, Hash::Sha256)).await;
        answer.is("22", "Decrypt error.");
        judge(&answer);
    }
    let answer = world.files(BANK, &pair.wrap(&world, &call, &good, Hash::Sha256)).await;
    answer.is("00", "OK");
}

#[tokio::test]
async fn an_upload_is_kept_deleted_and_booked() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let upload = |id: &str| Call::upload("pain.001.001.03", payment("pain.001.001.03", id, &["1.00"]).as_bytes());
    let answer = pair.call(&world, &upload("M1")).await;
    answer.is("00", "OK");
    judge(&answer);
    let reference = answer.all("FileReference").remove(0);
    let parts: Vec<usize> = reference.split('-').map(str::len).collect();
    assert_eq!(parts, [10, 10], "{reference}");
    pair.call(&world, &Call::delete(&reference)).await.is("00", "OK");
    pair.call(&world, &upload("M2")).await.is("00", "OK");
    world.pass(Duration::hours(1));
    let listed = pair.call(&world, &Call::list("NEW").with("FileType", "camt.054.001.02")).await;
    let answer = pair.call(&world, &Call::download(&listed.all("FileReference")[0])).await;
    answer.is("00", "OK");
    judge(&answer);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*answer.bytes("Content")), &mut text).unwrap();
    assert!(text.contains("<MsgId>M2</MsgId>"));
}

#[tokio::test]
async fn what_goes_wrong_at_nordea_goes_wrong_at_danske_bank() {
    let world = World::start().await;
    let pair = enrol(&world).await;
    let list = async |fault: Fault| {
        world.simulator.script(BANK, fault);
        let request = pair.request(&world, &Call::list("ALL"), Cipher::Aes256Cbc, Hash::Sha256);
        world.post(BANK, "CorporateFileService", &request).await
    };
    assert_eq!(list(Fault::ServerError).await, Ok((500, String::new())));
    assert!(list(Fault::DropBeforeReading).await.is_err());
    for (fault, why) in [
        (Fault::Rubbish, "the XML is not acceptable"),
        (Fault::Truncated, "the XML is not acceptable"),
        (Fault::BrokenOuterSignature, "the digest of a signed element differs"),
        (Fault::BrokenInnerSignature, "the digest of a signed element differs"),
        (Fault::UntrustedSigner, "the certificate is not trusted"),
        (Fault::ExpiredSigner, "the certificate is not trusted: a certificate has expired"),
        (Fault::StaleTimestamp, "the message is outside its time of validity"),
    ] {
        let (status, body) = list(fault.clone()).await.unwrap();
        let error = world.try_read(BANK, status, &body).err().unwrap();
        assert!(error.starts_with(why), "{fault:?}: {error}");
    }
    let (status, body) = list(Fault::AnotherRequest).await.unwrap();
    assert_eq!(world.read(BANK, status, &body).request_id, "another-request");
    let first = pair.request(&world, &Call::list("ALL"), Cipher::Aes256Cbc, Hash::Sha256);
    let (_, first) = world.post(BANK, "CorporateFileService", &first).await.unwrap();
    assert_eq!(list(Fault::AnswerBefore).await.unwrap().1, first);
    pair.call(&world, &Call::list("ALL")).await.is("00", "OK");
}
