//! The vault on one machine: a root key in a file wraps the data keys.
//!
//! Root key file: a line `avain-root-key VERSION BASE64` with 32 random bytes for each version of the root key, oldest
//! first, mode 0600; one line until a re-wrap adds another ([`add_root_key`], [`drop_old_root_keys`]). The last one seals,
//! all of them open. Whoever reads the file reads everything; whoever loses it has lost everything.
//!
//! Wrapped data key (69 bytes): version (1) | root key id (8) | nonce (12) | data key (32) sealed | tag (16), AES-256-GCM.
//! Associated data: version, root key id and the encryption context (R27).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use avain_domain::ports::{DataKey, KeyContext, KeyVersions, Random, Unavailable, Vault};
use avain_domain::secret::Secret;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::files;
use crate::gcm::Gcm;
use crate::random::{SystemRandom, uuid};

const KEY_LENGTH: usize = 32;
const FILE_HEADER: &str = "avain-root-key ";
/// Bytes of a root key file at most: more lines than anybody has versions at a time.
const MAX_FILE: usize = 4096;
const WRAPPED_VERSION: u8 = 1;
const ROOT_ID_LENGTH: usize = 8;

/// The vault whose root key is in a file.
pub struct KeyFileVault {
    /// Oldest first.
    old: Vec<Root>,
    newest: Root,
    versions: KeyVersions,
}

struct Root {
    key: Gcm,
    id: [u8; ROOT_ID_LENGTH],
}

impl KeyFileVault {
    /// Opens the root key file at this path, or makes it, durably, if there is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let lines = match read(path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(Error::io(path))?;
                read(path)?
            }
            result => result?,
        };
        let old = lines.old.iter().map(Root::new).collect::<Result<_, _>>()?;
        let minimum = lines.old.first().unwrap_or(&lines.newest).version;
        let versions = KeyVersions { current: lines.newest.version, minimum };
        Ok(Self { old, newest: Root::new(&lines.newest)?, versions })
    }

    /// Opens the file as if its old root keys were not there.
    pub fn open_newest(path: &Path) -> Result<Self, Error> {
        let Line { version, .. } = &read(path)?.newest;
        let versions = KeyVersions { current: *version, minimum: *version };
        Ok(Self { old: Vec::new(), versions, ..Self::open(path)? })
    }

    fn wrap(&self, context: &KeyContext, plaintext: &Secret) -> Result<Vec<u8>, Unavailable> {
        let Root { key, id } = &self.newest;
        let sealed = key.seal(&associated(*id, context), plaintext.expose())?;
        Ok([&[WRAPPED_VERSION], id.as_slice(), &sealed].concat())
    }

    fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, &'static str> {
        let (version, rest) = wrapped.split_first().ok_or("the wrapped data key is empty")?;
        if *version != WRAPPED_VERSION {
            return Err("the wrapped data key has a version that is not known here");
        }
        let (id, sealed) = rest.split_at_checked(ROOT_ID_LENGTH).ok_or("the wrapped data key is cut off")?;
        let Root { key, id } = [&self.newest]
            .into_iter()
            .chain(&self.old)
            .find(|root| root.id == id)
            .ok_or("the data key was wrapped by another root key: is this the root key file of this data?")?;
        key.open(&associated(*id, context), sealed)
            .filter(|key| key.expose().len() == KEY_LENGTH)
            .ok_or("the wrapped data key does not open: it belongs to another context, or is damaged")
    }
}

impl Root {
    fn new(line: &Line) -> Result<Self, Unavailable> {
        Ok(Self { key: Gcm::new(&line.key)?, id: root_id(&line.key) })
    }
}

/// Kinds have no line break and the organisation comes last, so two contexts never read the same.
fn associated(id: [u8; ROOT_ID_LENGTH], context: &KeyContext) -> Vec<u8> {
    let context = format!("service=avain\nkind={}\norganisation={}", context.kind.as_str(), context.organisation.0);
    [&[WRAPPED_VERSION], id.as_slice(), context.as_bytes()].concat()
}

