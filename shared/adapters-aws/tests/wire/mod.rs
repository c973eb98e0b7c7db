//! What the store asks of DynamoDB, and what it makes of answers that an emulator never gives. A connector between the
//! SDK and the embedded engine writes the requests down and may lose or replace answers.

use std::sync::{Arc, Mutex};

use avain_adapters_local::embedded::{Embedded, TABLE};
use avain_domain::ports::{CommitError, Store};
use avain_domain::records::{Record, Stored, Write};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};

use crate::suite::{assert_conflict, attempts, large_reads_are_whole, samples};
use crate::{Counting, store_on};

mod items;

/// What becomes of a request.
enum Fate {
    /// The engine answers it.
    Answered,
    /// The engine does it, and the answer is lost on the way.
    Lost,
    /// This answer, without the engine.
    Instead(u16, Value),
}

/// The requests so far: operation and body.
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// A store whose n-th request (from 0) meets this fate.
fn store_with(fate: impl Fn(usize, &Value) -> Fate + Send + Sync + 'static) -> (Arc<dyn Store>, Requests, Embedded) {
    let embedded = Embedded::memory().unwrap();
    let (store, requests) = store_between(&embedded, 0, fate);
    (store, requests, embedded)
}

fn store_between(
    embedded: &Embedded,
    seed: u64,
    fate: impl Fn(usize, &Value) -> Fate + Send + Sync + 'static,
) -> (Arc<dyn Store>, Requests) {
    let (requests, fate) = (Requests::default(), Arc::new(fate));
    let direct = embedded.client();
    let engine = direct.config().http_client().unwrap();
    let log = Arc::clone(&requests);
    let between = http_client_fn(move |settings, components| {
        let engine = engine.http_connector(settings, components);
        SharedHttpConnector::new(Between { engine, log: Arc::clone(&log), fate: Arc::clone(&fate) })
    });
    let config = direct.config().to_builder().http_client(between).retry_config(RetryConfig::standard());
    (store_on(aws_sdk_dynamodb::Client::from_conf(config.build()), Counting::from(seed)), requests)
}

struct Between<F> {
    engine: SharedHttpConnector,
    log: Requests,
    fate: Arc<F>,
}

impl<F> std::fmt::Debug for Between<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Between")
    }
}

impl<F: Fn(usize, &Value) -> Fate + Send + Sync> HttpConnector for Between<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap().split('.').nth(1).unwrap().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut log = self.log.lock().unwrap();
        let fate = (self.fate)(log.len(), &body);
        log.push((operation, body));
        match fate {
            Fate::Answered => self.engine.call(request),
            Fate::Lost => {
                let answer = self.engine.call(request);
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(ConnectorError::io("connection reset".into()))
                })
            }
            Fate::Instead(status, body) => {
                let answer = HttpResponse::new(status.try_into().unwrap(), body.to_string().into());
                HttpConnectorFuture::ready(Ok(answer))
            }
        }
    }
}

fn operations(requests: &Requests) -> Vec<String> {
    requests.lock().unwrap().iter().map(|(operation, _)| operation.clone()).collect()
}

fn error(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "said the test"})
}

fn cancelled(codes: &[&str]) -> Value {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    json!({"__type": kind, "Message": "said the test", "CancellationReasons": reasons})
}

#[tokio::test]
async fn each_call_is_one_consistent_request() {
    let (store, requests, _engine) = store_with(|_, _| Fate::Answered);
    let [one, two] = ["one", "two"].map(|name| attempts("a", name, 1));
    store.commit(vec![Write::Insert(one.clone())]).await.unwrap();
    store.commit(vec![Write::Replace(one.clone(), 1)]).await.unwrap();
    store.commit(vec![Write::Insert(two.clone()), Write::Check(one.key(), 2)]).await.unwrap();
    store.get(&[one.key()]).await.unwrap();
    store.get(&[one.key(), two.key()]).await.unwrap();
    store.account(&samples::email("a", "one")).await.unwrap();
    store.commit(vec![Write::Delete(one.key(), 2)]).await.unwrap();

    let expected =
        ["PutItem", "PutItem", "TransactWriteItems", "GetItem", "BatchGetItem", "Query", "TransactWriteItems"];
    assert_eq!(operations(&requests), expected);
    let requests = requests.lock().unwrap();
    let (get, batch, query) = (&requests[3].1, &requests[4].1["RequestItems"][TABLE], &requests[5].1);
    assert!([get, batch, query].iter().all(|read| read["ConsistentRead"] == true));
    assert_ne!(requests[2].1["ClientRequestToken"], requests[6].1["ClientRequestToken"]);
}

/// The suite's large partition is more than one page here, so it does test what it says.
#[tokio::test]
async fn a_large_partition_takes_several_pages() {
    let (store, requests, _engine) = store_with(|_, _| Fate::Answered);
    large_reads_are_whole(&*store, "a").await;
    assert!(operations(&requests).iter().filter(|operation| *operation == "Query").count() > 2);
}

/// The SDK asks again where an answer was lost. The store's own write, met by the second request, is no conflict.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_conflict() {
    let (store, requests, _engine) = store_with(|number, _| if number % 2 == 0 { Fate::Lost } else { Fate::Answered });
    let [one, two] = ["one", "two"].map(|name| attempts("a", name, 1));
    store.commit(vec![Write::Insert(one.clone())]).await.unwrap();
    store.commit(vec![Write::Replace(one.clone(), 1)]).await.unwrap();
    store.commit(vec![Write::Insert(two.clone()), Write::Replace(one.clone(), 2)]).await.unwrap();
    store.commit(vec![Write::Delete(one.key(), 3)]).await.unwrap();
    assert_eq!(requests.lock().unwrap().len(), 8);
    let found = store.get(&[one.key(), two.key()]).await.unwrap();
    assert_eq!(found, [Stored { record: two, version: 1 }]);
}

