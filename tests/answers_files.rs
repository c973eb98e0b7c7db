//! Answers of ListFiles, UploadFile and DownloadFile, each with what it changes.

use avain::client::Credentials;
use avain::story::Signer;
use avain_bank_simulator::{BankKey, Operation};
use avain_domain::names::Bank;
use avain_domain::records::{Download, Key, KeyId, KeyKind, Record, UploadState, Write};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::firm::{Firm, PAYMENT, path_of};
use crate::support::gpg::Gpg;

const FILE: &str = "/v2/files/simulator/camt.053.001.02/x";
const NO_SIGNATURE: &str = "No signatures found. File upload requires PGP authorize key detached signature(s).";
/// The fields of a successful UploadFile.
const UPLOADED: &[&str] = &["UploadId"];
const FAILED: &str = "All signature verification(s) failed";

#[tokio::test]
async fn who_may_not_is_told_before_anything_is_done() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "may").await;
    let before = firm.records().await;
    let payment = firm.payment("MAY").body().to_string();
    let calls = [(Method::GET, "/v2/files/simulator"), (Method::PUT, "/v2/files/simulator"), (Method::GET, FILE)];
    for (method, path) in &calls {
        let send =
            async |who: Option<Credentials>| service.send(method.clone(), path, who.as_ref(), payment.clone()).await;
        send(None).await.is(401, "01", "Unauthorized");
        let rubbish = Credentials { id_token: "a.b.c".to_owned(), ..firm.data.clone() };
        send(Some(rubbish)).await.is(401, "01", "Unauthorized");
        let wrong_key = Credentials { api_key: "0".to_owned(), ..firm.data.clone() };
        send(Some(wrong_key)).await.is(403, "01", "Invalid API key");
        send(Some(firm.data.clone())).await.is(404, "01", "No certificate(s) for this bank,");
    }
    let admin = async |method: Method, path: &str| service.send(method, path, Some(&firm.admin), payment.clone()).await;
    let uploads = "File uploads not allowed on admin mode, use data account mode";
    admin(Method::PUT, "/v2/files/simulator").await.is(403, "01", uploads);
    let downloads = "File downloads not allowed on admin mode, use data account mode";
    admin(Method::GET, FILE).await.is(403, "01", downloads);
    admin(Method::GET, "/v2/files/simulator").await.is(404, "01", "No certificate(s) for this bank,");
    for (bank, status, text) in [
        ("nosuchbank", 400, "Invalid parameter bank"),
        ("spankki", 400, "Invalid parameter bank"),
        ("nordea", 403, "No service agreement"),
    ] {
        for (method, path) in &calls {
            let path = path.replace("simulator", bank);
            service.send(method.clone(), &path, Some(&firm.data), payment.clone()).await.is(status, "01", text);
        }
    }
    assert_eq!(firm.records().await, before);
    assert_eq!(firm.simulator().requests(BankKey::Simulator), 0);
}

