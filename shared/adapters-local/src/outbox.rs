//! Where one machine sends codes and notices: a file that the operator reads, instead of SMS and e-mail.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use avain_domain::names::{Email, Login, Mode};
use avain_domain::ports::Unavailable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::files;

/// How many messages are remembered where that is asked for.
const RECENT: usize = 256;

/// What a code is for, or that it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// Verifies the phone number after registration.
    Phone,
    /// Verifies the e-mail address.
    Email,
    /// The second factor of a login.
    Mfa,
    /// Sets a new password.
    Reset,
    /// No code: a notice of what has happened.
    Notice,
}

impl CodeKind {
    /// Its name in the outbox.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Mfa => "mfa",
            Self::Reset => "reset",
            Self::Notice => "notice",
        }
    }

    /// From its name in the outbox.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kinds = [Self::Phone, Self::Email, Self::Mfa, Self::Reset, Self::Notice];
        kinds.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One code, or notice, on its way. It is a secret: no Debug.
#[derive(Clone)]
pub struct Message {
    /// When it was sent.
    pub at: OffsetDateTime,
    /// What it is for.
    pub kind: CodeKind,
    /// Whose it is.
    pub login: Login,
    /// Phone number or e-mail address.
    pub to: String,
    /// Six digits; a notice's text.
    pub code: Zeroizing<String>,
}

type Observer = Box<dyn Fn(&Message) + Send + Sync>;

/// The outbox. Keeps no message in memory unless asked to ([`Outbox::remembering`]).
pub struct Outbox {
    file: Option<Mutex<File>>,
    recent: Option<Mutex<VecDeque<Message>>>,
    observer: Option<Observer>,
}

impl Outbox {
    /// Appends to the file at this path, mode 0600: for each message one JSON line `{"at", "kind", "email", "mode", "to",
    /// "code"}` (a notice has `text` in place of `code`), synced before the call that sent it answers.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = || {
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            files::sync_folder(files::folder_of(path))?;
            Ok(file)
        };
        let file = open().map_err(Error::io(path))?;
        Ok(Self { file: Some(Mutex::new(file)), recent: None, observer: None })
    }

    /// Writes no file and remembers: for tests.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { file: None, recent: None, observer: None }.remembering()
    }

    /// Also remembers the latest 256 messages, for `--dev`.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { recent: Some(Mutex::default()), ..self }
    }

    /// Also shows each message to this function, after it was written.
    #[must_use]
    pub fn observed_by(self, observer: impl Fn(&Message) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    /// The newest remembered message to a login of a kind; `None` also where nothing is remembered.
    #[must_use]
    pub fn newest(&self, email: &Email, mode: Mode, kind: CodeKind) -> Option<Message> {
        let recent = self.recent.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted =
            |message: &&Message| message.login.email == *email && message.login.mode == mode && message.kind == kind;
        recent.iter().rev().find(wanted).cloned()
    }

    /// Sends. Blocks while the disk syncs.
    pub(crate) fn send(&self, message: Message) -> Result<(), Unavailable> {
        if let Some(file) = &self.file {
            let line = line(&message)?;
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(line.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| Unavailable(format!("the outbox cannot be written: {error}")))?;
        }
        if let Some(observer) = &self.observer {
            observer(&message);
        }
        if let Some(recent) = &self.recent {
            let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(message);
        }
        Ok(())
    }
}

fn line(message: &Message) -> Result<Zeroizing<String>, Unavailable> {
    let at =
        message.at.format(&Rfc3339).map_err(|error| Unavailable(format!("the clock's time has no text: {error}")))?;
    let content = if message.kind == CodeKind::Notice { "text" } else { "code" };
    let json = serde_json::json!({
        "at": at,
        "kind": message.kind.as_str(),
        "email": message.login.email.as_str(),
        "mode": message.login.mode.as_str(),
        "to": message.to,
        content: message.code.as_str(),
    });
    Ok(Zeroizing::new(format!("{json}\n")))
}
