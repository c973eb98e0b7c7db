//! The ports that a binary asks for, one function each: what no binary names is not linked into it.

use std::pin::Pin;

use avain_api::Deps;

use crate::StartError;

#[cfg(all(feature = "aws", not(feature = "local")))]
mod aws;
#[cfg(feature = "local")]
mod local;
#[cfg(not(any(feature = "aws", feature = "local")))]
mod missing;

#[cfg(all(feature = "aws", not(feature = "local")))]
pub use aws::{Source, banks, blobs, gateway, identity, notifier, sealer, service_keys, store, tokens};
#[cfg(feature = "local")]
pub use local::{Source, banks, blobs, gateway, identity, notifier, sealer, service_keys, store, tokens};
#[cfg(not(any(feature = "aws", feature = "local")))]
pub use missing::{Source, banks, blobs, gateway, identity, notifier, sealer, service_keys, store, tokens};

#[cfg(any(feature = "aws", feature = "local"))]
pub(crate) use avain_adapters_aws::stack::answer as answer_stack;
#[cfg(not(any(feature = "aws", feature = "local")))]
pub(crate) use missing::answer_stack;

/// The operator's own banks and roots, where `AVAIN_BANKS` names their folder.
#[cfg(any(feature = "aws", feature = "local"))]
fn own_banks() -> Result<avain_adapters_aws::banks::Folder, StartError> {
    match std::env::var_os("AVAIN_BANKS").filter(|path| !path.is_empty()) {
        Some(path) => avain_adapters_aws::banks::Folder::read(path.as_ref()).map_err(StartError::Banks),
        None => Ok(avain_adapters_aws::banks::Folder::default()),
    }
}

/// Opens one port and adds it.
pub type Port = for<'s> fn(&'s mut Source, Deps) -> Opening<'s>;

/// What the ports have in common, being opened.
pub type OpeningSource = Pin<Box<dyn Future<Output = Result<Source, StartError>>>>;

/// A port being opened.
pub type Opening<'s> = Pin<Box<dyn Future<Output = Result<Deps, StartError>> + 's>>;
