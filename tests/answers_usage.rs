//! ListAccountUsage: a month is played, counted here from the files that were moved, and compared with what the service says.

use std::collections::{BTreeMap, BTreeSet};

use avain::client::Credentials;
use avain_bank_simulator::{Fault, Operation};
use avain_domain::ports::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use time::{Date, Duration, OffsetDateTime, Time};

use crate::support::Service;
use crate::support::firm::{Firm, Payment, path_of};

/// What was moved, as the test saw it.
#[derive(Default)]
struct Seen {
    /// Day in Helsinki, who, which bank account.
    accounts: BTreeSet<(Date, String, String)>,
    /// Day, who, and why.
    issues: BTreeSet<(Date, String, &'static str)>,
}

impl Seen {
    fn distinct(&self, fits: impl Fn(&(Date, String, String)) -> bool) -> usize {
        self.accounts.iter().filter(|it| fits(it)).map(|it| &it.2).collect::<BTreeSet<_>>().len()
    }
}

/// A payment with a transfer of one euro from each of these accounts, as they are written.
fn payment_from(firm: &Firm<'_>, message: &str, accounts: &[String]) -> Payment {
    let parts = accounts.iter().enumerate().map(|(number, account)| {
        format!(
            "<PmtInf><PmtInfId>{message}-{number}</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-12-01</Dt></ReqdExctnDt>\
             <Dbtr><Nm>Esimerkki Oy</Nm></Dbtr><DbtrAcct>{account}</DbtrAcct>\
             <DbtrAgt><FinInstnId><BICFI>NDEAFIHH</BICFI></FinInstnId></DbtrAgt>\
             <CdtTrfTxInf><PmtId><EndToEndId>E2E-{number}</EndToEndId></PmtId>\
             <Amt><InstdAmt Ccy=\"EUR\">1.00</InstdAmt></Amt><Cdtr><Nm>Creditor Oy</Nm></Cdtr>\
             <CdtrAcct><Id><IBAN>FI5544442220000018</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf>"
        )
    });
    let text = format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\"><CstmrCdtTrfInitn><GrpHdr><MsgId>{message}</MsgId>\
         <CreDtTm>2026-11-01T00:00:00Z</CreDtTm><NbOfTxs>{}</NbOfTxs><InitgPty><Nm>Esimerkki Oy</Nm></InitgPty></GrpHdr>{}\
         </CstmrCdtTrfInitn></Document>",
        accounts.len(),
        parts.collect::<String>()
    );
    Payment { signature: firm.signer.sign(text.as_bytes()).unwrap(), bytes: text.into_bytes() }
}

fn iban(number: u32) -> String {
    format!("<Id><IBAN>FI21123456{number:08}</IBAN></Id>")
}

/// The texts between two tags that lie directly inside another element, read without the service's help.
fn accounts_of(file: &str, element: &str) -> BTreeSet<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let accounts = file.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap());
    let ids = accounts.filter_map(|account| Some(account.split("<IBAN>").nth(1)?.split("</IBAN>").next()?.to_owned()));
    ids.collect()
}

/// Fetches every new file.
async fn fetch(firm: &Firm<'_>, day: Date, seen: &mut Seen) {
    let listed = firm.get("/v2/files/simulator?Status=NEW").await;
    for file in listed.succeeded(200)["FileDescriptors"].as_array().unwrap() {
        let content = firm.get(&path_of(file)).await;
        let content = STANDARD.decode(content.succeeded(200)["Content"].as_str().unwrap()).unwrap();
        if file["FileType"].as_str().unwrap().starts_with("camt.05") {
            for account in accounts_of(std::str::from_utf8(&content).unwrap(), "Acct") {
                seen.accounts.insert((day, firm.address().to_owned(), account));
            }
        }
    }
}

/// Sends a payment that the bank takes.
async fn pay(firm: &Firm<'_>, payment: &Payment, day: Date, seen: &mut Seen) {
    firm.upload(&payment.body()).await.succeeded(201);
    for account in accounts_of(std::str::from_utf8(&payment.bytes).unwrap(), "DbtrAcct") {
        seen.accounts.insert((day, firm.address().to_owned(), account));
    }
}

