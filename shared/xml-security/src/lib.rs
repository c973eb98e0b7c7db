//! XML signature, XML Encryption and WS-Security for the banks' Web Services channel: the tokenizer comes from a library,
//! the rest is narrow and strict.
//!
//! What is refused, always: a document type, an entity, a prefix declared as nothing, a signature by ids where two elements
//! have one, a signature whose covered element is not the element that is used, a part of `ds:Signature` or an algorithm
//! that is not listed here and in the [`Policy`]. A verified signature names a signer; [`certificate::verify_chain`] says whether to
//! trust it.

pub mod certificate;
pub mod encryption;
pub mod enveloped;
pub mod inspect;
pub mod policy;
pub mod soap;

mod builder;
mod canonical;
mod canonicalization;
mod document;
mod element;
mod encoding;
mod error;
#[cfg(test)]
mod interop;
mod public_key;
mod signature;
mod signing_key;
mod splice;
mod template;

pub use canonicalization::C14n;
pub use document::Document;
pub use element::Element;
pub use error::{Distrust, Error};
pub use policy::{Hash, Policy};
pub use signing_key::SigningKey;
