//! Scripted faults, as a client sees them.

use std::sync::Arc;

use avain_bank_simulator::{BankKey, Fault, Operation};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::sync::Notify;

use crate::payments::{judge, payment};
use crate::request::{Call, Customer};
use crate::world::World;

const BANK: BankKey = BankKey::Simulator;
const FILES: &str = "CorporateFileService";

struct Bench {
    world: World,
    customer: Customer,
}

impl Bench {
    async fn new() -> Self {
        let world = World::start().await;
        let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
        Self { world, customer }
    }

    /// Scripts the fault, uploads a payment and gives what came back.
    async fn upload(&self, fault: Fault) -> Result<(u16, String), String> {
        self.world.simulator.script(BANK, fault);
        let content = payment("pain.001.001.09", "M1", &["1.00"]);
        let request = Call::upload("pain.001.001.09", content.as_bytes()).envelope(&self.world, &self.customer);
        self.world.post(BANK, FILES, &request).await
    }

    /// How many payments the bank has processed.
    async fn payments(&self) -> usize {
        let answer = self.customer.call(&self.world, &Call::list("ALL").with("FileType", "camt.054.001.02")).await;
        answer.all("FileReference").len()
    }
}

#[tokio::test]
async fn a_request_that_is_not_processed_leaves_no_trace() {
    let bench = Bench::new().await;
    assert_eq!(bench.upload(Fault::ServerError).await, Ok((500, String::new())));
    assert!(bench.upload(Fault::DropBeforeReading).await.is_err());
    let (status, body) =
        bench.upload(Fault::Answer { code: "26".into(), text: "Technical error.".into() }).await.unwrap();
    bench.world.read(BANK, status, &body).is("26", "Technical error.");

    bench.world.simulator.script(BANK, Fault::Redirect("http://127.0.0.1:1/elsewhere".into()));
    let request = Call::list("ALL").envelope(&bench.world, &bench.customer);
    let request = hyper::Request::post("/simulator/CorporateFileService")
        .header("content-type", "text/xml")
        .body(Full::new(Bytes::from(request)))
        .unwrap();
    let (parts, _) = bench.world.send(request).await.unwrap();
    assert_eq!(
        (parts.status.as_u16(), &parts.headers["location"]),
        (307, &"http://127.0.0.1:1/elsewhere".parse().unwrap())
    );

    assert_eq!(bench.payments().await, 0);
    // The dropped one was never read.
    assert_eq!(bench.world.simulator.calls(BANK, Operation::UploadFile), 2);
    assert_eq!(bench.world.simulator.requests(BANK), 6);
}

#[tokio::test]
async fn a_lost_answer_does_not_undo_the_payment() {
    let bench = Bench::new().await;
    assert!(bench.upload(Fault::DropAfterProcessing).await.is_err());
    assert_eq!(bench.payments().await, 1);
}

#[tokio::test]
async fn an_answer_can_be_held_back() {
    let bench = Arc::new(Bench::new().await);
    let release = Arc::new(Notify::new());
    let held = Arc::clone(&bench);
    let fault = Fault::Hold(Arc::clone(&release));
    let waiting = tokio::spawn(async move { held.upload(fault).await });
    // The bank has processed the payment while the answer waits. No other call is made before the upload has taken its
    // fault.
    while bench.world.simulator.calls(BANK, Operation::UploadFile) == 0 {
        tokio::task::yield_now().await;
    }
    while bench.payments().await == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    release.notify_one();
    let (status, body) = waiting.await.unwrap().unwrap();
    bench.world.read(BANK, status, &body).is("00", "OK.");
}

#[tokio::test]
async fn spoilt_answers_are_not_believed() {
    let bench = Bench::new().await;
    for (fault, why) in [
        (Fault::Rubbish, "the XML is not acceptable"),
        (Fault::BrokenOuterSignature, "the digest of a signed element differs"),
        (Fault::BrokenInnerSignature, "the digest of a signed element differs"),
        (Fault::UntrustedSigner, "the certificate is not trusted"),
        (Fault::StaleTimestamp, "the message is outside its time of validity"),
    ] {
        let (status, body) = bench.upload(fault.clone()).await.unwrap();
        assert_eq!(status, 200);
        let error = bench.world.try_read(BANK, status, &body).err().unwrap();
        assert!(error.starts_with(why), "{fault:?}: {error}");
    }
    assert_eq!(bench.payments().await, 5, "each was processed");
}

