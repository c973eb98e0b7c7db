//! Lists, downloads, uploads and deletions, once a request has been found right.

use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;
use time::{Date, OffsetDateTime};

use crate::answer_parts::{Details, FileDescriptor, status};
use crate::code::{self, Code, Refusal, invalid_parameter};
use crate::ledger::{Ledger, StoredFile, Upload};
use crate::office::Office;
use crate::schema::Request;
use crate::ways::BadPayment;
use crate::{account, payment};

/// What a compressed upload may become: more than any request body can carry uncompressed.
const MOST_UNCOMPRESSED: u64 = 50 * 1024 * 1024;

const STATUS_REQUIRED: Code = invalid_parameter("Invalid parameters: Status is required");
const FILE_TYPE_REQUIRED: Code = invalid_parameter("Invalid parameters: FileType is required");

impl Office {
    pub(crate) fn list(&self, ledger: &Ledger, customer: usize, request: &Request) -> Result<Details, Refusal> {
        let wanted_status = match self.status(request)? {
            None if self.ways.filters_required => return Err(STATUS_REQUIRED.into()),
            status => status.unwrap_or("ALL"),
        };
        let (from, to) = (request.date("StartDate"), request.date("EndDate"));
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(invalid_parameter("Invalid parameters: StartDate is after EndDate").into());
        }
        let file_type = request.text("FileType");
        let customer = &ledger.customers[customer];
        let wanted = |file: &&StoredFile| {
            file.upload.is_none_or(|upload| self.ways.uploads_wait && upload != Upload::Deleted)
                && (wanted_status == "ALL" || wanted_status == status(file, self.ways))
                && file_type.is_none_or(|name| name == file.file_type)
                && day(file).is_some_and(|day| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to))
        };
        let own_target = &customer.target_ids[0];
        let files: Vec<_> =
            customer.files.iter().filter(wanted).map(|file| FileDescriptor::of(file, own_target, self.ways)).collect();
        if files.is_empty() && self.ways.empty_list_is_an_error {
            return Err(code::CONTENT_NOT_FOUND.into());
        }
        Ok(Details::Files(files))
    }

    pub(crate) fn download(
        &self,
        ledger: &mut Ledger,
        customer: usize,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Details, Refusal> {
        let status = self.status(request)?;
        let reference = self.one_reference(request)?;
        if self.ways.filters_required && status.is_none() {
            return Err(STATUS_REQUIRED.into());
        }
        if self.ways.filters_required && request.text("FileType").is_none() {
            return Err(FILE_TYPE_REQUIRED.into());
        }
        let own_target = ledger.customers[customer].target_ids[0].clone();
        let file = ledger
            .file_mut(customer, reference)
            .filter(|file| file.upload != Some(Upload::Deleted))
            .ok_or(code::CONTENT_NOT_FOUND)?;
        if file.upload.is_none() {
            file.downloaded = Some(now.unix_timestamp());
        }
        // Danske Bank compresses whatever it answers (seen).
        let compressed = request.is_true("Compression") || self.ways.encrypts;
        let bytes = if compressed { compress(&file.content)? } else { file.content.to_vec() };
        // Samlink tells the file beside its content (seen).
        let file_type = file.file_type.clone();
        let beside = (!self.ways.empty_list_is_an_error).then(|| FileDescriptor::of(file, &own_target, self.ways));
        Ok(Details::Content { bytes, compressed, file_type, file: beside })
    }

    pub(crate) fn upload(
        &self,
        ledger: &mut Ledger,
        customer: usize,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Details, Refusal> {
        let file_type = request.text("FileType").ok_or(FILE_TYPE_REQUIRED)?;
        let content = request
            .bytes("Content")
            .filter(|content| !content.is_empty())
            .ok_or(invalid_parameter("Invalid parameters: Content is required"))?;
        let compressed = request.is_true("Compression");
        if !compressed && self.rules.requires_compression {
            return Err(code::DEFLATE.into());
        }
        let content = if compressed { self.unpacked(&content, request.text("CompressionMethod"))? } else { content };
        let rejection = match payment::accept(&content, file_type) {
            Ok(payment) => {
                let (total, count) = (payment.total, payment.count);
                match account::take(ledger, self, customer, &payment, (file_type, content), now) {
                    Ok(file) => return Ok(Details::Uploaded { total, count, file }),
                    Err(rejection) => rejection,
                }
            }
            Err(rejection) => *rejection,
        };
        match self.ways.bad_payment {
            BadPayment::Answered => {
                let report = account::rejection_report(ledger, self, customer, &rejection, now);
                let file_type = self.ways.reports.status.file_type;
                Err(Refusal::Feedback(code::SCHEMA, file_type, report.into_bytes()))
            }
            BadPayment::Feedback => {
                account::reject(ledger, self, customer, &rejection, now);
                Err(code::CONTENT_PROCESSING.into())
            }
        }
    }

    /// Only what waits: 27 for anything else that is there (brief 4).
    pub(crate) fn delete(&self, ledger: &mut Ledger, customer: usize, request: &Request) -> Result<Details, Refusal> {
        let reference = self.one_reference(request)?;
        let own_target = ledger.customers[customer].target_ids[0].clone();
        let file = ledger
            .file_mut(customer, reference)
            .filter(|file| file.upload != Some(Upload::Deleted))
            .ok_or(code::CONTENT_NOT_FOUND)?;
        if file.upload != Some(Upload::Waiting) {
            return Err(code::CANNOT_BE_DELETED.into());
        }
        file.upload = Some(Upload::Deleted);
        Ok(Details::Files(vec![FileDescriptor::of(file, &own_target, self.ways)]))
    }

    fn one_reference<'r>(&self, request: &'r Request) -> Result<&'r String, Refusal> {
        match request.references.as_slice() {
            [] => Err(code::NO_FILE_REFERENCE.into()),
            [reference] => Ok(reference),
            [first, ..] if self.ways.takes_first_reference => Ok(first),
            // No source tells how several files stand in one Content.
            _ => Err(invalid_parameter("Invalid parameters: Only one FileReference at a time").into()),
        }
    }

    /// Packed content, unpacked. Of the methods that the bank takes, GZIP is told by its first bytes (brief 2.7).
    fn unpacked(&self, content: &[u8], method: Option<&str>) -> Result<Vec<u8>, Refusal> {
        let method = method.map_or("GZIP", str::trim);
        let is_deflate = self.ways.deflate.is_some_and(|name| name.eq_ignore_ascii_case(method));
        let is_gzip = ["GZIP", "RFC1952"].iter().any(|name| name.eq_ignore_ascii_case(method));
        if !is_gzip && !is_deflate {
            return Err(code::DEFLATE.into());
        }
        decompress(content, is_deflate)
    }

    /// The Status of a request, one of the bank's words.
    fn status<'r>(&self, request: &'r Request) -> Result<Option<&'r str>, Refusal> {
        match request.text("Status") {
            Some(given) if !self.ways.statuses.contains(&given) => Err(invalid_parameter(self.ways.status_rule).into()),
            given => Ok(given),
        }
    }
}

fn day(file: &StoredFile) -> Option<Date> {
    OffsetDateTime::from_unix_timestamp(file.created).ok().map(OffsetDateTime::date)
}

/// GZIP, told by its first bytes; or deflate, with zlib's envelope or without, where that is what the request says.
fn decompress(content: &[u8], deflated: bool) -> Result<Vec<u8>, Refusal> {
    let unpacked = match content {
        [0x1f, 0x8b, ..] => read_all(MultiGzDecoder::new(content), MultiGzDecoder::into_inner),
        [0x78, ..] if deflated => read_all(ZlibDecoder::new(content), ZlibDecoder::into_inner),
        _ if deflated => read_all(DeflateDecoder::new(content), DeflateDecoder::into_inner),
        _ => None,
    };
    unpacked.ok_or_else(|| code::DEFLATE.into())
}

/// What a decoder gives, if it is not too much and nothing follows.
fn read_all<'c, R: Read>(mut decoder: R, rest: fn(R) -> &'c [u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.by_ref().take(MOST_UNCOMPRESSED + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MOST_UNCOMPRESSED && rest(decoder).is_empty()).then_some(bytes)
}

/// The same bytes each time: the header carries no time.
fn compress(content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|_| code::TECHNICAL.into())
}
