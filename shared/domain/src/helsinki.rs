//! Time in Helsinki: usage is counted by its days and months (brief 1.6).
//!
//! UTC+2, and UTC+3 from the last Sunday of March to the last Sunday of October, both at 01:00 UTC (directive 2000/84/EC; in
//! Finland since 1996). Should the law change, so must this.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// The day in Helsinki at a moment.
#[must_use]
pub fn date(at: OffsetDateTime) -> Date {
    let utc = at.to_offset(UtcOffset::UTC);
    utc.checked_to_offset(offset(utc)).unwrap_or(utc).date()
}

/// What Helsinki is ahead of UTC at a moment.
fn offset(at: OffsetDateTime) -> UtcOffset {
    let summer = (turn(at.year(), Month::March)..turn(at.year(), Month::October)).contains(&at);
    let hours = if summer { 3 } else { 2 };
    UtcOffset::from_hms(hours, 0, 0).unwrap_or(UtcOffset::UTC)
}

/// 01:00 UTC on the last Sunday of the month.
fn turn(year: i32, month: Month) -> OffsetDateTime {
    let last = Date::from_calendar_date(year, month, month.length(year)).unwrap_or(Date::MAX);
    let back = i64::from(last.weekday().number_days_from_sunday());
    let sunday = last.saturating_sub(time::Duration::days(back));
    sunday.with_time(Time::from_hms(1, 0, 0).unwrap_or(Time::MIDNIGHT)).assume_utc()
}
