//! Answers of ListAccounts and DeleteAccount, and what is left of a deleted account: nothing that a later one meets.

use avain::client::Credentials;
use avain::story::credentials;
use avain_bank_simulator::Operation;
use avain_domain::members;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::records::{AuditEvent, Key, LAST_ID, Record, Shelf, Stretch};
use http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::support::firm::Firm;
use crate::support::frail::Patience;
use crate::support::person::Person;
use crate::support::{Answer, Service};

const LIST: &str = "/v2/integrator/accounts";
const OWNER_ONLY: &str = "Allowed for the API key owner only";
const UNAUTHORIZED: &str = "Unauthorized";
const INCORRECT: &str = "Incorrect username or password";

async fn list(service: &Service, who: &Credentials) -> Answer {
    service.send(Method::GET, LIST, Some(who), "").await
}

async fn delete(service: &Service, who: &Credentials, email: &str) -> Answer {
    let body = json!({ "Confirm": email }).to_string();
    service.send(Method::DELETE, &format!("/v2/account/{email}"), Some(who), body).await
}

/// The addresses in the organisation's list.
async fn members(firm: &Firm<'_>) -> Vec<String> {
    let found = members::of(firm.store(), &firm.organisation().await).await.unwrap();
    found.into_iter().map(|it| it.as_str().to_owned()).collect()
}

/// What the trail says of deletions.
async fn told(firm: &Firm<'_>) -> Vec<AuditEvent> {
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 200 };
    let found = firm.store().stretch(&Shelf::AuditEvents(firm.organisation().await), all).await.unwrap();
    let events = found.into_iter().filter_map(|stored| match stored.record {
        Record::AuditEvent(event) if event.action == "account.delete" => Some(event),
        _ => None,
    });
    let mut events: Vec<AuditEvent> = events.collect();
    events.sort_by_key(|it| it.sequence);
    events
}

#[tokio::test]
async fn the_owner_sees_every_account_of_its_organisation() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    let stranger = Firm::enrolled(&service, &codes, "stranger").await;
    let admin_only = Person::new(&service, "admin-only@example.com");
    admin_only.register("admin", &owner.admin.api_key).await.succeeded(201);
    owner.share_with(user.address()).await.succeeded(201);
    for who in [&owner.data, &user.admin, &user.data] {
        list(&service, who).await.is(403, "01", OWNER_ONLY);
    }
    service.send(Method::GET, LIST, None, "").await.is(401, "01", UNAUTHORIZED);
    let mixed = Credentials { api_key: stranger.admin.api_key.clone(), ..owner.admin.clone() };
    list(&service, &mixed).await.is(403, "01", "Invalid API key");

    let certs = owner.get("/v2/certs").await.body["Certs"].clone();
    let answer = list(&service, &owner.admin).await;
    answer.succeeds(200, "OK", &["Accounts"]);
    let described = |email: &str, certs: &Value, data: &str, kind: &str, linked: &str| {
        json!({
            "Name": "Aino Avain", "Email": email, "Phone": "+358401234567", "Export": "allowed", "Certs": certs,
            "AdminMode": "registered", "DataMode": data, "AccountType": kind, "LinkedTo": linked, "Retired": [],
        })
    };
    let expected = [
        described("admin-only@example.com", &json!([]), "unregistered", "customer", ""),
        described("owner@example.com", &certs, "registered", "integrator", ""),
        described("user@example.com", &json!([]), "registered", "customer", "owner@example.com"),
    ];
    assert_eq!(answer.body["Accounts"], json!(expected));

    user.enrol().await.succeeded(201);
    user.retire().await.succeeded(200);
    user.as_admin(Method::POST, "/v2/certs", &json!({ "Export": "disabled" })).await.succeeded(200);
    let now = list(&service, &owner.admin).await.body["Accounts"][2].clone();
    let retired = user.get("/v2/certs").await.body["Retired"].clone();
    assert_eq!((retired.as_array().unwrap().len(), &now["Retired"]), (1, &retired));
    assert_eq!((&now["Export"], &now["LinkedTo"], &now["Certs"]), (&json!("disabled"), &json!(""), &json!([])));
    let strangers = list(&service, &stranger.admin).await.body["Accounts"].clone();
    assert_eq!((strangers.as_array().unwrap().len(), &strangers[0]["Email"]), (1, &json!("stranger@example.com")));
}

