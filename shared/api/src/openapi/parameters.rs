//! Parameters: those of a path by their name, the same wherever they stand, and those of a query.

use avain_domain::names::Bank;
use serde_json::{Value, json};

use super::Wire;
use super::shape::{Field, Kind, TEXT, at_most, form_at_most, must, schema};
use crate::operations::Operation;
use crate::path;

/// An e-mail address as `Email` takes it: printable ASCII with exactly one `@`, without `|`, `#` and `/`.
pub(super) const EMAIL: Kind = form_at_most(r#"^[!-"$-.0-?A-{}-~]+@[!-"$-.0-?A-{}-~]+$"#, 254);

const PATH: &[Field] = &[
    must("Email", EMAIL, "The account's address; case does not matter"),
    must("ExtEmail", EMAIL, "The other account's address"),
    must("Mode", Kind::OneOf(&["admin", "data"]), "The account's mode"),
    must("Phone", TEXT, "The phone number that was registered, with country code and `+`"),
    must("Bank", Kind::OneOf(&Bank::NAMES), "The bank; a deployment need not have them all"),
    must("FileType", at_most(40), "The file's type at the bank"),
    must("FileReference", at_most(32), "The file's reference, as ListFiles has it"),
    must("UploadId", TEXT, "The upload's id, as UploadFile and ListUploads have it"),
];

/// The parameters of an operation: of the path in its order, then of the query.
pub(super) fn of(operation: &Operation, wire: &Wire) -> Vec<Value> {
    let in_path = path::names(operation.path).filter_map(|name| PATH.iter().find(|it| it.name == name));
    let in_path = in_path.map(|field| parameter(field, "path", &schema(&field.kind)));
    in_path.chain(wire.query.iter().map(|field| parameter(field, "query", &or_empty(field)))).collect()
}

fn parameter(field: &Field, place: &str, schema: &Value) -> Value {
    json!({
        "name": field.name,
        "in": place,
        "required": field.required,
        "description": field.about,
        "schema": schema,
    })
}

/// Clients write `?FileType=&Status=` for what they do not ask for: the empty text counts as absent.
fn or_empty(field: &Field) -> Value {
    let schema = schema(&field.kind);
    if field.required { schema } else { json!({ "anyOf": [schema, { "type": "string", "const": "" }] }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::ALL;

    #[test]
    fn every_parameter_of_a_path_is_described() {
        let names = ALL.iter().flat_map(|operation| path::names(operation.path));
        let without: Vec<&str> = names.filter(|name| PATH.iter().all(|it| it.name != *name)).collect();
        assert!(without.is_empty(), "openapi/parameters.rs: PATH has no {without:?}");
    }
}
