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