/// More than are read at the same time, in their order.
#[tokio::test]
async fn a_long_list_is_whole() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let mut expected = vec!["owner@example.com".to_owned()];
    for number in 0..17 {
        let email = format!("~{number:02}%23@example.com");
        // In a path as clients write it.
        let person = Person::new(&service, &email.replace('%', "%25"));
        person.register("admin", &owner.admin.api_key).await.succeeded(201);
        expected.push(email);
    }
    let answer = list(&service, &owner.admin).await;
    let found = answer.succeeded(200)["Accounts"].as_array().unwrap().iter().map(|it| it["Email"].as_str().unwrap());
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_all_that_it_had() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    user.enrol().await.succeeded(201);
    user.retire().await.succeeded(200);
    owner.share_with(user.address()).await.succeeded(201);
    let key = self::key(&owner).await;
    user.upload(&user.payment("BEFORE").body()).await.succeeded(201);
    let file = user.first_file().await;
    user.get(&file).await.succeeded(200);
    assert_eq!(user.records().await.len(), 6, "account, two modes, retired, share, PGP key");

    let answer = delete(&service, &owner.admin, user.address()).await;
    answer.succeeds(200, "Account deleted", &["Deleted", "Email"]);
    assert_eq!(answer.body["Deleted"], json!({ "AdminUser": true, "DataUser": true, "Account": true }));
    assert_eq!(answer.body["Email"], "user@example.com");
    assert_eq!(service.account(user.address()).await, []);
    assert_eq!(members(&owner).await, ["owner@example.com"]);
    assert_eq!(list(&service, &owner.admin).await.body["Accounts"].as_array().unwrap().len(), 1);
    // The sharer has its certificate still, and nobody to share it with.
    assert!(service.record(key).await.is_some());
    assert_eq!(owner.unshare_with("user@example.com").await.status, 404);
    owner.list().await.succeeded(200);

    for who in [&user.admin, &user.data] {
        service.send(Method::GET, "/v2/pgp", Some(who), "").await.is(401, "01", UNAUTHORIZED);
    }
    let person = Person::new(&service, "user@example.com");
    for mode in ["admin", "data"] {
        person.log_in(mode).await.is(400, "01", INCORRECT);
    }
    let events = told(&owner).await;
    let steps: Vec<(u32, &str)> = events.iter().map(|it| (it.sequence, it.outcome.as_str())).collect();
    assert_eq!(steps, [(1, "started"), (2, "accepted"), (3, "completed")]);
    assert!(events.iter().all(|it| it.object.starts_with("user@example.com")));
    for part in ["retired/simulator.", "share/simulator", "pgp-key/"] {
        assert!(events[1].object.contains(part), "{}", events[1].object);
    }
    // The trail of what it did stays.
    let trail =
        service.send(Method::GET, "/v2/audit?Account=user@example.com&Action=file.upload", Some(&owner.admin), "");
    assert_eq!(trail.await.succeeded(200)["Events"].as_array().unwrap().len(), 2);
    delete(&service, &owner.admin, user.address()).await.is(404, "01", "Not found");
}

/// The sealed key of the account's own certificate at the simulator.
async fn key(firm: &Firm<'_>) -> Key {
    let of = |stored: avain_domain::records::Stored| match stored.record {
        Record::Certificate(it) => Some(Key::SealedKey(it.key)),
        _ => None,
    };
    firm.records().await.into_iter().find_map(of).unwrap()
}

