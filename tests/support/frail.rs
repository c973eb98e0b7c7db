//! A store that fails when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use avain_api::Deps;
use avain_domain::names::Email;
use avain_domain::ports::{CommitError, Expiring, Store, Unavailable};
use avain_domain::records::{Key, Shelf, Stored, Stretch, Write};
use time::OffsetDateTime;

use super::{Answer, Service};

const FOREVER: i64 = i64::MAX;

/// How long the store goes on.
#[derive(Clone)]
pub(crate) struct Patience {
    left: Arc<AtomicI64>,
    answers_lost: Arc<AtomicBool>,
}

impl Patience {
    /// A service on a store that goes on for ever, until the test says otherwise.
    pub(crate) async fn start() -> (Service, Self) {
        let patience = Self::new();
        let given = patience.clone();
        let service = Service::start_rewired(
            |_| {},
            move |mut machine, _| {
                machine.deps = given.in_front_of(machine.deps);
                machine
            },
        )
        .await;
        (service, patience)
    }

    pub(crate) fn new() -> Self {
        Self { left: Arc::new(AtomicI64::new(FOREVER)), answers_lost: Arc::default() }
    }

    /// The same ports, on a store of this patience.
    pub(crate) fn in_front_of(&self, deps: Deps) -> Deps {
        let store = Frail { deps: deps.clone(), patience: self.clone() };
        deps.with_store(Arc::new(store))
    }

    /// How often the store was used.
    pub(crate) fn uses(&self) -> i64 {
        FOREVER - self.left.load(Ordering::SeqCst)
    }

    /// One call with a store that goes on for so many uses: it fails.
    pub(crate) async fn fails(&self, good: i64, call: impl Future<Output = Answer>) {
        self.ends_after(good);
        let answer = call.await;
        self.never_ends();
        answer.is(503, "01", "Temporarily unavailable");
        assert_eq!(answer.retry_after, Some(1));
    }

    /// So many uses more succeed.
    pub(crate) fn ends_after(&self, uses: i64) {
        self.left.store(uses, Ordering::SeqCst);
    }

    /// All succeed again.
    pub(crate) fn never_ends(&self) {
        self.ends_after(FOREVER);
    }

    /// What fails from now on has been done all the same: its answer is lost.
    pub(crate) fn loses_answers(&self) {
        self.answers_lost.store(true, Ordering::SeqCst);
    }

    /// Calls, with a store that fails at the first, second, ... use of it, until the call succeeds; after how many uses that was.
    /// After each failure `stands` looks at what is left, with the store well again.
    pub(crate) async fn until_it_succeeds(
        &self,
        success: u16,
        call: impl AsyncFn() -> Answer,
        stands: impl AsyncFn(i64),
    ) -> i64 {
        for good in 0..30 {
            self.ends_after(good);
            let answer = call().await;
            self.never_ends();
            if answer.status == success {
                return good;
            }
            answer.is(503, "01", "Temporarily unavailable");
            assert_eq!(answer.retry_after, Some(1));
            stands(good).await;
        }
        panic!("no success with thirty uses of the store");
    }
}

/// The machine's store, which answers so many calls more.
struct Frail {
    deps: Deps,
    patience: Patience,
}

impl Frail {
    fn down() -> Unavailable {
        Unavailable("the store is down".to_owned())
    }

    fn goes_on(&self) -> bool {
        self.patience.left.fetch_sub(1, Ordering::SeqCst) > 0
    }

    fn store(&self) -> Result<&dyn Store, Unavailable> {
        if self.goes_on() { Ok(self.deps.store().unwrap()) } else { Err(Self::down()) }
    }
}

#[async_trait]
impl Store for Frail {
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.account(email).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.get(keys).await
    }

    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable> {
        self.store()?.stretch(of, stretch).await
    }

    async fn expiring(&self, from: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<Expiring>, Unavailable> {
        self.store()?.expiring(from, until).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        if self.goes_on() {
            return self.deps.store().unwrap().commit(writes).await;
        }
        if self.patience.answers_lost.load(Ordering::SeqCst) {
            self.deps.store().unwrap().commit(writes).await?;
        }
        Err(Self::down().into())
    }
}
