//! Blobs in a folder: one file of mode 0600 for each name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::ports::{Blobs, Unavailable};
use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::files;
use crate::random::{SystemRandom, uuid};

/// Where files are written before they get their name. No blob's name has a dot.
const STAGING: &str = ".new";

/// A folder of blobs. A name that is put again holds the later bytes. A name is parts of `[a-z0-9-]` joined by `/`, at most 512 characters.
#[derive(Clone)]
pub struct BlobFolder {
    root: Arc<Path>,
}

impl BlobFolder {
    /// Opens the folder, or makes it with mode 0700, and clears what an interrupted write left. The process must own it.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let staging = folder.join(STAGING);
        prepare(folder, &staging).map_err(Error::io(folder))?;
        Ok(Self { root: folder.into() })
    }

    fn path(&self, name: &str) -> Result<PathBuf, Unavailable> {
        let allowed =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if name.len() > 512 || !name.split('/').all(allowed) {
            return Err(Unavailable("a blob's name has characters that are not allowed".to_owned()));
        }
        Ok(self.root.join(name))
    }
}

#[async_trait]
impl Blobs for BlobFolder {
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Unavailable> {
        let path = self.path(name)?;
        let (root, bytes) = (Arc::clone(&self.root), bytes.to_vec());
        blocking(move || keep(&root, &path, &bytes)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let path = self.path(name)?;
        blocking(move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Unavailable> {
    let result = spawn_blocking(work).await.map_err(io::Error::other).flatten();
    result.map_err(|error| Unavailable(format!("the blob folder failed: {error}")))
}

fn prepare(folder: &Path, staging: &Path) -> io::Result<()> {
    files::make_folder(folder)?;
    files::sync_folder(files::folder_of(folder))?;
    files::make_folder(staging)?;
    for left_over in std::fs::read_dir(staging)? {
        std::fs::remove_file(left_over?.path())?;
    }
    files::sync_folder(folder)
}

/// Bytes, then name, then every folder up to the root: after this returns, a power cut loses nothing of it.
fn keep(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folders: Vec<&Path> = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).collect();
    for folder in folders.iter().rev() {
        files::make_folder(folder)?;
    }
    let staged = root.join(STAGING).join(uuid(&SystemRandom));
    files::write_new(&staged, bytes)?;
    std::fs::rename(&staged, path)?;
    folders.into_iter().try_for_each(files::sync_folder)
}
