//! The audit trail: what is in it, who may read what, and that nothing of it changes unseen (R51, decision 0009).

use std::collections::BTreeSet;

use avain::audit::{Problem, Verified, verify};
use avain::client::Credentials;
use avain::story::credentials;
use avain_domain::Context;
use avain_domain::audit::{self, Finding, HORIZON, Sealing};
use avain_domain::names::OrganisationId;
use avain_domain::ports::{Clock, Store};
use avain_domain::records::{AuditEvent, Key, LAST_ID, Record, Shelf, Stretch, Trail, Write};
use avain_test_support::{output, peer};
use http::Method;
use serde_json::{Value, json};

use crate::support::firm::Firm;
use crate::support::person::Person;
use crate::support::{Answer, Service};

async fn ask(service: &Service, who: &Credentials, query: &str) -> Answer {
    service.send(Method::GET, &format!("/v2/audit{query}"), Some(who), "").await
}

/// The events of a page, newest first.
async fn events(service: &Service, who: &Credentials, query: &str) -> Vec<Value> {
    ask(service, who, query).await.succeeded(200)["Events"].as_array().unwrap().clone()
}

fn told(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {} {}", text("action"), text("phase"), text("outcome"), event["sequence"])
}

fn context(service: &Service) -> Context<'_> {
    let deps = &service.server.machine.deps;
    Context { clock: deps.clock(), random: deps.random(), request_id: "seal" }
}

fn store(service: &Service) -> &dyn Store {
    service.server.machine.deps.store().unwrap()
}

async fn seal(service: &Service, organisation: &OrganisationId) -> Sealing {
    audit::seal(context(service), store(service), &service.server.machine.audit_key, organisation).await.unwrap()
}

#[tokio::test]
async fn every_change_is_told_with_who_what_and_outcome() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "told").await;
    let payment = firm.payment("MSG-1");
    firm.upload(&payment.body()).await.succeeded(201);
    let listed = events(&service, &firm.admin, "").await;
    let lines: Vec<String> = listed.iter().rev().map(told).collect();
    let mode = ["account.register result completed 1", "account.verify-phone result completed 1"];
    let first_login = ["account.verify-email result completed 1", "session.login result completed 1"];
    let expected = [
        &mode[..],
        &first_login,
        &mode,
        &first_login,
        &["pgp-key.register result completed 1"],
        &["certificate.enrol request started 1", "certificate.enrol result completed 2"],
        &["file.upload request started 1", "file.upload result completed 2"],
    ];
    // The clock of the tests stands, so that events of one moment have no order but that of their random ids.
    let sorted = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(lines.len(), expected.concat().len(), "{lines:?}");
    assert_eq!(sorted(&lines), expected.concat().into_iter().map(str::to_owned).collect());

    let upload = listed.iter().find(|it| told(it) == "file.upload result completed 2").unwrap();
    let started = listed.iter().find(|it| told(it) == "file.upload request started 1").unwrap();
    let journal = firm.journal("pain.001.001.09", &payment.bytes).await.unwrap();
    assert_eq!(
        (&upload["resourceId"], &upload["bankResponseCode"], &upload["actorEmail"], &upload["actorMode"]),
        (&json!(journal.id), &json!("00"), &json!("told@example.com"), &json!("data"))
    );
    assert_eq!(upload["operationId"], started["operationId"]);
    assert_ne!(upload["eventId"], started["eventId"]);
}

