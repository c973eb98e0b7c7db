//! Finding an operation by method and path.

use http::Method;

use crate::operations::{ALL, Operation};
use crate::path::{literals, parameters};

/// What a method and path name.
pub enum Route {
    /// An operation.
    Found(&'static Operation),
    /// A path with other methods than this one.
    OtherMethods(Vec<&'static Method>),
    /// Nothing.
    Nothing,
}

/// Finds the operation. Among rows that match, the one with the most literal segments is meant; one trailing slash does not
/// matter (clients call `/certs/`).
#[must_use]
pub fn find(method: &Method, path: &str) -> Route {
    let matching: Vec<&'static Operation> =
        ALL.iter().copied().filter(|operation| parameters(operation.path, path).is_some()).collect();
    let Some(most) = matching.iter().map(|it| literals(it.path)).max() else { return Route::Nothing };
    let meant: Vec<&'static Operation> = matching.into_iter().filter(|it| literals(it.path) == most).collect();
    match meant.iter().find(|operation| operation.method == *method) {
        Some(operation) => Route::Found(operation),
        None => Route::OtherMethods(meant.iter().map(|operation| &operation.method).collect()),
    }
}
