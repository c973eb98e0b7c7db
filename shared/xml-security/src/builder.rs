//! The nodes of a document from the tokenizer's events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use uppsala::{Attribute, ProcessingInstruction, PullEvent, PullParser, QName, XmlDeclaration};

use crate::Error;
use crate::document::{DSIG, Declaration, Document, ElementData, Kind, Node, NodeId};

/// Attributes on one element at most, and namespace declarations. Look-ups go through all of them, in the tokenizer too.
const MAX_ATTRIBUTES: usize = 64;

/// A tag of fewer bytes does not hold so many that it would matter.
const SHORT_TAG: usize = 1024;

pub(crate) struct Builder<'a> {
    document: Document<'a>,
    open: Vec<NodeId>,
    /// Where a namespace is in the document's list.
    namespaces: HashMap<Cow<'a, str>, u16>,
}

impl<'a> Builder<'a> {
    /// For a text that is yet to be tokenized. It is looked through before: the tokenizer compares each attribute of an element
    /// with each other, which takes minutes for those that a few megabytes hold.
    pub(crate) fn new(text: &'a str) -> Result<Self, Error> {
        let tags = check_tags(text.as_bytes())?;
        let document = Document {
            text,
            has_declaration: false,
            root: NodeId::MAX,
            // Two tags and a text, mostly, make two nodes; an estimate above what there is costs little.
            nodes: Vec::with_capacity(tags),
            attributes: Vec::new(),
            declarations: Vec::new(),
            namespaces: vec![Cow::Borrowed("")],
            signatures: Vec::new(),
        };
        Ok(Self { document, open: Vec::new(), namespaces: HashMap::new() })
    }

    pub(crate) fn take(&mut self, event: PullEvent<'a>) -> Result<(), Error> {
        match event {
            PullEvent::XmlDeclaration(declaration) => {
                check_declaration(&declaration, self.document.text)?;
                self.document.has_declaration = true;
                Ok(())
            }
            PullEvent::Doctype(_) => Err(Error::Malformed("a document type".into())),
            PullEvent::StartNamespace { .. } | PullEvent::EndNamespace => Ok(()),
            PullEvent::StartElement { name, attributes, namespace_declarations, byte_start, byte_end, .. } => {
                self.start(&name, attributes, namespace_declarations, byte_start..byte_end)
            }
            PullEvent::EndElement { byte_end, .. } => self.end(byte_end),
            PullEvent::Text { content, .. } | PullEvent::CData { content, .. } => self.leaf(Kind::Text(content)),
            PullEvent::Comment { content, .. } => self.leaf(Kind::Comment(content)),
            PullEvent::ProcessingInstruction { pi, .. } => self.leaf(Kind::Instruction(instruction(&pi))),
        }
    }

    pub(crate) fn finish(self) -> Result<Document<'a>, Error> {
        if self.document.root == NodeId::MAX || !self.open.is_empty() {
            return Err(Error::Malformed("no document element".into()));
        }
        Ok(self.document)
    }

    fn start(
        &mut self,
        name: &QName<'a>,
        mut attributes: Vec<Attribute<'a>>,
        declarations: Vec<Declaration<'a>>,
        tag: Range<usize>,
    ) -> Result<(), Error> {
        if attributes.len() > MAX_ATTRIBUTES || declarations.len() > MAX_ATTRIBUTES {
            return Err(too_many());
        }
        // Namespaces in XML 1.0 forbids it, the tokenizer lets it pass, and canonicalisation would not show it.
        if declarations.iter().any(|(prefix, namespace)| !prefix.is_empty() && namespace.is_empty()) {
            return Err(Error::Malformed("a prefix is declared as nothing".into()));
        }
        if declarations.iter().any(|(_, namespace)| has_line_break(namespace)) {
            return Err(Error::Malformed("white space in a namespace".into()));
        }
        if attributes.iter().any(|attribute| has_line_break(&attribute.value)) {
            normalize(&mut attributes, self.document.text.get(tag.clone()).unwrap_or_default())?;
        }
        let id = self.document.nodes.len();
        let prefix = name.prefix.as_ref().map_or(0, |prefix| prefix.len() + 1);
        let data = ElementData {
            start: size(tag.start)?,
            stop: 0,
            first_attribute: size(self.document.attributes.len())?,
            first_declaration: size(self.document.declarations.len())?,
            attributes: size(attributes.len())?,
            declarations: size(declarations.len())?,
            namespace: self.namespace(name.namespace_uri.as_ref())?,
            name: size(prefix + name.local_name.len())?,
            prefix: size(prefix)?,
        };
        self.document.attributes.extend(attributes);
        self.document.declarations.extend(declarations);
        self.leaf(Kind::Element(data))?;
        if self.open.is_empty() {
            self.document.root = id;
        }
        if name.local_name == "Signature" && name.namespace_uri.as_deref() == Some(DSIG) {
            self.document.signatures.push(id);
        }
        self.open.push(id);
        Ok(())
    }

    fn end(&mut self, byte_end: usize) -> Result<(), Error> {
        let (end, stop) = (size(self.document.nodes.len())?, size(byte_end)?);
        let node = self.open.pop().and_then(|id| self.document.nodes.get_mut(id));
        if let Some(Node { end: node_end, kind: Kind::Element(data), .. }) = node {
            (*node_end, data.stop) = (end, stop);
        }
        Ok(())
    }

    fn leaf(&mut self, kind: Kind<'a>) -> Result<(), Error> {
        let id = size(self.document.nodes.len())?;
        let parent = self.open.last().map_or(Ok(id), |&parent| size(parent))?;
        self.document.nodes.push(Node { parent, end: id + 1, kind });
        Ok(())
    }

    fn namespace(&mut self, namespace: Option<&Cow<'a, str>>) -> Result<u16, Error> {
        let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else { return Ok(0) };
        // Most elements have the namespace of the one before.
        let last = self.document.namespaces.len() - 1;
        if self.document.namespaces[last] == *namespace {
            return size(last);
        }
        if let Some(&known) = self.namespaces.get(namespace) {
            return Ok(known);
        }
        let new = size(last + 1)?;
        self.namespaces.insert(namespace.clone(), new);
        self.document.namespaces.push(namespace.clone());
        Ok(new)
    }
}

