//! Why a simulator cannot be opened.

use std::path::PathBuf;

/// Why a simulator cannot be opened. What is wrong with a request is answered to its sender and never ends here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's folder cannot be read or written.
    #[error("the simulator's folder cannot be used: {path}: {source}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file in the folder is not what an earlier run wrote there.
    #[error("the simulator's file is damaged: {path}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never its content.
        reason: String,
    },
    /// A key or certificate could not be made.
    #[error("a key or certificate could not be made: {0}")]
    Keys(String),
    /// A setting file, or a file that it names, cannot be used.
    #[error("the setting cannot be used: {path}: {reason}")]
    Setting {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never a secret in it.
        reason: String,
    },
    /// The caller's provisioned certificate cannot be used.
    #[error("the provisioned certificate cannot be used: {0}")]
    Provisioned(String),
}
