//! Reading answers: one function for each operation. Each verifies the whole answer first; see [`Error`] for what is
//! known about the outcome when it fails.

use std::io::Read;

use avain_xml_security::{Element, certificate::summary};

use crate::operation::{APPLICATION, DOWNLOAD_FILE, DOWNLOAD_FILE_LIST, GET_CERTIFICATE, GET_USER_INFO, UPLOAD_FILE};
use crate::profile::{StatusWords, SubjectPart};
use crate::verify::{application, base64, clean, unreadable};
use crate::{Error, Expected, Judge};

/// Nordea's largest file, unpacked.
const CONTENT_MAX: u64 = 50 * 1024 * 1024;

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

/// The issued certificate, DER. It carries `public_key` (`SubjectPublicKeyInfo` of the request), names the user where
/// the bank's profile says so, and has not expired: banks have been seen to answer with an old one (brief 4).
pub fn certificate(answer: &[u8], expected: &Expected, judge: &Judge<'_>, public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let namespace = expected.profile.enrolment.namespace;
    let certificate = application(answer, &GET_CERTIFICATE, expected, judge, |response| issued(response, namespace))?;
    let summary = summary(&certificate).map_err(|_| Error::Certificate("it cannot be read"))?;
    if summary.public_key != public_key {
        return Err(Error::Certificate("it is for another key"));
    }
    let names_user = expected.profile.enrolment.subject.contains(&SubjectPart::UserIdAsSerialNumber);
    if names_user && summary.subject_serial_number.as_ref() != Some(&expected.customer_id) {
        return Err(Error::Certificate("it is for another user id"));
    }
    if summary.not_after <= judge.at {
        return Err(Error::Certificate("it has expired"));
    }
    Ok(certificate)
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
    application(answer, &DOWNLOAD_FILE, expected, judge, content)
}

/// The acknowledgement of an upload.
pub fn upload(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Receipt, Error> {
    let words = &expected.profile.status_words;
    application(answer, &UPLOAD_FILE, expected, judge, |response| {
        let file = descriptors(response, words)?.into_iter().next();
        Ok(Receipt {
            file_reference: file.map(|file| file.file_reference),
            transaction_count: text(response, "TransactionCount", 20)?.and_then(|count| count.parse().ok()),
            amount_total: text(response, "AmountTotal", 40)?,
        })
    })
}

/// A bank that has nothing to list may say so with a code instead of an empty list.
fn or_empty<T>(listed: Result<Vec<T>, Error>, expected: &Expected) -> Result<Vec<T>, Error> {
    match listed {
        Err(Error::Refused { code, .. }) if expected.profile.empty_list_code == Some(code.as_str()) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Certificates/Certificate/Certificate: exactly one, base64 of DER.
fn issued(response: Element<'_>, namespace: &str) -> Result<Vec<u8>, Error> {
    response
        .child(namespace, "Certificates")
        .and_then(|certificates| certificates.child(namespace, "Certificate"))
        .and_then(|entry| entry.child(namespace, "Certificate"))
        .ok_or_else(|| unreadable("not exactly one certificate"))
        .and_then(|certificate| base64(&certificate.text()))
}

fn descriptors(response: Element<'_>, words: &StatusWords) -> Result<Vec<FileDescriptor>, Error> {
    let Some(list) = response.child(APPLICATION, "FileDescriptors") else { return Ok(Vec::new()) };
    list.children()
        .filter(|child| child.is(APPLICATION, "FileDescriptor"))
        .map(|descriptor| {
            Ok(FileDescriptor {
                file_reference: required(descriptor, "FileReference", 32)?,
                target_id: text(descriptor, "TargetId", 80)?.unwrap_or_default(),
                service_id: text(descriptor, "ServiceId", 256)?,
                file_type: required(descriptor, "FileType", 40)?,
                file_timestamp: required(descriptor, "FileTimestamp", 40)?,
                status: words.common(&required(descriptor, "Status", 10)?).to_owned(),
                user_filename: text(descriptor, "UserFilename", 80)?,
            })
        })
        .collect()
}

fn user_file_types(response: Element<'_>) -> Result<Vec<UserFileType>, Error> {
    let Some(list) = response.child(APPLICATION, "UserFileTypes") else { return Ok(Vec::new()) };
    list.children()
        .filter(|child| child.is(APPLICATION, "UserFileType"))
        .map(|file_type| {
            Ok(UserFileType {
                target_id: text(file_type, "TargetId", 80)?.unwrap_or_default(),
                file_type: text(file_type, "FileType", 35)?.unwrap_or_default(),
                name: text(file_type, "FileTypeName", 80)?,
                direction: match text(file_type, "Direction", 80)?.as_deref() {
                    Some("Upload") => Some(Direction::Upload),
                    Some("Download") => Some(Direction::Download),
                    _ => None,
                },
            })
        })
        .collect()
}

/// Content, decoded and unpacked.
fn content(response: Element<'_>) -> Result<Vec<u8>, Error> {
    if flag(response, "Encrypted")? {
        return Err(unreadable("the content is encrypted"));
    }
    let content = response.child(APPLICATION, "Content").ok_or_else(|| unreadable("no Content"))?;
    let bytes = base64(&content.text())?;
    if flag(response, "Compressed")? { gunzip(&bytes) } else { Ok(bytes) }
}

/// GZIP (RFC 1952), whatever `CompressionMethod` calls it, with a cap on what comes out.
fn gunzip(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed)
        .take(CONTENT_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| unreadable("the compressed content is broken"))?;
    if bytes.len() as u64 > CONTENT_MAX {
        return Err(unreadable("the content is larger than 50 MiB"));
    }
    Ok(bytes)
}

/// xs:boolean; absent is false.
fn flag(response: Element<'_>, name: &str) -> Result<bool, Error> {
    match text(response, name, 5)?.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(unreadable("a flag is neither true nor false")),
    }
}

fn required(element: Element<'_>, name: &str, max: usize) -> Result<String, Error> {
    text(element, name, max)?.ok_or_else(|| Error::Unreadable(format!("no {name}")))
}

/// A child's text, none if absent or empty. The schema's lengths hold, so that records made from it stay small.
fn text(element: Element<'_>, name: &str, max: usize) -> Result<Option<String>, Error> {
    let Some(child) = element.child(APPLICATION, name) else { return Ok(None) };
    let text = clean(&child.text());
    if text.chars().count() > max {
        return Err(Error::Unreadable(format!("{name} is too long")));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}
