//! The watch over bank certificates: which end soon and which have ended, so that people are woken before (design, who
//! uses it).

use time::{Duration, OffsetDateTime};

use crate::names::Bank;
use crate::ports::{Expiring, Store, Unavailable};

/// Days before its end from which a certificate is told of.
pub const SOON: i64 = 30;
/// So long after its end a certificate is still told of. One that nobody has replaced by then is nobody's any more, and must
/// not hide the next one.
const PAST: Duration = Duration::days(30);
/// Longer than any certificate of a bank lives: Nordea's two years, and some.
const AHEAD: Duration = Duration::days(800);

/// What the watch has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The certificates to tell of, the first to end first, each with its days.
    pub told: Vec<(Expiring, i64)>,
    /// Each bank that certificates are of, by name.
    pub banks: Vec<OfBank>,
}

/// A bank's certificates in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfBank {
    /// Bank.
    pub bank: Bank,
    /// Whole days until the first one ends; below 0 where one has ended.
    pub days_left: i64,
    /// How many end within [`SOON`] days.
    pub expiring: u64,
    /// How many have ended in the past 30 days and are there still.
    pub expired: u64,
}

/// Looks at all certificates that end, or ended not long ago.
pub async fn watch(store: &dyn Store, now: OffsetDateTime) -> Result<Watch, Unavailable> {
    let mut found = store.expiring(now - PAST, now + AHEAD).await?;
    found
        .sort_by(|one, other| one.expires.cmp(&other.expires).then_with(|| one.bank.as_str().cmp(other.bank.as_str())));
    let with_days = found.into_iter().map(|it| {
        let days = days_left(it.expires, now);
        (it, days)
    });
    let found: Vec<(Expiring, i64)> = with_days.collect();
    let mut banks: Vec<OfBank> = Vec::new();
    for (certificate, days) in &found {
        let at = banks.iter().position(|it| it.bank == certificate.bank).unwrap_or_else(|| {
            banks.push(OfBank { bank: certificate.bank, days_left: *days, expiring: 0, expired: 0 });
            banks.len() - 1
        });
        banks[at].expiring += u64::from((0..=SOON).contains(days));
        banks[at].expired += u64::from(*days < 0);
    }
    banks.sort_by_key(|it| it.bank.as_str());
    Ok(Watch { told: found.into_iter().filter(|(_, days)| *days <= SOON).collect(), banks })
}

/// Whole days: 0 on the last one, -1 from the end on.
fn days_left(expires: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (expires - now).whole_seconds().div_euclid(Duration::DAY.whole_seconds())
}
