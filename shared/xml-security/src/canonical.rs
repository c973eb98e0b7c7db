//! Canonical XML 1.0 and exclusive canonical XML 1.0 of what signatures here are over: a document or an element, with all
//! its attributes and namespaces, less one element (the signature). The document has neither document type nor entities.
//!
//! It is compared with two other implementations, a library's and xmlsec1's, on made-up content in the tests. The
//! library walks the whole document for every canonical form of a part of it, on a tree that it shares with its parser.

use std::ops::Range;

use crate::Element;
use crate::canonicalization::Canonicalization;
use crate::document::{Document, Kind, NodeId, XML_NAMESPACE};

#[cfg(test)]
mod tests;

/// Where canonical XML is written to.
pub(crate) trait Sink {
    fn write(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What is canonicalised: these nodes of a document, less an element among them and everything below it.
pub(crate) struct Nodes<'d> {
    pub(crate) document: &'d Document<'d>,
    range: Range<NodeId>,
    without: Range<NodeId>,
    comments: bool,
}

impl<'d> Nodes<'d> {
    /// The whole document.
    pub(crate) fn of_document(document: &'d Document<'d>) -> Self {
        Self { document, range: 0..document.nodes.len(), without: 0..0, comments: true }
    }

    /// An element.
    pub(crate) fn of_element(element: Element<'d>) -> Self {
        let document = element.document;
        Self { document, range: document.tree(element.node), without: 0..0, comments: true }
    }

    /// Without comments, whatever the canonicalisation says of them.
    pub(crate) fn without_comments(self) -> Self {
        Self { comments: false, ..self }
    }

    /// Without this element.
    pub(crate) fn without(self, element: Element<'d>) -> Self {
        Self { without: self.document.tree(element.node), ..self }
    }

    /// Writes the canonical form.
    pub(crate) fn write(&self, canonicalization: &Canonicalization<'_>, sink: &mut impl Sink) {
        let mut writer = Writer {
            canonicalization,
            comments: self.comments && canonicalization.has_comments(),
            document: self.document,
            open: Vec::new(),
            scope: Vec::new(),
            rendered: Vec::new(),
        };
        let mut node = self.range.start;
        while node < self.range.end {
            if self.without.contains(&node) {
                node = self.without.end;
                continue;
            }
            writer.close(node, sink);
            writer.node(node, sink);
            node += 1;
        }
        writer.close(NodeId::MAX, sink);
    }
}

struct Writer<'d, 'c> {
    canonicalization: &'c Canonicalization<'c>,
    comments: bool,
    document: &'d Document<'d>,
    open: Vec<Open<'d>>,
    /// Declarations in scope, the innermost last.
    scope: Vec<(&'d str, &'d str)>,
    /// Declarations that the open elements have written, the innermost last.
    rendered: Vec<(&'d str, &'d str)>,
}

/// An element whose end tag is to come.
struct Open<'d> {
    name: &'d str,
    end: NodeId,
    /// Lengths of `scope` and `rendered` before it.
    scope: usize,
    rendered: usize,
}

