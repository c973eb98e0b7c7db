//! A parsed document with unique ids, and the elements in it.

use std::collections::HashSet;

use bergshamra_xml::NodeSet;
use bergshamra_xml::nodeset::{NodeIdSet, NodeSetType};
use uppsala::{NodeId, NodeKind};

use crate::Error;
use crate::encoding::decode_base64;

/// Namespace of the prefix `xml`: `xml:id`.
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// WS-Security utility namespace: `wsu:Id`, `wsu:Timestamp`.
pub(crate) const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// The attributes that are ids without a schema saying so (bank-channel brief 2.2 and 12 l).
const ID_ATTRIBUTES: [(&str, &str); 4] = [(WSU, "Id"), (XML_NAMESPACE, "id"), ("", "Id"), ("", "ID")];

/// XML signature namespace.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

const MAX_DEPTH: u32 = 64;

/// A document without document type or entities, in which every id (`wsu:Id`, `xml:id`, `Id`, `ID`) is unique.
pub struct Document<'a> {
    pub(crate) dom: uppsala::Document<'a>,
    root: NodeId,
    /// Every `ds:Signature`, in document order.
    signatures: Vec<NodeId>,
    comments: NodeIdSet,
}

impl<'a> Document<'a> {
    /// Parses UTF-8 text (XML 1.0). Depth is capped at 64 elements.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::Malformed("not UTF-8".into()))?;
        let dom = uppsala::Parser::new()
            .with_forbid_dtd(true)
            .with_forbid_entities(true)
            .with_max_depth(MAX_DEPTH)
            .parse(text)
            .map_err(|error| Error::Malformed(error.to_string()))?;
        check_declaration(&dom)?;
        let root = dom.document_element().ok_or_else(|| Error::Malformed("no document element".into()))?;
        let mut document = Self { dom, root, signatures: Vec::new(), comments: NodeIdSet::default() };
        document.walk()?;
        Ok(document)
    }

    /// The document element.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element { document: self, node: self.root }
    }

    /// The nodes of the whole document, without comments.
    pub(crate) fn nodes_without_comments(&self) -> NodeSet {
        NodeSet::from_ids(self.comments.clone(), NodeSetType::Invert)
    }

    /// Notes signatures and comments, and checks each element: unique ids, and no prefix declared as nothing (Namespaces in
    /// XML 1.0 forbids it, the parser lets it pass, and canonicalisation would not show it).
    fn walk(&mut self) -> Result<(), Error> {
        let (mut signatures, mut comments, mut seen) = (Vec::new(), NodeIdSet::default(), HashSet::new());
        let mut next = Some(self.dom.root());
        while let Some(node) = next {
            if let Some(NodeKind::Comment(_)) = self.dom.node_kind(node) {
                comments.insert(node.index());
            }
            let element = Element { document: self, node };
            if element.declarations().any(|(prefix, namespace)| !prefix.is_empty() && namespace.is_empty()) {
                return Err(Error::Malformed("a prefix is declared as nothing".into()));
            }
            if !element.ids().all(|id| seen.insert(id)) {
                return Err(Error::Malformed("two elements have one id".into()));
            }
            if element.is(DSIG, "Signature") {
                signatures.push(node);
            }
            next = self.following(node);
        }
        (self.signatures, self.comments) = (signatures, comments);
        Ok(())
    }

    /// The next node in document order.
    fn following(&self, node: NodeId) -> Option<NodeId> {
        self.dom.first_child(node).or_else(|| {
            let mut up = std::iter::successors(Some(node), |&node| self.dom.parent(node));
            up.find_map(|node| self.dom.next_sibling(node))
        })
    }
}

fn check_declaration(dom: &uppsala::Document<'_>) -> Result<(), Error> {
    let Some(declaration) = &dom.xml_declaration else { return Ok(()) };
    if declaration.version != "1.0" {
        return Err(Error::Malformed("not XML 1.0".into()));
    }
    let encoding = declaration.encoding.as_deref().unwrap_or("UTF-8");
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(encoding));
    // Text of ASCII characters only is the same in the encodings that Samlink's older answers declare.
    if is_one_of(&["UTF-8", "US-ASCII"]) || is_one_of(&["ISO-8859-1", "ISO-8859-15"]) && dom.input_text().is_ascii() {
        return Ok(());
    }
    Err(Error::Malformed("declared as something else than UTF-8".into()))
}

/// One element of a document.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document<'d>,
    pub(crate) node: NodeId,
}

impl<'d> Element<'d> {
    /// Whether the element has this namespace ("" for none) and local name.
    #[must_use]
    pub fn is(&self, namespace: &str, local_name: &str) -> bool {
        self.local_name() == local_name && self.namespace() == namespace
    }

