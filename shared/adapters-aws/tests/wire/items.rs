//! Items as they lie in the table.

use avain_domain::names::Email;
use avain_domain::records::{CertificateState, Count, Counter, Key, Trail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::*;

type Item = std::collections::HashMap<String, AttributeValue>;

/// The layout of `store`'s documentation, see [`place`]. A change of it needs a change of what is stored already.
#[tokio::test]
async fn items_lie_where_the_documentation_says() {
    let embedded = Embedded::memory().unwrap();
    let client = embedded.client();
    let (store, _) = store_between(&embedded, 0, |_, _| Fate::Answered);
    for record in samples::records("a") {
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        let item = raw_of(&client, &record).await;
        let number = |name| item.get(name).map(|value| value.as_n().unwrap().as_str());
        let expiry = match record {
            // An hour after the challenge's end, a day after the last attempt.
            Record::SpentChallenge(_) => Some("1795258800"),
            Record::Attempts(_) => Some("86400"),
            Record::Refusal(_) | Record::Count(Count { expires: Some(_), .. }) => Some("1795255200"),
            _ => None,
        };
        assert_eq!((number("s"), number("v"), number("ttl")), (Some("1"), Some("1"), expiry), "{:?}", record.key());
        let text = |name| item.get(name).map(|value| value.as_s().unwrap().clone());
        assert_eq!((text("GSI1PK"), text("GSI1SK")), index_place(&record), "{:?}", record.key());
    }
}

/// Every attribute of every sample, gone or of another type, makes the item unreadable, never absent or something else;
/// but for those that may be absent.
#[tokio::test]
async fn spoiled_items_are_unavailable() {
    let embedded = Embedded::memory().unwrap();
    let client = embedded.client();
    let (store, _) = store_between(&embedded, 0, |_, _| Fate::Answered);
    for record in samples::records("a") {
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        let key = record.key();
        let item = raw_of(&client, &record).await;
        for name in item.keys().filter(|name| !["PK", "SK", "GSI1PK", "GSI1SK", "w", "ttl"].contains(&name.as_str())) {
            let mut spoiled = item.clone();
            spoiled.insert(name.clone(), AttributeValue::Null(true));
            put(&client, spoiled.clone()).await;
            assert_unavailable(&*store, &record, name).await;
            spoiled.remove(name);
            put(&client, spoiled).await;
            if may_be_absent(&record, name) {
                assert_eq!(store.get(std::slice::from_ref(&key)).await.unwrap().len(), 1);
            } else {
                assert_unavailable(&*store, &record, name).await;
            }
        }
        put(&client, item).await;
        assert_eq!(store.get(&[key]).await.unwrap(), [Stored { record, version: 1 }]);
    }
}

/// What a newer version of the service wrote is said to be that, wherever it is met.
#[tokio::test]
async fn items_of_a_newer_schema_are_unavailable() {
    let embedded = Embedded::memory().unwrap();
    let client = embedded.client();
    let (store, _) = store_between(&embedded, 0, |_, _| Fate::Answered);
    for record in samples::records("a").into_iter().take(2) {
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        let mut item = raw_of(&client, &record).await;
        item.insert("s".to_owned(), AttributeValue::N("2".to_owned()));
        item.insert("new_field".to_owned(), AttributeValue::Bool(true));
        put(&client, item).await;
        assert_unavailable(&*store, &record, "a newer version of the service wrote it (schema 2)").await;
    }
}

/// An item copied under another key is not taken for that key's record.
#[tokio::test]
async fn a_moved_item_is_unavailable() {
    let embedded = Embedded::memory().unwrap();
    let client = embedded.client();
    let (store, _) = store_between(&embedded, 0, |_, _| Fate::Answered);
    let record = samples::records("a").into_iter().find(|record| matches!(record, Record::Account(_))).unwrap();
    store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
    let mut item = raw_of(&client, &record).await;
    item.insert("PK".to_owned(), AttributeValue::S("ACCOUNT#thief@a.example".to_owned()));
    put(&client, item).await;
    let thief = Email::parse("thief@a.example").unwrap();
    let error = store.get(&[Key::Account(thief.clone())]).await.unwrap_err();
    assert!(error.0.contains("belongs elsewhere"), "{error}");
    assert!(store.account(&thief).await.is_err());
}

/// By key, by account and as what a conflict met.
async fn assert_unavailable(store: &dyn Store, record: &Record, what: &str) {
    let error = store.get(&[record.key()]).await.unwrap_err();
    assert!(error.0.contains(what), "{error}");
    if let Some(email) = samples::account_of(record) {
        assert!(store.account(email).await.is_err());
    }
    for others in [Vec::new(), vec![Write::Insert(attempts("b", "other", 1))]] {
        let writes = [vec![Write::Insert(record.clone())], others].concat();
        let error = store.commit(writes).await.unwrap_err();
        assert!(matches!(&error, CommitError::Unavailable(it) if it.0.contains(what)), "{error}");
    }
}

fn may_be_absent(record: &Record, attribute: &str) -> bool {
    matches!(
        (record, attribute),
        (Record::Mode(_), "tokens_valid_from")
            | (Record::AuditEvent(_), "bank_code" | "bank_text")
            | (Record::Refusal(_), "actor" | "target" | "bank_code")
            | (Record::Count(_), "expires")
            | (Record::Upload(_), "blob")
            | (Record::Certificate(_) | Record::Retired(_), "encryption")
            | (Record::Certificate(_), "renewal")
    )
}

async fn put(client: &Client, item: Item) {
    client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
}

/// The item of a sample as it lies in the table.
async fn raw_of(client: &Client, record: &Record) -> Item {
    let (partition, sort) = place(&record.key());
    let request = client.get_item().table_name(TABLE).key("PK", AttributeValue::S(partition));
    request.key("SK", AttributeValue::S(sort)).send().await.unwrap().item.unwrap()
}

/// Where a sample must be found by the end of its validity, if it has one.
fn index_place(record: &Record) -> (Option<String>, Option<String>) {
    let Record::Certificate(it) = record else { return (None, None) };
    let CertificateState::Active { expires, .. } = &it.state else { return (None, None) };
    let time = if expires.nanosecond() == 0 { "2026-11-21T10:00:00Z" } else { "2026-11-21T10:00:00.123456789Z" };
    (Some("EXPIRES#2026-11".to_owned()), Some(format!("{time}#{}#{}", it.key.organisation.0, it.bank.as_str())))
}

/// Where the item of a sample must lie.
fn place(key: &Key) -> (String, String) {
    match key {
        Key::Organisation(id) => (format!("ORG#{}", id.0), "ORG".to_owned()),
        Key::ApiKey(hash) => (format!("APIKEY#{hash}"), "APIKEY".to_owned()),
        Key::Account(email) => (format!("ACCOUNT#{email}"), "ACCOUNT".to_owned()),
        Key::Member(organisation, email) => (format!("MEMBERS#{}", organisation.0), email.as_str().replace('%', "%25")),
        Key::Mode(login) => (format!("ACCOUNT#{}", login.email), format!("MODE#{}", login.mode.as_str())),
        Key::Certificate(email, bank) => (format!("ACCOUNT#{email}"), format!("CERT#{}", bank.as_str())),
        Key::Share(email, bank) => (format!("ACCOUNT#{email}"), format!("SHARE#{}", bank.as_str())),
        Key::Retired(email, bank, mark) => (format!("ACCOUNT#{email}"), format!("RETIRED#{}#{mark}", bank.as_str())),
        Key::PgpKey(email, fingerprint) => (format!("ACCOUNT#{email}"), format!("PGP#{fingerprint}")),
        Key::RecoveryCodes(login) => (format!("ACCOUNT#{}", login.email), format!("RECOVERY#{}", login.mode.as_str())),
        Key::SealedKey(id) => {
            (format!("KEY#{}#{}", id.organisation.0, id.holder), format!("{}#a%23b/%25", id.kind.as_str()))
        }
        Key::SpentChallenge(id) => (format!("CHALLENGE#{id}"), "CHALLENGE".to_owned()),
        Key::Attempts(login) => (format!("ATTEMPTS#{}#{}", login.email, login.mode.as_str()), "ATTEMPTS".to_owned()),
        Key::Upload(organisation, email, bank, digest) => {
            (format!("UPLOADS#{}#{email}#{}", organisation.0, bank.as_str()), digest.clone())
        }
        Key::UploadEntry(organisation, email, bank, id) => {
            (format!("UPLOADIDS#{}#{email}#{}", organisation.0, bank.as_str()), id.clone())
        }
        Key::Observation(organisation, _, email, _, part) => {
            let what = ["account", "unreadable", "too-many"][usize::from(*part) / 7];
            let email = email.as_str().replace('%', "%25").replace('#', "%23");
            (format!("USAGE#{}#2026-02", organisation.0), format!("03/{email}/{what}-{}/{part:02}", "cd".repeat(32)))
        }
        Key::Download(organisation, email, bank, ..) => {
            (format!("DOWNLOADS#{}#{email}#{}", organisation.0, bank.as_str()), "TL%23#%231".to_owned())
        }
        Key::AuditEvent(organisation, id) => (format!("AUDIT#{}", organisation.0), id.clone()),
        Key::AuditBatch(organisation, _) => (format!("AUDITBATCH#{}", organisation.0), "000000000007".to_owned()),
        Key::AuditHead(organisation) => (format!("AUDITHEAD#{}", organisation.0), "HEAD".to_owned()),
        Key::Audited(organisation) => {
            (format!("AUDITED#{:x}", organisation.0.bytes().fold(0_u8, u8::wrapping_add) % 16), organisation.0.clone())
        }
        Key::Refusal(Trail::Organisation(organisation), id) => (format!("REFUSALS#{}", organisation.0), id.clone()),
        Key::Refusal(Trail::Nobody(part), id) => (format!("REFUSALS##{part:02x}"), id.clone()),
        Key::Count(Counter::Events(organisation, _)) => (format!("AUDITCOUNT#{}", organisation.0), "03".to_owned()),
        Key::Count(Counter::Refusals(whose, _)) => (format!("REFUSED#{whose}"), "-1".to_owned()),
        Key::Count(Counter::Calls(organisation, _)) => (format!("CALLS#{}", organisation.0), "-1".to_owned()),
    }
}
