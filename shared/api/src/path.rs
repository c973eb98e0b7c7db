//! Paths as clients write them: templates with `{Name}` for parameters, percent-encoding.

/// The parameters of a path by name, still percent-encoded; `None` if the path is not of this form.
#[must_use]
pub fn parameters<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if segments(template).count() != segments(path).count() {
        return None;
    }
    let mut found = Vec::new();
    for (wanted, given) in segments(template).zip(segments(path)) {
        match parameter_name(wanted) {
            Some(name) if !given.is_empty() => found.push((name, given)),
            None if wanted == given => {}
            _ => return None,
        }
    }
    Some(found)
}

/// Decodes `%XX`; a plus is a plus (brief 0, fact 9). `None` for what is not UTF-8 or not an escape.
#[must_use]
pub fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let value = |digit: u8| char::from(digit).to_digit(16);
        decoded.push(u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()?);
        rest = after;
    }
    String::from_utf8(decoded).ok()
}

/// The names of a template's parameters, in order.
pub fn names(template: &'static str) -> impl Iterator<Item = &'static str> {
    segments(template).filter_map(parameter_name)
}

/// All but unreserved characters (RFC 3986, 2.3) as `%XX`.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// How many segments of a template are literal: where two templates fit a path, the one with more is meant.
#[must_use]
pub fn literals(template: &str) -> usize {
    segments(template).filter(|segment| parameter_name(segment).is_none()).count()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_escape_or_no_utf8_has_no_meaning() {
        for text in
            ["%", "%4", "%zz", "%4z", "%z4", "a%", "%%41", "%+1", "% 1", "%ä", "%ff", "%c3", "%c3(", "%ed%a0%80"]
        {
            assert_eq!(percent_decode(text), None, "{text}");
        }
        assert_eq!(percent_decode("a+b%40x%2b%C3%a4ö").as_deref(), Some("a+b@x+äö"));
    }

    proptest! {
        #[test]
        fn any_text_decodes_or_does_not(text in "\\PC*|[%0-9a-fA-F]*|.*") {
            let decoded = percent_decode(&text);
            if !text.contains('%') {
                prop_assert_eq!(decoded, Some(text));
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(text in ".*", upper in any::<bool>()) {
            let encode = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
            let encoded: String = text.bytes().map(encode).collect();
            prop_assert_eq!(percent_decode(&encoded), Some(text));
        }

        #[test]
        fn any_path_has_a_templates_parameters_or_not(path in "[/a-z0-9%]{0,40}|.*") {
            let Some(found) = parameters("/v2/{Email}/{Mode}", &path) else { return Ok(()) };
            let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
            prop_assert_eq!(names, ["Email", "Mode"]);
            prop_assert!(found.iter().all(|(_, value)| !value.is_empty() && !value.contains('/')));
        }
    }
}
