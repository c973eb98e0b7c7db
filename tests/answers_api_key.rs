//! The table of answers where an organisation's API key is made: the gateway knows it before anybody else does, and a key that
//! no registration ended with is nobody's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use avain_adapters_local::outbox::CodeKind;
use avain_domain::names::{Email, Mode, OrganisationId};
use avain_domain::ports::{Gateway, Unavailable};
use avain_domain::records::Record;
use http::Method;

use crate::support::Service;
use crate::support::person::Person;

/// A gateway that notes every key, and may fail right after: it is not known then whether it has the key.
#[derive(Default)]
struct Noting {
    fails: AtomicBool,
    admitted: Mutex<Vec<(OrganisationId, String)>>,
}

impl Noting {
    /// The keys since the last question.
    fn take(&self) -> Vec<(OrganisationId, String)> {
        std::mem::take(&mut self.admitted.lock().unwrap())
    }
}

#[async_trait]
impl Gateway for Noting {
    async fn admit(&self, organisation: &OrganisationId, api_key: &str) -> Result<(), Unavailable> {
        self.admitted.lock().unwrap().push((organisation.clone(), api_key.to_owned()));
        if self.fails.load(Ordering::SeqCst) { Err(Unavailable("throttled".to_owned())) } else { Ok(()) }
    }
}

async fn service(gateway: &Arc<Noting>) -> Service {
    let gateway = Arc::clone(gateway);
    let rewire = move |mut machine: avain::machine::Machine, _| {
        machine.deps = machine.deps.with_gateway(gateway);
        machine
    };
    Service::start_rewired(|_| {}, rewire).await
}

#[tokio::test]
async fn a_gateway_that_fails_leaves_nobody_registered() {
    let gateway = Arc::new(Noting::default());
    let service = service(&gateway).await;
    let person = Person::new(&service, "gateway@example.com");
    let email = Email::parse(person.email()).unwrap();

    gateway.fails.store(true, Ordering::SeqCst);
    let mut given_up = Vec::new();
    for _ in 0..2 {
        let answer = person.register("admin", "0").await;
        answer.is(503, "01", "Temporarily unavailable");
        assert_eq!(answer.retry_after, Some(1));
        given_up.append(&mut gateway.take());
        let (_, key) = given_up.last().unwrap();
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(key.as_str()));
        assert!(service.account(person.email()).await.is_empty());
        assert!(service.server.machine.outbox.newest(&email, Mode::Admin, CodeKind::Phone).is_none());
    }
    gateway.fails.store(false, Ordering::SeqCst);
    // At once: the user pool was not asked yet, so that nothing of it has to give way.
    let key = person.register("admin", "0").await.text("ApiKey");
    let (organisation, admitted) = gateway.take().pop().unwrap();
    assert_eq!(admitted, key);
    let account = service.account(person.email()).await.into_iter().find_map(|it| match it.record {
        Record::Account(account) => Some(account),
        _ => None,
    });
    assert_eq!(account.unwrap().organisation, organisation, "the key has the organisation's name at the gateway");

    // What the gateway may know of the tries before opens nothing.
    assert_eq!(given_up.len(), 2);
    let other = Person::new(&service, "other@example.com");
    for (other_organisation, other_key) in given_up {
        assert!(other_key != key && other_organisation != organisation);
        other.register("admin", &other_key).await.is(400, "01", "Invalid parameter(s): ApiKey");
        person.register("data", &other_key).await.is(400, "01", "Invalid parameter(s): ApiKey");
    }
    assert!(gateway.take().is_empty());
}

#[tokio::test]
async fn only_a_new_organisation_gets_a_key() {
    let gateway = Arc::new(Noting::default());
    let service = service(&gateway).await;
    let (person, other) = (Person::new(&service, "one@example.com"), Person::new(&service, "two@example.com"));

    // Refused before a key is made.
    let weak = person.registration("admin", "0", "weak").await;
    person.send(Method::PUT, &person.account("admin"), &weak).await.is(
        400,
        "01",
        "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special",
    );
    person.register("data", "0").await.is(400, "01", "Invalid parameter(s): Mode (register admin mode first)");
    person.register("admin", "unknown").await.is(400, "01", "Invalid parameter(s): ApiKey");
    assert!(gateway.take().is_empty());

    let key = person.register("admin", "0").await.text("ApiKey");
    let admitted = gateway.take();
    assert_eq!(admitted.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>(), [key.as_str()]);
    assert_eq!(key.len(), 40);
    assert!(key.starts_with(|it: char| it.is_ascii_alphabetic()) && key.chars().all(|it| it.is_ascii_alphanumeric()));

    // The gateway has it: neither the other mode nor another account makes it again, whether the gateway works or not.
    gateway.fails.store(true, Ordering::SeqCst);
    assert_eq!(person.register("data", &key).await.text("ApiKey"), key);
    assert_eq!(other.register("admin", &key).await.text("ApiKey"), key);
    person.register("admin", "0").await.is(409, "01", "Account already exists");
    assert!(gateway.take().is_empty());
}
