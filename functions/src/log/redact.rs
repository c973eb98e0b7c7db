//! What must not be in the log, by the names under which the API and the libraries carry it (reference data, isecure 2.6).
//! Rather too much than too little.

use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// Names, in lower case and without what separates words: `x-api-key`, `XApiKey` and `x_api_key` are one.
const NAMES: [&str; 23] = [
    "password",
    "encrypted",
    "accesstoken",
    "idtoken",
    "apikey",
    "xapikey",
    "authorization",
    "session",
    "code",
    "chresp",
    "challenge",
    "secretcode",
    "otpauthuri",
    "recoverycodes",
    "privatekey",
    "encprivatekey",
    "encryptedprivatekey",
    "pgpkey",
    "email",
    "extemail",
    "confirm",
    "phone",
    "name",
];

/// A field's value as the log may have it; the name may be dotted (`user.email`).
pub(super) fn field(name: &str, value: Value) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name);
    match value {
        _ if is_secret(last) => REDACTED.into(),
        Value::String(text) => self::text(&text).into(),
        value => value,
    }
}

/// A text without the values that stand in it under a secret's name: `password: "x"`, `"Email":"x"`, `code=x`, `Session("x")`,
/// `Challenge { .. }`, `("authorization", "x")`, in JSON, in Debug's form, or one quoted in the other.
fn text(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut clean, mut copied, mut at) = (String::with_capacity(text.len()), 0, 0);
    while at < bytes.len() {
        let end = skip(bytes, at, is_word);
        if end == at {
            at += 1;
            continue;
        }
        let value = if is_name(text, at, end) { value_after(bytes, end) } else { None };
        at = end;
        if let Some((begin, end)) = value {
            clean.push_str(&text[copied..begin]);
            clean.push_str(REDACTED);
            (copied, at) = (end, end);
        }
    }
    clean.push_str(&text[copied..]);
    clean
}

/// The word is a secret's name, or is one behind the letter of an escape (`\n`).
fn is_name(text: &str, begin: usize, end: usize) -> bool {
    let escaped = text[..begin].ends_with('\\') && text.is_char_boundary(begin + 1);
    is_secret(&text[begin..end]) || escaped && is_secret(&text[begin + 1..end])
}

fn is_secret(name: &str) -> bool {
    let plain = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase());
    NAMES.iter().any(|secret| plain().eq(secret.bytes()))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || !byte.is_ascii()
}

fn skip(bytes: &[u8], from: usize, what: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !what(*byte)).map_or(bytes.len(), |length| from + length)
}

/// Where the value of the name that ends here begins and ends, if there is one. Both lie between ASCII characters.
fn value_after(bytes: &[u8], name_end: usize) -> Option<(usize, usize)> {
    let closed = skip(bytes, name_end, |it| matches!(it, b'"' | b'\'' | b'\\'));
    let at = skip(bytes, closed, |it| it == b' ');
    let begin = match bytes.get(at)? {
        // A path's `::` gives no value.
        b':' if bytes.get(at + 1) == Some(&b':') => return None,
        b':' | b'=' => skip(bytes, at + 1, |it| it.is_ascii_whitespace() || it == b'>'),
        // A pair's, or a list's.
        b',' if closed > name_end => skip(bytes, at + 1, |it| it.is_ascii_whitespace()),
        b'(' if at == name_end => at,
        b'{' => at,
        _ => return None,
    };
    let end = value_end(bytes, begin);
    (end > begin).then_some((begin, end))
}

