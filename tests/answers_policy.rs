//! Answers of GetPolicy and PutPolicy, and what a policy does: copies in each account, verification skipped, calls limited.

use avain::client::Credentials;
use avain::story::credentials;
use avain_adapters_local::outbox::CodeKind;
use avain_domain::names::{Email, Mode};
use avain_domain::ports::{Clock, Unavailable};
use avain_domain::records::{
    Account, AuditEvent, Key, LAST_ID, Organisation, Policy, Record, Shelf, Stored, Stretch, Trail,
};
use http::Method;
use serde_json::{Value, json};

use crate::support::firm::Firm;
use crate::support::frail::Patience;
use crate::support::person::Person;
use crate::support::pool::Interposed;
use crate::support::{Answer, Service};

const PATH: &str = "/v2/policy";
const OWNER_ONLY: &str = "Allowed for the API key owner only";

async fn get(service: &Service, who: &Credentials) -> Answer {
    service.send(Method::GET, PATH, Some(who), "").await
}

async fn put(service: &Service, who: &Credentials, policy: &Value) -> Answer {
    service.send(Method::PUT, PATH, Some(who), policy.to_string()).await
}

fn by_default() -> Value {
    json!({ "SkipPhoneVerification": false, "SkipEmailVerification": false, "CallsPerMinute": null, "Signatures": [] })
}

fn everything() -> Value {
    json!({
        "SkipPhoneVerification": true, "SkipEmailVerification": true, "CallsPerMinute": 100_000,
        "Signatures": [
            { "Bank": "simulator", "FileType": "pain.001.001.09", "Required": 2 },
            { "Bank": null, "FileType": null, "Required": 9 },
        ],
    })
}

async fn account(firm: &Firm<'_>) -> Account {
    let of = |stored: Stored| match stored.record {
        Record::Account(account) => Some(account),
        _ => None,
    };
    firm.records().await.into_iter().find_map(of).unwrap()
}

/// The organisation with its version.
async fn organisation(firm: &Firm<'_>) -> (Organisation, u64) {
    let found = firm.store().get(&[Key::Organisation(firm.organisation().await)]).await.unwrap();
    match found.into_iter().next() {
        Some(Stored { record: Record::Organisation(record), version }) => (record, version),
        other => panic!("{other:?}"),
    }
}

/// Each account has the organisation's policy of now, and knows so.
async fn agree(firms: &[&Firm<'_>]) -> Policy {
    let (of, version) = organisation(firms[0]).await;
    for firm in firms {
        let account = account(firm).await;
        assert_eq!((&account.policy, account.agreement, account.terms), (&of.policy, of.agreement, version));
    }
    of.policy
}

async fn events(firm: &Firm<'_>, action: &str) -> Vec<AuditEvent> {
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 200 };
    let found = firm.store().stretch(&Shelf::AuditEvents(firm.organisation().await), all).await.unwrap();
    let events = found.into_iter().filter_map(|stored| match stored.record {
        Record::AuditEvent(event) if event.action == action => Some(event),
        _ => None,
    });
    events.collect()
}

