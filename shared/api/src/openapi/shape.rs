//! The shape of a JSON object that goes over the wire, as data, and its JSON Schema.

use serde_json::{Map, Value, json};

/// An object with a name.
pub struct Shape {
    /// Name.
    pub name: &'static str,
    /// Fields.
    pub fields: &'static [Field],
}

/// A field of an object, or a parameter.
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub about: &'static str,
}

/// What a value can be.
pub enum Kind {
    /// A text.
    Text(Text),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// True or false.
    Flag,
    /// True or false, as such or as a word.
    FlagOrWord,
    /// A whole number.
    Number {
        /// Smallest.
        least: u32,
        /// Largest, if there is one.
        most: Option<u32>,
    },
    /// What the other is, or null.
    OrNull(&'static Kind),
    /// A list.
    List(&'static Kind),
    /// An object.
    Object(&'static Shape),
    /// An object of which no more is said.
    AnyObject,
}

/// Bounds of a text.
pub struct Text {
    least: usize,
    most: Option<usize>,
    pattern: Option<&'static str>,
    base64: bool,
}

/// Which way an object goes: in a request null counts as absent, in an answer a field is there with its value or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the service.
    Request,
    /// From the service.
    Answer,
}

/// A field that must be there, in an answer one that always is.
pub(super) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, required: true, about }
}

/// A field that may be absent.
pub(super) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, required: false, about }
}

/// Any text.
pub(super) const TEXT: Kind = Kind::Text(Text { least: 0, most: None, pattern: None, base64: false });

/// Some text: the empty one counts as absent.
pub(super) const SOME: Kind = Kind::Text(Text { least: 1, most: None, pattern: None, base64: false });

/// Bytes in standard base64.
pub(super) const BASE64: Kind = Kind::Text(Text { least: 0, most: None, pattern: None, base64: true });

/// Some text of at most so many characters.
pub(super) const fn at_most(most: usize) -> Kind {
    Kind::Text(Text { least: 1, most: Some(most), pattern: None, base64: false })
}

/// A text of this form (ECMA 262).
pub(super) const fn form(pattern: &'static str) -> Kind {
    Kind::Text(Text { least: 0, most: None, pattern: Some(pattern), base64: false })
}

/// A text of this form (ECMA 262), at most so long.
pub(super) const fn form_at_most(pattern: &'static str, most: usize) -> Kind {
    Kind::Text(Text { least: 0, most: Some(most), pattern: Some(pattern), base64: false })
}

/// A whole number in this range.
pub(super) const fn number(least: u32, most: u32) -> Kind {
    Kind::Number { least, most: Some(most) }
}

/// A number of things.
pub(super) const COUNT: Kind = Kind::Number { least: 0, most: None };

/// The answer to every failure.
pub const ERROR: Shape = Shape {
    name: "ErrorResponse",
    fields: &[
        must("RequestId", SOME, "Names the request in the service's log"),
        must("ResponseCode", SOME, "`01`, or the bank's own code where a bank refused"),
        must("ResponseText", TEXT, "What happened, and what to do"),
    ],
};

/// Where an object's schema is.
pub(super) fn reference(shape: &Shape) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", shape.name) })
}

/// The schemas of an object and of those inside it, by name.
pub(super) fn components(shape: &Shape, side: Side) -> Map<String, Value> {
    let mut found = Map::new();
    found.insert(shape.name.to_owned(), object(shape, side));
    for field in shape.fields {
        found.extend(inside(&field.kind, side));
    }
    found
}

fn inside(kind: &Kind, side: Side) -> Map<String, Value> {
    match kind {
        Kind::Object(shape) => components(shape, side),
        Kind::OrNull(kind) | Kind::List(kind) => inside(kind, side),
        _ => Map::new(),
    }
}

fn object(shape: &Shape, side: Side) -> Value {
    let property = |field: &Field| {
        let nothing = side == Side::Request && !field.required;
        let mut schema = if nothing { or_null(schema(&field.kind)) } else { schema(&field.kind) };
        schema["description"] = field.about.into();
        (field.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = shape.fields.iter().map(property).collect();
    let required: Vec<&str> = shape.fields.iter().filter(|it| it.required).map(|it| it.name).collect();
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// The schema of a value.
pub(super) fn schema(kind: &Kind) -> Value {
    match kind {
        Kind::Text(text) => of_text(text),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::FlagOrWord => json!({ "type": ["boolean", "string"], "enum": [true, false, "true", "false"] }),
        Kind::Number { least, most } => {
            let mut schema = json!({ "type": "integer", "minimum": least });
            if let Some(most) = most {
                schema["maximum"] = (*most).into();
            }
            schema
        }
        Kind::OrNull(kind) => or_null(schema(kind)),
        Kind::List(kind) => json!({ "type": "array", "items": schema(kind) }),
        Kind::Object(shape) => reference(shape),
        Kind::AnyObject => json!({ "type": "object" }),
    }
}

fn of_text(text: &Text) -> Value {
    let mut schema = json!({ "type": "string" });
    if text.least > 0 {
        schema["minLength"] = text.least.into();
    }
    if let Some(most) = text.most {
        schema["maxLength"] = most.into();
    }
    if let Some(pattern) = text.pattern {
        schema["pattern"] = pattern.into();
    }
    if text.base64 {
        schema["contentEncoding"] = "base64".into();
    }
    schema
}

/// The schema of what may be null too.
fn or_null(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    let mut types: Vec<Value> = match schema["type"].take() {
        Value::Array(types) => types,
        one => vec![one],
    };
    types.push("null".into());
    schema["type"] = types.into();
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}