#[tokio::test]
async fn files_are_listed_and_fetched_by_their_owner_only() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "owner").await;
    let list = async |query: &str| {
        let answer = firm.get(&format!("/v2/files/simulator{query}")).await;
        let files = answer.succeeded(200)["FileDescriptors"].as_array().unwrap().clone();
        files.iter().map(|file| file["FileType"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("?Status=DLD").await, Vec::<String>::new());
    assert_eq!(list("?Status=NEW").await, ["camt.053.001.02"]);
    firm.upload(&firm.payment("LISTED").body()).await.succeeded(201);
    assert_eq!(list("").await.len(), 4);
    assert_eq!(list("?Status=").await.len(), 4);
    assert_eq!(list("?FileType=camt.053.001.02&Status=ALL").await.len(), 2);
    assert_eq!(list("?Status=NEW&FileType=pain.002.001.10").await, ["pain.002.001.10"]);
    assert_eq!(list("?Status=NEW&FileType=TITO").await, Vec::<String>::new());
    let admin = service.send(Method::GET, "/v2/files/simulator", Some(&firm.admin), "").await;
    assert_eq!(admin.succeeded(200)["FileDescriptors"].as_array().unwrap().len(), 4);
    let calls = firm.calls(Operation::DownloadFileList);
    let too_long = "t".repeat(41);
    for (query, name) in [
        ("?Status=new", "Status"),
        ("?Status=DOWNLOADED", "Status"),
        ("?Status=%zz", "Status"),
        ("?FileType=ALL", "FileType"),
        (&format!("?FileType={too_long}"), "FileType"),
        ("?FileType=a%00b", "FileType"),
    ] {
        let answer = firm.get(&format!("/v2/files/simulator{query}")).await;
        answer.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    assert_eq!(firm.calls(Operation::DownloadFileList), calls);
    firm.get("/v2/files/simulator?FileType=unknown").await.is(400, "20", "Content type not valid.");

    let listed = firm.get("/v2/files/simulator?FileType=camt.054.001.02").await;
    listed.succeeds(200, "OK", &["FileDescriptors"]);
    let [file] = listed.succeeded(200)["FileDescriptors"].as_array().unwrap().as_slice() else { panic!("{listed:?}") };
    assert_eq!(file["Status"], "NEW");
    assert!(file.as_object().unwrap().values().all(Value::is_string), "{file}");
    let timestamp = file["FileTimestamp"].as_str().unwrap();
    assert_eq!(timestamp[..10], service.today(), "{timestamp}");

    let other = Firm::enrolled(&service, &codes, "stranger").await;
    let path = path_of(file);
    let others = other.records().await;
    let mixed = Credentials { api_key: other.data.api_key.clone(), ..firm.data.clone() };
    service.send(Method::GET, &path, Some(&mixed), "").await.is(403, "01", "Invalid API key");
    other.get(&path).await.is(404, "01", "Not found");
    let (first, at_once) = tokio::join!(firm.get(&path), firm.get(&path));
    assert_eq!(first.body, at_once.body);
    first.succeeds(200, "OK", &["Content"]);
    let content = STANDARD.decode(first.succeeded(200)["Content"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(content).unwrap().contains("camt.054.001.02"));
    let calls = firm.calls(Operation::DownloadFile);
    assert_eq!(firm.get(&path).await.body, first.body);
    // Each part of the path percent-encoded, as some clients send it: the same file, which is kept by now.
    let parts = ["simulator", file["FileType"].as_str().unwrap(), file["FileReference"].as_str().unwrap()];
    let encoded = parts.map(|part| part.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}")));
    assert_eq!(firm.get(&format!("/v2/files/{}", encoded.join("/"))).await.body, first.body);
    assert_eq!(firm.calls(Operation::DownloadFile), calls);
    // Kept for its owner does not mean kept for others.
    other.get(&path).await.is(404, "01", "Not found");
    assert_eq!(other.records().await, others);
    assert_eq!(list("?Status=DLD").await, ["camt.054.001.02"]);
    let relisted = firm.get("/v2/files/simulator?FileType=camt.054.001.02").await;
    let mut expected = file.clone();
    expected["Status"] = "DLD".into();
    assert_eq!(relisted.body["FileDescriptors"][0], expected);

    firm.get("/v2/files/simulator/camt.054.001.02/absent").await.is(404, "01", "Not found");
    for length in [33, 1100, 4000] {
        let path = format!("/v2/files/simulator/camt.054.001.02/{}", "r".repeat(length));
        firm.get(&path).await.is(400, "01", "Invalid parameter(s): FileReference");
        service.send(Method::GET, &path, None, "").await.is(401, "01", "Unauthorized");
        let admin = service.send(Method::GET, &path, Some(&firm.admin), "").await;
        admin.is(403, "01", "File downloads not allowed on admin mode, use data account mode");
    }
    firm.get(&format!("/v2/files/simulator/{too_long}/r")).await.is(400, "01", "Invalid parameter(s): FileType");
    firm.get("/v2/files/simulator/ALL/r").await.is(400, "01", "Invalid parameter(s): FileType");
    firm.get("/v2/files/simulator/a/%FF").await.is(400, "01", "Invalid parameter(s): FileReference");
}

#[tokio::test]
async fn an_upload_needs_its_parameters() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "parameters").await;
    let requests = firm.simulator().requests(BankKey::Simulator);
    let before = firm.records().await;
    let payment = firm.payment("PARAMETERS");
    let with = |name: &str, value: Value| {
        let mut body = payment.body();
        body[name] = value;
        body
    };
    for name in ["FileContents", "FileType", "FileName"] {
        for missing in [Value::Null, "".into()] {
            firm.upload(&with(name, missing)).await.is(400, "01", "Missing parameter(s)");
        }
        firm.upload(&with(name, json!(["text"]))).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    firm.upload(&with("FileContents", " \r\n".into())).await.is(400, "01", "Missing parameter(s)");
    for rubbish in ["%%%%", "QUJD=", "QUJ", "QUJD-_==", "=QUJD"] {
        firm.upload(&with("FileContents", rubbish.into())).await.is(400, "01", "Invalid parameter(s): FileContents");
    }
    for (name, value) in [
        ("FileType", "t".repeat(41)),
        ("FileType", "ALL".to_owned()),
        ("FileName", "n".repeat(81)),
        ("FileName", "a\nb".to_owned()),
    ] {
        firm.upload(&with(name, value.into())).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    let raw = service.send(Method::PUT, "/v2/files/simulator", Some(&firm.data), "{\"FileContents\":").await;
    raw.is(400, "01", "Invalid parameter(s): Body (a JSON object)");
    let large = with("FileContents", "A".repeat(5_767_168).into());
    firm.upload(&large).await.is(413, "01", "Content too large: 5767168");

    assert_eq!(firm.records().await, before);
    assert_eq!(firm.simulator().requests(BankKey::Simulator), requests);
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await, None);
}

#[tokio::test]
async fn an_upload_needs_a_valid_signature_by_an_authorize_key() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "signatures").await;
    let sent = async |body: &Value, sent: u64| {
        firm.upload(body).await.succeeds(201, "File uploaded", UPLOADED);
        assert_eq!(firm.calls(Operation::UploadFile), sent, "{body}");
    };
    let payment = firm.payment("SIGNED");
    let with = |signature: &str| {
        let mut body = payment.body();
        body["Signature"] = signature.into();
        body
    };
    for none in ["", "no armor at all", "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n"] {
        firm.upload(&with(none)).await.is(400, "01", NO_SIGNATURE);
    }
    let mut absent = payment.body();
    absent.as_object_mut().unwrap().remove("Signature");
    firm.upload(&absent).await.is(400, "01", NO_SIGNATURE);
    let mut number = payment.body();
    number["Signature"] = 1.into();
    firm.upload(&number).await.is(400, "01", "Invalid parameter(s): Signature");

    let stranger = Signer::generate("Stranger <stranger@example.com>").unwrap().sign(&payment.bytes).unwrap();
    let other_bytes = firm.payment("OTHER").signature;
    let rubbish = "-----BEGIN PGP SIGNATURE-----\n\nrubbish\n-----END PGP SIGNATURE-----\n";
    for failing in [rubbish, &stranger, &other_bytes, &payment.signature.replacen("\n\n", "\n\nAA", 1)] {
        firm.upload(&with(failing)).await.is(400, "01", FAILED);
    }
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await, None);
    assert_eq!(firm.calls(Operation::UploadFile), 0);

    // Several blocks of which one is good; then what old clients write.
    sent(&with(&format!("{stranger}\n{}", payment.signature)), 1).await;
    let journalled = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    assert_eq!((journalled.state, journalled.signers.len()), (UploadState::Sent, 1));
    let mut plural = firm.payment("PLURAL").body();
    plural["Signatures"] = plural["Signature"].take();
    plural["Phone"] = "ignored".into();
    sent(&plural, 2).await;
    let mut wrapped = firm.payment("WRAPPED").body();
    let text = wrapped["FileContents"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = (0..text.len()).step_by(76).map(|at| &text[at..text.len().min(at + 76)]).collect();
    wrapped["FileContents"] = format!(" {}\r\n", lines.join("\r\n")).into();
    sent(&wrapped, 3).await;
}