#[tokio::test]
async fn a_policy_is_every_accounts() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    let stranger = Firm::open(&service, &codes, "stranger").await;
    let all = [&owner.admin, &owner.data, &customer.admin, &customer.data];
    for who in all {
        let answer = get(&service, who).await;
        answer.succeeds(200, "OK", &["Policy"]);
        assert_eq!(answer.body["Policy"], by_default());
    }

    let answer = put(&service, &owner.admin, &everything()).await;
    answer.succeeds(200, "Policy set", &["Policy"]);
    assert_eq!(answer.body["Policy"], everything());
    for who in all {
        assert_eq!(get(&service, who).await.succeeded(200)["Policy"], everything());
    }
    agree(&[&owner, &customer]).await;
    assert_eq!(get(&service, &stranger.admin).await.body["Policy"], by_default());
    let told = events(&owner, "organisation.policy").await;
    let said = "SkipPhoneVerification true, SkipEmailVerification true, CallsPerMinute 100000, 2 signatures for simulator \
                pain.001.001.09, 9 signatures for * *";
    assert_eq!(told.iter().map(|it| it.object.as_str()).collect::<Vec<_>>(), [said]);

    // What holds already is no change.
    let before = (owner.records().await, customer.records().await, organisation(&owner).await);
    put(&service, &owner.admin, &everything()).await.succeeded(200);
    assert_eq!((owner.records().await, customer.records().await, organisation(&owner).await), before);
    assert_eq!(events(&owner, "organisation.policy").await.len(), 1);

    // The whole policy is replaced; whoever comes has it.
    let answer = put(&service, &owner.admin, &json!({ "CallsPerMinute": 1000, "Unknown": {} })).await;
    let only_calls = json!({
        "SkipPhoneVerification": false, "SkipEmailVerification": false, "CallsPerMinute": 1000, "Signatures": [],
    });
    assert_eq!(answer.succeeded(200)["Policy"], only_calls);
    let third = Firm::open_under(&service, &codes, "third", &owner.admin.api_key).await;
    assert_eq!(get(&service, &third.data).await.body["Policy"], only_calls);
    put(&service, &owner.admin, &json!({})).await.succeeded(200);
    assert_eq!(agree(&[&owner, &customer, &third]).await, Policy::default());
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    let before = (organisation(&owner).await, owner.records().await, customer.records().await);
    for who in [&owner.data, &customer.admin, &customer.data] {
        put(&service, who, &everything()).await.is(403, "01", OWNER_ONLY);
        put(&service, who, &json!({ "CallsPerMinute": 0 })).await.is(403, "01", OWNER_ONLY);
    }
    for method in [Method::GET, Method::PUT] {
        service.send(method.clone(), PATH, None, "{}").await.is(401, "01", "Unauthorized");
        let mixed = Credentials { api_key: "A".repeat(40), ..owner.admin.clone() };
        service.send(method, PATH, Some(&mixed), "{}").await.is(403, "01", "Invalid API key");
    }
    let rule = |rule: Value| json!({ "Signatures": [{ "Required": 1 }, rule] });
    let flags = ["SkipPhoneVerification", "SkipEmailVerification"];
    let mut wrong: Vec<(Value, String)> = Vec::new();
    for name in flags {
        for value in [json!("true"), json!(1), json!([])] {
            wrong.push((json!({ name: value }), format!("{name} (true or false)")));
        }
    }
    for value in [json!(0), json!(100_001), json!(-1), json!(1.5), json!("10"), json!(true)] {
        wrong.push((json!({ "CallsPerMinute": value }), "CallsPerMinute (1 to 100000)".to_owned()));
    }
    for value in [json!({}), json!("x"), json!(1), Value::Array(vec![json!({ "Required": 1 }); 51])] {
        wrong.push((json!({ "Signatures": value }), "Signatures (a list of at most 50 rules)".to_owned()));
    }
    for value in [json!(1), json!(null), json!([])] {
        wrong.push((rule(value), "Signatures[1] (an object)".to_owned()));
    }
    for value in [json!(0), json!(10), json!("2"), json!(null), json!(2.5)] {
        wrong.push((rule(json!({ "Required": value })), "Signatures[1].Required (1 to 9)".to_owned()));
    }
    wrong.push((rule(json!({})), "Signatures[1].Required (1 to 9)".to_owned()));
    for value in [json!("nosuchbank"), json!("Simulator"), json!(""), json!(1)] {
        let said = "Signatures[1].Bank (a bank's name, or null for any)";
        wrong.push((rule(json!({ "Required": 2, "Bank": value })), said.to_owned()));
    }
    for value in [json!(""), json!("x".repeat(36)), json!("a\nb"), json!(["x"])] {
        let said = "Signatures[1].FileType (1 to 35 printable characters, or null for any)";
        wrong.push((rule(json!({ "Required": 2, "FileType": value })), said.to_owned()));
    }
    for (policy, said) in wrong {
        put(&service, &owner.admin, &policy).await.is(400, "01", &format!("Invalid parameter(s): {said}"));
    }
    for body in ["", "[]", "null", "{"] {
        let answer = service.send(Method::PUT, PATH, Some(&owner.admin), body).await;
        answer.is(400, "01", "Invalid parameter(s): Body (a JSON object)");
    }
    assert_eq!((organisation(&owner).await, owner.records().await, customer.records().await), before);

    let most = json!({ "Signatures": vec![json!({ "FileType": "x".repeat(35), "Required": 9 }); 50] });
    put(&service, &owner.admin, &most).await.succeeded(200);
    assert_eq!(agree(&[&owner, &customer]).await.signatures.len(), 50);
}