#[tokio::test]
async fn private_keys_are_destroyed_with_their_account() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    user.enrol().await.succeeded(201);
    let key = key(&user).await;
    assert!(service.record(key.clone()).await.is_some());
    delete(&service, &owner.admin, user.address()).await.succeeded(200);
    assert_eq!((service.record(key).await, service.account(user.address()).await), (None, Vec::new()));
}

#[tokio::test]
async fn what_is_refused_deletes_nothing() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    let other = Firm::open_under(&service, &codes, "other", &owner.admin.api_key).await;
    let stranger = Firm::open(&service, &codes, "stranger").await;
    user.enrol().await.succeeded(201);
    user.share_with(other.address()).await.succeeded(201);
    let before = (owner.records().await, user.records().await, other.records().await, stranger.records().await);

    for who in [&owner.data, &user.admin, &user.data] {
        delete(&service, who, other.address()).await.is(403, "01", OWNER_ONLY);
        delete(&service, who, "nobody@example.com").await.is(403, "01", OWNER_ONLY);
    }
    let send = async |path: &str, body: Value| owner.as_admin(Method::DELETE, path, &body).await;
    service.send(Method::DELETE, "/v2/account/other@example.com", None, "").await.is(401, "01", UNAUTHORIZED);
    for body in [json!({}), json!({ "Confirm": "" }), json!({ "Confirm": null })] {
        send("/v2/account/other@example.com", body).await.is(400, "01", "Missing parameter(s)");
    }
    let said = "Invalid parameter(s): Confirm (must be the account's e-mail address)";
    for confirm in ["user@example.com", "OTHER@example.com", "other@example.com ", "other"] {
        send("/v2/account/other%40example.com", json!({ "Confirm": confirm })).await.is(400, "01", said);
    }
    send("/v2/account/nobody", json!({ "Confirm": "nobody" })).await.is(400, "01", "Invalid parameter(s): Email");
    let answer = send("/v2/account/other@example.com", json!(["other@example.com"])).await;
    answer.is(400, "01", "Invalid parameter(s): Body (a JSON object)");

    delete(&service, &owner.admin, owner.address()).await.is(
        403,
        "01",
        "The account that made the API key cannot be deleted",
    );
    let absent = delete(&service, &owner.admin, "nobody@example.com").await;
    absent.is(404, "01", "Not found");
    let strangers = delete(&service, &owner.admin, stranger.address()).await;
    assert_eq!(strangers.but_for_its_id(), absent.but_for_its_id());
    delete(&service, &owner.admin, user.address()).await.is(
        409,
        "01",
        "Account still shares certificates: unshare or retire them first",
    );
    let after = (owner.records().await, user.records().await, other.records().await, stranger.records().await);
    assert_eq!(after, before);
    assert_eq!(told(&owner).await, []);

    // Ten minutes after the second factor, not a second more.
    service.clock.advance(Duration::seconds(600));
    let answer = delete(&service, &owner.admin, "nobody@example.com").await;
    answer.is(404, "01", "Not found");
    service.clock.advance(Duration::SECOND);
    delete(&service, &owner.admin, other.address()).await.is(400, "01", "Re-authenticate to delete accounts");
    assert_eq!(other.records().await, before.2);
    let fresh = credentials(&owner.story.log_in("admin").await.unwrap()).unwrap();
    delete(&service, &fresh, &other.address().to_uppercase()).await.succeeded(200);
    assert_eq!(other.records().await, []);
    // Who used it is gone, so nothing is shared any more.
    delete(&service, &fresh, user.address()).await.succeeded(200);
}

/// Only what is registered was there.
#[tokio::test]
async fn an_account_that_is_half_registered_is_deleted_too() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let person = Person::new(&service, "half@example.com");
    person.register("admin", &owner.admin.api_key).await.succeeded(201);
    let answer = delete(&service, &owner.admin, person.email()).await;
    assert_eq!(answer.succeeded(200)["Deleted"], json!({ "AdminUser": true, "DataUser": false, "Account": true }));
    assert_eq!(service.account(person.email()).await, []);
}