#[tokio::test]
async fn gpg_signs_uploads_while_its_key_lives() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "gpg").await;
    let both_uses = gpg.key("both@example.com", &["future-default", "default", "never"]);
    let short_lived = gpg.key("short@example.com", &["ed25519", "sign", "2d"]);
    service.clock.advance(time::Duration::minutes(1));
    firm.story.upload_key(&firm.admin, &both_uses, "export").await.unwrap();
    firm.story.upload_key(&firm.admin, &short_lived, "authorize").await.unwrap();
    let signed = |id: &str, user: &str, options: &[&str]| {
        let payment = firm.payment(id);
        let mut body = payment.body();
        body["Signature"] = gpg.sign(user, options, &payment.bytes).into();
        body
    };

    let before = firm.records().await;
    firm.upload(&signed("EXPORT", "both@example.com", &[])).await.is(400, "01", FAILED);
    assert_eq!(firm.journal(PAYMENT, &firm.payment("EXPORT").bytes).await, None);
    assert_eq!((firm.records().await, firm.calls(Operation::UploadFile)), (before, 0));
    firm.upload(&signed("BINARY", "short@example.com", &[])).await.succeeded(201);
    firm.upload(&signed("TEXT", "short@example.com", &["--textmode"])).await.succeeded(201);
    assert_eq!(firm.calls(Operation::UploadFile), 2);

    let late = signed("LATE", "short@example.com", &[]);
    service.clock.advance(time::Duration::days(3));
    let data = avain::story::credentials(&firm.story.log_in("data").await.unwrap()).unwrap();
    let before = firm.records().await;
    let answer = service.send(Method::PUT, "/v2/files/simulator", Some(&data), late.to_string()).await;
    answer.is(400, "01", FAILED);
    assert_eq!(firm.journal(PAYMENT, &firm.payment("LATE").bytes).await, None);
    assert_eq!((firm.records().await, firm.calls(Operation::UploadFile)), (before, 2));
}

