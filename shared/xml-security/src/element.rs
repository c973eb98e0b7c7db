//! An element of a document.

use std::borrow::Cow;

use crate::Error;
use crate::document::{Document, ElementData, Kind, NodeId, WSU, XML_NAMESPACE};
use crate::encoding::decode_base64;

/// The attributes that are ids without a schema saying so (bank-channel brief 2.2 and 12 l).
const ID_ATTRIBUTES: [(&str, &str); 4] = [(WSU, "Id"), (XML_NAMESPACE, "id"), ("", "Id"), ("", "ID")];

/// One element of a document.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    pub(crate) document: &'d Document<'d>,
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
        let prefix = self.data().map_or(0, |data| data.prefix.into());
        self.name().get(prefix..).unwrap_or_default()
    }

    /// Namespace, "" for none.
    #[must_use]
    pub fn namespace(&self) -> &'d str {
        let namespace = self.data().and_then(|data| self.document.namespaces.get(usize::from(data.namespace)));
        namespace.map_or("", |namespace| namespace)
    }

    /// Child elements in document order.
    pub fn children(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let document = self.document;
        self.child_nodes().filter_map(move |node| Self::at(document, node))
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
        self.text_here().into_owned()
    }

    /// The same, not copied if it is in one piece.
    #[must_use]
    pub fn text_here(&self) -> Cow<'d, str> {
        let mut texts = self.texts();
        match (texts.next(), texts.next()) {
            (text, None) => text.unwrap_or_default().into(),
            _ => self.texts().collect(),
        }
    }

    /// What the element's own text is the base64 of, with XML white space anywhere in it; none if it is not base64.
    #[must_use]
    pub fn base64(&self) -> Option<Vec<u8>> {
        decode_base64(&self.text_here())
    }

    /// An attribute's value by namespace ("" for none) and local name.
    #[must_use]
    pub fn attribute(&self, namespace: &str, local_name: &str) -> Option<&'d str> {
        let named = self.attributes().iter().find(|attribute| {
            attribute.name.local_name == local_name
                && attribute.name.namespace_uri.as_deref().unwrap_or_default() == namespace
        });
        named.map(|attribute| &*attribute.value)
    }

    /// Namespace ("" for none) and local name of each attribute, in their order. Declarations of namespaces are none.
    pub fn attribute_names(&self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let names = self.attributes().iter().map(|attribute| &attribute.name);
        names.map(|name| (name.namespace_uri.as_deref().unwrap_or_default(), &*name.local_name))
    }

    /// The name as written, with its prefix.
    pub(crate) fn name(&self) -> &'d str {
        self.data()
            .and_then(|data| {
                let start = data.start as usize + "<".len();
                self.document.text.get(start..start + usize::from(data.name))
            })
            .unwrap_or_default()
    }

    /// The prefix, "" for none.
    pub(crate) fn prefix(&self) -> &'d str {
        let prefix = self.data().map_or(0, |data| usize::from(data.prefix));
        self.name().get(..prefix.saturating_sub(":".len())).unwrap_or_default()
    }

    pub(crate) fn attributes(&self) -> &'d [uppsala::Attribute<'d>] {
        self.data()
            .and_then(|data| {
                let first = data.first_attribute as usize;
                self.document.attributes.get(first..first + usize::from(data.attributes))
            })
            .unwrap_or_default()
    }

    /// Prefixes ("" for the default namespace) and what they are declared as.
    pub(crate) fn declarations(&self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let declarations = self.data().and_then(|data| {
            let first = data.first_declaration as usize;
            self.document.declarations.get(first..first + usize::from(data.declarations))
        });
        declarations.unwrap_or_default().iter().map(|(prefix, namespace)| (&**prefix, &**namespace))
    }

    /// Every `ds:Signature` at or below the element, in document order.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let (document, tree) = (self.document, self.document.tree(self.node));
        let below = document.signatures.iter().copied().filter(move |signature| tree.contains(signature));
        below.map(move |node| Self { document, node })
    }

    /// The element and all elements below it, in document order.
    pub(crate) fn with_descendants(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let document = self.document;
        document.tree(self.node).filter_map(move |node| Self::at(document, node))
    }

    /// The element and the elements around it, from the inside out.
    pub(crate) fn with_ancestors(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        std::iter::successors(Some(*self), Element::parent)
    }

    pub(crate) fn parent(&self) -> Option<Element<'d>> {
        let parent = self.document.nodes.get(self.node)?.parent as NodeId;
        (parent != self.node).then_some(Self { document: self.document, node: parent })
    }

    /// What a prefix means here, if anything.
    pub(crate) fn namespace_of_prefix(&self, prefix: &str) -> Option<&'d str> {
        self.with_ancestors()
            .flat_map(|element| element.declarations())
            .find_map(|(declared, namespace)| (declared == prefix).then_some(namespace))
    }

    /// The element's text in the source, from `<` to `>`, with where it starts.
    pub(crate) fn source(&self) -> Result<(usize, &'d str), Error> {
        let range = self.data().map(|data| data.start as usize..data.stop as usize);
        range
            .and_then(|range| Some((range.start, self.document.text.get(range)?)))
            .filter(|(_, text)| text.starts_with('<') && text.ends_with('>'))
            .ok_or_else(|| Error::Malformed("an element has no place in the source".into()))
    }

    /// Whether one of the element's ids is this one.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.ids().any(|own| own == id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let element = *self;
        ID_ATTRIBUTES.iter().filter_map(move |(namespace, name)| element.attribute(namespace, name))
    }

    fn texts(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let document = self.document;
        self.child_nodes().filter_map(move |node| match &document.nodes.get(node)?.kind {
            Kind::Text(text) => Some(&**text),
            _ => None,
        })
    }

    fn child_nodes(&self) -> impl Iterator<Item = NodeId> + use<'d> {
        let (document, tree) = (self.document, self.document.tree(self.node));
        let first = Some(self.node + 1).filter(|node| tree.contains(node));
        std::iter::successors(first, move |&node| Some(document.tree(node).end).filter(|node| tree.contains(node)))
    }

    fn at(document: &'d Document<'d>, node: NodeId) -> Option<Self> {
        matches!(document.nodes.get(node)?.kind, Kind::Element(_)).then_some(Self { document, node })
    }

    fn data(&self) -> Option<&'d ElementData> {
        match &self.document.nodes.get(self.node)?.kind {
            Kind::Element(data) => Some(data),
            _ => None,
        }
    }
}
