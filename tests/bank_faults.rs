//! A bank that is down, slow, answers rubbish or for somebody else: what the caller is told, what is kept, and that no file
//! is ever sent twice.

use std::sync::Arc;
use std::time::Duration;

use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::records::{CertificateState, UploadState};
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::firm::{Firm, PAYMENT, Payment, path_of};
use crate::support::lines::Line;
use crate::support::{Answer, Service};

/// Status, code and text; none for success.
type Told = Option<(u16, &'static str, &'static str)>;

const DOWN: Told = Some((502, "01", "Bank not reachable"));
const SLOW: Told = Some((504, "01", "Bank did not answer in time"));
const UNREADABLE: Told = Some((502, "01", "Technical error. Failed to parse bank response."));
const UNSIGNED: Told = Some((502, "01", "Bank response signature is not valid"));
const REFUSED: Told = Some((400, "26", "Technical error."));

/// Everything that the simulator can be made to do wrong but be slow, with the answer that it must lead to.
fn faults() -> Vec<(Fault, Told)> {
    vec![
        (Fault::ServerError, DOWN),
        (Fault::DropBeforeReading, DOWN),
        (Fault::DropAfterProcessing, DOWN),
        (Fault::Rubbish, UNREADABLE),
        (Fault::BrokenOuterSignature, UNSIGNED),
        (Fault::BrokenInnerSignature, UNSIGNED),
        (Fault::UntrustedSigner, UNSIGNED),
        (Fault::AnotherRequest, UNREADABLE),
        (Fault::StaleTimestamp, UNSIGNED),
        (Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()), UNREADABLE),
        (Fault::Oversize(96 * 1024 * 1024 + 1), UNREADABLE),
        (Fault::Answer { code: "26".to_owned(), text: "Technical error.".to_owned() }, REFUSED),
        // Blanks after an answer are no harm; of two codes the signed application's counts.
        (Fault::Oversize(100_000), None),
        (Fault::HeaderCode { code: "26".to_owned(), text: "Technical error.".to_owned() }, None),
    ]
}

/// At how many places an answer is changed.
const PARTS: usize = 40;

#[track_caller]
fn check(answer: &Answer, told: Told, success: u16) {
    match told {
        Some((status, code, text)) => answer.is(status, code, text),
        None => drop(answer.succeeded(success)),
    }
}

#[tokio::test]
async fn lists_and_downloads_under_every_fault() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "reader").await;
    let script = |operation, fault| firm.simulator().script_operation(BankKey::Simulator, operation, fault);
    let good = firm.list().await;
    let before = firm.records().await;

    for (fault, told) in faults() {
        script(Operation::DownloadFileList, fault.clone());
        let answer = firm.list().await;
        check(&answer, told, 200);
        assert_eq!(answer.body == good.body, told.is_none(), "{fault:?}");
        assert_eq!(firm.list().await.body, good.body, "after {fault:?}");
    }
    firm.simulator().script(BankKey::Simulator, Fault::DropBeforeReading);
    check(&firm.list().await, DOWN, 200);
    let nothing = Fault::Answer { code: "24".to_owned(), text: "Content not found.".to_owned() };
    script(Operation::DownloadFileList, nothing.clone());
    assert_eq!(firm.list().await.succeeded(200)["FileDescriptors"], Value::Array(Vec::new()));

    // A file of its own for each fault, as one that was fetched is not asked for again.
    for at in 0..faults().len() {
        firm.upload(&firm.payment(&format!("READ-{at}")).body()).await.succeeded(201);
    }
    let listed = firm.get("/v2/files/simulator?FileType=camt.053.001.02").await;
    let files = listed.succeeded(200)["FileDescriptors"].as_array().unwrap().clone();
    assert_eq!(files.len(), faults().len() + 1);
    for ((fault, told), file) in faults().into_iter().zip(&files) {
        let path = path_of(file);
        script(Operation::DownloadFile, fault.clone());
        let answer = firm.get(&path).await;
        check(&answer, told, 200);
        // Nothing was kept of a failure: the bank is asked again, and only once more.
        let calls = firm.calls(Operation::DownloadFile);
        let content = firm.get(&path).await;
        content.succeeded(200);
        assert_eq!(firm.calls(Operation::DownloadFile) - calls, u64::from(told.is_some()), "{fault:?}");
        assert_eq!(firm.get(&path).await.body, content.body);
    }
    script(Operation::DownloadFile, nothing);
    let last = path_of(files.last().unwrap());
    firm.get(&last).await.is(404, "01", "Not found");
    firm.get(&last).await.succeeded(200);
    assert_eq!(firm.records().await, before);
}

