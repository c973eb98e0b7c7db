//! Uploads that more than one key has to sign: what waits, what counts, and that nothing is sent twice or too early.

use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::names::Bank;
use avain_domain::records::{LAST_ID, Record, Shelf, SignatureRule, Stretch, UploadState};
use http::Method;
use serde_json::{Value, json};

use crate::support::firm::{Firm, PAYMENT, Payment};
use crate::support::gpg::Gpg;
use crate::support::lines::Line;
use crate::support::{Answer, Service};

const SENT: &[&str] = &["UploadId"];
const WAITS: &[&str] = &["SignaturesGiven", "SignaturesRequired", "UploadId"];

/// Asserts that the upload waits with so many signatures; its id.
#[track_caller]
fn waits(answer: &Answer, given: u8, required: u8) -> String {
    answer.succeeds(201, &format!("Waiting for signatures: {given} of {required}"), WAITS);
    assert_eq!(
        (&answer.body["SignaturesGiven"], &answer.body["SignaturesRequired"]),
        (&json!(given), &json!(required))
    );
    answer.text("UploadId")
}

/// Asserts that the upload was sent; its id.
#[track_caller]
fn sent(answer: &Answer) -> String {
    answer.succeeds(201, "File uploaded", SENT);
    answer.text("UploadId")
}

async fn state(firm: &Firm<'_>, payment: &Payment) -> Option<UploadState> {
    firm.journal(PAYMENT, &payment.bytes).await.map(|upload| upload.state)
}

/// Actions and outcomes of the trail about files, oldest first.
async fn trail(firm: &Firm<'_>) -> Vec<(String, String)> {
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 1000 };
    let found = firm.store().stretch(&Shelf::AuditEvents(firm.organisation().await), all).await.unwrap();
    let events = found.into_iter().filter_map(|stored| match stored.record {
        Record::AuditEvent(event) if event.action.starts_with("file.") => Some((event.action, event.outcome)),
        _ => None,
    });
    let mut events: Vec<(String, String)> = events.collect();
    // The clock stands still: the order of one millisecond is any.
    events.sort();
    events
}

#[tokio::test]
async fn a_file_waits_until_enough_keys_have_signed_it() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "waiting").await;
    firm.ask_for(2).await;
    let second = firm.another_signer().await;
    let payment = firm.payment("WAITS");
    let listed = firm.list().await.body;

    let id = waits(&firm.upload(&payment.body()).await, 1, 2);
    let waiting = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    assert_eq!((&waiting.state, waiting.signers.len(), &waiting.id), (&UploadState::Waiting, 1, &id));
    let before = trail(&firm).await;
    // The same key again, also with two signatures at once, by either way, changes nothing.
    let twice = format!("{}\n{}", payment.signature, firm.signer.sign(&payment.bytes).unwrap());
    for signature in [&payment.signature, &twice] {
        assert_eq!(waits(&firm.upload(&payment.body_with(signature)).await, 1, 2), id);
        assert_eq!(waits(&firm.sign(&id, signature).await, 1, 2), id);
    }
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await.unwrap(), waiting);
    assert_eq!(trail(&firm).await, before);
    assert_eq!(firm.calls(Operation::UploadFile), 0);
    assert_eq!(firm.list().await.body, listed);
    // What waits is kept sealed.
    let kept = std::fs::read(service.folder.path().join("data/blobs").join(waiting.blob.unwrap())).unwrap();
    assert!(!kept.windows(9).any(|window| window == b"<Document"));

    let signature = second.sign(&payment.bytes).unwrap();
    assert_eq!(sent(&firm.sign(&id, &signature).await), id);
    let recorded = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    assert_eq!((&recorded.state, recorded.signers.len(), recorded.required), (&UploadState::Sent, 2, 2));
    assert_eq!((recorded.size, recorded.file_name.as_str()), (payment.bytes.len() as u64, "payment.xml"));
    // The bank took the very payment: it reports on it.
    let reports = firm.get("/v2/files/simulator?Status=NEW&FileType=pain.002.001.10").await;
    assert_eq!(reports.succeeded(200)["FileDescriptors"].as_array().unwrap().len(), 1);
    for answer in [
        firm.sign(&id, &signature).await,
        firm.sign(&id, &payment.signature).await,
        firm.upload(&payment.body()).await,
        firm.upload(&payment.body_with(&signature)).await,
    ] {
        assert_eq!(sent(&answer), id);
    }
    assert_eq!(firm.calls(Operation::UploadFile), 1);
    let told = |action: &str, outcome: &str| (action.to_owned(), outcome.to_owned());
    let expected = [
        told("file.sign", "completed"),
        told("file.sign", "completed"),
        told("file.upload", "accepted"),
        told("file.upload", "completed"),
        told("file.upload", "started"),
    ];
    assert_eq!(trail(&firm).await, expected);
}

