//! A parsed document.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use uppsala::{Attribute, PullParser};

use crate::builder::Builder;
use crate::{Element, Error};

/// Namespace of the prefix `xml`: `xml:id`.
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// WS-Security utility namespace: `wsu:Id`, `wsu:Timestamp`.
pub(crate) const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// XML signature namespace.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

const MAX_DEPTH: u32 = 64;

/// A document without document type or entities.
///
/// The nodes are one list in document order, and what is below a node is the part of the list after it. The tokenizer is
/// a library's; the tree that it offers takes 15 times the memory of the text.
pub struct Document<'a> {
    /// What was parsed.
    pub(crate) text: &'a str,
    pub(crate) has_declaration: bool,
    pub(crate) root: NodeId,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) declarations: Vec<Declaration<'a>>,
    pub(crate) namespaces: Vec<Cow<'a, str>>,
    /// Every `ds:Signature`, in document order.
    pub(crate) signatures: Vec<NodeId>,
}

/// A place in the list of nodes.
pub(crate) type NodeId = usize;

/// A prefix, "" for the default namespace, and the namespace.
pub(crate) type Declaration<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A node, kept small: there is one for every 30 bytes or so of a list of files.
pub(crate) struct Node<'a> {
    /// The element that it is in; at the top the node itself.
    pub(crate) parent: u32,
    /// The first node after it that is not below it.
    pub(crate) end: u32,
    pub(crate) kind: Kind<'a>,
}

pub(crate) enum Kind<'a> {
    Element(ElementData),
    /// Character data, of a CDATA section too.
    Text(Cow<'a, str>),
    Comment(Cow<'a, str>),
    /// Target and data with one space between.
    Instruction(String),
}

/// Where the parts of an element are in the lists of its document. Positions in the text are bytes.
pub(crate) struct ElementData {
    /// From the `<` of the start tag.
    pub(crate) start: u32,
    /// To after the `>` of the end tag.
    pub(crate) stop: u32,
    pub(crate) first_attribute: u32,
    pub(crate) first_declaration: u32,
    pub(crate) attributes: u16,
    pub(crate) declarations: u16,
    pub(crate) namespace: u16,
    /// Length of the name with its prefix and colon.
    pub(crate) name: u16,
    /// Length of the prefix with its colon.
    pub(crate) prefix: u16,
}

impl<'a> Document<'a> {
    /// Parses UTF-8 text (XML 1.0). Depth is capped at 64 elements, length at 4 GiB.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::Malformed("not UTF-8".into()))?;
        let mut events =
            PullParser::new(text).with_max_depth(MAX_DEPTH).with_forbid_dtd(true).with_forbid_entities(true);
        let mut builder = Builder::new(text)?;
        while let Some(event) = events.next_event().map_err(|error| Error::Malformed(error.to_string()))? {
            builder.take(event)?;
        }
        builder.finish()
    }

    /// The document element.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element { document: self, node: self.root }
    }

    /// A node and everything below it.
    pub(crate) fn tree(&self, node: NodeId) -> Range<NodeId> {
        node..self.nodes.get(node).map_or(node, |it| it.end as NodeId)
    }

    /// Whether every id (`wsu:Id`, `xml:id`, `Id`, `ID`) is that of one element: a signature by ids means nothing else.
    pub(crate) fn check_ids(&self) -> Result<(), Error> {
        let mut seen = HashMap::new();
        let mut ids =
            self.root().with_descendants().flat_map(|element| element.ids().map(move |id| (id, element.node)));
        // An element may have one id twice, by attributes of different names.
        if ids.all(|(id, node)| *seen.entry(id).or_insert(node) == node) {
            Ok(())
        } else {
            Err(Error::NotCovered("two elements have one id"))
        }
    }
}