/// The number of `<`. A tag ends before the next one: `<` is not allowed in an attribute's value.
fn check_tags(text: &[u8]) -> Result<usize, Error> {
    let (mut tags, mut begin) = (0, text.len());
    for next in memchr::memchr_iter(b'<', text).chain([text.len()]) {
        if next.saturating_sub(begin) > SHORT_TAG && attributes(&text[begin..next]) > 2 * MAX_ATTRIBUTES {
            return Err(too_many());
        }
        (tags, begin) = (tags + 1, next);
    }
    Ok(tags - 1)
}

/// Quoted values up to the end of the tag.
fn attributes(tag: &[u8]) -> usize {
    let (mut values, mut quote) = (0, None);
    for &byte in tag {
        match (quote, byte) {
            (None, b'>') => break,
            (None, b'"' | b'\'') => (values, quote) = (values + 1, Some(byte)),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    values
}

fn has_line_break(value: &str) -> bool {
    memchr::memchr3(b'\t', b'\n', b'\r', value.as_bytes()).is_some()
}

/// White space that stands in an attribute's value as it is means spaces, and that of references means itself (XML 1.0
/// 2.11 and 3.3.3): the tokenizer leaves both, so such values are read again from the tag.
fn normalize(attributes: &mut [Attribute<'_>], tag: &str) -> Result<(), Error> {
    // What stands in quotes, each with what is before it: a tag's names hold no quotes.
    let mut rest = tag;
    while let Some(begin) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(begin);
        let quote = if quoted.starts_with('"') { '"' } else { '\'' };
        let end = quoted[1..].find(quote).map_or(quoted.len(), |at| at + 2);
        let (value, after) = quoted.split_at(end);
        rest = after;
        let name = before.trim_end_matches(|c: char| c == '=' || c.is_ascii_whitespace());
        let name = name.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let Some(attribute) = attributes.iter_mut().find(|it| has_line_break(&it.value) && is_named(&it.name, name))
        else {
            continue;
        };
        let on_one_line = value.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
        attribute.value = Cow::Owned(value_of(&on_one_line)?);
    }
    Ok(())
}

fn is_named(name: &QName<'_>, written: &str) -> bool {
    match (&name.prefix, written.split_once(':')) {
        (Some(prefix), Some((before, after))) => prefix == before && name.local_name == after,
        (None, None) => name.local_name == written,
        _ => false,
    }
}

/// What a value in quotes means.
fn value_of(quoted: &str) -> Result<String, Error> {
    let element = format!("<a b={quoted}/>");
    let mut events = PullParser::new(&element).with_forbid_dtd(true).with_forbid_entities(true);
    while let Ok(Some(event)) = events.next_event() {
        if let PullEvent::StartElement { mut attributes, .. } = event
            && let Some(attribute) = attributes.pop()
        {
            return Ok(attribute.value.into_owned());
        }
    }
    Err(Error::Malformed("an attribute's value".into()))
}

fn too_many() -> Error {
    Error::Malformed("too many attributes or namespace declarations on one element".into())
}

fn instruction(instruction: &ProcessingInstruction<'_>) -> String {
    match instruction.data.as_deref().unwrap_or_default() {
        "" => instruction.target.to_string(),
        data => format!("{} {data}", instruction.target),
    }
}

fn check_declaration(declaration: &XmlDeclaration<'_>, text: &str) -> Result<(), Error> {
    if declaration.version != "1.0" {
        return Err(Error::Malformed("not XML 1.0".into()));
    }
    let encoding = declaration.encoding.as_deref().unwrap_or("UTF-8");
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(encoding));
    // Text of ASCII characters only is the same in the encodings that Samlink's older answers declare.
    if is_one_of(&["UTF-8", "US-ASCII"]) || is_one_of(&["ISO-8859-1", "ISO-8859-15"]) && text.is_ascii() {
        return Ok(());
    }
    Err(Error::Malformed("declared as something else than UTF-8".into()))
}

/// A number as it is kept; what does not fit is refused.
fn size<T: TryFrom<usize>>(number: usize) -> Result<T, Error> {
    T::try_from(number).map_err(|_| Error::Malformed("a part is too large".into()))
}