/// Two that insert the very same record (one challenge, spent twice) are told apart even where answers are lost.
#[tokio::test(start_paused = true)]
async fn the_same_write_by_another_stays_a_conflict() {
    let embedded = Embedded::memory().unwrap();
    let (first, _) = store_between(&embedded, 0, |_, _| Fate::Answered);
    let (second, _) =
        store_between(&embedded, 1 << 32, |number, _| if number == 0 { Fate::Lost } else { Fate::Answered });
    let record = attempts("a", "one", 1);
    first.commit(vec![Write::Insert(record.clone())]).await.unwrap();
    let outcome = second.commit(vec![Write::Insert(record.clone())]).await;
    assert_conflict(outcome, 0, Some(&Stored { record, version: 1 }));
}

/// Another transaction at work is waited for, a few times.
#[tokio::test(start_paused = true)]
async fn a_busy_item_is_tried_again_within_bounds() {
    let transaction = vec![Write::Insert(attempts("a", "one", 1)), Write::Insert(attempts("a", "two", 1))];
    let single = vec![Write::Insert(attempts("a", "three", 1))];
    for (writes, answer) in
        [(&transaction, cancelled(&["None", "TransactionConflict"])), (&single, error("TransactionConflictException"))]
    {
        for (busy, tries) in [(3, 4), (9, 4)] {
            let answer = answer.clone();
            let (store, requests, _engine) =
                store_with(
                    move |number, _| {
                        if number < busy { Fate::Instead(400, answer.clone()) } else { Fate::Answered }
                    },
                );
            let outcome = store.commit(writes.clone()).await;
            assert_eq!(outcome.is_ok(), busy < tries, "{outcome:?}");
            assert!(matches!(outcome, Ok(()) | Err(CommitError::Unavailable(_))));
            let requests = requests.lock().unwrap();
            assert_eq!(requests.len(), tries);
            assert!(requests.iter().all(|request| *request == requests[0]), "the token must not change");
        }
    }
}

/// A failed condition counts even where another write of the transaction met a conflict.
#[tokio::test]
async fn a_failed_condition_goes_before_a_busy_item() {
    let answer = cancelled(&["TransactionConflict", "ConditionalCheckFailed"]);
    let (store, _, _engine) = store_with(move |_, _| Fate::Instead(400, answer.clone()));
    let writes = ["one", "two"].map(|name| Write::Insert(attempts("a", name, 1)));
    assert_conflict(store.commit(writes.to_vec()).await, 1, None);
}

/// Throttling, refusals and broken answers are `Unavailable`, with DynamoDB's code for the log.
#[tokio::test(start_paused = true)]
async fn other_failures_are_unavailable() {
    let writes = ["one", "two"].map(|name| Write::Insert(attempts("a", name, 1)));
    let keys = [attempts("a", "one", 1).key(), attempts("a", "two", 1).key()];
    for (status, answer, code) in [
        (400, error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
        (400, error("AccessDeniedException"), "AccessDeniedException"),
        (500, error("InternalServerError"), "InternalServerError"),
        (400, cancelled(&["None", "ThrottlingError"]), "TransactionCanceledException"),
        (200, json!([]), ""),
    ] {
        let (store, _, _engine) = store_with(move |_, _| Fate::Instead(status, answer.clone()));
        let says = |text: String| assert!(text.contains(code), "{text}");
        if status != 200 {
            says(store.commit(writes.to_vec()).await.unwrap_err().to_string());
            says(store.commit(writes[..1].to_vec()).await.unwrap_err().to_string());
        }
        says(store.get(&keys).await.unwrap_err().to_string());
        says(store.get(&keys[..1]).await.unwrap_err().to_string());
        says(store.account(&samples::email("a", "one")).await.unwrap_err().to_string());
    }
}

/// DynamoDB may answer a batch in part.
#[tokio::test(start_paused = true)]
async fn unprocessed_keys_are_asked_for_again_within_bounds() {
    for (partial, tries) in [(3, 4), (9, 4)] {
        let (store, requests, _engine) = store_with(move |number, body| {
            if (1..=partial).contains(&number) {
                Fate::Instead(200, json!({ "Responses": {}, "UnprocessedKeys": body["RequestItems"] }))
            } else {
                Fate::Answered
            }
        });
        let records = ["one", "two"].map(|name| attempts("a", name, 1));
        store.commit(records.iter().cloned().map(Write::Insert).collect()).await.unwrap();
        let found = store.get(&records.each_ref().map(Record::key)).await;
        assert_eq!(found.map(|found| found.len()).ok(), (partial < tries).then_some(2));
        assert_eq!(requests.lock().unwrap().len(), 1 + tries);
    }
}

/// An item that DynamoDB refuses (400 KB) is `Unavailable`, and the text holds nothing of it.
#[tokio::test]
async fn an_item_too_large_is_refused_without_its_bytes() {
    let (store, _, _engine) = store_with(|_, _| Fate::Answered);
    let mut large = samples::records("a").into_iter().find(|it| matches!(it, Record::SealedKey(_))).unwrap();
    let Record::SealedKey(key) = &mut large else { unreachable!() };
    key.sealed = vec![b'S'; 500_000];
    let text = store.commit(vec![Write::Insert(large)]).await.unwrap_err().to_string();
    assert!(text.contains("ValidationException") && text.len() < 300, "{text}");
}
