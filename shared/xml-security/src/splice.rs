//! Where to put text into a document so that every other byte stays as it is (bank-channel brief 12 d).

use crate::{Element, Error};

/// The tags of an element in the source of its document. Positions are bytes.
pub(crate) struct Tags<'d> {
    /// The name as written, with its prefix.
    pub(crate) name: &'d str,
    /// The start tag as written, from `<` to `>`.
    pub(crate) start_tag: &'d str,
    /// Where the first attribute may be put, right after the name.
    pub(crate) attributes_at: usize,
    start: usize,
    source: &'d str,
}

impl<'d> Tags<'d> {
    pub(crate) fn of(element: Element<'d>) -> Result<Self, Error> {
        let (start, source) = element.source()?;
        let start_tag = &source[..start_tag_length(source)];
        let name_end = start_tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(1);
        Ok(Self { name: &start_tag[1..name_end], start_tag, attributes_at: start + name_end, start, source })
    }

    /// An element without an end tag.
    pub(crate) fn is_empty_tag(&self) -> bool {
        self.start_tag.ends_with("/>")
    }

    /// The document's text with `content` as the first child, and the position of `content` in it.
    pub(crate) fn with_first_child(&self, text: &str, content: &str) -> (String, usize) {
        self.with_child_at(text, self.start + self.start_tag.len(), content)
    }

    /// The document's text with `content` as the last child, and the position of `content` in it.
    pub(crate) fn with_last_child(&self, text: &str, content: &str) -> (String, usize) {
        let end_tag = self.source.rfind("</").unwrap_or(self.source.len());
        self.with_child_at(text, self.start + end_tag, content)
    }

    fn with_child_at(&self, text: &str, position: usize, content: &str) -> (String, usize) {
        if !self.is_empty_tag() {
            return (insert(text, position, content), position);
        }
        let tag_end = self.start + self.start_tag.len();
        let opened = format!("{}>", &text[..tag_end - "/>".len()]);
        let content_at = opened.len();
        (format!("{opened}{content}</{}>{}", self.name, &text[tag_end..]), content_at)
    }
}

/// The text with `content` put in at a byte position.
pub(crate) fn insert(text: &str, position: usize, content: &str) -> String {
    let (before, after) = text.split_at(position);
    [before, content, after].concat()
}

/// Up to the first `>` outside a quoted attribute value. The text is known to be well-formed.
fn start_tag_length(source: &str) -> usize {
    let mut quote = None;
    for (position, byte) in source.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return position + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    source.len()
}
