//! Writing XML: elements with escaped text, one after the other.

use crate::Error;

/// A growing piece of XML.
#[derive(Default)]
pub(crate) struct Writer(String);

impl Writer {
    /// `<name>`; `name` may carry attributes.
    pub(crate) fn open(&mut self, name: &str) -> &mut Self {
        self.0.extend(["<", name, ">"]);
        self
    }

    /// `</name>`.
    pub(crate) fn close(&mut self, name: &str) -> &mut Self {
        self.0.extend(["</", name, ">"]);
        self
    }

    /// `<name>text</name>`, or nothing for no text. Text must be 1 to `max` characters long (all schemas say so).
    pub(crate) fn text(&mut self, name: &'static str, text: Option<&str>, max: usize) -> Result<&mut Self, Error> {
        let Some(text) = text else { return Ok(self) };
        let field = name.split_once(':').map_or(name, |(_, local)| local);
        if text.is_empty() || text.chars().count() > max {
            return Err(Error::Field(field));
        }
        let escaped = escape(text).ok_or(Error::Field(field))?;
        Ok(self.open(name).raw(&escaped).close(name))
    }

    /// Text that needs no escaping: base64, or XML already written.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

/// Element content for a text; none if it has a character that XML 1.0 cannot carry. A carriage return is written as a
/// reference, because parsers turn a bare one into a line feed.
pub(crate) fn escape(text: &str) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(character),
            _ => return None,
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use avain_xml_security::Document;
    use proptest::prelude::*;

    use super::{Writer, escape};

    proptest! {
        #[test]
        fn any_text_comes_back_or_is_refused(text in "\\PC*|[\\r\\n\\t<>&'\"\\]a]*|.*") {
            if let Some(escaped) = escape(&text) {
                let document = format!("<a>{escaped}</a>");
                prop_assert_eq!(Document::parse(document.as_bytes()).unwrap().root().text(), text);
            } else {
                let unfit = |c| c < ' ' || c == '\u{fffe}' || c == '\u{ffff}';
                prop_assert!(text.contains(unfit));
            }
        }
    }

    #[test]
    fn text_outside_the_schema_is_the_callers_fault() {
        for text in ["", "abcd", "a\u{0}", "\u{b}"] {
            let error = Writer::default().text("mod:SenderId", Some(text), 3).err().unwrap();
            assert_eq!(error.to_string(), "the request cannot be built: SenderId is not acceptable");
        }
    }
}