#[tokio::test]
async fn a_deletion_that_broke_off_is_completed_by_repeating_it() {
    for answers_lost in [false, true] {
        let (service, store) = Patience::start().await;
        let codes = service.codes();
        let owner = Firm::enrolled(&service, &codes, "owner").await;
        let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
        owner.share_with(user.address()).await.succeeded(201);
        if answers_lost {
            store.loses_answers();
        }
        let mut good = 0;
        loop {
            store.ends_after(good);
            let answer = delete(&service, &owner.admin, user.address()).await;
            store.never_ends();
            good += 1;
            if answer.status == 200 {
                break;
            }
            if answers_lost && answer.status == 404 {
                // It was all done the last time.
                break;
            }
            answer.is(503, "01", "Temporarily unavailable");
            let (left, listed) = (service.account(user.address()).await, members(&owner).await);
            let there = left.iter().any(|it| matches!(it.record, Record::Account(_)));
            assert_eq!(there, listed.contains(&"user@example.com".to_owned()), "the account and its entry go together");
            assert!(there || left.is_empty(), "what it holds goes before it");
            // From its beginning on no token is good, though the account is there.
            let begun = !told(&owner).await.is_empty();
            let status = service.send(Method::GET, "/v2/pgp", Some(&user.data), "").await.status;
            assert_eq!(status == 401, begun);
            if begun && there {
                let again = Person::new(&service, user.address());
                assert_eq!(again.register("data", &owner.admin.api_key).await.status, 409, "its modes stay to the end");
            }
        }
        assert!(good >= 6, "{good}");
        assert_eq!(
            (service.account(user.address()).await, members(&owner).await),
            (vec![], vec![owner.address().to_owned()])
        );
        let events = told(&owner).await;
        assert_eq!(events.iter().filter(|it| it.outcome == "completed").count(), 1);
        assert_eq!(owner.unshare_with(user.address()).await.status, 404);
    }
}

/// What a call that has begun before would give the account does not stay.
#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_leave_nothing_behind() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    for round in 0..4 {
        let user = Firm::open_under(&service, &codes, &format!("user{round}"), &owner.admin.api_key).await;
        let signer = avain::story::Signer::generate("Late <late@example.com>").unwrap();
        let body = json!({ "PgpKey": signer.public_key().unwrap(), "PgpKeyPurpose": "authorize" });
        let (deleted, ..) = tokio::join!(
            delete(&service, &owner.admin, user.address()),
            user.as_admin(Method::PUT, "/v2/pgp", &body),
            user.enrol(),
            owner.share_with(user.address()),
            delete(&service, &owner.admin, user.address()),
        );
        assert!([200, 404, 503].contains(&deleted.status), "{deleted:?}");
        let again = delete(&service, &owner.admin, user.address()).await;
        assert!([200, 404].contains(&again.status), "{again:?}");
        assert_eq!(service.account(user.address()).await, []);
        let shared = owner.records().await.into_iter().any(|it| match it.record {
            Record::Certificate(it) => it.shared_to.contains(&user.email()),
            _ => false,
        });
        assert!(!shared);
    }
}