#[tokio::test]
async fn an_enrolment_of_unknown_outcome_may_be_repeated_after_a_minute() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "enroller").await;
    let untouched = firm.records().await;
    for (fault, told) in faults() {
        let pending = firm.certificate().await;
        firm.simulator().script_operation(BankKey::Simulator, Operation::GetCertificate, fault.clone());
        let answer = firm.enrol().await;
        check(&answer, told, 201);
        match told {
            None => break,
            // Of what the bank refused nothing remains.
            REFUSED => assert_eq!(firm.records().await, untouched),
            _ => {
                let (state, key) = firm.certificate().await.unwrap();
                assert_eq!(state, CertificateState::Pending, "{fault:?}");
                assert!(pending.is_none_or(|(_, earlier)| earlier != key));
                let calls = firm.calls(Operation::GetCertificate);
                firm.enrol().await.is(409, "01", "Enrolment already in progress");
                assert_eq!(firm.calls(Operation::GetCertificate), calls);
                assert_eq!(firm.get("/v2/certs").await.succeeded(200)["Certs"], Value::Array(Vec::new()));
                firm.list().await.is(404, "01", "No certificate(s) for this bank,");
                service.clock.advance(time::Duration::seconds(60));
            }
        }
    }
    firm.list().await.succeeded(200);
    let header = Fault::HeaderCode { code: "26".to_owned(), text: "Technical error.".to_owned() };
    let second = Firm::open(&service, &codes, "second").await;
    firm.simulator().script_operation(BankKey::Simulator, Operation::GetCertificate, header);
    second.enrol().await.succeeded(201);
}

#[tokio::test]
async fn an_upload_of_unknown_outcome_is_never_sent_again() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "payer").await;
    let before = firm.records().await;
    for (at, (fault, told)) in faults().into_iter().enumerate() {
        let payment = firm.payment(&format!("FAULT-{at}"));
        firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, fault.clone());
        check(&firm.upload(&payment.body()).await, told, 201);
        assert_recorded(&firm, PAYMENT, &payment, told).await;
    }
    assert_eq!(firm.records().await, before);
    // The same bytes of another company are another upload.
    let other = Firm::enrolled(&service, &codes, "other").await;
    let payment = firm.payment("FAULT-0");
    let body = Payment { signature: other.signer.sign(&payment.bytes).unwrap(), ..payment }.body();
    other.upload(&body).await.succeeded(201);
}

/// The journal has the outcome, and the same bytes get it without another call.
async fn assert_recorded(firm: &Firm<'_>, file_type: &str, payment: &Payment, told: Told) {
    let calls = firm.calls(Operation::UploadFile);
    let recorded = firm.journal(file_type, &payment.bytes).await.unwrap();
    assert_eq!((recorded.size, recorded.file_name.as_str()), (payment.bytes.len() as u64, "payment.xml"));
    let mut body = payment.body();
    body["FileType"] = file_type.into();
    for _ in 0..2 {
        let again = firm.upload(&body).await;
        match told {
            None => {
                assert_eq!(recorded.state, UploadState::Sent);
                again.succeeded(201);
            }
            Some((400, code, text)) => {
                assert_eq!(recorded.state, UploadState::Refused { code: code.to_owned(), text: text.to_owned() });
                again.is(400, code, text);
            }
            Some(_) => {
                assert_eq!(recorded.state, UploadState::Unknown);
                let text = format!("Earlier upload of these bytes is unresolved: {}", recorded.id);
                again.is(409, "01", &text);
            }
        }
    }
    assert_eq!(firm.calls(Operation::UploadFile), calls);
    assert_eq!(firm.journal(file_type, &payment.bytes).await.unwrap(), recorded);
}

