//! File operations (bank-channel brief 2.5 to 2.7).

use std::io::{Read, Write};

use avain_xml_security::Element;

use super::text;
use crate::operation::{APPLICATION, DELETE_FILE, DOWNLOAD_FILE, DOWNLOAD_FILE_LIST, GET_USER_INFO, UPLOAD_FILE};
use crate::profile::StatusWords;
use crate::verify::{application, cleaned, decoded, unreadable};
use crate::{Error, Expected, Judge};

/// How RFC 1952 begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file waiting at the bank. Texts are free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDescriptor {
    /// The bank's reference, 1 to 32 characters, unique within a `TargetId`.
    pub file_reference: String,
    /// The folder, "" where the bank states none.
    pub target_id: String,
    /// The service or account it belongs to.
    pub service_id: Option<String>,
    /// Its type.
    pub file_type: String,
    /// xs:dateTime as the bank writes it, with or without offset.
    pub file_timestamp: String,
    /// NEW, DLD, or the bank's own word where there is no common one.
    pub status: String,
    /// The customer's name for it.
    pub user_filename: Option<String>,
}

/// What a customer may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// File types by folder and direction.
    pub file_types: Vec<UserFileType>,
}

/// One type of file that a customer may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFileType {
    /// The folder, "" where the bank states none.
    pub target_id: String,
    /// The type, "" where the bank states none.
    pub file_type: String,
    /// The bank's name for the type.
    pub name: Option<String>,
    /// Which way; none where the bank states no known one.
    pub direction: Option<Direction>,
}

/// Which way a file goes, seen from the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the bank.
    Upload,
    /// From the bank.
    Download,
}

/// The bank's acknowledgement of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The bank's reference; Nordea gives none.
    pub file_reference: Option<String>,
    /// Transactions that the bank counted.
    pub transaction_count: Option<u64>,
    /// Their sum, as the bank writes it.
    pub amount_total: Option<String>,
}

/// The bank's acknowledgement of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The files that the bank names, with the status DEL; none where it names none.
    pub files: Vec<FileDescriptor>,
}

impl UserInfo {
    /// The customer's folders, each once, in the bank's order.
    #[must_use]
    pub fn target_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for file_type in &self.file_types {
            if !file_type.target_id.is_empty() && !ids.contains(&file_type.target_id.as_str()) {
                ids.push(&file_type.target_id);
            }
        }
        ids
    }
}

