//! The table of answers where the service's own store fails: the call is refused, and nothing of it is half done.

use avain::story::{Signer, credentials};
use http::Method;
use serde_json::json;

use crate::support::frail::Patience;
use crate::support::person::Person;

#[tokio::test]
async fn while_the_store_is_down_nothing_is_half_done() {
    let (service, patience) = Patience::start().await;
    let person = Person::new(&service, "outage@example.com");
    let nobody = async |_| {
        assert!(service.account(person.email()).await.is_empty());
        // What a registration that broke off left in the user pool gives way after a minute.
        service.clock.advance(time::Duration::minutes(1));
    };
    let calls = patience.until_it_succeeds(201, async || person.register("admin", "0").await, nobody).await;
    assert!(calls >= 2, "{calls}");

    let phone = person.company.phone.clone();
    person.verify_phone("admin", &phone, &person.code("admin", "phone").await).await.succeeded(200);

    // A login that the store never heard of spent nothing; a later one stays counted.
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    patience.ends_after(0);
    person.answer("admin", &challenge, &encrypted).await.is(503, "01", "Temporarily unavailable");
    patience.never_ends();
    assert!(!person.spent(&challenge).await);
    assert_eq!(person.failures("admin").await, 0);
    person.answer("admin", &challenge, &encrypted).await.succeeded(200);
    let counted = async |good| assert_eq!(i64::from(person.failures("admin").await), good);
    let calls = patience.until_it_succeeds(200, async || person.log_in("admin").await, counted).await;
    assert_eq!(i64::from(person.failures("admin").await), calls - 1, "a right password alone takes back only itself");

    patience.never_ends();
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
    assert_eq!(patience.until_it_succeeds(201, upload, unchanged).await, 2);
    let list = async || service.send(Method::GET, "/v2/pgp", Some(&admin), "").await;
    assert_eq!(patience.until_it_succeeds(200, list, async |_| {}).await, 1);

    // The token lives on until the logout is kept.
    let log_out = async || service.send(Method::DELETE, &person.session("admin"), Some(&admin), "").await;
    let lives = async |_| list().await.succeeds(200, "OK", &["PgpKeys"]);
    patience.until_it_succeeds(200, log_out, lives).await;
    list().await.is(401, "01", "Unauthorized");
}
