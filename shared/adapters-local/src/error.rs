//! What goes wrong when a data directory is opened.

use std::path::{Path, PathBuf};

use avain_domain::ports::Unavailable;

/// Why something could not be opened. Once open, the ports answer with their own errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: the key file is open to other users.
    #[error("{path} can be used by other users (mode {mode:04o}); take that away first: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operator's: the file was damaged, replaced, or written by a newer version.
    #[error("{0} is not a root key file that this version can read")]
    NotARootKey(PathBuf),
    /// The operator's: the file is not a certificate.
    #[error("{0} is not a certificate in PEM")]
    NotARoot(PathBuf),
    /// The operator's or the machine's: the store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::embedded::OpenError),
    /// The machine's: a file or folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store, or the vault, failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
