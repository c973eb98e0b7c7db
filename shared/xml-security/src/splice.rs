//! Where to put text into a document so that every other byte stays as it is (bank-channel brief 12 d).

use std::ops::Range;

use crate::{Element, Error};

/// A part of a text and what stands there instead. Positions are bytes.
pub(crate) struct Edit {
    at: Range<usize>,
    text: String,
}

impl Edit {
    pub(crate) fn insert(at: usize, text: String) -> Self {
        Self { at: at..at, text }
    }
}

/// The text with these edits, which are in its order and apart, with room for as many bytes more: it is copied once.
pub(crate) fn apply(text: &str, edits: &[Edit], room: usize) -> String {
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut edited = String::with_capacity(text.len() + added + room);
    let mut copied = 0;
    for edit in edits {
        edited.push_str(&text[copied..edit.at.start]);
        edited.push_str(&edit.text);
        copied = edit.at.end;
    }
    edited.push_str(&text[copied..]);
    edited
}

/// The tags of an element in the source of its document.
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
        let name = element.name();
        let start_tag = &source[..start_tag_length(source)];
        Ok(Self { name, start_tag, attributes_at: start + "<".len() + name.len(), start, source })
    }

    /// The edit that makes `content` the first child, and where `content` is in the text then.
    pub(crate) fn first_child(&self, content: &str) -> (Edit, usize) {
        self.child_at(self.start + self.start_tag.len(), content)
    }

    /// The edit that makes `content` the last child.
    pub(crate) fn last_child(&self, content: &str) -> Edit {
        let end_tag = self.source.rfind("</").unwrap_or(self.source.len());
        self.child_at(self.start + end_tag, content).0
    }

    fn child_at(&self, position: usize, content: &str) -> (Edit, usize) {
        if !self.start_tag.ends_with("/>") {
            return (Edit::insert(position, content.to_owned()), position);
        }
        // An element without an end tag gets one.
        let tag_end = self.start + self.start_tag.len();
        let slash = tag_end - "/>".len();
        (Edit { at: slash..tag_end, text: format!(">{content}</{}>", self.name) }, slash + ">".len())
    }
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