#[tokio::test]
async fn the_journal_tells_files_apart_by_type_and_bytes() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "journal").await;
    let payment = firm.payment("TYPES");
    firm.upload(&payment.body()).await.succeeded(201);
    assert_recorded(&firm, PAYMENT, &payment, None).await;

    let mut other_type = payment.body();
    other_type["FileType"] = "camt.053.001.02".into();
    let refused = Some((400, "20", "Content type not valid."));
    check(&firm.upload(&other_type).await, refused, 201);
    assert_recorded(&firm, "camt.053.001.02", &payment, refused).await;
    let mut other_version = payment.body();
    other_version["FileType"] = "pain.001.001.03".into();
    let rejected = Some((400, "23", "Content processing error. Download feedback."));
    check(&firm.upload(&other_version).await, rejected, 201);
    assert_recorded(&firm, "pain.001.001.03", &payment, rejected).await;
    assert_eq!(firm.calls(Operation::UploadFile), 3);

    let mut other_name = payment.body();
    other_name["FileName"] = "another.xml".into();
    firm.upload(&other_name).await.succeeded(201);
    assert_eq!(firm.calls(Operation::UploadFile), 3);
    firm.upload(&firm.payment("TYPES-2").body()).await.succeeded(201);
    assert_eq!(firm.calls(Operation::UploadFile), 4);
}

#[tokio::test]
async fn parallel_uploads_of_the_same_bytes_reach_the_bank_once() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "parallel").await;
    let payment = firm.payment("PARALLEL");
    let body = payment.body();
    let release = Arc::new(Notify::new());
    let hold = Fault::Hold(Arc::clone(&release));
    firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, hold);
    let second = async {
        while firm.calls(Operation::UploadFile) == 0 {
            tokio::task::yield_now().await;
        }
        let sending = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
        assert_eq!(sending.state, UploadState::Sending);
        let text = format!("Earlier upload of these bytes is unresolved: {}", sending.id);
        firm.upload(&body).await.is(409, "01", &text);
        release.notify_one();
    };
    let (first, ()) = tokio::join!(firm.upload(&body), second);
    first.succeeded(201);
    assert_recorded(&firm, PAYMENT, &payment, None).await;
    assert_eq!(firm.calls(Operation::UploadFile), 1);

    for round in 0..4 {
        let payment = firm.payment(&format!("RACE-{round}"));
        let body = payment.body();
        let (a, b, c) = tokio::join!(firm.upload(&body), firm.upload(&body), firm.upload(&body));
        let statuses = [&a, &b, &c].map(|answer| answer.status);
        assert!(statuses.contains(&201), "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
        assert_eq!(firm.calls(Operation::UploadFile), 2 + round);
        assert_recorded(&firm, PAYMENT, &payment, None).await;
    }
}

/// What was begun at the bank is brought to its end, whether or not the client waits for it.
#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_open() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "impatient").await;
    let payment = firm.payment("IMPATIENT");
    let body = payment.body();
    let release = Arc::new(Notify::new());
    let hold = Fault::Hold(Arc::clone(&release));
    firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, hold);
    let arrived = async {
        while firm.calls(Operation::UploadFile) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = firm.upload(&body) => panic!("{answer:?}"),
        () = arrived => {}
    }
    // Meanwhile the service has noticed that the client is gone.
    firm.list().await.succeeded(200);
    release.notify_one();
    let recorded = async {
        while firm.journal(PAYMENT, &payment.bytes).await.unwrap().state == UploadState::Sending {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recorded).await.unwrap();
    assert_recorded(&firm, PAYMENT, &payment, None).await;
}

