//! The table of answers where the service's own store fails: the call is refused, and nothing of it is half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use avain::story::{Signer, credentials};
use avain_api::Deps;
use avain_domain::names::Email;
use avain_domain::ports::{CommitError, Expiring, Store, Unavailable};
use avain_domain::records::{Key, Shelf, Stored, Stretch, Write};
use http::Method;
use serde_json::json;
use time::OffsetDateTime;

use crate::support::person::Person;
use crate::support::{Answer, Service};

/// The machine's store, which answers so many calls more.
pub(crate) struct Frail {
    pub(crate) deps: Deps,
    pub(crate) left: Arc<AtomicI64>,
}

impl Frail {
    fn store(&self) -> Result<&dyn Store, Unavailable> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Unavailable("the store is down".to_owned()));
        }
        Ok(self.deps.store().unwrap())
    }
}

#[async_trait]
impl Store for Frail {
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.account(email).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.get(keys).await
    }

    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.stretch(of, stretch).await
    }

    async fn expiring(&self, from: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<Expiring>, Unavailable> {
        self.store()?.expiring(from, until).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.store()?.commit(writes).await
    }
}

pub(crate) const FOREVER: i64 = i64::MAX;

/// Calls, with a store that fails at the first, second, ... use of it, until the call succeeds. After each failure `stands`
/// looks at what is left, with the store well again.
async fn until_it_succeeds(
    left: &AtomicI64,
    success: u16,
    call: impl AsyncFn() -> Answer,
    stands: impl AsyncFn(i64),
) -> i64 {
    for good in 0..10 {
        left.store(good, Ordering::SeqCst);
        let answer = call().await;
        left.store(FOREVER, Ordering::SeqCst);
        if answer.status == success {
            return good;
        }
        answer.is(503, "01", "Temporarily unavailable");
        assert_eq!(answer.retry_after, Some(1));
        stands(good).await;
    }
    panic!("no success with ten calls of the store");
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_half_done() {
    let left = Arc::new(AtomicI64::new(FOREVER));
    let frail = Arc::clone(&left);
    let service = Service::start_rewired(
        |_| {},
        move |mut machine, _| {
            let store = Frail { deps: machine.deps.clone(), left: frail };
            machine.deps = machine.deps.with_store(Arc::new(store));
            machine
        },
    )
    .await;
    let person = Person::new(&service, "outage@example.com");
    let nobody = async |_| {
        assert!(service.account(person.email()).await.is_empty());
        // What a registration that broke off left in the user pool gives way after a minute.
        service.clock.advance(time::Duration::minutes(1));
    };
    let calls = until_it_succeeds(&left, 201, async || person.register("admin", "0").await, nobody).await;
    assert!(calls >= 2, "{calls}");

    let phone = person.company.phone.clone();
    person.verify_phone("admin", &phone, &person.code("admin", "phone").await).await.succeeded(200);

    // A login that the store never heard of spent nothing; a later one stays counted.
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    left.store(0, Ordering::SeqCst);
    person.answer("admin", &challenge, &encrypted).await.is(503, "01", "Temporarily unavailable");
    left.store(FOREVER, Ordering::SeqCst);
    assert!(!person.spent(&challenge).await);
    assert_eq!(person.failures("admin").await, 0);
    person.answer("admin", &challenge, &encrypted).await.succeeded(200);
    let counted = async |good| assert_eq!(i64::from(person.failures("admin").await), good);
    let calls = until_it_succeeds(&left, 200, async || person.log_in("admin").await, counted).await;
    assert_eq!(i64::from(person.failures("admin").await), calls - 1, "a right password alone takes back only itself");

    left.store(FOREVER, Ordering::SeqCst);
    let admin = {
        let story = person.story();
        let token = story.log_in("admin").await.unwrap()["AccessToken"].as_str().unwrap().to_owned();
        story.verify_email("admin", &token).await.unwrap();
        credentials(&story.log_in("admin").await.unwrap()).unwrap()
    };

    assert_eq!(person.failures("admin").await, 0);

    let key = Signer::generate("Outage <outage@example.com>").unwrap().public_key().unwrap();
    let body = json!({ "PgpKey": key, "PgpKeyPurpose": "authorize" }).to_string();
    let before = service.account(person.email()).await;
    let unchanged = async |_| assert_eq!(service.account(person.email()).await, before);
    let upload = async || service.send(Method::PUT, "/v2/pgp", Some(&admin), body.clone()).await;
    assert_eq!(until_it_succeeds(&left, 201, upload, unchanged).await, 2);
    let list = async || service.send(Method::GET, "/v2/pgp", Some(&admin), "").await;
    assert_eq!(until_it_succeeds(&left, 200, list, async |_| {}).await, 1);

    // The token lives on until the logout is kept.
    let log_out = async || service.send(Method::DELETE, &person.session("admin"), Some(&admin), "").await;
    let lives = async |_| list().await.succeeds(200, "OK", &["PgpKeys"]);
    until_it_succeeds(&left, 200, log_out, lives).await;
    list().await.is(401, "01", "Unauthorized");
}
