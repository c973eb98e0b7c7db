//! Canonical XML as signatures name it, and digests of it that are taken without keeping it.

use aws_lc_rs::digest::{self, Digest};

use crate::canonical::{Nodes, Sink};
use crate::{Element, Error, policy::Hash};

/// Namespace of `InclusiveNamespaces`, the parameter of exclusive canonicalisation.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// A canonicalisation, as signatures name it. Canonical XML 1.1 is not among them: no bank uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum C14n {
    /// Canonical XML 1.0.
    Inclusive,
    /// Canonical XML 1.0 with comments.
    InclusiveWithComments,
    /// Exclusive canonical XML 1.0.
    Exclusive,
    /// Exclusive canonical XML 1.0 with comments.
    ExclusiveWithComments,
}

impl C14n {
    /// What `CanonicalizationMethod` and `Transform` call it.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Inclusive => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            Self::InclusiveWithComments => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            Self::Exclusive => EXCLUSIVE,
            Self::ExclusiveWithComments => "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        }
    }

    fn from_uri(uri: &str) -> Option<Self> {
        [Self::Inclusive, Self::InclusiveWithComments, Self::Exclusive, Self::ExclusiveWithComments]
            .into_iter()
            .find(|known| known.uri() == uri)
    }

    fn is_exclusive(self) -> bool {
        matches!(self, Self::Exclusive | Self::ExclusiveWithComments)
    }
}

/// A canonicalisation with its parameter.
pub(crate) struct Canonicalization<'d> {
    c14n: C14n,
    inclusive_prefixes: Vec<&'d str>,
}

impl<'d> Canonicalization<'d> {
    pub(crate) const fn new(c14n: C14n) -> Self {
        Self { c14n, inclusive_prefixes: Vec::new() }
    }

    /// From a `CanonicalizationMethod` or `Transform`.
    pub(crate) fn read(element: Element<'d>) -> Result<Self, Error> {
        let algorithm = element.attribute("", "Algorithm").unwrap_or_default();
        let c14n = C14n::from_uri(algorithm)
            .ok_or_else(|| Error::NotAllowed(format!("canonicalisation or transform {algorithm}")))?;
        let children: Vec<_> = element.children().collect();
        let prefixes = match children.as_slice() {
            [] => "",
            [only] if c14n.is_exclusive() && only.is(EXCLUSIVE, "InclusiveNamespaces") => {
                only.attribute("", "PrefixList").unwrap_or_default()
            }
            _ => return Err(Error::NotAllowed("a parameter of a canonicalisation".into())),
        };
        let inclusive_prefixes: Vec<_> = prefixes.split_ascii_whitespace().take(MAX_PREFIXES + 1).collect();
        if inclusive_prefixes.len() > MAX_PREFIXES {
            return Err(Error::NotAllowed("the length of a list of prefixes".into()));
        }
        Ok(Self { c14n, inclusive_prefixes })
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.c14n.is_exclusive()
    }

    pub(crate) fn has_comments(&self) -> bool {
        matches!(self.c14n, C14n::InclusiveWithComments | C14n::ExclusiveWithComments)
    }

    /// Whether a prefix ("" for the default namespace) is on the list of those that are written as in inclusive canonical XML.
    pub(crate) fn is_listed(&self, prefix: &str) -> bool {
        self.inclusive_prefixes.contains(&if prefix.is_empty() { "#default" } else { prefix })
    }

    /// Whether the canonical form of an element is the same in every document that the element may be a part of.
    pub(crate) fn ignores_context(&self) -> bool {
        self.c14n.is_exclusive() && self.inclusive_prefixes.is_empty()
    }

    /// The canonical form of these nodes, in the context of their document.
    pub(crate) fn apply(&self, nodes: &Nodes<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        nodes.write(self, &mut bytes);
        bytes
    }

    /// The digest of that form, which is not kept.
    pub(crate) fn digest(&self, nodes: &Nodes<'_>, hash: Hash) -> Digest {
        let mut sink = DigestSink { context: digest::Context::new(hash.digest()), buffer: Vec::with_capacity(BUFFER) };
        nodes.write(self, &mut sink);
        sink.context.update(&sink.buffer);
        sink.context.finish()
    }
}

/// Prefixes in a list at most: each element that is canonicalised is held against all of them.
const MAX_PREFIXES: usize = 64;

const BUFFER: usize = 4096;

/// Digests what is written to it. Markup is written in small pieces, which are gathered first.
struct DigestSink {
    context: digest::Context,
    buffer: Vec<u8>,
}

impl Sink for DigestSink {
    fn write(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.context.update(&self.buffer);
            self.buffer.clear();
        }
        if bytes.len() > BUFFER {
            self.context.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }
}