/// The end of a value: of its quotes or brackets, or else where the next one of its list begins.
fn value_end(bytes: &[u8], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let quote = skip(bytes, at, |it| it == b'\\');
        match byte {
            b'"' | b'\\' if bytes.get(quote) == Some(&b'"') => {
                let opened_at_once = at == begin;
                at = quoted_end(bytes, quote, b'"', quote - at);
                if opened_at_once {
                    return at;
                }
                continue;
            }
            b'\'' if at == begin => return quoted_end(bytes, at, b'\'', 0),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' | b',' | b';' | b'\n' if depth == 0 => return at,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Behind the quote that closes the one here, which has so many backslashes before it.
fn quoted_end(bytes: &[u8], open: usize, quote: u8, backslashes: usize) -> usize {
    let (mut at, mut run) = (open + 1, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match *byte {
            b'\\' => run += 1,
            // What precedes the quote's own backslashes is the content's: pairs, or a quote of the content's.
            it if it == quote && (run.saturating_sub(backslashes) / (backslashes + 1)).is_multiple_of(2) => return at,
            _ => run = 0,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "for its Debug text")]
    struct Login {
        other: u8,
        password: String,
        inner: Inner,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "for its Debug text")]
    struct Inner {
        access_token: Option<String>,
        last: bool,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "for its Debug text")]
    struct Email(String);

    #[test]
    fn every_name_of_the_list_is_redacted_however_it_is_written() {
        for name in NAMES {
            for written in [name.to_owned(), name.to_uppercase(), format!("user.{name}"), format!("_{name}")] {
                assert_eq!(field(&written, "hunter2".into()), REDACTED, "{written}");
                assert_eq!(field(&written, 7.into()), REDACTED, "{written}");
            }
            assert_eq!(text(&format!("with {name}=hunter2, b=1")), format!("with {name}=[redacted], b=1"));
        }
        for name in ["AccessToken", "access_token", "x-api-key", "X_Api_Key", "EncPrivateKey", "http.authorization"] {
            assert_eq!(field(name, "hunter2".into()), REDACTED, "{name}");
        }
        for name in ["bank_code", "function_name", "status", "operation", "reason", "passwords"] {
            assert_eq!(field(name, "value".into()), "value", "{name}");
        }
    }

    #[test]
    fn what_is_no_value_of_a_secrets_name_stays() {
        for whole in [
            "",
            "invalid parameter: Email",
            "wrong code",
            "no such session",
            "avain_domain::session::Caller",
            "unavailable: the table is throttled (code)",
            "päivää, name",
            "bank_code: 12",
        ] {
            assert_eq!(text(whole), whole);
        }
    }

    #[test]
    fn values_in_a_text_end_where_they_end() {
        for (told, clean) in [
            (r"host: a\nauthorization: eyJ, b", r"host: a\nauthorization: [redacted], b"),
            ("authorization: Bearer eyJ.x.y\nhost: a", "authorization: [redacted]\nhost: a"),
            (r#"[("x-api-key", "k"), ("host", "a")]"#, r#"[("x-api-key", [redacted]), ("host", "a")]"#),
            (r#"{"authorization": "eyJ", "host": "a"}"#, r#"{"authorization": [redacted], "host": "a"}"#),
            ("Session { id: 1, mac: [1, 2] }, next: 2", "Session [redacted], next: 2"),
            (r#"name: Some("a, b)"), next: 2"#, "name: [redacted], next: 2"),
            ("pgpKey: [1, 2, 3]; next", "pgpKey: [redacted]; next"),
            (r#"code: b"1, 2", next"#, "code: [redacted], next"),
            ("phone => '+358, 40', next", "phone => [redacted], next"),
            ("email = päivää@x.fi) next", "email = [redacted]) next"),
            (r#"password: "never closed, next: 2"#, "password: [redacted]"),
            (r#"password: "ends in \\", next: 2"#, "password: [redacted], next: 2"),
        ] {
            assert_eq!(text(told), clean);
        }
    }

    proptest! {
        #[test]
        fn any_value_goes_from_debug_and_json_and_json_in_debug(secret in any::<String>(), other: u8, last: bool) {
            let inner = Inner { access_token: Some(secret.clone()), last };
            let login = Login { other, password: secret.clone(), inner };
            let inner = format!("inner: Inner {{ access_token: [redacted], last: {last} }}");
            let clean = format!("Login {{ other: {other}, password: [redacted], {inner} }}");
            prop_assert_eq!(text(&format!("{login:?}")), clean);

            let json = json!({ "a": other, "list": [{ "Phone": secret }], "z": last }).to_string();
            let clean = format!(r#"{{"a":{other},"list":[{{"Phone":[redacted]}}],"z":{last}}}"#);
            prop_assert_eq!(text(&json), clean.as_str());
            let clean = format!("{clean:?}");
            prop_assert_eq!(text(&format!("{json:?}")), clean);

            prop_assert_eq!(text(&format!("Some({:?})", Email(secret))), "Some(Email[redacted])");
        }

        #[test]
        fn any_text_is_taken(told in any::<String>(), name in "(code|name|Email)?[=:({\"\\\\ ]{0,3}") {
            text(&format!("{told}{name}{told}"));
        }
    }
}
