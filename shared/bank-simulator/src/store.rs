//! Where a bank keeps its state: one folder, or nowhere.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::Error;

/// A folder of mode 0700 with files of mode 0600, each replaced as a whole; or memory only.
pub(crate) struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    /// Opens the folder, makes it if it is not there.
    pub(crate) fn open(folder: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(folder) = &folder {
            let failed = |source| Error::Folder { path: folder.clone(), source };
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
            fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(Self { folder })
    }

    /// A file's bytes, if it is there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Folder { path, source }),
        }
    }

    /// Writes a file so that after a crash it is there whole, old or new.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(name);
        replace(folder, &path, bytes).map_err(|source| Error::Folder { path, source })
    }

    /// The error for a file that does not read as this crate wrote it.
    pub(crate) fn damaged(&self, name: &str, reason: &dyn Display) -> Error {
        let path = self.folder.as_deref().unwrap_or(Path::new("")).join(name);
        Error::Damaged { path, reason: reason.to_string() }
    }
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    // A leftover of a crash may have any mode; a new file has ours.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}