/// An account of the same address under another key knows nothing of the one before: no journal, no kept file, no count of
/// failures, no token; and under the same key the tokens of the earlier one are nobody's.
#[tokio::test]
async fn a_later_account_of_the_address_is_another() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    user.enrol().await.succeeded(201);
    let payment = user.payment("ONCE");
    user.upload(&payment.body()).await.succeeded(201);
    let file = user.first_file().await;
    user.get(&file).await.succeeded(200);
    let person = Person::new(&service, "user@example.com");
    for _ in 0..3 {
        person.guess("data", "Wrong-password-2026!x").await.is(400, "01", INCORRECT);
    }
    delete(&service, &owner.admin, user.address()).await.succeeded(200);
    for mode in [Mode::Admin, Mode::Data] {
        let login = Login { email: Email::parse("user@example.com").unwrap(), mode };
        assert_eq!(service.record(Key::Attempts(login)).await, None);
    }
    service.clock.advance(Duration::seconds(10));

    let later = Firm::open(&service, &codes, "user").await;
    assert!(later.organisation().await != owner.organisation().await);
    for who in [&user.admin, &user.data] {
        service.send(Method::GET, "/v2/pgp", Some(who), "").await.is(401, "01", UNAUTHORIZED);
    }
    let nothing = later.get("/v2/certs").await;
    assert_eq!((&nothing.body["Certs"], &nothing.body["Retired"]), (&json!([]), &json!([])));
    assert_eq!(later.story.keys(&later.data).await.unwrap().len(), 1, "its own");
    later.get(&file).await.is(404, "01", "No certificate(s) for this bank,");
    let seen = later.get("/v2/audit?Limit=100").await;
    let old = |it: &&Value| it["action"] == "file.upload" || it["action"] == "certificate.enrol";
    assert_eq!(seen.succeeded(200)["Events"].as_array().unwrap().iter().filter(old).count(), 0);

    // The bank is asked for the file, and is sent the payment, that the earlier account had fetched and sent.
    later.enrol().await.succeeded(201);
    let (fetched, sent) = (later.calls(Operation::DownloadFile), later.calls(Operation::UploadFile));
    later.get(&file).await;
    assert_eq!(later.calls(Operation::DownloadFile), fetched + 1);
    let signed = json!({ "Signature": later.signer.sign(&payment.bytes).unwrap() });
    let mut body = payment.body();
    body["Signature"] = signed["Signature"].clone();
    later.upload(&body).await;
    assert_eq!(later.calls(Operation::UploadFile), sent + 1);

    // Under the same key.
    let again = Person::new(&service, "again@example.com");
    let story = again.story();
    let old = story.open("admin", &owner.admin.api_key).await.unwrap();
    let fresh = credentials(&owner.story.log_in("admin").await.unwrap()).unwrap();
    delete(&service, &fresh, again.email()).await.succeeded(200);
    service.clock.advance(Duration::seconds(10));
    let new = story.open("admin", &owner.admin.api_key).await.unwrap();
    service.send(Method::GET, "/v2/pgp", Some(&old), "").await.is(401, "01", UNAUTHORIZED);
    service.send(Method::GET, "/v2/pgp", Some(&new), "").await.succeeded(200);
}

/// Without an authorize key data mode changes nothing, whatever it may call (decision 11).
#[tokio::test]
async fn data_mode_without_an_authorize_key_is_read_only() {
    use avain_api::{Access, operations::ALL};
    use avain_domain::session::Modes;

    let changes = ALL.iter().filter(|it| {
        let data = !matches!(it.access, Access::Anyone | Access::Token { modes: Modes::Only(Mode::Admin), .. });
        data && it.method != Method::GET
    });
    let names: Vec<&str> = changes.map(|it| it.name).collect();
    assert_eq!(names, ["Logout", "UploadFile", "AddSignatures", "DeleteFile"], "a new one belongs into this test");

    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "readonly").await;
    let payment = firm.payment("SIGNED");
    let file = firm.first_file().await;
    let key = firm.records().await.into_iter().find(|it| matches!(it.record, Record::PgpKey(_))).unwrap();
    firm.store().commit(vec![avain_domain::records::Write::Delete(key.record.key(), key.version)]).await.unwrap();
    let refusal = "No PGP keys. Without a registered authorize key this account is read-only.";
    firm.upload(&payment.body()).await.is(403, "01", refusal);
    service.send(Method::DELETE, &file, Some(&firm.data), "").await.is(403, "01", refusal);
    assert_eq!(firm.calls(Operation::UploadFile), 0);
    for path in ["/v2/certs", "/v2/pgp", "/v2/audit", "/v2/policy", "/v2/files/simulator", &file] {
        firm.get(path).await.succeeded(200);
    }
    firm.story.upload_key(&firm.admin, &firm.signer.public_key().unwrap(), "authorize").await.unwrap();
    firm.upload(&payment.body()).await.succeeded(201);
}
