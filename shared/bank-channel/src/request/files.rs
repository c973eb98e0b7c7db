//! File operations: the signed `ApplicationRequest`, encrypted where the bank wants that (bank-channel brief 2.3, 2.4, 2.7
//! and 5.1).

use std::borrow::Cow;
use std::io::Write as _;

use avain_xml_security::{SigningKey, encryption, enveloped};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use flate2::{Compression, write::GzEncoder};
use time::Date;
use time::macros::format_description;

use super::{Channel, Request, SOFTWARE_MAX, Stamp, USER_ID_MAX, document, exact_timestamp};
use crate::Error;
use crate::operation::{
    APPLICATION, DELETE_FILE, DOWNLOAD_FILE, DOWNLOAD_FILE_LIST, GET_USER_INFO, Operation, UPLOAD_FILE,
};
use crate::profile::{Packed, TargetIdRule};

const FILE_NAME_MAX: usize = 80;

/// Which files of a customer: what NEW, DLD and ALL stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not yet downloaded.
    New,
    /// Downloaded.
    Downloaded,
    /// Both.
    All,
}

/// A list of files waiting at the bank.
#[derive(Debug, Clone, Copy)]
pub struct FileList<'a> {
    /// Which.
    pub status: Status,
    /// The customer's folder at the bank; see [`TargetIdRule`].
    pub target_id: Option<&'a str>,
    /// Only this type. Nordea's description says mandatory.
    pub file_type: Option<&'a str>,
    /// First day, inclusive.
    pub from: Option<Date>,
    /// Last day, inclusive.
    pub to: Option<Date>,
}

/// One file to download, or to delete.
#[derive(Debug, Clone, Copy)]
pub struct WantedFile<'a> {
    /// The bank's reference, 1 to 32 characters.
    pub file_reference: &'a str,
    /// Its type, as the list says.
    pub file_type: &'a str,
    /// The folder it is in.
    pub target_id: Option<&'a str>,
}

/// One file to upload.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Its type, 1 to 40 characters.
    pub file_type: &'a str,
    /// The folder it goes to.
    pub target_id: Option<&'a str>,
    /// The customer's name for it. Characters other than ASCII letters, digits, `.`, `_` and `-` are sent as `_`, and
    /// no more than 80 of them.
    pub file_name: &'a str,
    /// The bytes, as they are; packed on the way where the bank wants that.
    pub content: &'a [u8],
}