/// Of changes at the same moment one is the last, for the organisation and for each account.
#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_one_is_the_last_everywhere() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    for round in 0..8 {
        let policy = |calls: u32| json!({ "CallsPerMinute": 1000 + round * 10 + calls });
        let (first, second, third) = (policy(1), policy(2), policy(3));
        let answers = tokio::join!(
            put(&service, &owner.admin, &first),
            put(&service, &owner.admin, &second),
            put(&service, &owner.admin, &third),
        );
        for answer in [answers.0, answers.1, answers.2] {
            assert!([200, 503].contains(&answer.status), "{answer:?}");
        }
        let last = organisation(&owner).await.0.policy;
        assert!(last.calls_per_minute.is_some_and(|it| it > 1000 + round * 10), "{last:?}");
        agree(&[&owner, &customer]).await;
    }
}

#[tokio::test]
async fn a_change_that_broke_off_is_completed_by_repeating_it() {
    let (service, store) = Patience::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    let policy = json!({ "Signatures": [{ "Required": 3 }] });
    let either = async |_| {
        for who in [&owner.data, &customer.data] {
            let seen = get(&service, who).await.succeeded(200)["Policy"]["Signatures"].clone();
            assert!(seen == json!([]) || seen[0]["Required"] == 3, "{seen}");
        }
    };
    let uses = store.until_it_succeeds(200, async || put(&service, &owner.admin, &policy).await, either).await;
    assert!(uses >= 5, "{uses}");
    assert_eq!(agree(&[&owner, &customer]).await.signatures[0].required, 3);
    assert_eq!(events(&owner, "organisation.policy").await.len(), 1);

    // The operator's change goes the same way and leaves the policy alone.
    service.agree(&owner.organisation().await, avain_domain::records::Agreement::Active).await;
    assert_eq!(agree(&[&owner, &customer]).await.signatures[0].required, 3);
}

/// Registers under an organisation with this policy: text, what the trail says, and the next step of the login.
async fn register(person: &Person<'_>, mode: &str, api_key: &str) -> (String, Answer) {
    let answer = person.register(mode, api_key).await;
    answer.succeeded(201);
    (answer.text("ResponseText"), person.log_in(mode).await)
}

#[tokio::test]
async fn what_the_policy_trusts_is_verified_from_the_first_login() {
    const VERIFY_PHONE: &str = "User authentication failed. Verify phone number with received SMS.";
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let sent = |person: &Person<'_>, mode: Mode| {
        let email = Email::parse(person.email()).unwrap();
        service.server.machine.outbox.newest(&email, mode, CodeKind::Phone).is_some()
    };
    for (phone, email, told) in [
        (true, true, "(phone and e-mail trusted)"),
        (true, false, "(phone trusted)"),
        (false, true, "(e-mail trusted)"),
        (false, false, ""),
    ] {
        let policy = json!({ "SkipPhoneVerification": phone, "SkipEmailVerification": email });
        put(&service, &owner.admin, &policy).await.succeeded(200);
        let person = Person::new(&service, &format!("{phone}-{email}@example.com"));
        for mode in ["admin", "data"] {
            let answer = person.register(mode, &owner.admin.api_key).await;
            let text = if phone { "Sign up successful." } else { "Sign up successful. Verify phone number." };
            answer.succeeds(201, text, &["ApiKey"]);
            assert_eq!(sent(&person, Mode::parse(mode).unwrap()), !phone, "no SMS to a phone that is trusted");
            let events = events(&owner, "account.register").await;
            let object = format!("{mode} {told}").trim_end().to_owned();
            let of_person = |it: &&AuditEvent| format!("{:?}", it.actor).contains(person.email());
            assert_eq!(events.iter().filter(of_person).filter(|it| it.object == object).count(), 1, "{events:?}");

            let mut step = person.log_in(mode).await;
            if !phone {
                step.succeeds(200, VERIFY_PHONE, &[]);
                let code = person.code(mode, "phone").await;
                person.verify_phone(mode, &person.company.phone, &code).await.succeeded(200);
                step = person.log_in(mode).await;
            }
            if mode == "admin" {
                // The second factor is asked for all the same.
                assert_eq!(step.text("ResponseText"), "Give SMS code");
                step = person.second_factor(&step.text("Session"), &person.code("admin", "mfa").await).await;
            }
            let next = if email { "Login OK" } else { "Login OK. Verify email address." };
            assert_eq!(step.succeeded(200)["ResponseText"], next);
        }
    }
    // A new organisation trusts nobody.
    let (text, step) = register(&Person::new(&service, "new@example.com"), "admin", "0").await;
    assert_eq!(text, "Sign up successful. Verify phone number.");
    step.succeeds(200, VERIFY_PHONE, &[]);
}