#[tokio::test]
async fn refusals_are_told_and_capped() {
    let service = Service::start().await;
    let person = Person::new(&service, "refused@example.com");
    let (admin, data) = person.sessions().await;
    let refuse = async || service.send(Method::PUT, "/v2/files/simulator", Some(&admin), "{}").await;
    refuse().await.is(403, "01", "File uploads not allowed on admin mode, use data account mode");
    person.guess("admin", "Wrong-password-2026!x").await.is(400, "01", "Incorrect username or password");
    let foreign = Credentials { api_key: "A".repeat(40), ..data.clone() };
    service.send(Method::GET, "/v2/pgp", Some(&foreign), "").await.is(403, "01", "Invalid API key");
    let found = events(&service, &data, "?Outcome=rejected").await;
    let line = |it: &Value| format!("{} {} {} {}", told(it), it["reason"], it["actorEmail"], it["targetEmail"]);
    let lines: BTreeSet<String> = found.iter().map(line).collect();
    let who = "\"refused@example.com\"";
    let expected = [
        format!("file.upload authorization rejected 1 \"wrong mode\" {who} null"),
        format!("session.login authorization rejected 1 \"wrong credentials\" null {who}"),
        format!("pgp-key.list authorization rejected 1 \"wrong API key\" {who} null"),
    ];
    assert_eq!(lines, expected.into_iter().collect());

    for _ in 0..80 {
        refuse().await;
    }
    assert_eq!(events(&service, &data, "?Action=file.upload").await.len(), 59, "the cap of the hour, less another");
    service.clock.advance(time::Duration::hours(1));
    let later = credentials(&person.story().log_in("data").await.unwrap()).unwrap();
    service.send(Method::PUT, "/v2/pgp", Some(&later), "{}").await.is(
        403,
        "01",
        "PGP key upload allowed for admin user only",
    );
    assert_eq!(events(&service, &later, "?Action=pgp-key.register").await.len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_has_leaves_no_address() {
    let service = Service::start().await;
    let nobody = Person::new(&service, "nobody@example.com");
    nobody.guess("admin", "Wrong-password-2026!x").await.is(400, "01", "Incorrect username or password");
    let mut kept = Vec::new();
    for part in 0..=u8::MAX {
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 10 };
        kept.extend(store(&service).stretch(&Shelf::Refusals(Trail::Nobody(part)), all).await.unwrap());
    }
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert!(!format!("{kept:?}").contains("nobody@example.com"), "{kept:?}");
}

#[tokio::test]
async fn who_may_read_what() {
    let service = Service::start().await;
    let owner = Person::new(&service, "owner@example.com");
    let (admin, _) = owner.sessions().await;
    let customer = Person::new(&service, "customer@example.com");
    let theirs = customer.story().open("admin", &admin.api_key).await.unwrap();
    let (stranger, _) = Person::new(&service, "stranger@example.com").sessions().await;

    let actors = async |who: &Credentials, query: &str| {
        let found = events(&service, who, query).await;
        found.iter().map(|it| it["actorEmail"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let set = |emails: &[&str]| emails.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(actors(&admin, "").await, set(&["customer@example.com", "owner@example.com"]));
    assert_eq!(actors(&admin, "?Account=customer@example.com").await, set(&["customer@example.com"]));
    assert_eq!(actors(&admin, "?Account=stranger@example.com").await, set(&[]));
    assert_eq!(actors(&theirs, "").await, set(&["customer@example.com"]));
    assert_eq!(actors(&theirs, "?Account=customer%40example.com").await, set(&["customer@example.com"]));
    let other = ask(&service, &theirs, "?Account=owner@example.com").await;
    other.is(403, "01", "Allowed for the API key owner only");
    assert_eq!(actors(&stranger, "").await, set(&["stranger@example.com"]));

    let tenant = organisation_of(&service, "owner@example.com").await.0;
    assert_eq!(actors(&admin, &format!("?Tenant={tenant}")).await.len(), 2);
    ask(&service, &stranger, &format!("?Tenant={tenant}")).await.is(404, "01", "Not found");
    service.send(Method::GET, "/v2/audit", None, "").await.is(401, "01", "Unauthorized");
}

#[tokio::test]
async fn pages_are_bound_to_their_question() {
    let service = Service::start().await;
    let (admin, data) = Person::new(&service, "pages@example.com").sessions().await;
    let whole = events(&service, &admin, "").await;
    assert_eq!(whole.len(), 8);
    let (mut paged, mut query) = (Vec::new(), "?Limit=3".to_owned());
    loop {
        let answer = ask(&service, &admin, &query).await;
        paged.extend(answer.succeeded(200)["Events"].as_array().unwrap().clone());
        let Some(next) = answer.body["NextToken"].as_str() else { break };
        query = format!("?Limit=3&NextToken={next}");
    }
    assert_eq!(paged, whole);

    let first = ask(&service, &admin, "?Limit=3").await.text("NextToken");
    let mut spoiled = first.clone().into_bytes();
    spoiled[0] = if spoiled[0] == b'A' { b'B' } else { b'A' };
    let spoiled = String::from_utf8(spoiled).unwrap();
    let refused = [
        (&admin, format!("?Limit=3&NextToken={spoiled}")),
        (&admin, format!("?Limit=3&Action=session.login&NextToken={first}")),
        (&admin, format!("?Limit=3&Account=pages@example.com&NextToken={first}")),
        (&admin, "?NextToken=AAAA".to_owned()),
        (&data, format!("?Limit=3&NextToken={first}")),
    ];
    for (who, query) in refused {
        ask(&service, who, &query).await.is(400, "01", "Invalid parameter(s): NextToken");
    }
    for (query, name) in [
        ("Limit=0", "Limit"),
        ("Limit=101", "Limit"),
        ("Limit=x", "Limit"),
        ("From=2023-12-31", "From"),
        ("From=yesterday", "From"),
        ("From=2026-01-01&To=2026-02-02", "To"),
        ("From=2026-02-02&To=2026-02-01", "To"),
        ("To=0000-01-01", "To"),
        ("From=0000-01-01T00:00:00Z&To=0000-01-01T00:00:00Z", "From"),
        ("Outcome=good", "Outcome"),
        ("Account=nobody", "Account"),
    ] {
        ask(&service, &admin, &format!("?{query}")).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    let today = service.today();
    assert_eq!(events(&service, &admin, &format!("?From={today}&To={today}")).await.len(), 8);
    assert_eq!(events(&service, &admin, "?From=2026-01-01&To=2026-01-31T12:00:00Z").await.len(), 0);
    // The ends of the calendar.
    assert_eq!(events(&service, &admin, "?To=9999-12-31").await.len(), 0);
    assert_eq!(events(&service, &admin, "?From=9999-12-31T00:00:00Z&To=9999-12-31T23:59:59.999999999Z").await.len(), 0);
    assert_eq!(events(&service, &admin, "?Action=session.login").await.len(), 2);
}

async fn organisation_of(service: &Service, email: &str) -> OrganisationId {
    let of = |record: &Record| match record {
        Record::Account(account) => Some(account.organisation.clone()),
        _ => None,
    };
    service.account(email).await.iter().find_map(|stored| of(&stored.record)).unwrap()
}

/// A sealed trail of two batches, exported.
struct Trailed {
    service: Service,
    organisation: OrganisationId,
    export: String,
    head: String,
    key: String,
}

impl Trailed {
    async fn new() -> Self {
        let service = Service::start().await;
        let person = Person::new(&service, "trail@example.com");
        person.sessions().await;
        let organisation = organisation_of(&service, "trail@example.com").await;
        assert_eq!(seal(&service, &organisation).await, Sealing { waiting: 8, ..Sealing::default() });
        service.clock.advance(HORIZON + time::Duration::SECOND);
        assert_eq!(seal(&service, &organisation).await, Sealing { batches: 1, events: 8, ..Sealing::default() });
        person.log_in("data").await.succeeded(200);
        service.clock.advance(HORIZON + time::Duration::SECOND);
        assert_eq!(seal(&service, &organisation).await, Sealing { batches: 1, events: 1, ..Sealing::default() });
        assert_eq!(seal(&service, &organisation).await, Sealing::default());
        let mut trailed =
            Self { service, organisation, export: String::new(), head: String::new(), key: String::new() };
        trailed.export = trailed.exported().await;
        let head = audit::head(store(&trailed.service), &trailed.organisation).await.unwrap().unwrap();
        trailed.head = audit::head_line(&head);
        trailed.key = trailed.service.server.machine.audit_key.public_pem();
        trailed
    }

    async fn exported(&self) -> String {
        let mut text = String::new();
        let export = audit::export(store(&self.service), &self.organisation, |line| {
            text += line;
            text.push('\n');
            Ok(())
        });
        export.await.unwrap();
        text
    }

    fn verify(&self, export: &[u8]) -> Result<Verified, Problem> {
        verify(export, self.head.as_bytes(), self.key.as_bytes())
    }

    async fn events(&self) -> Vec<AuditEvent> {
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 100 };
        let of = Shelf::AuditEvents(self.organisation.clone());
        let found = store(&self.service).stretch(&of, all).await.unwrap();
        let event = |record| if let Record::AuditEvent(event) = record { Some(event) } else { None };
        found.into_iter().filter_map(|stored| event(stored.record)).collect()
    }

    #[track_caller]
    fn finds(&self, export: &str, expected: &str) {
        match self.verify(export.as_bytes()) {
            Err(Problem::Broken { what, .. }) => assert!(what.contains(expected), "{what}"),
            other => panic!("{other:?} instead of {expected}"),
        }
    }
}

#[tokio::test]
async fn any_single_change_of_an_export_is_found() {
    let trailed = Trailed::new().await;
    assert_eq!(trailed.verify(trailed.export.as_bytes()), Ok(Verified { events: 9, batches: 2, beyond: 0 }));
    let bytes = trailed.export.as_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        assert!(trailed.verify(&changed).is_err(), "byte {at} changed");
        assert!(trailed.verify(&bytes[..at]).is_err(), "cut off at byte {at}");
        let mut without = bytes.to_vec();
        without.remove(at);
        assert!(trailed.verify(&without).is_err(), "byte {at} removed");
    }
    let lines: Vec<&str> = trailed.export.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 11);
    for one in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(one);
        assert!(trailed.verify(without.concat().as_bytes()).is_err(), "line {one} removed");
        for other in 0..lines.len() {
            let mut twice = lines.clone();
            twice.insert(other, lines[one]);
            assert!(trailed.verify(twice.concat().as_bytes()).is_err(), "line {one} again at {other}");
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            assert_eq!(trailed.verify(swapped.concat().as_bytes()).is_err(), one != other, "{one} for {other}");
        }
    }
    trailed.finds(&lines[1..].concat(), "event 1 of batch 1 was removed");
    trailed.finds(&trailed.export.replacen("completed", "rejected", 1), "was changed: it was event 1 of batch 1");
    trailed.finds(&[lines[1], lines[0], &lines[2..].concat()].concat(), "is out of place: event 1 of batch 1");
    trailed.finds(&[lines[0], &trailed.export].concat(), "was put in");
    trailed.finds(&lines[9..].concat(), "batch 1 is missing or out of place");
    trailed.finds(&lines[..9].concat(), "cut off: 1 batches of at least 2");
    trailed.finds(&lines[..10].concat(), "is in no batch");
    assert!(matches!(verify(bytes, b"{}", trailed.key.as_bytes()), Err(Problem::Unusable(_))));
}

/// OpenSSL finds the signature genuine, and Python's SHA-256 the root, with no code of ours.
#[tokio::test]
async fn others_find_root_and_signature_the_same() {
    let trailed = Trailed::new().await;
    let (Some(python), Some(openssl)) = (peer("python3"), peer("openssl")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("export"), &trailed.export).unwrap();
    std::fs::write(path("key.pem"), &trailed.key).unwrap();
    std::fs::write(path("check.py"), CHECK).unwrap();
    let mut checked = python;
    let checked = output(checked.arg(path("check.py")).arg(path("export")).arg(folder.path()));
    assert_eq!(String::from_utf8(checked.stdout).unwrap().trim(), "2 batches");
    for number in [1, 2] {
        let mut openssl = std::process::Command::new(openssl.get_program());
        let verify = openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(path("key.pem"));
        let verify = verify.arg("-in").arg(path(&format!("{number}.text")));
        let verified = output(verify.arg("-sigfile").arg(path(&format!("{number}.signature"))));
        assert!(verified.status.success(), "{verified:?}");
    }
}

/// RFC 6962, 2.1, and the chain, as whoever has only the decision's page would write it.
const CHECK: &str = r#"
import base64, hashlib, json, sys
sha = lambda data: hashlib.sha256(data).digest()
def root(leaves):
    if len(leaves) == 1: return leaves[0]
    k = 1
    while k * 2 < len(leaves): k *= 2
    return sha(b"\x01" + root(leaves[:k]) + root(leaves[k:]))
lines, previous, batches = [], "0" * 64, 0
for line in open(sys.argv[1], "rb").read().splitlines():
    if not line.startswith(b'{"batch":'):
        lines.append(line)
        continue
    batches += 1
    batch = json.loads(line)
    text = line[len(b'{"batch":'):line.index(b',"leaves":')]
    assert root([sha(b"\x00" + it) for it in lines]).hex() == batch["batch"]["root"]
    assert batch["batch"]["previous"] == previous and batch["batch"]["number"] == batches
    previous = sha(text).hex()
    open(f"{sys.argv[2]}/{batches}.text", "wb").write(text)
    open(f"{sys.argv[2]}/{batches}.signature", "wb").write(base64.b64decode(batch["signature"]))
    lines = []
print(batches, "batches")
"#;

#[tokio::test]
async fn what_is_done_to_the_table_is_found() {
    let trailed = Trailed::new().await;
    let (service, organisation) = (&trailed.service, &trailed.organisation);
    let commit = async |writes: Vec<Write>| store(service).commit(writes).await.unwrap();
    let events = trailed.events().await;

    // A sealed event goes, and comes back changed.
    commit(vec![Write::Forget(Record::AuditEvent(events[3].clone()).key())]).await;
    trailed.finds(&trailed.exported().await, "was removed");
    let changed = AuditEvent { outcome: "failed".to_owned(), ..events[3].clone() };
    commit(vec![Write::Insert(Record::AuditEvent(changed.clone()))]).await;
    trailed.finds(&trailed.exported().await, "was changed");
    commit(vec![Write::Replace(Record::AuditEvent(events[3].clone()), 1)]).await;
    assert!(trailed.verify(trailed.exported().await.as_bytes()).is_ok());

    // One goes before it is sealed: its counter tells.
    Person::new(service, "trail@example.com").log_in("data").await.succeeded(200);
    let young = trailed.events().await.pop().unwrap();
    commit(vec![Write::Forget(Record::AuditEvent(young.clone()).key())]).await;
    let findings = seal(service, organisation).await.findings;
    assert!(
        matches!(findings[..], [Finding::Removed { shard, missing: 1, .. }] if shard == usize::from(young.shard)),
        "{findings:?}"
    );
    // One comes in that was never counted.
    commit(vec![Write::Insert(Record::AuditEvent(young.clone()))]).await;
    assert_eq!(seal(service, organisation).await.findings, []);
    let id = format!("{}x", young.id);
    commit(vec![Write::Insert(Record::AuditEvent(AuditEvent { id, ..young }))]).await;
    let findings = seal(service, organisation).await.findings;
    assert!(matches!(findings[..], [Finding::Inserted { surplus: 1, .. }]), "{findings:?}");

    // The head is set back: sealing says so instead of standing still.
    commit(vec![Write::Forget(Key::AuditHead(organisation.clone()))]).await;
    assert_eq!(seal(service, organisation).await.findings, [Finding::HeadSetBack(1)]);
}

/// A clock was set back: an event has an id before what is sealed. It is sealed all the same, once.
#[tokio::test]
async fn an_event_that_comes_late_is_sealed() {
    let trailed = Trailed::new().await;
    let (service, organisation) = (&trailed.service, &trailed.organisation);
    service.clock.advance(HORIZON * -2);
    Person::new(service, "trail@example.com").log_in("data").await.succeeded(200);
    service.clock.advance(HORIZON * 4);
    let late = seal(service, organisation).await;
    assert_eq!(late, Sealing { batches: 1, events: 1, ..Sealing::default() });
    assert_eq!(seal(service, organisation).await, Sealing::default());
    let found = trailed.verify(trailed.exported().await.as_bytes());
    assert_eq!(found, Ok(Verified { events: 10, batches: 3, beyond: 1 }));
}

/// Of two that seal at once, one does it; nothing is sealed twice and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn two_sealers_seal_once() {
    let service = Service::start().await;
    Person::new(&service, "two@example.com").sessions().await;
    let organisation = organisation_of(&service, "two@example.com").await;
    service.clock.advance(HORIZON + time::Duration::SECOND);
    let both = tokio::join!(seal(&service, &organisation), seal(&service, &organisation));
    assert_eq!((both.0.events + both.1.events, both.0.batches + both.1.batches), (8, 1), "{both:?}");
    assert_eq!([both.0.findings, both.1.findings].concat(), []);
    assert_eq!(seal(&service, &organisation).await, Sealing::default());
}

/// `avain serve` seals at each tick.
#[tokio::test]
async fn ticks_seal() {
    let service = Service::start().await;
    Person::new(&service, "tick@example.com").sessions().await;
    let organisation = organisation_of(&service, "tick@example.com").await;
    service.clock.advance(HORIZON + time::Duration::SECOND);
    let (ticker, ticks) = tokio::sync::mpsc::channel(1);
    ticker.send(()).await.unwrap();
    drop(ticker);
    let machine = &service.server.machine;
    avain::audit::keep_sealing(machine.deps.clone(), std::sync::Arc::clone(&machine.audit_key), ticks).await;
    let head = audit::head(store(&service), &organisation).await.unwrap().unwrap();
    assert_eq!((head.number, head.totals.iter().sum::<u64>(), head.sealed_at), (1, 8, service.clock.now()));
}
