//! Times and dates as XML Schema writes them.

use time::{Date, Month};

/// Whether the text is an `xs:dateTime`: `2027-01-15T10:00:00`, with a fraction and a zone if they are given.
pub(crate) fn is_date_time(text: &str) -> bool {
    let Some((day, rest)) = text.split_once('T') else { return false };
    let Some(clock) = without_zone(rest) else { return false };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return false };
    let is_midnight =
        (*hour, *minute, *second) == ("24", "00", "00") && fraction.is_none_or(|it| it.bytes().all(|it| it == b'0'));
    plain_date(day).is_some()
        && (is_midnight || number(hour, 2).is_some_and(|hour| hour < 24))
        && number(minute, 2).is_some_and(|minute| minute < 60)
        && number(second, 2).is_some_and(|second| second < 60)
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An `xs:date`, with its zone (if it has one) left out.
pub(crate) fn date(text: &str) -> Option<Date> {
    plain_date(without_zone(text.trim())?)
}

fn plain_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let year = number(year, 4)?;
    let month = Month::try_from(u8::try_from(number(month, 2)?).ok()?).ok()?;
    let day = u8::try_from(number(day, 2)?).ok()?;
    if parts.next().is_some() {
        return None;
    }
    Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()
}

/// The text without `Z` or an offset of at most 14 hours at its end; none if the offset is malformed.
fn without_zone(text: &str) -> Option<&str> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some(local);
    }
    let Some(at) = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at)) else { return Some(text) };
    let (local, offset) = text.split_at(at);
    let Some((hours, minutes)) = offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':')) else {
        return Some(text);
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    let valid = minutes < 60 && hours * 60 + minutes <= 14 * 60;
    valid.then_some(local)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{date, is_date_time};

    #[test]
    fn dates_and_times_are_read_as_xml_schema_writes_them() {
        for text in
            ["2027-01-15T10:00:00Z", "2006-03-03T00:00:00.0Z", "2014-08-06T10:34:40+14:00", "2012-02-29T24:00:00"]
        {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "2027-01-15",
            "2027-02-29T10:00:00Z",
            "2027-01-15T24:00:01Z",
            "2027-01-15T10:00:00+14:01",
            "2027-01-15T10:00Z",
            "2027-1-15T10:00:00Z",
            "",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
        assert!(date("2009-12-05+02:00").is_some());
        assert!(date("2009-12-05").is_some());
        assert!(date("2009-12-05+15:00").is_none());
        assert!(date("05.12.2009").is_none());
    }
}
