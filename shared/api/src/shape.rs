//! What an operation takes and gives, as data: the document of the API is made from it, and the tests hold every answer
//! against it.

/// The fields of one operation.
#[derive(Debug)]
pub struct Shape {
    /// One line for people.
    pub summary: &'static str,
    /// Parameters of the query.
    pub query: &'static [Field],
    /// Fields of the body; none: the operation reads no body.
    pub body: &'static [Field],
    /// Fields of a successful answer beside those that every answer of the family has.
    pub answer: &'static [Field],
}

/// One field of a JSON object, or one parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub says: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A text of this form: a regular expression of JSON Schema.
    Form(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Bytes in standard base64.
    Base64,
    /// A whole number, not negative.
    Number,
    /// True or false.
    Flag,
    /// An object.
    Object(&'static [Field]),
    /// A list of texts.
    Texts,
    /// A list of one of these texts each.
    Choices(&'static [&'static str]),
    /// A list of objects.
    List(&'static [Field]),
}

impl Field {
    /// A field that must be there.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, says: &'static str) -> Self {
        Self { name, kind, required: true, says }
    }

    /// A text that must be there.
    #[must_use]
    pub const fn text(name: &'static str, says: &'static str) -> Self {
        Self::new(name, Kind::Text, says)
    }

    /// The same field, which may be absent.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { required: false, ..self }
    }
}