async fn usage(service: &Service, who: &Credentials, query: &str) -> Value {
    let answer = service.send(Method::GET, &format!("/v2/usage/accounts{query}"), Some(who), "").await;
    answer.succeeds(200, "OK", &["Usage"]);
    answer.body["Usage"].clone()
}

/// Noon of the first day of the month after that of the tests' clock.
fn next_month(now: OffsetDateTime) -> OffsetDateTime {
    let month = now.date().replace_day(1).unwrap() + Duration::days(32);
    month.replace_day(1).unwrap().with_time(Time::from_hms(12, 0, 0).unwrap()).assume_utc()
}

/// Lets a month pass and things happen in it: what the organisation moved, and what the stranger did.
async fn play<'s>(
    service: &'s Service,
    month: Date,
    owner: &mut Firm<'s>,
    user: &mut Firm<'s>,
    stranger: &mut Firm<'s>,
) -> (Seen, Seen) {
    let mut seen = Seen::default();
    let mut others = Seen::default();
    for day in 1..=month.month().length(month.year()) {
        let date = month.replace_day(day).unwrap();
        let noon = date.with_time(Time::from_hms(12, 0, 0).unwrap()).assume_utc();
        service.clock.advance(noon - service.clock.now());
        let number = u32::from(day);
        match day {
            // The first of all statements, twice: it counts when it is kept.
            1 => {
                owner.log_in_again().await;
                fetch(owner, date, &mut seen).await;
                fetch(owner, date, &mut seen).await;
            }
            // One account more each time, and one that both use.
            3 | 10 | 17 => {
                for firm in [&mut *owner, &mut *user] {
                    firm.log_in_again().await;
                }
                let shared = payment_from(owner, &format!("A{day}"), &[iban(number), iban(1)]);
                pay(owner, &shared, date, &mut seen).await;
                // The same bytes again are the same payment.
                pay(owner, &shared, date, &mut seen).await;
                pay(user, &payment_from(user, &format!("B{day}"), &[iban(1)]), date, &mut seen).await;
                fetch(user, date, &mut seen).await;
            }
            // What the bank refuses, or may not have got, is not moved.
            5 => {
                owner.log_in_again().await;
                for fault in
                    [Fault::Answer { code: "26".to_owned(), text: "No.".to_owned() }, Fault::DropAfterProcessing]
                {
                    let bank = avain_bank_simulator::BankKey::Simulator;
                    owner.simulator().script_operation(bank, Operation::UploadFile, fault.clone());
                    let payment = payment_from(owner, &format!("X{fault:?}")[..5], &[iban(99)]);
                    assert!(owner.upload(&payment.body()).await.status >= 400);
                }
            }
            // Late in the evening in London it is the next day in Helsinki.
            12 => {
                service.clock.advance(Duration::minutes(10 * 60 + 30));
                user.log_in_again().await;
                let tomorrow = date.next_day().unwrap();
                pay(user, &payment_from(user, "LATE", &[iban(12)]), tomorrow, &mut seen).await;
            }
            // An account without an id that is read, and more accounts than are counted of one file.
            20 => {
                owner.log_in_again().await;
                let odd = "<Prxy><Id>0401234567</Id></Prxy>".to_owned();
                owner.upload(&payment_from(owner, "ODD", &[iban(500), odd]).body()).await.succeeded(201);
                seen.issues.insert((date, owner.address().to_owned(), "unreadable"));
                let many: Vec<String> = (1000..1061).map(iban).collect();
                let payment = payment_from(owner, "MANY", &many);
                owner.upload(&payment.body()).await.succeeded(201);
                seen.issues.insert((date, owner.address().to_owned(), "too_many_accounts"));
                let counted =
                    accounts_of(std::str::from_utf8(&payment.bytes).unwrap(), "DbtrAcct").into_iter().take(60);
                seen.accounts.extend(counted.map(|account| (date, owner.address().to_owned(), account)));
            }
            // Another organisation's are its own, the same bank account too.
            21 => {
                stranger.log_in_again().await;
                pay(stranger, &payment_from(stranger, "OTHER", &[iban(1), iban(7)]), date, &mut others).await;
            }
            _ => {}
        }
    }
    (seen, others)
}

