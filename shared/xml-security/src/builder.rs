//! The nodes of a document from the tokenizer's events.

use std::borrow::Cow;
use std::collections::HashMap;

use uppsala::{Attribute, ProcessingInstruction, PullEvent, QName, XmlDeclaration};

use crate::Error;
use crate::document::{DSIG, Declaration, Document, ElementData, Kind, Node, NodeId};

/// Declarations on one element at most: each look-up of a prefix goes through those in scope.
const MAX_DECLARATIONS: usize = 64;

pub(crate) struct Builder<'a> {
    document: Document<'a>,
    open: Vec<NodeId>,
    /// Where a namespace is in the document's list.
    namespaces: HashMap<Cow<'a, str>, u16>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        // A text follows a tag at most; an estimate above what there is costs memory of the text's own order.
        let tags = memchr::memchr_iter(b'<', text.as_bytes()).count();
        let document = Document {
            text,
            has_declaration: false,
            root: NodeId::MAX,
            nodes: Vec::with_capacity(tags),
            attributes: Vec::new(),
            declarations: Vec::new(),
            namespaces: vec![Cow::Borrowed("")],
            signatures: Vec::new(),
        };
        Self { document, open: Vec::new(), namespaces: HashMap::new() }
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
            PullEvent::StartElement { name, attributes, namespace_declarations, byte_start, .. } => {
                self.start(&name, attributes, namespace_declarations, byte_start)
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
        attributes: Vec<Attribute<'a>>,
        declarations: Vec<Declaration<'a>>,
        byte_start: usize,
    ) -> Result<(), Error> {
        if declarations.len() > MAX_DECLARATIONS {
            return Err(Error::Malformed("too many namespace declarations on one element".into()));
        }
        // Namespaces in XML 1.0 forbids it, the tokenizer lets it pass, and canonicalisation would not show it.
        if declarations.iter().any(|(prefix, namespace)| !prefix.is_empty() && namespace.is_empty()) {
            return Err(Error::Malformed("a prefix is declared as nothing".into()));
        }
        let id = self.document.nodes.len();
        let prefix = name.prefix.as_ref().map_or(0, |prefix| prefix.len() + 1);
        let data = ElementData {
            start: size(byte_start)?,
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