/// Adds a new root key to the file, durably, before anything can be sealed with it. The caller must own the file's data.
pub fn add_root_key(path: &Path) -> Result<(), Error> {
    let Lines { old, newest } = read(path)?;
    let version = newest.version.checked_add(1).ok_or_else(|| Error::NotARootKey(path.to_owned()))?;
    let lines: Vec<Line> = old.into_iter().chain([newest, Line { version, key: random_key() }]).collect();
    replace(path, &lines).map_err(Error::io(path))
}

/// Takes all root keys but the newest out of the file. What they wrapped opens nevermore: the caller has seen that nothing
/// is left of it ([`KeyFileVault::open_newest`]). Their bytes may lie on the disk until it writes over them.
pub fn drop_old_root_keys(path: &Path) -> Result<(), Error> {
    replace(path, &[read(path)?.newest]).map_err(Error::io(path))
}

#[async_trait]
impl Vault for KeyFileVault {
    fn versions(&self) -> KeyVersions {
        self.versions
    }

    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        let plaintext = Secret::new(std::mem::take(&mut *random_key()));
        let wrapped = self.wrap(context, &plaintext)?;
        Ok(DataKey { plaintext, wrapped })
    }

    async fn open(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, Unavailable> {
        self.unwrap(context, wrapped).map_err(|reason| Unavailable(reason.to_owned()))
    }
}

/// Names the root key without telling anything about it.
fn root_id(key: &[u8]) -> [u8; ROOT_ID_LENGTH] {
    let digest = digest::digest(&digest::SHA256, &[b"avain root key id\n".as_slice(), key].concat());
    let mut id = [0; ROOT_ID_LENGTH];
    id.copy_from_slice(&digest.as_ref()[..ROOT_ID_LENGTH]);
    id
}

/// One version of the root key, as the file has it.
struct Line {
    version: u32,
    key: Zeroizing<Vec<u8>>,
}

/// The file's lines, versions ascending.
struct Lines {
    old: Vec<Line>,
    newest: Line,
}

fn read(path: &Path) -> Result<Lines, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let metadata = file.metadata().map_err(Error::io(path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    // A little more than a key file has, so that a longer one is seen to be none, and no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(2 * MAX_FILE));
    file.by_ref().take(MAX_FILE as u64 + 1).read_to_string(&mut text).map_err(Error::io(path))?;
    parse(&text).ok_or_else(|| Error::NotARootKey(path.to_owned()))
}

fn parse(text: &str) -> Option<Lines> {
    let text = text.strip_suffix('\n').filter(|text| text.len() < MAX_FILE)?;
    let mut old: Vec<Line> = text.split('\n').map(line).collect::<Option<_>>()?;
    let ascending = old.is_sorted_by(|one, next| one.version < next.version);
    let newest = old.pop().filter(|_| ascending)?;
    Some(Lines { old, newest })
}

fn line(text: &str) -> Option<Line> {
    let (number, key) = text.strip_prefix(FILE_HEADER)?.split_once(' ')?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    // As it is written: no sign, no leading zero.
    let version = number.parse().ok().filter(|version: &u32| *version > 0 && version.to_string() == number)?;
    (key.len() == KEY_LENGTH).then_some(Line { version, key })
}

fn random_key() -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    SystemRandom.fill(&mut key);
    key
}

/// Makes the file under another name first and links it into place: half a key is never seen, and a key that another
/// process made in the meantime is never overwritten.
fn create(path: &Path) -> io::Result<()> {
    let fresh = write_beside(path, &[Line { version: 1, key: random_key() }])?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => files::sync_folder(files::folder_of(path)),
    }
}

/// At any moment the old file is there or the new one.
fn replace(path: &Path, lines: &[Line]) -> io::Result<()> {
    std::fs::rename(write_beside(path, lines)?, path)?;
    files::sync_folder(files::folder_of(path))
}

fn write_beside(path: &Path, lines: &[Line]) -> io::Result<PathBuf> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE));
    for Line { version, key } in lines {
        let key = Zeroizing::new(STANDARD.encode(key));
        text.extend([FILE_HEADER, &version.to_string(), " ", &key, "\n"]);
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}.new", uuid(&SystemRandom)));
    let fresh = PathBuf::from(fresh);
    files::write_new(&fresh, text.as_bytes())?;
    Ok(fresh)
}
