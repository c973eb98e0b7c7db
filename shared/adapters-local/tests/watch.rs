//! The watch over bank certificates on the real embedded store.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_domain::names::{Bank, Email, OrganisationId};
use avain_domain::ports::{Expiring, Store};
use avain_domain::records::{BankCertificate, CertificateState, KeyId, KeyKind, Record, Write};
use avain_domain::watch::{OfBank, SOON, Watch, watch};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The last second of a month that is a year's last too.
const NOW: OffsetDateTime = datetime!(2026-12-31 23:59:59 UTC);

struct Office {
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(folder.path(), Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        Self { store: directory.store(), _folder: folder }
    }

    /// Keeps an account's certificate; gives what is kept and what the watch calls it.
    async fn keep(&self, account: &str, bank: &str, expires: OffsetDateTime) -> (BankCertificate, Expiring) {
        let email = Email::parse(&format!("{account}@example.com")).unwrap();
        let (bank, organisation) = (Bank::parse(bank).unwrap(), OrganisationId(format!("organisation of {account}")));
        let certificate = BankCertificate {
            email: email.clone(),
            bank,
            company: "Oy".to_owned(),
            user_id: "11111111".to_owned(),
            key: KeyId {
                organisation: organisation.clone(),
                holder: email.as_str().to_owned(),
                kind: KeyKind::Bank,
                id: "1".to_owned(),
            },
            state: CertificateState::Active { certificate: vec![1], expires, target_ids: Vec::new() },
            encryption: None,
            renewal: None,
            shared_to: Vec::new(),
            started: OffsetDateTime::UNIX_EPOCH,
        };
        self.store.commit(vec![Write::Insert(Record::Certificate(certificate.clone()))]).await.unwrap();
        (certificate, Expiring { organisation, account: email, bank, expires })
    }

    async fn watch(&self) -> Watch {
        watch(&*self.store, NOW).await.unwrap()
    }
}

fn of_bank(bank: &str, days_left: i64, expiring: u64, expired: u64) -> OfBank {
    OfBank { bank: Bank::parse(bank).unwrap(), days_left, expiring, expired }
}

#[tokio::test]
async fn of_no_certificates_nothing_is_told() {
    assert_eq!(Office::open().watch().await, Watch { told: Vec::new(), banks: Vec::new() });
}

/// To the second: thirty days and a second short of the next one are told, thirty-one days are not; the first second past the
/// end is a day too late.
#[tokio::test]
async fn certificates_are_told_of_from_thirty_days_before_their_end_to_thirty_days_after() {
    let office = Office::open();
    let last_to_tell = NOW + Duration::days(SOON + 1) - Duration::SECOND;
    let (_, soon) = office.keep("a", "nordea", last_to_tell).await;
    office.keep("b", "nordea", last_to_tell + Duration::SECOND).await;
    let (_, last_day) = office.keep("c", "nordea", NOW).await;
    let (_, ended) = office.keep("d", "aktia", NOW - Duration::SECOND).await;
    let (_, long_ended) = office.keep("e", "aktia", NOW - Duration::days(30)).await;
    office.keep("f", "aktia", NOW - Duration::days(30) - Duration::SECOND).await;
    let (_, next_year) = office.keep("g", "simulator", NOW + Duration::SECOND).await;
    office.keep("h", "sp", NOW + Duration::days(730)).await;

    let Watch { told, banks } = office.watch().await;
    assert_eq!(told, [(long_ended, -30), (ended, -1), (last_day, 0), (next_year, 0), (soon, 30)]);
    let expected = [
        of_bank("aktia", -30, 0, 2),
        of_bank("nordea", 0, 2, 0),
        of_bank("simulator", 0, 1, 0),
        of_bank("sp", 730, 0, 0),
    ];
    assert_eq!(banks, expected);
}

#[tokio::test]
async fn a_certificate_that_was_replaced_or_taken_away_is_not_told_of() {
    let office = Office::open();
    let (renewed, _) = office.keep("a", "nordea", NOW + Duration::DAY).await;
    let (revoked, _) = office.keep("b", "nordea", NOW + Duration::DAY).await;
    let (asked_anew, _) = office.keep("c", "nordea", NOW + Duration::DAY).await;
    assert_eq!(office.watch().await.told.len(), 3);

    let in_a_year = NOW + Duration::days(365);
    let state = CertificateState::Active { certificate: vec![2], expires: in_a_year, target_ids: Vec::new() };
    let pending = CertificateState::Pending;
    let writes = vec![
        Write::Replace(Record::Certificate(BankCertificate { state, ..renewed }), 1),
        Write::Delete(Record::Certificate(revoked).key(), 1),
        Write::Replace(Record::Certificate(BankCertificate { state: pending, ..asked_anew }), 1),
    ];
    office.store.commit(writes).await.unwrap();
    assert_eq!(office.watch().await, Watch { told: Vec::new(), banks: vec![of_bank("nordea", 365, 0, 0)] });
}