/// A file that is kept and does not fit into an answer, and one whose bytes are gone.
#[tokio::test]
async fn what_is_kept_is_answered_or_the_reason_why_not() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "kept").await;
    let (deps, blob) = (&service.server.machine.deps, "0".repeat(64));
    let id = KeyId {
        organisation: firm.organisation().await,
        holder: firm.email().as_str().to_owned(),
        kind: KeyKind::File,
        id: blob.clone(),
    };
    let large = vec![b'x'; 4_400_000];
    let sealed = deps.sealer().unwrap().seal(&id, &large).await.unwrap();
    deps.blobs().unwrap().put(&blob, &sealed).await.unwrap();
    let record = Download {
        organisation: firm.organisation().await,
        email: firm.email(),
        bank: Bank::SIMULATOR,
        file_type: "camt.053.001.02".to_owned(),
        reference: "large".to_owned(),
        blob,
        size: large.len() as u64,
        at: time::OffsetDateTime::UNIX_EPOCH,
    };
    firm.store().commit(vec![Write::Insert(Record::Download(record))]).await.unwrap();
    firm.get("/v2/files/simulator/camt.053.001.02/large").await.is(413, "01", "Content too large: 5767168");

    let path = firm.first_file().await;
    firm.get(&path).await.succeeded(200);
    let reference = path.rsplit('/').next().unwrap().to_owned();
    let organisation = firm.organisation().await;
    let key = Key::Download(organisation, firm.email(), Bank::SIMULATOR, "camt.053.001.02".to_owned(), reference);
    let [stored] = firm.store().get(std::slice::from_ref(&key)).await.unwrap().try_into().unwrap();
    let Record::Download(kept) = &stored.record else { panic!("{stored:?}") };
    std::fs::remove_file(service.folder.path().join("data/blobs").join(&kept.blob)).unwrap();
    let answer = firm.get(&path).await;
    answer.is(503, "01", "Temporarily unavailable");
    assert_eq!(answer.retry_after, Some(1));
    assert_eq!(firm.store().get(&[key]).await.unwrap(), [stored]);
    assert_eq!(firm.calls(Operation::DownloadFile), 1);
}

/// As much as fits into a request arrives at the bank.
#[tokio::test]
async fn the_largest_upload() {
    // Unoptimised, on a machine that does other things too, this many bytes take their time.
    let service = Service::start_with(|settings| settings.bank_wait = std::time::Duration::from_mins(1)).await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "largest").await;
    let bytes = vec![b'x'; 4_300_000];
    let body = crate::support::firm::Payment { signature: firm.signer.sign(&bytes).unwrap(), bytes }.body();
    firm.upload(&body).await.is(400, "23", "Content processing error. Download feedback.");
}

/// The banks served here have no deletion: whoever may ask for one is told so, and nothing is sent.
#[tokio::test]
async fn deleting_is_refused() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "delete").await;
    let delete = async |path: &str| service.send(Method::DELETE, path, Some(&firm.data), "").await;
    delete(FILE).await.is(404, "01", "No certificate(s) for this bank,");
    firm.enrol().await.succeeded(201);
    let file = firm.first_file().await;
    let (before, asked) = (firm.records().await, firm.simulator().requests(BankKey::Simulator));
    delete(&file).await.is(400, "01", "Not offered by this bank");
    delete(&file.replace("simulator", "nordea")).await.is(403, "01", "No service agreement");
    delete(&file.replace("simulator", "spankki")).await.is(400, "01", "Invalid parameter bank");
    delete("/v2/files/simulator/ALL/x").await.is(400, "01", "Invalid parameter(s): FileType");
    let long = format!("/v2/files/simulator/camt.053.001.02/{}", "x".repeat(33));
    delete(&long).await.is(400, "01", "Invalid parameter(s): FileReference");
    let admin = service.send(Method::DELETE, &file, Some(&firm.admin), "").await;
    admin.is(403, "01", "File deletion not allowed on admin mode, use data account mode");
    service.send(Method::DELETE, &file, None, "").await.is(401, "01", "Unauthorized");
    assert_eq!((firm.records().await, firm.simulator().requests(BankKey::Simulator)), (before, asked));

    // Without an authorize key data mode is read-only (decision 11).
    let key = firm.records().await.into_iter().find(|it| matches!(it.record, Record::PgpKey(_))).unwrap();
    firm.store().commit(vec![Write::Delete(key.record.key(), key.version)]).await.unwrap();
    let refusal = "No PGP keys. Without a registered authorize key this account is read-only.";
    delete(&file).await.is(403, "01", refusal);
    firm.get(&file).await.succeeded(200);
}
