//! What any `Store` must do, as functions over the port. Each makes names of its own from `tag`, so that several can run
//! on one table.

use std::sync::Arc;

use avain_domain::names::{Bank, Email, Login, Mode, OrganisationId};
use avain_domain::ports::{CommitError, Expiring, Store};
use avain_domain::records::{
    Actor, Attempts, AuditEvent, BankCertificate, CertificateState, Count, Counter, Download, Key, KeyId, KeyKind,
    LAST_ID, Member, PgpKey, PgpPurpose, Record, Shelf, Stored, Stretch, Write,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(crate) mod samples;

use samples::email;

/// Every kind of record, in every state, comes back as it was put: inserted, replaced, read alone and with others.
pub(crate) async fn records_come_back_as_they_were(store: &dyn Store, tag: &str) {
    let samples = samples::records(tag);
    for record in &samples {
        let key = record.key();
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        let found = store.get(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(found, [Stored { record: record.clone(), version: 1 }]);
        store.commit(vec![Write::Replace(record.clone(), 1)]).await.unwrap();
        let found = store.get(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(found, [Stored { record: record.clone(), version: 2 }]);
    }
    for chunk in samples.chunks(25) {
        let keys: Vec<Key> = chunk.iter().map(Record::key).collect();
        let found = store.get(&keys).await.unwrap();
        assert_eq!(found.len(), chunk.len());
        for record in chunk {
            assert!(found.contains(&Stored { record: record.clone(), version: 2 }), "{:?}", record.key());
        }
    }
    for record in &samples {
        store.commit(vec![Write::Delete(record.key(), 2)]).await.unwrap();
        assert_eq!(store.get(&[record.key()]).await.unwrap(), []);
        // What is forgotten need not be there.
        store.commit(vec![Write::Forget(record.key())]).await.unwrap();
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        store.commit(vec![Write::Forget(record.key())]).await.unwrap();
        assert_eq!(store.get(&[record.key()]).await.unwrap(), []);
    }
}

/// Absent records are left out; a key named twice, or no key at all, is no error.
pub(crate) async fn absent_records_are_left_out(store: &dyn Store, tag: &str) {
    let (there, absent) = (attempts(tag, "there", 1), attempts(tag, "absent", 1));
    store.commit(vec![Write::Insert(there.clone())]).await.unwrap();
    let stored = [Stored { record: there.clone(), version: 1 }];
    assert_eq!(store.get(&[]).await.unwrap(), []);
    assert_eq!(store.get(&[absent.key()]).await.unwrap(), []);
    assert_eq!(store.get(&[absent.key(), there.key()]).await.unwrap(), stored);
    assert_eq!(store.get(&[there.key(), there.key()]).await.unwrap(), stored);
    assert_eq!(store.account(&email(tag, "nobody")).await.unwrap(), []);
    store.commit(Vec::new()).await.unwrap();
}

/// A transaction with every kind of write does all of it.
pub(crate) async fn a_transaction_does_all_its_writes(store: &dyn Store, tag: &str) {
    let names = ["new", "changed", "gone", "checked", "absent"];
    let [new, changed, gone, checked, absent] = names.map(|name| attempts(tag, name, 1));
    let old = [&changed, &gone, &checked].map(|record| Write::Insert(record.clone()));
    store.commit(old.to_vec()).await.unwrap();
    let changed = attempts(tag, "changed", 2);
    let writes = vec![
        Write::Insert(new.clone()),
        Write::Replace(changed.clone(), 1),
        Write::Delete(gone.key(), 1),
        Write::Check(checked.key(), 1),
        Write::Absent(absent.key()),
    ];
    store.commit(writes).await.unwrap();
    let read = |record: &Record| vec![record.key()];
    assert_eq!(store.get(&read(&new)).await.unwrap(), [Stored { record: new, version: 1 }]);
    assert_eq!(store.get(&read(&changed)).await.unwrap(), [Stored { record: changed, version: 2 }]);
    assert_eq!(store.get(&read(&gone)).await.unwrap(), []);
    assert_eq!(store.get(&read(&checked)).await.unwrap(), [Stored { record: checked, version: 1 }]);
    assert_eq!(store.get(&read(&absent)).await.unwrap(), []);
}

/// Every write whose condition fails says which one it was and what it met, alone and in a transaction, and nothing of
/// its transaction is left.
pub(crate) async fn a_conflict_names_the_write_and_what_it_met(store: &dyn Store, tag: &str) {
    let (there, absent) = (attempts(tag, "there", 7), attempts(tag, "absent", 1));
    store.commit(vec![Write::Insert(attempts(tag, "there", 6))]).await.unwrap();
    store.commit(vec![Write::Replace(there.clone(), 1)]).await.unwrap();
    let met = Some(Stored { record: there.clone(), version: 2 });

    let cases = [
        (Write::Insert(attempts(tag, "there", 8)), met.clone()),
        (Write::Replace(attempts(tag, "there", 8), 1), met.clone()),
        (Write::Replace(attempts(tag, "there", 8), 3), met.clone()),
        (Write::Replace(absent.clone(), 1), None),
        (Write::Delete(there.key(), 1), met.clone()),
        (Write::Delete(absent.key(), 1), None),
        (Write::Check(there.key(), 3), met.clone()),
        (Write::Check(absent.key(), 1), None),
        (Write::Absent(there.key()), met.clone()),
    ];
    let (first, last) = (attempts(tag, "first", 1), attempts(tag, "last", 1));
    for (write, met) in cases {
        assert_conflict(store.commit(vec![write.clone()]).await, 0, met.as_ref());
        let writes = vec![Write::Insert(first.clone()), write, Write::Insert(last.clone())];
        assert_conflict(store.commit(writes).await, 1, met.as_ref());
        let found = store.get(&[first.key(), last.key(), there.key(), absent.key()]).await.unwrap();
        assert_eq!(found, [Stored { record: there.clone(), version: 2 }]);
    }
}

/// Of 16 that insert one record at the same time, one wins; in a transaction with a record of its own, only the winner's
/// is there.
pub(crate) async fn one_insert_wins(store: Arc<dyn Store>, tag: &str) {
    for alone in [true, false] {
        let prize = attempts(tag, if alone { "alone" } else { "together" }, 1);
        let own = |runner: usize| attempts(tag, &format!("runner{runner}"), 1);
        let runners: Vec<_> = (0..16)
            .map(|runner| {
                let (store, mut writes) = (Arc::clone(&store), vec![Write::Insert(prize.clone())]);
                if !alone {
                    writes.push(Write::Insert(own(runner)));
                }
                tokio::spawn(async move { store.commit(writes).await })
            })
            .collect();
        let mut winners = Vec::new();
        for (number, runner) in runners.into_iter().enumerate() {
            match runner.await.unwrap() {
                Ok(()) => winners.push(number),
                lost => assert_conflict(lost, 0, Some(&Stored { record: prize.clone(), version: 1 })),
            }
        }
        assert_eq!(winners.len(), 1, "winners: {winners:?}");
        let own_records: Vec<Record> = (0..16).map(own).collect();
        let found = store.get(&own_records.iter().map(Record::key).collect::<Vec<_>>()).await.unwrap();
        let expected: Vec<&Record> = if alone { Vec::new() } else { vec![&own_records[winners[0]]] };
        assert_eq!(found.iter().map(|it| &it.record).collect::<Vec<_>>(), expected);
    }
}

/// 16 tasks that each count five times lose no count.
pub(crate) async fn no_update_is_lost(store: Arc<dyn Store>, tag: &str) {
    let tag: Arc<str> = tag.into();
    store.commit(vec![Write::Insert(attempts(&tag, "counter", 0))]).await.unwrap();
    let counters: Vec<_> = (0..16)
        .map(|_| {
            let (store, tag) = (Arc::clone(&store), Arc::clone(&tag));
            tokio::spawn(async move {
                for _ in 0..5 {
                    let mut stored = store.get(&[attempts(&tag, "counter", 0).key()]).await.unwrap().remove(0);
                    loop {
                        let next = attempts(&tag, "counter", failures(&stored.record) + 1);
                        match store.commit(vec![Write::Replace(next, stored.version)]).await {
                            Ok(()) => break,
                            Err(CommitError::Conflict { current, .. }) => stored = *current.unwrap(),
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            })
        })
        .collect();
    for counter in counters {
        counter.await.unwrap();
    }
    let stored = store.get(&[attempts(&tag, "counter", 0).key()]).await.unwrap().remove(0);
    assert_eq!((failures(&stored.record), stored.version), (80, 81));
}

/// An account's read gives its own partition and nothing else: not sealed keys, files or attempts of the account, not
/// another account whose name begins alike.
pub(crate) async fn an_account_is_its_own_partition(store: &dyn Store, tag: &str) {
    let mut own = Vec::new();
    for record in samples::records(tag) {
        store.commit(vec![Write::Insert(record.clone())]).await.unwrap();
        if samples::account_of(&record).is_some() {
            own.push(record);
        }
    }
    let owner = email(tag, "owner");
    let longer = Email::parse(&format!("{owner}x")).unwrap();
    for other in [&longer, &email(tag, "other")] {
        store.commit(vec![Write::Insert(pgp_key(other, "AA", 10))]).await.unwrap();
    }
    own.retain(|record| samples::account_of(record) == Some(&owner));
    let found = store.account(&owner).await.unwrap();
    assert_eq!(found.len(), own.len());
    for record in own {
        assert!(found.contains(&Stored { record: record.clone(), version: 1 }), "{:?}", record.key());
    }
    assert_eq!(store.account(&longer).await.unwrap().len(), 1);
}

/// As many writes and reads at once as the port promises.
pub(crate) async fn a_hundred_at_once(store: &dyn Store, tag: &str) {
    let records: Vec<Record> = (0..100).map(|number| attempts(tag, &format!("of-many{number}"), 1)).collect();
    store.commit(records.iter().cloned().map(Write::Insert).collect()).await.unwrap();
    let found = store.get(&records.iter().map(Record::key).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(found.len(), 100);
    assert!(records.into_iter().all(|record| found.contains(&Stored { record, version: 1 })));
}

/// A partition larger than one page of DynamoDB (1 MB) is read whole, and so are 25 large records at once.
pub(crate) async fn large_reads_are_whole(store: &dyn Store, tag: &str) {
    let owner = email(tag, "large");
    let keys: Vec<Record> = (0..25).map(|number| pgp_key(&owner, &format!("{number:040X}"), 100_000)).collect();
    for chunk in keys.chunks(5) {
        store.commit(chunk.iter().cloned().map(Write::Insert).collect()).await.unwrap();
    }
    let partition = store.account(&owner).await.unwrap();
    let batch = store.get(&keys.iter().map(Record::key).collect::<Vec<_>>()).await.unwrap();
    for found in [partition, batch] {
        assert_eq!(found.len(), keys.len());
        assert!(keys.iter().all(|key| found.contains(&Stored { record: key.clone(), version: 1 })));
    }
}

/// Each event is counted with what is written with it, or not at all; several in one transaction, too.
pub(crate) async fn events_are_counted(store: Arc<dyn Store>, tag: &str) {
    let counted = async || {
        let keys = [0, 1].map(|shard| Key::Count(Counter::Events(organisation(tag), shard)));
        let found = store.get(&keys).await.unwrap();
        let count = |key: &Key| found.iter().find(|it| it.record.key() == *key).map_or(0, |it| count(&it.record));
        keys.each_ref().map(count)
    };
    assert_eq!(counted().await, [0, 0]);
    store.commit(vec![Write::Event(event(tag, 1, 0))]).await.unwrap();
    store
        .commit(vec![Write::Event(event(tag, 2, 0)), Write::Event(event(tag, 3, 1)), Write::Event(event(tag, 4, 0))])
        .await
        .unwrap();
    assert_eq!(counted().await, [3, 1]);

    let met = Stored { record: Record::AuditEvent(event(tag, 2, 0)), version: 1 };
    let again = vec![Write::Event(event(tag, 5, 1)), Write::Event(event(tag, 2, 0))];
    assert_conflict(store.commit(again).await, 1, Some(&met));
    assert_eq!(counted().await, [3, 1]);
    assert_eq!(store.get(&[Record::AuditEvent(event(tag, 5, 1)).key()]).await.unwrap(), []);

    let writers: Vec<_> = (10..26)
        .map(|number| {
            let (store, event) = (Arc::clone(&store), event(tag, number, 0));
            // Another transaction on the counter is a reason to come again, not one to lose the event.
            tokio::spawn(async move { while store.commit(vec![Write::Event(event.clone())]).await.is_err() {} })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(counted().await, [19, 1]);
}

/// A count goes up to its limit; then its transaction is refused.
pub(crate) async fn a_count_has_a_limit(store: &dyn Store, tag: &str) {
    let (counter, expires) = (Counter::Refusals(format!("limit/{tag}"), 5), OffsetDateTime::UNIX_EPOCH);
    let record = |number| Record::Count(Count { counter: counter.clone(), count: number, expires: Some(expires) });
    for number in 1..=3 {
        let other = attempts(tag, &format!("counted{number}"), 1);
        let writes = vec![Write::Count(counter.clone(), 3, expires), Write::Insert(other)];
        store.commit(writes).await.unwrap();
        let found = store.get(&[record(0).key()]).await.unwrap();
        assert_eq!(found, [Stored { record: record(number), version: number }]);
    }
    let other = attempts(tag, "counted4", 1);
    let writes = vec![Write::Count(counter.clone(), 3, expires), Write::Insert(other.clone())];
    assert_conflict(store.commit(writes).await, 0, Some(&Stored { record: record(3), version: 3 }));
    assert_eq!(store.get(&[other.key()]).await.unwrap(), []);

    // Alone, too.
    let counter = Counter::Calls(organisation(tag), 7);
    let record = |number| Record::Count(Count { counter: counter.clone(), count: number, expires: Some(expires) });
    for number in 1..=2 {
        store.commit(vec![Write::Count(counter.clone(), 2, expires)]).await.unwrap();
        let found = store.get(&[record(0).key()]).await.unwrap();
        assert_eq!(found, [Stored { record: record(number), version: number }]);
    }
    let over = store.commit(vec![Write::Count(counter.clone(), 2, expires)]).await;
    assert_conflict(over, 0, Some(&Stored { record: record(2), version: 2 }));
}

/// All of an organisation's members, whatever their addresses, and no other's.
pub(crate) async fn members_are_found(store: &dyn Store, tag: &str) {
    let names = ["!", "a%23b", "a", "owner", "~", "~~~"];
    let mut members: Vec<Record> = names
        .iter()
        .map(|name| Record::Member(Member { organisation: organisation(tag), email: email(tag, name) }))
        .collect();
    for member in &members {
        store.commit(vec![Write::Insert(member.clone())]).await.unwrap();
    }
    let stranger = Member { organisation: OrganisationId(format!("{}x", organisation(tag).0)), email: email(tag, "a") };
    store.commit(vec![Write::Insert(Record::Member(stranger))]).await.unwrap();
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: usize::MAX };
    let found = store.stretch(&Shelf::Members(organisation(tag)), all).await.unwrap();
    let mut found: Vec<Record> = found.into_iter().map(|stored| stored.record).collect();
    for records in [&mut members, &mut found] {
        records.sort_by_key(|record| format!("{record:?}"));
    }
    assert_eq!(found, members);
}

/// A stretch of a shelf is what lies between two ids, neither of them included, from one end or the other.
/// What says the same each time is written whatever is there, and keeps no other write of its transaction from being done.
pub(crate) async fn what_is_kept_meets_no_condition(store: Arc<dyn Store>, tag: &str) {
    let kept = attempts(tag, "kept", 1);
    for number in 0..2 {
        let other = attempts(tag, &format!("other{number}"), 1);
        store.commit(vec![Write::Insert(other), Write::Keep(kept.clone())]).await.unwrap();
        let expected = Stored { record: kept.clone(), version: 1 };
        assert_eq!(store.get(&[kept.key()]).await.unwrap(), [expected]);
    }
    store.commit(vec![Write::Replace(attempts(tag, "kept", 2), 1)]).await.unwrap();
    // With what does not hold it is not written either.
    let writes = vec![Write::Insert(attempts(tag, "other0", 2)), Write::Keep(kept.clone())];
    let Err(CommitError::Conflict { index: 0, .. }) = store.commit(writes).await else { panic!("no conflict") };
    assert_eq!(store.get(&[kept.key()]).await.unwrap()[0].version, 2);
    store.commit(vec![Write::Keep(kept.clone())]).await.unwrap();
    assert_eq!(store.get(&[kept.key()]).await.unwrap(), [Stored { record: kept.clone(), version: 1 }]);

    // A few at once all succeed.
    let at_once: Vec<_> = (0..4)
        .map(|number| {
            let (store, kept) = (Arc::clone(&store), kept.clone());
            let own = attempts(tag, &format!("writer{number}"), 1);
            tokio::spawn(async move { store.commit(vec![Write::Insert(own), Write::Keep(kept)]).await })
        })
        .collect();
    for writer in at_once {
        writer.await.unwrap().unwrap();
    }
}

pub(crate) async fn a_stretch_lies_between_two_ids(store: &dyn Store, tag: &str) {
    for number in 1..=5 {
        store.commit(vec![Write::Event(event(tag, number, 0))]).await.unwrap();
    }
    let shelf = Shelf::AuditEvents(organisation(tag));
    let id = |number| event(tag, number, 0).id;
    let (second, fourth) = (id(2), id(4));
    for (after, before, newest_first, most, expected) in [
        ("", LAST_ID, false, 9, vec![1, 2, 3, 4, 5]),
        ("", LAST_ID, true, 9, vec![5, 4, 3, 2, 1]),
        ("", LAST_ID, true, 2, vec![5, 4]),
        ("", LAST_ID, false, usize::MAX, vec![1, 2, 3, 4, 5]),
        (&second, &fourth, false, 9, vec![3]),
        (&second, LAST_ID, false, 1, vec![3]),
        ("", &fourth, true, 2, vec![3, 2]),
        (&fourth, &second, false, 9, vec![]),
        (&second, &second, false, 9, vec![]),
    ] {
        let stretch = Stretch { after, before, newest_first, most };
        let found = store.stretch(&shelf, stretch).await.unwrap();
        let expected: Vec<Record> = expected.into_iter().map(|it| Record::AuditEvent(event(tag, it, 0))).collect();
        assert_eq!(found.into_iter().map(|it| it.record).collect::<Vec<_>>(), expected, "{stretch:?}");
    }
    let other = Shelf::AuditEvents(OrganisationId(format!("{}x", organisation(tag).0)));
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: 9 };
    assert_eq!(store.stretch(&other, all).await.unwrap(), []);
}

/// A shelf larger than one page of DynamoDB (1 MB) is read as far as is wanted.
pub(crate) async fn long_stretches_are_whole(store: &dyn Store, tag: &str) {
    for number in 0..30 {
        let event = AuditEvent { object: "x".repeat(100_000), ..event(tag, number, 0) };
        store.commit(vec![Write::Event(event)]).await.unwrap();
    }
    for (newest_first, most) in [(false, 30), (true, 25), (true, 100)] {
        let all = Stretch { after: "", before: LAST_ID, newest_first, most };
        let found = store.stretch(&Shelf::AuditEvents(organisation(tag)), all).await.unwrap();
        assert_eq!(found.len(), most.min(30));
    }
}

fn event(tag: &str, number: u64, shard: u8) -> AuditEvent {
    AuditEvent {
        organisation: organisation(tag),
        id: format!("{number:013}-id"),
        shard,
        at: OffsetDateTime::UNIX_EPOCH,
        action: "test.event".to_owned(),
        outcome: "completed".to_owned(),
        sequence: 1,
        actor: Actor::System,
        request_id: String::new(),
        object: String::new(),
        bank_code: None,
        bank_text: None,
    }
}

fn count(record: &Record) -> u64 {
    let Record::Count(count) = record else { panic!("no count: {record:?}") };
    count.count
}

/// File types and references of banks may hold any character; different ones stay different records.
pub(crate) async fn references_may_hold_any_character(store: &dyn Store, tag: &str) {
    let names = ["", "#", "%", "%23", "##", "a#b", "a%23b", "a/b", " ", "\u{0}", "\"'\\", "ä€😀", "\n", "{}", ":v"];
    let mut downloads = Vec::new();
    for file_type in names {
        for reference in names {
            downloads.push(download(tag, file_type, reference));
        }
    }
    for chunk in downloads.chunks(25) {
        store.commit(chunk.iter().cloned().map(Write::Insert).collect()).await.unwrap();
    }
    for download in downloads {
        let found = store.get(&[download.key()]).await.unwrap();
        assert_eq!(found, [Stored { record: download, version: 1 }]);
    }
}

/// Certificates are found by the end of their validity, over the borders of months and years and to the second; not while
/// pending, not once gone, and where a new one replaced them only by the new end.
pub(crate) async fn certificates_are_found_by_their_end(store: &dyn Store, tag: &str) {
    let border = datetime!(2027-01-01 00:00 UTC);
    let (before, after) = (border - Duration::SECOND, border + Duration::days(31));
    let active = |expires| CertificateState::Active { certificate: vec![1], expires, target_ids: Vec::new() };
    let certificates = [
        ("nordea", active(before)),
        // The same moment, told in another offset.
        ("simulator", active(border.to_offset(time::macros::offset!(+2)))),
        ("aktia", active(after)),
        ("sp", CertificateState::Pending),
    ];
    let [nordea, simulator, aktia, pending] =
        certificates.map(|(bank, state)| certificate(tag, Bank::parse(bank).unwrap(), state));
    for certificate in [&nordea, &simulator, &aktia, &pending] {
        store.commit(vec![Write::Insert(Record::Certificate(certificate.clone()))]).await.unwrap();
    }
    let found = async |from: OffsetDateTime, until: OffsetDateTime| {
        let mut found = store.expiring(from, until).await.unwrap();
        found.retain(|it| it.organisation == organisation(tag));
        found.sort_by_key(|it| it.expires);
        found
    };
    let as_found = |it: &BankCertificate, expires| Expiring {
        organisation: organisation(tag),
        account: it.email.clone(),
        bank: it.bank,
        expires,
    };
    let all = [as_found(&nordea, before), as_found(&simulator, border), as_found(&aktia, after)];
    assert_eq!(found(before - Duration::days(90), after + Duration::days(90)).await, all);
    assert_eq!(found(before, after).await, all);
    assert_eq!(found(before + Duration::SECOND, after - Duration::SECOND).await, all[1..2]);
    assert_eq!(found(before, before).await, all[..1]);
    assert_eq!(found(border + Duration::SECOND, after - Duration::SECOND).await, []);
    assert_eq!(found(after, before).await, []);

    let renewed = BankCertificate { state: active(after), ..nordea };
    store.commit(vec![Write::Replace(Record::Certificate(renewed.clone()), 1)]).await.unwrap();
    let asked_again = BankCertificate { state: CertificateState::Pending, ..simulator };
    store.commit(vec![Write::Replace(Record::Certificate(asked_again), 1)]).await.unwrap();
    store.commit(vec![Write::Delete(Record::Certificate(aktia).key(), 1)]).await.unwrap();
    assert_eq!(found(before, after).await, [as_found(&renewed, after)]);
}

fn certificate(tag: &str, bank: Bank, state: CertificateState) -> BankCertificate {
    BankCertificate {
        email: email(tag, "owner"),
        bank,
        company: "Oy".to_owned(),
        user_id: "11111111".to_owned(),
        key: KeyId {
            organisation: organisation(tag),
            holder: email(tag, "owner").as_str().to_owned(),
            kind: KeyKind::Bank,
            id: format!("{}/1", bank.as_str()),
        },
        state,
        encryption: None,
        renewal: None,
        shared_to: Vec::new(),
        started: OffsetDateTime::UNIX_EPOCH,
    }
}

pub(crate) fn download(tag: &str, file_type: &str, reference: &str) -> Record {
    Record::Download(Download {
        organisation: organisation(tag),
        email: email(tag, "owner"),
        bank: Bank::SIMULATOR,
        file_type: file_type.to_owned(),
        reference: reference.to_owned(),
        blob: "blob".to_owned(),
        size: u64::MAX,
        at: OffsetDateTime::UNIX_EPOCH,
    })
}

pub(crate) fn attempts(tag: &str, name: &str, failures: u32) -> Record {
    let login = Login { email: email(tag, name), mode: Mode::Data };
    Record::Attempts(Attempts { login, failures, last: OffsetDateTime::UNIX_EPOCH })
}

pub(crate) fn organisation(tag: &str) -> OrganisationId {
    OrganisationId(format!("organisation-{tag}"))
}

fn pgp_key(owner: &Email, fingerprint: &str, bytes: usize) -> Record {
    Record::PgpKey(PgpKey {
        email: owner.clone(),
        fingerprint: fingerprint.to_owned(),
        purpose: PgpPurpose::Export,
        public_key: vec![7; bytes],
        created: OffsetDateTime::UNIX_EPOCH,
    })
}

fn failures(record: &Record) -> u32 {
    let Record::Attempts(attempts) = record else { panic!("not attempts: {record:?}") };
    attempts.failures
}

pub(crate) fn assert_conflict(outcome: Result<(), CommitError>, at: usize, met: Option<&Stored>) {
    match outcome {
        Err(CommitError::Conflict { index, current }) => assert_eq!((index, current.as_deref()), (at, met)),
        other => panic!("no conflict: {other:?}"),
    }
}