/// What the customer may do. "Content not found" is a user without file types.
pub fn user_info(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<UserInfo, Error> {
    let file_types = application(answer, &GET_USER_INFO, expected, judge, user_file_types);
    Ok(UserInfo { file_types: or_empty(file_types, expected)? })
}

/// The list of files.
pub fn file_list(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Vec<FileDescriptor>, Error> {
    let words = &expected.profile.status_words;
    let files = application(answer, &DOWNLOAD_FILE_LIST, expected, judge, |response| descriptors(response, words));
    or_empty(files, expected)
}

/// The bytes of a file, unpacked where the bank packed them.
pub fn file(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Vec<u8>, Error> {
    let max = expected.profile.max_file_size;
    application(answer, &DOWNLOAD_FILE, expected, judge, |response| content(response, max))
}

/// The acknowledgement of an upload.
pub fn upload(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Receipt, Error> {
    let words = &expected.profile.status_words;
    application(answer, &UPLOAD_FILE, expected, judge, |response| {
        let file = descriptors(response, words)?.into_iter().next();
        Ok(Receipt {
            file_reference: file.map(|file| file.file_reference),
            transaction_count: text(response, APPLICATION, "TransactionCount").and_then(|count| count.parse().ok()),
            amount_total: text(response, APPLICATION, "AmountTotal"),
        })
    })
}

/// The bank's word on a file that was to be deleted: what became of it, as the bank lists it, where it does.
pub fn delete(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Deleted, Error> {
    let words = &expected.profile.status_words;
    application(answer, &DELETE_FILE, expected, judge, |response| Ok(Deleted { files: descriptors(response, words)? }))
}

/// A bank that has nothing to list may say so with a code instead of an empty list.
fn or_empty<T>(listed: Result<Vec<T>, Error>, expected: &Expected) -> Result<Vec<T>, Error> {
    match listed {
        Err(Error::Refused { code, .. }) if expected.profile.empty_list_code.as_deref() == Some(code.as_str()) => {
            Ok(Vec::new())
        }
        listed => listed,
    }
}

fn descriptors(response: Element<'_>, words: &StatusWords) -> Result<Vec<FileDescriptor>, Error> {
    let Some(list) = response.child(APPLICATION, "FileDescriptors") else { return Ok(Vec::new()) };
    list.children()
        .filter(|child| child.is(APPLICATION, "FileDescriptor"))
        .map(|file| descriptor(file, words))
        .collect()
}

/// Each child is looked at once: a list may have thousands of files.
fn descriptor(file: Element<'_>, words: &StatusWords) -> Result<FileDescriptor, Error> {
    let [mut reference, mut target_id, mut service_id, mut file_type, mut timestamp, mut status, mut name] =
        [const { None }; 7];
    for child in file.children().filter(|child| child.namespace() == APPLICATION) {
        let field = match child.local_name() {
            "FileReference" => &mut reference,
            "TargetId" => &mut target_id,
            "ServiceId" => &mut service_id,
            "FileType" => &mut file_type,
            "FileTimestamp" => &mut timestamp,
            "Status" => &mut status,
            "UserFilename" => &mut name,
            _ => continue,
        };
        *field = Some(cleaned(child.text())).filter(|text| !text.is_empty());
    }
    let required = |field: Option<String>, name| field.ok_or_else(|| Error::Unreadable(format!("no {name}")));
    Ok(FileDescriptor {
        file_reference: required(reference, "FileReference")?,
        target_id: target_id.unwrap_or_default(),
        service_id,
        file_type: required(file_type, "FileType")?,
        file_timestamp: required(timestamp, "FileTimestamp")?,
        status: words.common(&required(status, "Status")?).to_owned(),
        user_filename: name,
    })
}

pub(crate) fn user_file_types(response: Element<'_>) -> Result<Vec<UserFileType>, Error> {
    let Some(list) = response.child(APPLICATION, "UserFileTypes") else { return Ok(Vec::new()) };
    list.children()
        .filter(|child| child.is(APPLICATION, "UserFileType"))
        .map(|file_type| {
            Ok(UserFileType {
                target_id: text(file_type, APPLICATION, "TargetId").unwrap_or_default(),
                file_type: text(file_type, APPLICATION, "FileType").unwrap_or_default(),
                name: text(file_type, APPLICATION, "FileTypeName"),
                direction: match text(file_type, APPLICATION, "Direction").as_deref() {
                    Some("Upload") => Some(Direction::Upload),
                    Some("Download") => Some(Direction::Download),
                    _ => None,
                },
            })
        })
        .collect()
}

/// Content, decoded and unpacked to at most `max` bytes.
fn content(response: Element<'_>, max: usize) -> Result<Vec<u8>, Error> {
    let (bytes, packed) = payload(response, max)?;
    if !packed {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    gunzip(&bytes, max, &mut unpacked)?;
    Ok(unpacked)
}

/// Content's bytes, and whether they are packed. They may be without saying so (brief 2.7); what cannot be unpacked then
/// is a file that only begins so.
pub(crate) fn payload(response: Element<'_>, max: usize) -> Result<(Vec<u8>, bool), Error> {
    if flag(response, "Encrypted") {
        return Err(unreadable("the content is encrypted"));
    }
    let content = response.child(APPLICATION, "Content").ok_or_else(|| unreadable("no Content"))?;
    let bytes = decoded(content)?;
    let seems_packed = || bytes.starts_with(&GZIP_MAGIC) && gunzip(&bytes, max, &mut std::io::sink()).is_ok();
    let packed = flag(response, "Compressed") || seems_packed();
    Ok((bytes, packed))
}

/// GZIP (RFC 1952), whatever `CompressionMethod` calls it, with a cap on what comes out.
pub(crate) fn gunzip(packed: &[u8], max: usize, to: &mut impl Write) -> Result<(), Error> {
    let mut capped = flate2::read::MultiGzDecoder::new(packed).take(max as u64 + 1);
    let unpacked = std::io::copy(&mut capped, to).map_err(|_| unreadable("the compressed content is broken"))?;
    if unpacked > max as u64 {
        return Err(unreadable("the content is larger than the bank's largest file"));
    }
    Ok(())
}

/// xs:boolean; absent is false.
fn flag(response: Element<'_>, name: &str) -> bool {
    matches!(text(response, APPLICATION, name).as_deref(), Some("true" | "1"))
}
