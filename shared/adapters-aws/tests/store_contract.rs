//! The store's contract on the embedded engine, through the real SDK client.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod suite;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use avain_adapters_aws::store::DynamoStore;
use avain_adapters_local::embedded::{Embedded, TABLE};
use avain_domain::ports::{Random, Store};
use avain_domain::records::{Stored, Write};
use proptest::prelude::*;

/// Different bytes every time, the same in every run.
struct Counting(AtomicU64);

impl Counting {
    fn from(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, digit)| *byte = *digit);
    }
}

fn store() -> Arc<dyn Store> {
    store_on(Embedded::memory().unwrap().client(), Counting::from(0))
}

fn store_on(client: aws_sdk_dynamodb::Client, random: Counting) -> Arc<dyn Store> {
    Arc::new(DynamoStore::new(client, TABLE.to_owned(), Arc::new(random)))
}

#[tokio::test]
async fn records_come_back_as_they_were() {
    suite::records_come_back_as_they_were(&*store(), "a").await;
}

#[tokio::test]
async fn absent_records_are_left_out() {
    suite::absent_records_are_left_out(&*store(), "a").await;
}

#[tokio::test]
async fn a_transaction_does_all_its_writes() {
    suite::a_transaction_does_all_its_writes(&*store(), "a").await;
}

#[tokio::test]
async fn a_conflict_names_the_write_and_what_it_met() {
    suite::a_conflict_names_the_write_and_what_it_met(&*store(), "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_insert_wins() {
    suite::one_insert_wins(store(), "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost() {
    suite::no_update_is_lost(store(), "a").await;
}

#[tokio::test]
async fn an_account_is_its_own_partition() {
    suite::an_account_is_its_own_partition(&*store(), "a").await;
}

#[tokio::test]
async fn large_reads_are_whole() {
    suite::large_reads_are_whole(&*store(), "a").await;
}

#[tokio::test]
async fn a_hundred_at_once() {
    suite::a_hundred_at_once(&*store(), "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_are_counted() {
    suite::events_are_counted(store(), "a").await;
}

#[tokio::test]
async fn members_are_found() {
    suite::members_are_found(&*store(), "a").await;
}

#[tokio::test]
async fn a_count_has_a_limit() {
    suite::a_count_has_a_limit(&*store(), "a").await;
}

#[tokio::test]
async fn what_is_kept_meets_no_condition() {
    suite::what_is_kept_meets_no_condition(store(), "a").await;
}

#[tokio::test]
async fn a_stretch_lies_between_two_ids() {
    suite::a_stretch_lies_between_two_ids(&*store(), "a").await;
}

#[tokio::test]
async fn long_stretches_are_whole() {
    suite::long_stretches_are_whole(&*store(), "a").await;
}

#[tokio::test]
async fn references_may_hold_any_character() {
    suite::references_may_hold_any_character(&*store(), "a").await;
}

#[tokio::test]
async fn certificates_are_found_by_their_end() {
    suite::certificates_are_found_by_their_end(&*store(), "a").await;
}

/// The suite's functions keep apart on one table, as they must on a deployed one.
#[tokio::test]
async fn tags_keep_the_suite_apart_on_one_table() {
    let store = store();
    for tag in ["a", "b"] {
        suite::an_account_is_its_own_partition(&*store, tag).await;
        suite::a_conflict_names_the_write_and_what_it_met(&*store, tag).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Whatever two file types and references are, each download is found by its own, and only by it.
    #[test]
    fn any_two_downloads_keep_apart(names in prop::array::uniform4("[a%#23]{0,4}|\\PC{0,20}")) {
        let [one, other] = [suite::download("a", &names[0], &names[1]), suite::download("a", &names[2], &names[3])];
        let store = store();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            store.commit(vec![Write::Insert(one.clone())]).await.unwrap();
            let expected = if one == other { vec![Stored { record: one.clone(), version: 1 }] } else { Vec::new() };
            assert_eq!(store.get(&[other.key()]).await.unwrap(), expected);
            assert_eq!(store.get(&[one.key()]).await.unwrap(), [Stored { record: one, version: 1 }]);
        });
    }
}
