//! The index of bank certificates by the end of their validity: which partition and sort key a certificate has there, and
//! what is read from them. A record that is not in it lacks the two attributes.

use avain_domain::names::{Bank, OrganisationId};
use avain_domain::ports::{Expiring, Unavailable};
use avain_domain::records::{BankCertificate, CertificateState, Record};
use aws_sdk_dynamodb::types::AttributeValue;
use time::format_description::well_known::Rfc3339;
use time::{Month, OffsetDateTime, UtcOffset};

use super::items::Item;
use super::keys::{account_of, joined, parts};

const PARTITION: &str = "GSI1PK";
const SORT: &str = "GSI1SK";

/// What puts a record into the index: nothing of most. The times are those that an item can hold.
pub(super) fn attributes(record: &Record) -> Item {
    let Record::Certificate(BankCertificate { bank, key, state: CertificateState::Active { expires, .. }, .. }) =
        record
    else {
        return Item::new();
    };
    let expires = expires.to_offset(UtcOffset::UTC);
    let time = expires.format(&Rfc3339).unwrap_or_default();
    Item::from([
        (PARTITION.to_owned(), AttributeValue::S(partition(expires.year(), expires.month()))),
        (SORT.to_owned(), AttributeValue::S(joined(&[&time, &key.organisation.0, bank.as_str()]))),
    ])
}

/// What an item of the index says.
pub(super) fn read(item: &Item) -> Result<Expiring, Unavailable> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let account = text(super::keys::PARTITION).and_then(|partition| account_of(partition));
    let found = text(SORT).and_then(|sort| match parts(sort).as_slice() {
        [time, organisation, bank] => Some(Expiring {
            organisation: OrganisationId(organisation.clone()),
            account: account?,
            bank: Bank::parse(bank)?,
            expires: OffsetDateTime::parse(time, &Rfc3339).ok()?,
        }),
        _ => None,
    });
    found.ok_or_else(|| Unavailable(format!("index {}: unreadable item", super::EXPIRY_INDEX)))
}

/// The partitions of all months from one moment to another.
pub(super) fn months(from: OffsetDateTime, until: OffsetDateTime) -> impl Iterator<Item = String> {
    let [first, last] = [from, until].map(|time| {
        let utc = time.to_offset(UtcOffset::UTC);
        (utc.year(), utc.month())
    });
    let next = |(year, month): &(i32, Month)| match month {
        Month::December => Some((year + 1, Month::January)),
        _ => Some((*year, month.next())),
    };
    let ordered = |(year, month): (i32, Month)| (year, u8::from(month));
    std::iter::successors(Some(first), next)
        .take_while(move |month| ordered(*month) <= ordered(last))
        .map(|(year, month)| partition(year, month))
}

fn partition(year: i32, month: Month) -> String {
    joined(&["EXPIRES", &format!("{year:04}-{:02}", u8::from(month))])
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn months_go_over_the_years_end_in_utc() {
        let all = |from, until| months(from, until).collect::<Vec<_>>().join(" ");
        assert_eq!(
            all(datetime!(2026-11-30 23:59:59.9 UTC), datetime!(2027-02-01 00:00 UTC)),
            "EXPIRES#2026-11 EXPIRES#2026-12 EXPIRES#2027-01 EXPIRES#2027-02"
        );
        assert_eq!(all(datetime!(2027-01-01 01:00 +02:00), datetime!(2026-12-31 23:00 UTC)), "EXPIRES#2026-12");
        assert_eq!(all(datetime!(2027-01-01 0:00 UTC), datetime!(2026-12-31 23:00 UTC)), "");
    }
}
