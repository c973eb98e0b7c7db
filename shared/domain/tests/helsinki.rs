//! Days in Helsinki, at the turns that are known and as another implementation of time zones has them.

use avain_domain::helsinki::date;
use avain_test_support::{not_run, output, peer, required};
use time::macros::{date, datetime};
use time::{Duration, OffsetDateTime};

#[test]
fn a_day_begins_at_midnight_in_helsinki() {
    for (at, day) in [
        // Winter time: two hours.
        (datetime!(2026-01-31 21:59:59.999 UTC), date!(2026 - 01 - 31)),
        (datetime!(2026-01-31 22:00 UTC), date!(2026 - 02 - 01)),
        // The last Sunday of March is the 29th: from 01:00 UTC on it is three.
        (datetime!(2026-03-28 22:00 UTC), date!(2026 - 03 - 29)),
        (datetime!(2026-03-29 20:59:59 UTC), date!(2026 - 03 - 29)),
        (datetime!(2026-03-29 21:00 UTC), date!(2026 - 03 - 30)),
        // The last Sunday of October is the 25th.
        (datetime!(2026-10-24 20:59:59 UTC), date!(2026 - 10 - 24)),
        (datetime!(2026-10-24 21:00 UTC), date!(2026 - 10 - 25)),
        (datetime!(2026-10-25 21:59:59 UTC), date!(2026 - 10 - 25)),
        (datetime!(2026-10-25 22:00 UTC), date!(2026 - 10 - 26)),
        // A last Sunday that is the last day, and one that is the 25th of March.
        (datetime!(2024-03-31 21:00 UTC), date!(2024 - 04 - 01)),
        (datetime!(2018-03-25 21:00 UTC), date!(2018 - 03 - 26)),
        (datetime!(2018-03-24 21:00 UTC), date!(2018 - 03 - 24)),
        // Another offset is another way to say a moment; the calendar's end is one too.
        (datetime!(2026-02-01 00:00 +02:00), date!(2026 - 02 - 01)),
        (datetime!(9999-12-31 23:59 UTC), date!(9999 - 12 - 31)),
    ] {
        assert_eq!(date(at), day, "{at}");
    }
}

#[test]
fn another_implementation_agrees() {
    // Each hour around midnight, each day from 1997 to 2037.
    let first = datetime!(1997-01-01 20:30 UTC);
    let moments: Vec<OffsetDateTime> =
        (0..365 * 40).map(|day| first + Duration::days(day) + Duration::hours(day % 3)).collect();
    let Some(mut python) = peer("python3") else { return };
    let program = "import sys, zoneinfo, datetime\n\
        zone = zoneinfo.ZoneInfo('Europe/Helsinki')\n\
        for line in open(sys.argv[1]): print(datetime.datetime.fromtimestamp(int(line), zone).date())\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moments");
    let lines: Vec<String> = moments.iter().map(|at| at.unix_timestamp().to_string()).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let answer = output(python.args(["-c", program]).arg(&file));
    if !answer.status.success() {
        assert!(!required(), "{}", String::from_utf8_lossy(&answer.stderr));
        not_run("time zones in python3");
        return;
    }
    let days = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(days.lines().count(), moments.len());
    for (at, day) in moments.iter().zip(days.lines()) {
        assert_eq!(date(*at).to_string(), day, "{at}");
    }
}