impl Channel<'_> {
    /// Asks which file types and folders the customer has.
    pub fn user_info(&self, stamp: &Stamp<'_>, key: &SigningKey) -> Result<Request, Error> {
        if !self.profile.offers.user_info {
            return Err(Error::NotOffered("GetUserInfo"));
        }
        self.signed(&GET_USER_INFO, stamp, &Wanted::default(), key)
    }

    /// Asks for the list of files.
    pub fn file_list(&self, stamp: &Stamp<'_>, key: &SigningKey, list: &FileList<'_>) -> Result<Request, Error> {
        self.signed(&DOWNLOAD_FILE_LIST, stamp, &self.wanted_list(list)?, key)
    }

    /// Asks for one file, whether it has been downloaded before or not.
    pub fn file(&self, stamp: &Stamp<'_>, key: &SigningKey, file: &WantedFile<'_>) -> Result<Request, Error> {
        let wanted = Wanted {
            status: Some(self.status_word(Status::All)),
            file_reference: Some(file.file_reference),
            target_id: self.target_id(file.target_id)?,
            compressed: self.profile.compression.download,
            file_type: Some(file.file_type),
            ..Wanted::default()
        };
        self.signed(&DOWNLOAD_FILE, stamp, &wanted, key)
    }

    /// Sends one file.
    pub fn upload(&self, stamp: &Stamp<'_>, key: &SigningKey, upload: &Upload<'_>) -> Result<Request, Error> {
        if upload.content.len() > self.profile.max_file_size {
            return Err(Error::Field("Content"));
        }
        let file_name = sanitised(upload.file_name);
        let packed = match self.profile.compression.upload {
            Packed::Never => false,
            Packed::Xml => is_xml(upload.content),
            Packed::Always => true,
        };
        let content = if packed { Cow::Owned(gzip(upload.content)?) } else { Cow::Borrowed(upload.content) };
        let wanted = Wanted {
            user_filename: Some(&file_name),
            target_id: self.target_id(upload.target_id)?,
            compressed: packed,
            file_type: Some(upload.file_type),
            content: Some(&content),
            ..Wanted::default()
        };
        self.signed(&UPLOAD_FILE, stamp, &wanted, key)
    }

    /// Takes back one file that still waits at the bank.
    pub fn delete(&self, stamp: &Stamp<'_>, key: &SigningKey, file: &WantedFile<'_>) -> Result<Request, Error> {
        if !self.profile.offers.delete {
            return Err(Error::NotOffered("DeleteFile"));
        }
        let wanted = Wanted {
            file_reference: Some(file.file_reference),
            target_id: self.target_id(file.target_id)?,
            ..Wanted::default()
        };
        self.signed(&DELETE_FILE, stamp, &wanted, key)
    }

    pub(super) fn wanted_list<'l>(&'l self, list: &FileList<'l>) -> Result<Wanted<'l>, Error> {
        Ok(Wanted {
            start_date: list.from,
            end_date: list.to,
            status: Some(self.status_word(list.status)),
            target_id: self.target_id(list.target_id)?,
            file_type: list.file_type,
            ..Wanted::default()
        })
    }

    fn status_word(&self, status: Status) -> &str {
        let words = &self.profile.status_words;
        match status {
            Status::New => &words.new,
            Status::Downloaded => &words.downloaded,
            Status::All => &words.all,
        }
    }

    pub(super) fn target_id<'t>(&'t self, given: Option<&'t str>) -> Result<Option<&'t str>, Error> {
        match &self.profile.target_id {
            TargetIdRule::Required => given.map(Some).ok_or(Error::Field("TargetId")),
            TargetIdRule::Omitted => Ok(None),
            TargetIdRule::Fixed(target_id) => Ok(Some(target_id)),
        }
    }

    /// Signs, then encrypts where the bank wants that, then puts it into a signed envelope (brief 2.4, "Order of work").
    fn signed(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        wanted: &Wanted<'_>,
        key: &SigningKey,
    ) -> Result<Request, Error> {
        let document = self.application_request(operation, stamp, wanted)?;
        let document = enveloped::sign(&document, key, &self.profile.signing.form()).map_err(|_| Error::Key)?;
        let document = match &self.profile.encryption {
            None => document,
            Some(encryption) => {
                let certificate = self.bank_certificate.ok_or(Error::NoBankCertificate)?;
                encryption::encrypt(&document, certificate, encryption.cipher, encryption.recipient.as_deref())
                    .map_err(|_| Error::NoBankCertificate)?
            }
        };
        self.request(operation, stamp, &document, Some(key))
    }

    /// `ApplicationRequest`, in the order of its schema.
    pub(super) fn application_request(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<String, Error> {
        let compressed = wanted.compressed.then_some("true");
        let method = compressed.map(|_| self.profile.compression.method.as_str());
        let mut xml = document();
        xml.open(&format!("ApplicationRequest xmlns=\"{APPLICATION}\""))
            .text("CustomerId", Some(self.user_id), USER_ID_MAX)?
            .text("Command", Some(operation.command), 32)?
            .text("Timestamp", Some(&exact_timestamp(stamp)?), 35)?
            .text("StartDate", day("StartDate", wanted.start_date)?.as_deref(), 10)?
            .text("EndDate", day("EndDate", wanted.end_date)?.as_deref(), 10)?
            .text("Status", wanted.status, 10)?
            .text("Environment", Some(self.environment.word()), 10)?;
        if wanted.file_reference.is_some() {
            xml.open("FileReferences").text("FileReference", wanted.file_reference, 32)?.close("FileReferences");
        }
        xml.text("UserFilename", wanted.user_filename, FILE_NAME_MAX)?
            .text("TargetId", wanted.target_id, 80)?
            .text("Compression", compressed, 5)?
            .text("CompressionMethod", method, 35)?
            .text("SoftwareId", Some(self.software), SOFTWARE_MAX)?
            .text("FileType", wanted.file_type, 40)?;
        if let Some(content) = wanted.content {
            xml.open("Content").raw(&BASE64.encode(content)).close("Content");
        }
        Ok(xml.close("ApplicationRequest").finish())
    }
}

/// What varies in an `ApplicationRequest`.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    start_date: Option<Date>,
    end_date: Option<Date>,
    status: Option<&'a str>,
    file_reference: Option<&'a str>,
    user_filename: Option<&'a str>,
    target_id: Option<&'a str>,
    /// Of an upload that its content is packed; of a download that it shall be.
    compressed: bool,
    file_type: Option<&'a str>,
    content: Option<&'a [u8]>,
}

fn day(name: &'static str, date: Option<Date>) -> Result<Option<String>, Error> {
    date.map(|date| date.format(format_description!("[year]-[month]-[day]")).map_err(|_| Error::Field(name)))
        .transpose()
}

pub(super) fn sanitised(file_name: &str) -> String {
    file_name
        .chars()
        .take(FILE_NAME_MAX)
        .map(|character| match character {
            '.' | '_' | '-' => character,
            character if character.is_ascii_alphanumeric() => character,
            _ => '_',
        })
        .collect()
}

/// Whether a file begins as XML does, after a mark of byte order and white space.
fn is_xml(content: &[u8]) -> bool {
    content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content).trim_ascii_start().starts_with(b"<")
}

/// RFC 1952, without name and time, so that the same file gives the same bytes.
fn gzip(content: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|_| Error::Field("Content"))
}