/// Asserts that each day is told with what was seen on it.
#[track_caller]
fn check_days(whole: &Value, month: Date, seen: &Seen) {
    let days = month.month().length(month.year());
    let daily = whole["Daily"].as_array().unwrap();
    assert_eq!(daily.len(), usize::from(days));
    let mut reasons = BTreeMap::new();
    for (day, told) in (1..=days).zip(daily) {
        let date = month.replace_day(day).unwrap();
        assert_eq!(told["Date"], date.to_string());
        assert_eq!(told["UniqueAccounts"], seen.distinct(|it| it.0 == date), "{date}");
        for issue in told["Issues"].as_array().unwrap() {
            let text = |name: &str| issue[name].as_str().unwrap().to_owned();
            assert_eq!((text("Date"), text("Sha256").len()), (date.to_string(), 64));
            reasons.insert((text("Date"), text("Reason")), text("Email"));
        }
    }
    let expected = seen.issues.iter().map(|(date, email, why)| ((date.to_string(), (*why).to_owned()), email.clone()));
    assert_eq!(reasons, expected.collect());
    assert_eq!(whole["Issues"].as_array().unwrap().len(), 2);
}

/// Asserts what is answered to a question that cannot be.
async fn check_refusals(
    service: &Service,
    admin: &Credentials,
    owner: &Firm<'_>,
    user: &Firm<'_>,
    stranger: &Firm<'_>,
) {
    // What is not the caller's is not there.
    for (who, query) in [
        (&user.data, format!("?Account={}", owner.address())),
        (&user.data, "?Account=nobody@example.com".to_owned()),
        (admin, format!("?Account={}", stranger.address())),
        (admin, format!("?Tenant={}", stranger.organisation().await.0)),
        (admin, "?Tenant=x".to_owned()),
    ] {
        let path = format!("/v2/usage/accounts{query}");
        service.send(Method::GET, &path, Some(who), "").await.is(404, "01", "Not found");
    }
    for month in ["2026", "2026-13", "2026-00", "2026-1", "x", "9999-12", "+026-01", "2026-01-01"] {
        let path = format!("/v2/usage/accounts?Month={month}");
        service.send(Method::GET, &path, Some(admin), "").await.is(400, "01", "Invalid parameter(s): Month");
    }
    let path = "/v2/usage/accounts?Account=x";
    service.send(Method::GET, path, Some(admin), "").await.is(400, "01", "Invalid parameter(s): Account");
    service.send(Method::GET, "/v2/usage/accounts", None, "").await.is(401, "01", "Unauthorized");
}