impl<'d> Writer<'d, '_> {
    /// Ends the elements that this node is not below.
    fn close(&mut self, node: NodeId, sink: &mut impl Sink) {
        while let Some(open) = self.open.pop_if(|open| open.end <= node) {
            sink.write(b"</");
            sink.write(open.name.as_bytes());
            sink.write(b">");
            self.scope.truncate(open.scope);
            self.rendered.truncate(open.rendered);
        }
    }

    fn node(&mut self, node: NodeId, sink: &mut impl Sink) {
        match &self.document.nodes[node].kind {
            Kind::Element(_) => self.element(Element { document: self.document, node }, sink),
            Kind::Text(text) => escape_text(text, sink),
            Kind::Comment(text) if self.comments => {
                self.beside_element(node, sink, |sink| {
                    sink.write(b"<!--");
                    sink.write(text.as_bytes());
                    sink.write(b"-->");
                });
            }
            Kind::Comment(_) => {}
            Kind::Instruction(text) => {
                self.beside_element(node, sink, |sink| {
                    sink.write(b"<?");
                    escape(text.as_bytes(), sink, |byte| (byte == b'\r').then_some("&#xD;"));
                    sink.write(b"?>");
                });
            }
        }
    }

    /// Outside of the document element comments and instructions have lines of their own.
    fn beside_element<S: Sink>(&self, node: NodeId, sink: &mut S, write: impl FnOnce(&mut S)) {
        let at_top = self.document.nodes[node].parent as NodeId == node;
        if at_top && node > self.document.root {
            sink.write(b"\n");
        }
        write(sink);
        if at_top && node < self.document.root {
            sink.write(b"\n");
        }
    }

    fn element(&mut self, element: Element<'d>, sink: &mut impl Sink) {
        let is_apex = self.open.is_empty();
        let (scope, rendered) = (self.scope.len(), self.rendered.len());
        if is_apex {
            let around: Vec<_> = element.with_ancestors().skip(1).collect();
            self.scope.extend(around.into_iter().rev().flat_map(|ancestor| ancestor.declarations()));
        }
        self.scope.extend(element.declarations());
        let mut namespaces = self.namespaces(element, is_apex, scope);
        namespaces.sort_unstable();
        let mut attributes: Vec<_> = element.attributes().iter().map(attribute).collect();
        if is_apex && !self.canonicalization.is_exclusive() {
            inherit_xml_attributes(element, &mut attributes);
        }
        attributes.sort_unstable_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));

        sink.write(b"<");
        sink.write(element.name().as_bytes());
        for (prefix, namespace) in &namespaces {
            sink.write(if prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
            sink.write(prefix.as_bytes());
            sink.write(b"=\"");
            escape_attribute(namespace, sink);
            sink.write(b"\"");
        }
        for (_, local_name, prefix, value) in &attributes {
            sink.write(b" ");
            if !prefix.is_empty() {
                sink.write(prefix.as_bytes());
                sink.write(b":");
            }
            sink.write(local_name.as_bytes());
            sink.write(b"=\"");
            escape_attribute(value, sink);
            sink.write(b"\"");
        }
        sink.write(b">");
        self.rendered.append(&mut namespaces);
        let end = self.document.tree(element.node).end;
        self.open.push(Open { name: element.name(), end, scope, rendered });
    }

    /// The declarations that the element writes: those that say something else than what is written around it.
    fn namespaces(&self, element: Element<'d>, is_apex: bool, scope: usize) -> Vec<(&'d str, &'d str)> {
        let mut wanted: Vec<&'d str> = if self.canonicalization.is_exclusive() {
            let of_attributes = element.attributes().iter().map(|attribute| attribute_prefix(attribute));
            let used = of_attributes.filter(|prefix| !prefix.is_empty()).chain([element.prefix()]);
            // A prefix of the list that is not in scope is not written.
            let listed = self.scope.iter().map(|(prefix, _)| *prefix);
            used.chain(listed.filter(|prefix| self.canonicalization.is_listed(prefix))).collect()
        } else {
            let own = if is_apex { &self.scope[..] } else { &self.scope[scope..] };
            own.iter().map(|(prefix, _)| *prefix).collect()
        };
        wanted.sort_unstable();
        wanted.dedup();
        let value = |declarations: &[(&'d str, &'d str)], prefix: &str| {
            declarations.iter().rev().find(|(declared, _)| *declared == prefix).map(|(_, namespace)| *namespace)
        };
        let differing = wanted.into_iter().filter(|prefix| *prefix != "xml").filter_map(|prefix| {
            let namespace = value(&self.scope, prefix).unwrap_or_default();
            let around = value(&self.rendered, prefix).unwrap_or_default();
            (namespace != around).then_some((prefix, namespace))
        });
        differing.collect()
    }
}

/// Namespace, local name, prefix and value.
type AttributeParts<'d> = (&'d str, &'d str, &'d str, &'d str);

fn attribute<'d>(attribute: &'d uppsala::Attribute<'d>) -> AttributeParts<'d> {
    let namespace = attribute.name.namespace_uri.as_deref().unwrap_or_default();
    (namespace, &attribute.name.local_name, attribute_prefix(attribute), &attribute.value)
}

fn attribute_prefix<'d>(attribute: &'d uppsala::Attribute<'d>) -> &'d str {
    attribute.name.prefix.as_deref().unwrap_or_default()
}

/// Canonical XML 1.0 2.4: attributes of the namespace `xml` come from the nearest element around the apex that has them.
fn inherit_xml_attributes<'d>(apex: Element<'d>, attributes: &mut Vec<AttributeParts<'d>>) {
    for ancestor in apex.with_ancestors().skip(1) {
        for inherited in ancestor.attributes().iter().map(attribute).filter(|it| it.0 == XML_NAMESPACE) {
            if !attributes.iter().any(|own| (own.0, own.1) == (inherited.0, inherited.1)) {
                attributes.push(inherited);
            }
        }
    }
}

/// Large texts are base64: they are gone through with the fastest search, in one pass or two however they are made up.
fn escape_text(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for line_end in memchr::memchr_iter(b'\r', bytes).chain([bytes.len()]) {
        let line = &bytes[written..line_end];
        let mut start = 0;
        for at in memchr::memchr3_iter(b'&', b'<', b'>', line) {
            sink.write(&line[start..at]);
            sink.write(match line[at] {
                b'&' => b"&amp;",
                b'<' => b"&lt;",
                _ => b"&gt;",
            });
            start = at + 1;
        }
        sink.write(&line[start..]);
        if line_end < bytes.len() {
            sink.write(b"&#xD;");
        }
        written = line_end + 1;
    }
}

fn escape_attribute(value: &str, sink: &mut impl Sink) {
    escape(value.as_bytes(), sink, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape(bytes: &[u8], sink: &mut impl Sink, special: impl Fn(u8) -> Option<&'static str>) {
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if let Some(escaped) = special(byte) {
            sink.write(&bytes[start..at]);
            sink.write(escaped.as_bytes());
            start = at + 1;
        }
    }
    sink.write(&bytes[start..]);
}
