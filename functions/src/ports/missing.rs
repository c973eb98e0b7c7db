//! No adapters: nothing can be opened, so no port is ever asked for.

use avain_api::Deps;
use avain_domain::ports::Unavailable;

use super::{Opening, OpeningSource};
use crate::StartError;

/// There is none.
pub enum Source {}

impl Source {
    /// Always [`StartError::NoAdapters`].
    #[must_use]
    pub fn open() -> OpeningSource {
        Box::pin(std::future::ready(Err(StartError::NoAdapters)))
    }

    /// Time and randomness.
    #[must_use]
    pub fn deps(&self) -> Deps {
        match *self {}
    }
}

macro_rules! missing {
    ($($port:ident)*) => {$(
        /// Not there.
        pub fn $port(source: &mut Source, _: Deps) -> Opening<'_> {
            match *source {}
        }
    )*};
}

missing!(store identity tokens service_keys sealer blobs banks gateway notifier);

/// Not there.
pub(crate) async fn answer_stack(_: &str, _: String) -> Result<(), Unavailable> {
    Err(Unavailable("there are no adapters".to_owned()))
}