    /// Local name.
    #[must_use]
    pub fn local_name(&self) -> &'d str {
        self.data().map_or("", |element| &element.name.local_name)
    }

    /// Namespace, "" for none.
    #[must_use]
    pub fn namespace(&self) -> &'d str {
        self.data().and_then(|element| element.name.namespace_uri.as_deref()).unwrap_or("")
    }

    /// Child elements in document order.
    pub fn children(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let (document, dom) = (self.document, self.dom());
        dom.children_iter(self.node)
            .filter(|&node| dom.element(node).is_some())
            .map(move |node| Self { document, node })
    }

    /// The only child with this name; none if it is absent or not unique.
    #[must_use]
    pub fn child(&self, namespace: &str, local_name: &str) -> Option<Element<'d>> {
        let mut named = self.children().filter(|child| child.is(namespace, local_name));
        let only = named.next()?;
        named.next().is_none().then_some(only)
    }

    /// The element's own text: all text children (comments skipped), as written.
    #[must_use]
    pub fn text(&self) -> String {
        self.texts().collect()
    }

    /// What the element's own text is the base64 of, with XML white space anywhere in it; none if it is not base64.
    #[must_use]
    pub fn base64(&self) -> Option<Vec<u8>> {
        let mut texts = self.texts();
        match (texts.next(), texts.next()) {
            (None, _) => Some(Vec::new()),
            // One text and no more is the rule, and a large one need not be copied.
            (Some(only), None) => decode_base64(only),
            _ => decode_base64(&self.text()),
        }
    }

    /// An attribute's value by namespace ("" for none) and local name.
    #[must_use]
    pub fn attribute(&self, namespace: &str, local_name: &str) -> Option<&'d str> {
        self.data()?
            .attributes
            .iter()
            .find(|attribute| {
                attribute.name.local_name == local_name
                    && attribute.name.namespace_uri.as_deref().unwrap_or("") == namespace
            })
            .map(|attribute| &*attribute.value)
    }

    fn texts(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let dom = self.dom();
        dom.children_iter(self.node).filter_map(|node| match dom.node_kind(node) {
            Some(NodeKind::Text(text) | NodeKind::CData(text)) => Some(&**text),
            _ => None,
        })
    }

    /// The document that the element is a part of, as the parser made it.
    pub(crate) fn dom(&self) -> &'d uppsala::Document<'d> {
        &self.document.dom
    }

    /// Every `ds:Signature` at or below the element, in document order.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let (document, node) = (self.document, self.node);
        let all = document.signatures.iter().map(move |&node| Self { document, node });
        all.filter(move |signature| signature.with_ancestors().any(|ancestor| ancestor.node == node))
    }

    /// The nodes of the element and below it, without comments.
    pub(crate) fn nodes_without_comments(&self) -> NodeSet {
        NodeSet::tree_without_comments(self.node, self.dom())
    }

    /// Whether one of the element's ids is this one.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.ids().any(|own| own == id)
    }

    /// The element and all elements below it, in document order.
    pub(crate) fn with_descendants(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let (document, dom) = (self.document, self.dom());
        std::iter::once(self.node)
            .chain(dom.descendants(self.node))
            .filter(|&node| dom.element(node).is_some())
            .map(move |node| Self { document, node })
    }

    /// The element and the elements around it, from the inside out.
    pub(crate) fn with_ancestors(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let (document, dom) = (self.document, self.dom());
        std::iter::successors(Some(self.node), |&node| dom.parent(node))
            .filter(|&node| dom.element(node).is_some())
            .map(move |node| Self { document, node })
    }

    /// What a prefix means here, if anything.
    pub(crate) fn namespace_of_prefix(&self, prefix: &str) -> Option<&'d str> {
        self.with_ancestors()
            .flat_map(|element| element.declarations())
            .find_map(|(declared, namespace)| (declared == prefix).then_some(namespace))
    }

    /// The element's text in the source, from `<` to `>`, with where it starts.
    pub(crate) fn source(&self) -> Result<(usize, &'d str), Error> {
        let range = self.dom().node_range(self.node);
        range
            .and_then(|range| Some((range.start, self.dom().input_text().get(range)?)))
            .filter(|(_, text)| text.starts_with('<') && text.ends_with('>'))
            .ok_or_else(|| Error::Malformed("an element has no place in the source".into()))
    }

    fn ids(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let element = *self;
        ID_ATTRIBUTES.iter().filter_map(move |(namespace, name)| element.attribute(namespace, name))
    }

    fn declarations(&self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let declarations = self.data().into_iter().flat_map(|element| &element.namespace_declarations);
        declarations.map(|(prefix, namespace)| (&**prefix, &**namespace))
    }

    fn data(&self) -> Option<&'d uppsala::Element<'d>> {
        self.dom().element(self.node)
    }
}