#[tokio::test]
async fn a_played_month_is_counted_as_it_was_moved() {
    let service = Service::start().await;
    let codes = service.codes();
    let mut owner = Firm::enrolled(&service, &codes, "owner").await;
    let mut user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    user.enrol().await.succeeded(201);
    // A member that moves nothing, and another organisation that does.
    let idle = Firm::open_under(&service, &codes, "idle", &owner.admin.api_key).await;
    let mut stranger = Firm::enrolled(&service, &codes, "stranger").await;

    let first = next_month(service.clock.now());
    let month = first.date();
    let days = month.month().length(month.year());
    let (seen, others) = play(&service, month, &mut owner, &mut user, &mut stranger).await;
    for firm in [&mut owner, &mut user, &mut stranger] {
        firm.log_in_again().await;
    }
    let admin = avain::story::credentials(&owner.story.log_in("admin").await.unwrap()).unwrap();
    let idle_data = avain::story::credentials(&idle.story.log_in("data").await.unwrap()).unwrap();

    let whole = usage(&service, &admin, "").await;
    let of = |email: &str| seen.distinct(|it| it.1 == email);
    let accounts: Vec<Value> = BTreeSet::from([idle.address(), owner.address(), user.address()])
        .into_iter()
        .map(|email| json!({ "Email": email, "UniqueAccounts": of(email) }))
        .collect();
    assert_eq!(whole["Accounts"], json!(accounts));
    assert_eq!(whole["UniqueAccounts"], seen.distinct(|_| true));
    assert!(seen.distinct(|_| true) < of(owner.address()) + of(user.address()), "they share some");
    let name = format!("{:04}-{:02}", month.year(), u8::from(month.month()));
    let organisation = owner.organisation().await.0;
    for (field, value) in [
        ("Tenant", json!(organisation)),
        ("Month", json!(name)),
        ("Timezone", json!("Europe/Helsinki")),
        ("Basis", json!("avain-moved-camt-accounts@1")),
        ("MissingDays", json!([])),
        ("Collection", json!({ "Date": month.replace_day(days).unwrap().to_string(), "State": "in_progress" })),
    ] {
        assert_eq!(whole[field], value, "{field}");
    }
    check_days(&whole, month, &seen);
    let licence = &whole["Licenses"];
    let count: usize = [&owner, &user, &idle].map(|firm| of(firm.address()).max(1)).iter().sum();
    let told = ["Basis", "Scope", "State", "Count", "BillableUsers", "RetiredUsers"].map(|name| licence[name].clone());
    let basis = "non-retired-user-own-accounts@1";
    assert_eq!(json!(told), json!([basis, "tenant", "provisional", count, 3, 0]));

    // A user sees itself; so may the owner see it.
    let own = usage(&service, &user.data, "").await;
    assert_eq!(own["UniqueAccounts"], of(user.address()));
    assert_eq!(own["Accounts"], json!([{ "Email": user.address(), "UniqueAccounts": of(user.address()) }]));
    assert_eq!((&own["Licenses"]["Scope"], &own["Licenses"]["Count"]), (&json!("user"), &json!(of(user.address()))));
    let mut seen_by_owner =
        usage(&service, &admin, &format!("?Account={}&Tenant={organisation}", user.address())).await;
    seen_by_owner["Licenses"]["AsOf"] = own["Licenses"]["AsOf"].clone();
    assert_eq!(seen_by_owner, own);
    let nothing = usage(&service, &idle_data, "").await;
    assert_eq!((&nothing["UniqueAccounts"], &nothing["Licenses"]["Count"]), (&json!(0), &json!(1)));
    let in_data_mode = usage(&service, &owner.data, "").await;
    assert_eq!(in_data_mode["Accounts"], json!([{ "Email": owner.address(), "UniqueAccounts": of(owner.address()) }]));
    assert_eq!(in_data_mode["Licenses"]["Scope"], "user");
    let theirs = usage(&service, &stranger.data, "").await;
    assert_eq!(theirs["UniqueAccounts"], others.distinct(|_| true));

    check_refusals(&service, &admin, &owner, &user, &stranger).await;

    // At 22:30 UTC of the last day the next month has begun; the last one is over and counts as before.
    service.clock.advance(Duration::minutes(10 * 60 + 30));
    let admin = avain::story::credentials(&owner.story.log_in("admin").await.unwrap()).unwrap();
    let new = usage(&service, &admin, "").await;
    assert_eq!((&new["UniqueAccounts"], new["Daily"].as_array().unwrap().len()), (&json!(0), 1));
    let old = usage(&service, &admin, &format!("?Month={name}")).await;
    for same in ["UniqueAccounts", "Accounts", "Daily", "Issues"] {
        assert_eq!(old[same], whole[same], "{same}");
    }
    assert_eq!(old["Collection"]["State"], "completed");
    let unavailable = json!({ "Basis": basis, "Scope": "tenant", "State": "historical_unavailable" });
    assert_eq!(old["Licenses"], unavailable);
}

/// No bank account is in the table in clear, or the same in two organisations.
#[tokio::test]
async fn bank_accounts_are_kept_as_hashes_of_their_organisation() {
    use avain_domain::records::{LAST_ID, Observed, Record, Shelf, Stretch};
    let service = Service::start().await;
    let codes = service.codes();
    let (one, two) = (Firm::enrolled(&service, &codes, "one").await, Firm::enrolled(&service, &codes, "two").await);
    let mut hashes = BTreeSet::new();
    for firm in [&one, &two] {
        let (now, mut seen) = (service.clock.now(), Seen::default());
        pay(firm, &payment_from(firm, "HASHED", &[iban(42)]), now.date(), &mut seen).await;
        let today = avain_domain::helsinki::date(now);
        let shelf = Shelf::Observations(firm.organisation().await, today.year(), today.month().into());
        let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 100 };
        for stored in firm.store().stretch(&shelf, all).await.unwrap() {
            let Record::Observation(it) = stored.record else { panic!("{stored:?}") };
            let Observed::Account(hash) = it.observed else { panic!("{:?}", it.observed) };
            assert!(hash.len() == 64 && hashes.insert(hash));
        }
    }
    assert_eq!(hashes.len(), 2);
}
