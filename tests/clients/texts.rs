//! What clients make of the text of a failure (brief 2.4): each of the table of answers lands where it should.

use avain_api::operations::UPLOAD_KEY;
use avain_api::ws_channel::errors::reply;

use crate::answers_http::failures;

/// The kit in TypeScript: the first word that is found.
fn reason(text: &str) -> &'static str {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["too many", "attempt limit", "limit exceeded"]) {
        "too_many_attempts"
    } else if has(&["expired", "no longer valid"]) {
        "expired_code"
    } else if has(&["resend", "request a new"]) {
        "resend"
    } else if has(&["already"]) && has(&["verif", "confirm"]) {
        "already_verified"
    } else if has(&["not confirmed"]) {
        "unconfirmed"
    } else if has(&["not verif", "unverified"]) {
        "unverified"
    } else if has(&["invalid", "incorrect", "mismatch", "wrong code"]) {
        "invalid_code"
    } else {
        "unknown"
    }
}

/// The kit in Python asks for a code again after these.
pub(super) fn python_tries_again(status: u16, code: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    let words = [
        "codemismatchexception",
        "invalid verification code",
        "invalid parameter(s): code",
        "invalid parameter(s): emailcode",
    ];
    status >= 400 && code == "01" && words.iter().any(|word| text.contains(word))
}

/// Text, reason, and whether a code is asked for again. Every other text means nothing to either.
const MEANT: &[(&str, &str, bool)] = &[
    ("Invalid parameter(s): Code", "invalid_code", true),
    ("Invalid parameter bank", "invalid_code", false),
    (
        "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special",
        "invalid_code",
        false,
    ),
    ("Incorrect username or password", "invalid_code", false),
    ("Attempt limit exceeded, please try after some time", "too_many_attempts", false),
    ("Too many requests", "too_many_attempts", false),
    ("Invalid verification code", "invalid_code", true),
    ("Code expired, request a new one", "expired_code", false),
    ("Invalid session, start login again", "invalid_code", false),
    ("Invalid API key", "invalid_code", false),
];

#[test]
fn every_text_lands_where_it_should() {
    let mut seen = 0;
    for failure in failures() {
        let told = reply(&UPLOAD_KEY, &failure);
        let meant = MEANT.iter().find(|(text, ..)| *text == told.text);
        seen += usize::from(meant.is_some());
        let (_, wanted, again) = meant.unwrap_or(&("", "unknown", false));
        assert_eq!(reason(&told.text), *wanted, "{failure:?}: {}", told.text);
        assert_eq!(python_tries_again(told.status, &told.code, &told.text), *again, "{failure:?}: {}", told.text);
    }
    assert!(seen >= 9, "{seen}");
}

/// 429 alone is sent again by a client whatever the method: it must mean that nothing was done. Wrong credentials and wrong
/// codes are no such thing, and no success is told with a failure's code.
#[test]
fn only_what_was_not_done_may_be_sent_again() {
    for failure in failures() {
        let told = reply(&UPLOAD_KEY, &failure);
        assert_eq!(told.status == 429, reason(&told.text) == "too_many_attempts", "{failure:?}");
        assert_ne!(told.code, "00", "{failure:?}");
        assert_eq!(told.retry_after.is_some(), [429, 503].contains(&told.status), "{failure:?}");
    }
}
