//! How values of XML Schema's types are written (XML Schema 1.0, part 2).

use time::{Date, Month};

/// xs:double.
pub(super) fn is_double(text: &str) -> bool {
    let is_number = || text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    matches!(text, "INF" | "-INF" | "NaN") || is_number() && text.parse::<f64>().is_ok()
}

/// xs:dateTime.
pub(super) fn is_date_time(text: &str) -> bool {
    without_zone(text)
        .and_then(|local| local.split_once('T'))
        .is_some_and(|(day, time)| is_day(day) && is_time_of_day(time))
}

/// xs:date.
pub(super) fn is_date(text: &str) -> bool {
    without_zone(text).is_some_and(is_day)
}

/// What is before the zone, where there is one: Z, or up to 14 hours to either side. None for another zone.
fn without_zone(text: &str) -> Option<&str> {
    if let Some(before) = text.strip_suffix('Z') {
        return Some(before);
    }
    let split = text.len().checked_sub("+00:00".len()).and_then(|at| text.split_at_checked(at));
    let Some((before, zone)) = split.filter(|(_, zone)| zone.starts_with(['+', '-']) && zone.contains(':')) else {
        return Some(text);
    };
    let is_zone = match numbers(zone.get(1..)?, ':')?.as_slice() {
        [14, 0] => true,
        [hours, minutes] => *hours < 14 && *minutes < 60,
        _ => false,
    };
    is_zone.then_some(before)
}

/// A year of four digits, or more if it needs them, before our era with a minus; there is no year 0.
fn is_day(text: &str) -> bool {
    let Some((year, day)) = text.strip_prefix('-').unwrap_or(text).split_once('-') else { return false };
    let is_year = year.len() >= 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && (year.len() == 4 || !year.starts_with('0'))
        && year.bytes().any(|byte| byte != b'0');
    // The calendar begins anew every 400 years.
    let year = year.len().checked_sub(4).and_then(|at| year.get(at..)?.parse().ok());
    let Some([month, day]) = numbers(day, '-').and_then(|parts| <[u8; 2]>::try_from(parts).ok()) else { return false };
    let exists = |year, month| Date::from_calendar_date(year, month, day).is_ok();
    is_year && year.zip(Month::try_from(month).ok()).is_some_and(|(year, month)| exists(year, month))
}

/// A day ends at 24:00:00.
fn is_time_of_day(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').map_or((text, "0"), |(whole, fraction)| (whole, fraction));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = match numbers(whole, ':').as_deref() {
        Some([24, 0, 0]) => fraction.bytes().all(|byte| byte == b'0'),
        Some([hours, minutes, seconds]) => *hours < 24 && *minutes < 60 && *seconds < 60,
        _ => false,
    };
    is_fraction && is_time
}

/// Numbers of two digits each.
fn numbers(text: &str, between: char) -> Option<Vec<u8>> {
    let number = |part: &str| part.parse().ok().filter(|_| part.len() == 2 && !part.starts_with('+'));
    text.split(between).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_date, is_date_time, is_double};

    #[test]
    fn times_as_banks_write_them_and_as_the_calendar_has_them() {
        for good in [
            "2006-03-03T00:00:00.0Z",
            "2012-02-17T14:10:00",
            "2023-08-31T20:27:39.387",
            "2019-02-28T02:04:47.084+02:00",
            "2027-01-15T10:00:30Z",
            "2028-02-29T23:59:59-14:00",
            "2027-12-31T24:00:00.00Z",
            "12000-02-29T00:00:00",
            "-0004-02-29T00:00:00Z",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "2027-01-15",
            "2027-01-15 10:00:30",
            "2027-01-15T10:00:30.Z",
            "2027-01-15T10:00:30+2",
            "\u{e4}",
            "2027-02-29T10:00:00Z",
            "2100-02-29T10:00:00Z",
            "2027-13-01T10:00:00Z",
            "2027-00-01T10:00:00Z",
            "2027-04-31T10:00:00Z",
            "2027-01-00T10:00:00Z",
            "2027-01-15T24:00:01Z",
            "2027-01-15T24:00:00.1Z",
            "2027-01-15T25:00:00Z",
            "2027-01-15T10:60:00Z",
            "2027-01-15T10:00:60Z",
            "2027-01-15T10:00Z",
            "2027-01-15T+1:00:00Z",
            "2027-01-15T10:00:00+14:01",
            "2027-01-15T10:00:00+13:60",
            "2027-01-15T10:00:00ZZ",
            "0000-01-15T10:00:00Z",
            "02027-01-15T10:00:00Z",
            "27-01-15T10:00:00Z",
            "+2027-01-15T10:00:00Z",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
        for (date, is) in [
            ("2027-01-15", true),
            ("2027-01-15Z", true),
            ("2027-01-15-02:00", true),
            ("2027-02-30", false),
            ("2027-01-15+15:00", false),
            ("2027-01-15T00:00:00", false),
            ("2027-1-15", false),
        ] {
            assert_eq!(is_date(date), is, "{date}");
        }
    }

    #[test]
    fn numbers_as_the_schema_writes_them() {
        for good in ["0", "-1.50", "+1.5", "1.5E3", "1e-5", "1e400", ".5", "5.", "INF", "-INF", "NaN"] {
            assert!(is_double(good), "{good}");
        }
        for bad in ["", ".", "1,5", "1e", "e5", "1_0", "0x1", "infinity", "inf", "nan", "+INF", "+NaN", "1 0", "1.5.0"]
        {
            assert!(!is_double(bad), "{bad}");
        }
    }
}