#[tokio::test]
async fn signatures_come_together_or_with_the_file_again() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "together").await;
    firm.ask_for(2).await;
    let second = firm.another_signer().await;

    let together = firm.payment("TOGETHER");
    let both = format!("{}\n{}", second.sign(&together.bytes).unwrap(), together.signature);
    sent(&firm.upload(&together.body_with(&both)).await);
    let recorded = firm.journal(PAYMENT, &together.bytes).await.unwrap();
    assert_eq!((recorded.signers.len(), recorded.blob), (2, None), "it never waited");

    let again = firm.payment("AGAIN");
    let id = waits(&firm.upload(&again.body()).await, 1, 2);
    assert_eq!(sent(&firm.upload(&again.body_with(&second.sign(&again.bytes).unwrap())).await), id);
    // All that is needed at once, for what waits with one of them.
    let late = firm.payment("LATE");
    let id = waits(&firm.upload(&late.body()).await, 1, 2);
    let both = format!("{}\n{}", second.sign(&late.bytes).unwrap(), late.signature);
    assert_eq!(sent(&firm.upload(&late.body_with(&both)).await), id);
    assert_eq!(firm.calls(Operation::UploadFile), 3);

    // The rule is one bank's, or one file type's.
    let rule =
        |bank, file_type: Option<&str>| SignatureRule { bank, file_type: file_type.map(str::to_owned), required: 2 };
    let nordea = Bank::parse("nordea");
    for (number, rules) in [vec![rule(nordea, None)], vec![rule(None, Some("pain.001.001.03"))]].into_iter().enumerate()
    {
        firm.ask_by(rules).await;
        sent(&firm.upload(&firm.payment(&format!("OTHER-{number}")).body()).await);
    }
    firm.ask_by(vec![rule(Some(Bank::SIMULATOR), Some(PAYMENT)), rule(nordea, None)]).await;
    waits(&firm.upload(&firm.payment("THIS").body()).await, 1, 2);
}

#[tokio::test]
async fn what_adds_no_signature_is_told_why() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "told").await;
    let at_once = firm.payment("ONCE");
    let alone = sent(&firm.upload(&at_once.body()).await);
    firm.sign(&alone, &at_once.signature).await.is(409, "01", "This upload does not wait for signatures");
    firm.ask_for(2).await;
    let second = firm.another_signer().await;
    let payment = firm.payment("TOLD");
    let id = waits(&firm.upload(&payment.body()).await, 1, 2);
    let before = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    let good = second.sign(&payment.bytes).unwrap();

    let none = "No signatures found. File upload requires PGP authorize key detached signature(s).";
    let path = format!("/v2/uploads/simulator/{id}/signatures");
    let raw = async |body: &Value| service.send(Method::PUT, &path, Some(&firm.data), body.to_string()).await;
    for absent in [json!({}), json!({ "Signature": "" }), json!({ "Signature": "no armor" })] {
        raw(&absent).await.is(400, "01", none);
    }
    raw(&json!({ "Signature": 1 })).await.is(400, "01", "Invalid parameter(s): Signature");
    raw(&json!([])).await.is(400, "01", "Invalid parameter(s): Body (a JSON object)");
    for failing in [
        second.sign(b"other bytes").unwrap(),
        avain::story::Signer::generate("S <s@example.com>").unwrap().sign(&payment.bytes).unwrap(),
    ] {
        firm.sign(&id, &failing).await.is(400, "01", "All signature verification(s) failed");
    }
    let other = Firm::enrolled(&service, &codes, "stranger").await;
    other.ask_for(2).await;
    let theirs = waits(&other.upload(&other.payment("THEIRS").body()).await, 1, 2);
    let unknown = "1780315200000-c6af9ac6-7b61-41e6-9a41-93e8deadbeef";
    for absent in [theirs.as_str(), unknown, "x", &"0".repeat(3000), "%00", &id[..20], &format!("{id}0")] {
        firm.sign(absent, &good).await.is(404, "01", "Not found");
    }
    let body = json!({ "Signature": good }).to_string();
    let send = async |path: &str, who| service.send(Method::PUT, path, who, body.clone()).await;
    send(&path.replace("simulator", "nosuchbank"), Some(&firm.data)).await.is(400, "01", "Invalid parameter bank");
    send(&path.replace("simulator", "nordea"), Some(&firm.data)).await.is(403, "01", "No service agreement");
    send(&path, None).await.is(401, "01", "Unauthorized");
    let admin = "File uploads not allowed on admin mode, use data account mode";
    send(&path, Some(&firm.admin)).await.is(403, "01", admin);
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await.unwrap(), before);
    assert_eq!(firm.calls(Operation::UploadFile), 1);

    // Without a certificate nothing is sent, and nothing begins to wait.
    firm.retire().await.succeeded(200);
    firm.sign(&id, &good).await.is(404, "01", "No certificate(s) for this bank,");
    let homeless = firm.payment("HOMELESS");
    firm.upload(&homeless.body()).await.is(404, "01", "No certificate(s) for this bank,");
    assert_eq!(firm.journal(PAYMENT, &homeless.bytes).await, None);
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await.unwrap(), before);
    // With a new one it goes out; old clients say it in the plural.
    firm.enrol().await.succeeded(201);
    assert_eq!(sent(&raw(&json!({ "Signatures": good })).await), id);
}

