//! The vault on one machine: a root key in a file wraps the data keys.
//!
//! Root key file: one line `avain-root-key 1 BASE64` with 32 random bytes, mode 0600. Whoever reads it reads everything;
//! whoever loses it has lost everything. It is made once and never written again.
//!
//! Wrapped data key (69 bytes): version (1) | root key id (8) | nonce (12) | data key (32) sealed | tag (16), AES-256-GCM.
//! Associated data: version, root key id and the encryption context (R27).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_trait::async_trait;
use avain_domain::ports::{DataKey, KeyContext, Random, Unavailable, Vault};
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
const FILE_HEADER: &str = "avain-root-key 1 ";
const WRAPPED_VERSION: u8 = 1;
const ROOT_ID_LENGTH: usize = 8;

/// The vault whose root key is in a file.
pub struct KeyFileVault {
    root: Gcm,
    id: [u8; ROOT_ID_LENGTH],
}

impl KeyFileVault {
    /// Opens the root key file at this path, or makes it, durably, if there is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let key = match read(path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(Error::io(path))?;
                read(path)?
            }
            result => result?,
        };
        Ok(Self { root: Gcm::new(&key)?, id: root_id(&key) })
    }

    fn wrap(&self, context: &KeyContext, plaintext: &Secret) -> Result<Vec<u8>, Unavailable> {
        let sealed = self.root.seal(&self.associated(context), plaintext.expose())?;
        Ok([&[WRAPPED_VERSION], self.id.as_slice(), &sealed].concat())
    }

    fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Secret, &'static str> {
        let (version, rest) = wrapped.split_first().ok_or("the wrapped data key is empty")?;
        if *version != WRAPPED_VERSION {
            return Err("the wrapped data key has a version that is not known here");
        }
        let (id, sealed) = rest.split_at_checked(ROOT_ID_LENGTH).ok_or("the wrapped data key is cut off")?;
        if id != self.id {
            return Err("the data key was wrapped by another root key: is this the root key file of this data?");
        }
        self.root
            .open(&self.associated(context), sealed)
            .filter(|key| key.expose().len() == KEY_LENGTH)
            .ok_or("the wrapped data key does not open: it belongs to another context, or is damaged")
    }

    /// Kinds have no line break and the organisation comes last, so two contexts never read the same.
    fn associated(&self, context: &KeyContext) -> Vec<u8> {
        let context = format!("service=avain\nkind={}\norganisation={}", context.kind.as_str(), context.organisation.0);
        [&[WRAPPED_VERSION], self.id.as_slice(), context.as_bytes()].concat()
    }
}

#[async_trait]
impl Vault for KeyFileVault {
    async fn generate(&self, context: &KeyContext) -> Result<DataKey, Unavailable> {
        let mut key = vec![0; KEY_LENGTH];
        SystemRandom.fill(&mut key);
        let plaintext = Secret::new(key);
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

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let metadata = file.metadata().map_err(Error::io(path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    // A little more than a key file has, so that a longer one is seen to be none.
    let mut text = Zeroizing::new(String::with_capacity(256));
    file.by_ref().take(256).read_to_string(&mut text).map_err(Error::io(path))?;
    text.strip_prefix(FILE_HEADER)
        .and_then(|rest| STANDARD.decode(rest.strip_suffix('\n')?).ok().map(Zeroizing::new))
        .filter(|key| key.len() == KEY_LENGTH)
        .ok_or_else(|| Error::NotARootKey(path.to_owned()))
}

/// Makes the file under another name first and links it into place: half a key is never seen, and a key that another
/// process made in the meantime is never overwritten.
fn create(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    SystemRandom.fill(key.as_mut());
    let line = Zeroizing::new(format!("{FILE_HEADER}{}\n", STANDARD.encode(key.as_ref()).as_str()));
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}.new", uuid(&SystemRandom)));
    let fresh = Path::new(&fresh);
    files::write_new(fresh, line.as_bytes())?;
    let linked = std::fs::hard_link(fresh, path);
    std::fs::remove_file(fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => files::sync_folder(files::folder_of(path)),
    }
}