/// The registration stands, and the codes do what trust would have done.
#[tokio::test]
async fn where_trusting_fails_the_codes_verify() {
    let service = Service::start_rewired(
        |_| {},
        |mut machine, _| {
            machine.deps = Interposed::in_front_of(machine.deps, |step| match step {
                "trust" => Err(Unavailable("the pool is down".to_owned()).into()),
                _ => Ok(()),
            });
            machine
        },
    )
    .await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let policy = json!({ "SkipPhoneVerification": true, "SkipEmailVerification": true });
    put(&service, &owner.admin, &policy).await.succeeded(200);
    let person = Person::new(&service, "codes@example.com");
    let (text, _) = register(&person, "admin", &owner.admin.api_key).await;
    assert_eq!(text, "Sign up successful. Verify phone number.");
    let story = person.story();
    story.verify_phone("admin").await.unwrap();
    let token = story.log_in("admin").await.unwrap()["AccessToken"].as_str().unwrap().to_owned();
    story.verify_email("admin", &token).await.unwrap();
    credentials(&story.log_in("admin").await.unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisations_calls_are_counted_together() {
    const TOO_MANY: &str = "Too many requests";
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    let stranger = Firm::open(&service, &codes, "stranger").await;
    let file = owner.first_file().await;
    put(&service, &owner.admin, &json!({ "CallsPerMinute": 4 })).await.succeeded(200);
    let next_minute = async |seconds: i64| {
        let past = service.clock.now().unix_timestamp().rem_euclid(60);
        service.clock.advance(time::Duration::seconds(60 - past + seconds));
    };
    next_minute(13).await;

    get(&service, &owner.admin).await.succeeded(200);
    customer.get("/v2/pgp").await.succeeded(200);
    // Who does not get as far as to be known is not counted; whose mode is wrong is.
    let mixed = Credentials { api_key: "A".repeat(40), ..owner.admin.clone() };
    for _ in 0..5 {
        get(&service, &mixed).await.is(403, "01", "Invalid API key");
        service.send(Method::GET, PATH, None, "").await.is(401, "01", "Unauthorized");
    }
    put(&service, &customer.data, &json!({})).await.is(403, "01", OWNER_ONLY);
    owner.get(&file).await.succeeded(200);
    let trail = async || {
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 200 };
        let shelf = Shelf::Refusals(Trail::Organisation(owner.organisation().await));
        owner.store().stretch(&shelf, all).await.unwrap().len()
    };
    let (before, refused) = ((owner.records().await, customer.records().await), trail().await);
    let policy = json!({ "CallsPerMinute": 100 });
    let answers = [
        get(&service, &owner.admin).await,
        put(&service, &owner.admin, &policy).await,
        owner.get(&file).await,
        owner.share_with(customer.address()).await,
        customer.upload(&json!({})).await,
        customer.get("/v2/certs").await,
    ];
    for answer in answers {
        answer.is(429, "01", TOO_MANY);
        assert_eq!(answer.retry_after, Some(47));
    }
    get(&service, &mixed).await.is(403, "01", "Invalid API key");
    stranger.get("/v2/pgp").await.succeeded(200);
    assert_eq!((owner.records().await, customer.records().await), before);
    assert_eq!(trail().await, refused + 1, "the one with the wrong API key");

    // The next minute is a new one; calls at the same moment are counted one by one.
    next_minute(0).await;
    let calls = (0..12).map(|_| async { get(&service, &customer.admin).await.status });
    let mut statuses = Vec::new();
    let mut running: Vec<_> = calls.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(status) => {
                statuses.push(status);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 4].as_slice(), &[429; 8]].concat());
    let answer = get(&service, &owner.data).await;
    assert_eq!((answer.status, answer.retry_after), (429, Some(60)));

    next_minute(0).await;
    put(&service, &owner.admin, &json!({})).await.succeeded(200);
    for _ in 0..10 {
        get(&service, &customer.data).await.succeeded(200);
    }
}