/// A server that is told to end waits for what it began.
#[tokio::test]
async fn an_ending_server_brings_an_upload_to_its_end() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "ending").await;
    let payment = firm.payment("LAST");
    let body = payment.body();
    let release = Arc::new(Notify::new());
    let hold = Fault::Hold(Arc::clone(&release));
    firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, hold);
    let end = async {
        while firm.calls(Operation::UploadFile) == 0 {
            tokio::task::yield_now().await;
        }
        let mut finish = std::pin::pin!(service.server.finish());
        for _ in 0..100 {
            tokio::select! {
                biased;
                () = &mut finish => panic!("it ended while an upload was under way"),
                () = tokio::task::yield_now() => {}
            }
        }
        release.notify_one();
        finish.await;
        let recorded = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
        assert_eq!(recorded.state, UploadState::Sent);
    };
    let (answer, ()) = tokio::join!(firm.upload(&body), end);
    answer.succeeded(201);
}

/// Each operation waits as long as it is told to, and no longer.
#[tokio::test]
async fn a_bank_that_does_not_answer_in_time() {
    let service = Service::start_with(|settings| settings.bank_wait = Duration::from_secs(3)).await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "slow").await;
    let newcomer = Firm::open(&service, &codes, "newcomer").await;
    let path = firm.first_file().await;
    let release: Vec<Arc<Notify>> =
        [Operation::DownloadFileList, Operation::DownloadFile, Operation::UploadFile, Operation::GetCertificate]
            .into_iter()
            .map(|operation| {
                let release = Arc::new(Notify::new());
                let hold = Fault::Hold(Arc::clone(&release));
                firm.simulator().script_operation(BankKey::Simulator, operation, hold);
                release
            })
            .collect();
    let payment = firm.payment("SLOW");
    let body = payment.body();
    let (list, file, upload, enrolment) =
        tokio::join!(firm.list(), firm.get(&path), firm.upload(&body), newcomer.enrol());
    for answer in [list, file, upload, enrolment] {
        check(&answer, SLOW, 200);
    }
    for held in &release {
        held.notify_one();
    }

    assert_recorded(&firm, PAYMENT, &payment, SLOW).await;
    let calls = firm.calls(Operation::DownloadFile);
    firm.get(&path).await.succeeded(200);
    assert_eq!(firm.calls(Operation::DownloadFile), calls + 1);
    firm.list().await.succeeded(200);
    assert_eq!(newcomer.certificate().await.unwrap().0, CertificateState::Pending);
    newcomer.enrol().await.is(409, "01", "Enrolment already in progress");
    service.clock.advance(time::Duration::seconds(61));
    newcomer.enrol().await.succeeded(201);
}

#[tokio::test]
async fn a_bank_that_cannot_be_reached_and_one_whose_answers_are_changed_on_the_way() {
    let (mut line, service) = Line::between().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "line").await;
    let untouched = firm.records().await;
    line.cut().await;
    check(&firm.enrol().await, DOWN, 201);
    assert_eq!(firm.records().await, untouched);
    line.mend().await;
    firm.enrol().await.succeeded(201);
    let path = firm.first_file().await;
    let payment = firm.payment("LINE");

    // What surely never left may be sent again, and again.
    line.cut().await;
    for _ in 0..2 {
        check(&firm.upload(&payment.body()).await, DOWN, 201);
        let recorded = firm.journal(PAYMENT, &payment.bytes).await.unwrap();
        assert_eq!(recorded.state, UploadState::NotSent);
    }
    check(&firm.list().await, DOWN, 200);
    check(&firm.get(&path).await, DOWN, 200);
    line.mend().await;
    firm.upload(&payment.body()).await.succeeded(201);
    assert_eq!(firm.calls(Operation::UploadFile), 1);
    assert_recorded(&firm, PAYMENT, &payment, None).await;
    firm.get(&path).await.succeeded(200);

    let good = firm.list().await;
    let mut refused = 0;
    for part in 0..PARTS {
        line.flip(Some((part, PARTS)));
        let answer = firm.list().await;
        if answer.status == 200 {
            assert_eq!(answer.body, good.body, "part {part}");
        } else {
            assert_eq!(answer.status, 502, "part {part}: {answer:?}");
            assert_eq!(answer.body["ResponseCode"], "01");
            refused += 1;
        }
    }
    assert_eq!(line.flipped(), PARTS);
    assert!(refused > PARTS / 2, "only {refused} of {PARTS} changes were noticed");
    line.flip(None);
    assert_eq!(firm.list().await.body, good.body);
}