#[tokio::test]
async fn keys_and_policy_count_as_they_are_when_it_is_sent() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "counted").await;
    firm.ask_for(2).await;
    let (second, third) = (firm.another_signer().await, firm.another_signer().await);

    // Who is taken away counts no more, and the others are enough by themselves only.
    let payment = firm.payment("DELETED");
    let id = waits(&firm.upload(&payment.body_with(&second.sign(&payment.bytes).unwrap())).await, 1, 2);
    let seconds = firm.journal(PAYMENT, &payment.bytes).await.unwrap().signers;
    let gone = json!({ "PgpKeyId": seconds[0] });
    firm.as_admin(Method::DELETE, "/v2/pgp", &gone).await.succeeded(200);
    assert_eq!(firm.uploads().await[0]["Signers"], json!([]));
    assert_eq!(waits(&firm.sign(&id, &payment.signature).await, 1, 2), id);
    assert_eq!(firm.calls(Operation::UploadFile), 0);
    assert_eq!(sent(&firm.sign(&id, &third.sign(&payment.bytes).unwrap()).await), id);
    let recorded = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
    assert!(recorded.signers.len() == 2 && !recorded.signers.contains(&seconds[0]), "{recorded:?}");

    // A policy that asks for more, and for less, while it waits.
    service.clock.advance(time::Duration::milliseconds(1));
    let payment = firm.payment("POLICY");
    let id = waits(&firm.upload(&payment.body()).await, 1, 2);
    firm.ask_for(3).await;
    assert_eq!(firm.uploads().await[0]["SignaturesRequired"], 3);
    let signature = third.sign(&payment.bytes).unwrap();
    waits(&firm.sign(&id, &signature).await, 2, 3);
    firm.ask_for(2).await;
    assert_eq!(sent(&firm.sign(&id, &signature).await), id);
    assert_eq!(firm.calls(Operation::UploadFile), 2);
}

#[tokio::test]
async fn a_key_that_expires_counts_no_more() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let mut firm = Firm::enrolled(&service, &codes, "expiring").await;
    firm.ask_for(2).await;
    let third = firm.another_signer().await;
    gpg.key("short@example.com", &["ed25519", "cert", "never"]);
    let short_lived = gpg.with_subkey("short@example.com", &["ed25519", "sign", "2d"]);
    service.clock.advance(time::Duration::minutes(1));
    firm.story.upload_key(&firm.admin, &short_lived, "authorize").await.unwrap();
    let payment = firm.payment("EXPIRES");
    let id = waits(&firm.upload(&payment.body_with(&gpg.sign("short@example.com", &[], &payment.bytes))).await, 1, 2);
    // A subkey's signature is its key's, and is one.
    let textual = gpg.sign("short@example.com", &["--textmode"], &payment.bytes);
    waits(&firm.sign(&id, &textual).await, 1, 2);
    service.clock.advance(time::Duration::days(3));
    firm.log_in_again().await;
    waits(&firm.sign(&id, &payment.signature).await, 1, 2);
    assert_eq!(firm.calls(Operation::UploadFile), 0);
    sent(&firm.sign(&id, &third.sign(&payment.bytes).unwrap()).await);
}

