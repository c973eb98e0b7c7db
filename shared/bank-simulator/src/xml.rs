//! Writing XML: nothing but elements, escaped text and what is put on a start tag.

/// A document under way.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// An element with content. `start` is the name, with attributes after it if there are any (written as given).
    pub(crate) fn element(&mut self, start: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        let name = start.split(' ').next().unwrap_or(start);
        self.text.push('<');
        self.text.push_str(start);
        self.text.push('>');
        content(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        self
    }

    /// An element with text.
    pub(crate) fn leaf(&mut self, start: &str, text: &str) -> &mut Self {
        self.element(start, |writer| escape(text, &mut writer.text))
    }

    /// An element with text, if there is any.
    pub(crate) fn optional(&mut self, start: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.leaf(start, text);
        }
        self
    }

    /// Takes the text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// One document, written by `content`.
pub(crate) fn document(content: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::default();
    content(&mut writer);
    writer.finish()
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}