#[tokio::test]
async fn answers_can_be_rightly_signed_and_wrong() {
    let bench = Bench::new().await;
    let (status, body) = bench.upload(Fault::AnotherRequest).await.unwrap();
    let answer = bench.world.read(BANK, status, &body);
    assert_eq!(answer.request_id, "another-request");
    assert_eq!(answer.sender_id, "kauppa");

    let (status, body) =
        bench.upload(Fault::HeaderCode { code: "26".into(), text: "Technical error.".into() }).await.unwrap();
    let answer = bench.world.read(BANK, status, &body);
    assert_eq!((answer.header_code.as_str(), answer.code.as_str()), ("26", "00"));

    let (status, body) = bench.upload(Fault::Oversize(8 * 1024 * 1024)).await.unwrap();
    assert_eq!(body.len(), 8 * 1024 * 1024);
    bench.world.read(BANK, status, &body).is("00", "OK.");
}

#[tokio::test]
async fn a_fault_can_wait_for_its_operation() {
    let bench = Bench::new().await;
    bench.world.simulator.script_operation(BANK, Operation::UploadFile, Fault::ServerError);
    bench.customer.list(&bench.world, "NEW").await.is("00", "OK.");
    assert_eq!(bench.upload(Fault::ServerError).await, Ok((500, String::new())));
    // The second one was scripted for any operation.
    let request = Call::list("ALL").envelope(&bench.world, &bench.customer);
    assert_eq!(bench.world.post(BANK, FILES, &request).await, Ok((500, String::new())));
    bench.customer.list(&bench.world, "NEW").await.is("00", "OK.");
}

/// Each fault once, on a list of the customer's; then all is well again. `ExpiredSigner` and `StaleTimestamp` look at the
/// same clock, so their errors tell them apart.
pub(crate) async fn every_fault(world: &World, customer: &Customer) {
    let bank = customer.bank;
    let before = customer.list(world, "ALL").await;
    let list = async |fault: Fault| {
        world.simulator.script(bank, fault);
        world.post(bank, FILES, &Call::list("ALL").envelope(world, customer)).await
    };
    assert_eq!(list(Fault::ServerError).await, Ok((500, String::new())));
    assert!(list(Fault::DropBeforeReading).await.is_err());
    assert!(list(Fault::DropAfterProcessing).await.is_err());
    let release = Arc::new(Notify::new());
    release.notify_one();
    let (status, body) = list(Fault::Hold(release)).await.unwrap();
    world.read(bank, status, &body);
    let inner = if bank == BankKey::Danskebank { "" } else { "the digest of a signed element differs" };
    for (fault, why) in [
        (Fault::Rubbish, "the XML is not acceptable"),
        (Fault::Truncated, "the XML is not acceptable"),
        (Fault::BrokenOuterSignature, "the digest of a signed element differs"),
        (Fault::BrokenInnerSignature, inner),
        (Fault::UntrustedSigner, "the certificate is not trusted"),
        (Fault::ExpiredSigner, "the certificate is not trusted: a certificate has expired"),
        (Fault::StaleTimestamp, "the message is outside its time of validity"),
    ] {
        let (status, body) = list(fault.clone()).await.unwrap();
        assert_eq!(status, 200);
        let error = world.try_read(bank, status, &body).err().unwrap();
        assert!(error.starts_with(why), "{bank:?}, {fault:?}: {error}");
    }
    let (status, body) = list(Fault::AnotherRequest).await.unwrap();
    assert_eq!(world.read(bank, status, &body).request_id, "another-request");
    let first = Call::list("ALL").envelope(world, customer);
    let (_, first) = world.post(bank, FILES, &first).await.unwrap();
    let (status, again) = list(Fault::AnswerBefore).await.unwrap();
    assert_eq!((status, again), (200, first), "the answer of the call before, byte for byte");
    if bank != BankKey::Osuuspankki {
        // Below the same root: nothing to learn anew.
        let (status, body) = list(Fault::RotatedAuthority).await.unwrap();
        let rotated = world.read(bank, status, &body);
        assert_ne!(rotated.signer, before.signer);
        judge(&rotated);
    }
    let after = customer.list(world, "ALL").await;
    assert_eq!((&after.code, after.all("FileReference")), (&before.code, before.all("FileReference")));
}

#[tokio::test]
async fn every_fault_at_nordea() {
    let bench = Bench::new().await;
    every_fault(&bench.world, &bench.customer).await;
}