#[tokio::test]
async fn an_upload_waits_for_seven_days() {
    let service = Service::start().await;
    let codes = service.codes();
    let mut firm = Firm::enrolled(&service, &codes, "patient").await;
    firm.ask_for(2).await;
    let second = firm.another_signer().await;
    let (lasting, lapsed) = (firm.payment("LASTING"), firm.payment("LAPSED"));
    let first = waits(&firm.upload(&lasting.body()).await, 1, 2);
    service.clock.advance(time::Duration::milliseconds(1));
    let old = waits(&firm.upload(&lapsed.body()).await, 1, 2);
    service.clock.advance(time::Duration::days(7) - time::Duration::seconds(1));
    firm.log_in_again().await;
    assert_eq!(firm.uploads().await[1]["State"], "waiting");
    assert_eq!(sent(&firm.sign(&first, &second.sign(&lasting.bytes).unwrap()).await), first);

    service.clock.advance(time::Duration::seconds(1));
    let seconds = second.sign(&lapsed.bytes).unwrap();
    let text = "This upload has waited for signatures too long: upload the file again";
    firm.sign(&old, &seconds).await.is(400, "01", text);
    let listed = firm.uploads().await;
    assert_eq!((&listed[0]["State"], &listed[0]["UploadId"]), (&json!("expired"), &json!(old)));
    // The first signature is gone with it.
    let new = waits(&firm.upload(&lapsed.body_with(&seconds)).await, 1, 2);
    assert!(new > old);
    firm.sign(&old, &lapsed.signature).await.is(404, "01", "Not found");
    let listed = firm.uploads().await;
    assert_eq!((listed.len(), &listed[0]["UploadId"], &listed[0]["State"]), (2, &json!(new), &json!("waiting")));
    assert_eq!(sent(&firm.sign(&new, &lapsed.signature).await), new);
    assert_eq!(firm.calls(Operation::UploadFile), 2);
}

#[tokio::test]
async fn signatures_at_the_same_moment_all_count_and_send_once() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "racing").await;
    let (second, third) = (firm.another_signer().await, firm.another_signer().await);
    for round in 0..4 {
        let payment = firm.payment(&format!("RACE-{round}"));
        let [seconds, thirds] = [&second, &third].map(|signer| signer.sign(&payment.bytes).unwrap());

        // Three begin at once what needs four: all are counted, in one upload.
        firm.ask_for(4).await;
        let bodies = [payment.body(), payment.body_with(&seconds), payment.body_with(&thirds)];
        let answers = tokio::join!(firm.upload(&bodies[0]), firm.upload(&bodies[1]), firm.upload(&bodies[2]));
        let ids = [answers.0, answers.1, answers.2].map(|answer| answer.text("UploadId"));
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(firm.journal(PAYMENT, &payment.bytes).await.unwrap().signers.len(), 3);
        assert_eq!(firm.calls(Operation::UploadFile), 2 * round);

        // Two are the last at once, by each of the ways.
        let payment = firm.payment(&format!("LAST-{round}"));
        let [seconds, thirds] = [&second, &third].map(|signer| signer.sign(&payment.bytes).unwrap());
        firm.ask_for(2).await;
        let id = waits(&firm.upload(&payment.body()).await, 1, 2);
        let body = payment.body_with(&thirds);
        let (one, other) = tokio::join!(firm.sign(&id, &seconds), firm.upload(&body));
        let statuses = [one.status, other.status];
        assert!(statuses.contains(&201) && statuses.iter().all(|it| [201, 409].contains(it)), "{one:?} {other:?}");
        assert_eq!(state(&firm, &payment).await, Some(UploadState::Sent));
        assert_eq!(firm.calls(Operation::UploadFile), 2 * round + 1);

        // And two that each bring enough, with nothing waiting before.
        let payment = firm.payment(&format!("BOTH-{round}"));
        let [seconds, thirds] = [&second, &third].map(|signer| signer.sign(&payment.bytes).unwrap());
        let bodies = [&seconds, &thirds].map(|more| payment.body_with(&format!("{}\n{more}", payment.signature)));
        let (one, other) = tokio::join!(firm.upload(&bodies[0]), firm.upload(&bodies[1]));
        assert!([&one, &other].iter().any(|it| it.status == 201), "{one:?} {other:?}");
        assert_eq!(firm.calls(Operation::UploadFile), 2 * round + 2);
    }
}

#[tokio::test]
async fn a_bank_that_fails_at_the_last_signature() {
    let (mut line, service) = Line::between().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "failing").await;
    firm.ask_for(2).await;
    let second = firm.another_signer().await;
    // The folders are known.
    firm.list().await.succeeded(200);
    let begun = async |name: &str| {
        // Later than the one before, so that the list begins with it.
        service.clock.advance(time::Duration::milliseconds(1));
        let payment = firm.payment(name);
        let id = waits(&firm.upload(&payment.body()).await, 1, 2);
        let last = second.sign(&payment.bytes).unwrap();
        (payment, id, last)
    };

    // What surely never left goes out with the same signature again, or any: all have signed it.
    for (number, again) in ["sign", "sign first", "upload"].into_iter().enumerate() {
        let (payment, id, last) = begun(&format!("DOWN-{number}")).await;
        line.cut().await;
        for _ in 0..2 {
            firm.sign(&id, &last).await.is(502, "01", "Bank not reachable");
            let recorded = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
            assert_eq!((recorded.state, recorded.signers.len(), recorded.id), (UploadState::NotSent, 2, id.clone()));
        }
        assert_eq!(firm.uploads().await[0]["State"], "not-sent");
        line.mend().await;
        let answer = match again {
            "sign" => firm.sign(&id, &last).await,
            "sign first" => firm.sign(&id, &payment.signature).await,
            _ => firm.upload(&payment.body()).await,
        };
        assert_eq!(sent(&answer), id);
        assert_eq!(firm.calls(Operation::UploadFile), number as u64 + 1);
    }

    let (payment, id, last) = begun("LOST").await;
    let script = |fault| firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, fault);
    script(Fault::DropAfterProcessing);
    firm.sign(&id, &last).await.is(502, "01", "Bank not reachable");
    for answer in [firm.sign(&id, &last).await, firm.upload(&payment.body()).await] {
        answer.is(409, "01", &format!("Earlier upload of these bytes is unresolved: {id}"));
    }
    assert_eq!(firm.uploads().await[0]["State"], "unknown");

    let (payment, id, last) = begun("REFUSED").await;
    script(Fault::Answer { code: "26".to_owned(), text: "Technical error.".to_owned() });
    for answer in [firm.sign(&id, &last).await, firm.sign(&id, &last).await, firm.upload(&payment.body()).await] {
        answer.is(400, "26", "Technical error.");
    }
    let listed = firm.uploads().await;
    let told = ["State", "BankCode", "BankText"].map(|name| listed[0][name].as_str().unwrap());
    assert_eq!(told, ["refused", "26", "Technical error."]);
    assert_eq!(firm.calls(Operation::UploadFile), 5);
}

/// The key by which a file's bytes are kept while they wait is the account's own, and what waits is there after a restart.
#[tokio::test]
async fn bytes_that_are_gone_are_told_and_not_sent() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "gone").await;
    firm.ask_for(2).await;
    let second = firm.another_signer().await;
    let payment = firm.payment("GONE");
    let id = waits(&firm.upload(&payment.body()).await, 1, 2);
    let blob = firm.journal(PAYMENT, &payment.bytes).await.unwrap().blob.unwrap();
    let file = service.folder.path().join("data/blobs").join(blob);
    let kept = std::fs::read(&file).unwrap();
    let last = second.sign(&payment.bytes).unwrap();
    let mut changed = kept.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(firm.sign(&id, &last).await.status >= 500);
    std::fs::remove_file(&file).unwrap();
    firm.sign(&id, &last).await.is(503, "01", "Temporarily unavailable");
    assert_eq!((state(&firm, &payment).await, firm.calls(Operation::UploadFile)), (Some(UploadState::Waiting), 0));
    std::fs::write(&file, &kept).unwrap();
    assert_eq!(sent(&firm.sign(&id, &last).await), id);
}
