//! The file service: checks in the order of brief 11, then the four operations.

use std::io::{Read as _, Write as _};

use avain_xml_security::{Document, Policy, enveloped, soap};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use time::{Date, OffsetDateTime};

use crate::answer::{Details, FileDescriptor, FileType};
use crate::code::{self, Refusal, invalid_parameter};
use crate::ledger::{Ledger, Standing, StoredFile};
use crate::office::{CLOCK_SKEW, Office, Outcome};
use crate::operation::{Operation, Service};
use crate::schema::{APPLICATION_REQUEST, Request};
use crate::{account, envelope, payment, report};

/// What a compressed upload may become: more than any request body can carry uncompressed.
const MOST_UNCOMPRESSED: u64 = 50 * 1024 * 1024;

/// What every contract allows. NDCORPAYS, TITO and NDCORPAYL are Nordea's own names (brief 3); nothing is ever laid out
/// under the last two.
const FILE_TYPES: &[FileType] = &[
    FileType { name: "pain.001.001.03", description: "Payments, version 3", upload: true },
    FileType { name: "pain.001.001.09", description: "Payments, version 9", upload: true },
    FileType { name: "NDCORPAYS", description: "Corporate payments", upload: true },
    FileType { name: report::STATUS_REPORT, description: "Payment status", upload: false },
    FileType { name: report::STATEMENT, description: "Account statement", upload: false },
    FileType { name: report::DEBIT_NOTIFICATION, description: "Debit notification", upload: false },
    FileType { name: "NDCORPAYL", description: "Corporate payments, feedback", upload: false },
    FileType { name: "TITO", description: "Account statement, reference format", upload: false },
];

impl Office {
    /// Steps 3 to 17 of brief 11. The steps up to the certificate change nothing, so that nobody but the customer can
    /// spend a request id.
    pub(crate) fn file_service(&self, document: &Document<'_>, now: OffsetDateTime) -> Outcome {
        let mut customer_id = None;
        let result = self
            .check_envelope(document, now)
            .and_then(|verified| self.change(|ledger| self.carry_out(ledger, &verified, now, &mut customer_id)));
        Outcome { customer_id, result }
    }

    fn check_envelope<'d>(
        &self,
        document: &'d Document<'d>,
        now: OffsetDateTime,
    ) -> Result<soap::Verified<'d>, Refusal> {
        // 3: header fields, before the signature and therefore only their form.
        let (_, call) = envelope::call(soap::unsigned_body(document).map_err(|_| code::SCHEMA)?, Service::Files)?;
        envelope::request(call, Service::Files)?;
        // 4: signature; its Timestamp comes after the certificate.
        let verified = soap::verify(document, &Policy::STRICT, None, CLOCK_SKEW).map_err(|error| match error {
            avain_xml_security::Error::Certificate(_) => Refusal::SoapFault(code::CERTIFICATE_NOT_VALID),
            _ => Refusal::Answer(code::SOAP_SIGNATURE),
        })?;
        // 5: the certificate; at Nordea a SOAP Fault.
        if !self.is_chained(&verified.signer, now) {
            return Err(Refusal::SoapFault(code::CERTIFICATE_NOT_VALID));
        }
        Ok(verified)
    }

    fn carry_out(
        &self,
        ledger: &mut Ledger,
        verified: &soap::Verified<'_>,
        now: OffsetDateTime,
        customer_id: &mut Option<String>,
    ) -> Result<Details, Refusal> {
        // From here on only what the signature covers is read.
        let (operation, call) = envelope::call(verified.body, Service::Files)?;
        let (header, payload) = envelope::request(call, Service::Files)?;
        // 5: in force, and the sender's own.
        let customer = match ledger.standing(&verified.signer) {
            Standing::Live(customer) if ledger.customers[customer].user_id == header.sender => customer,
            Standing::Retired => return Err(Refusal::SoapFault(code::CERTIFICATE_NOT_VALID)),
            _ => return Err(Refusal::SoapFault(code::CERTIFICATE_NOT_FOR_ID)),
        };
        // 6: Timestamp.
        if !verified.is_valid_at(now, CLOCK_SKEW) {
            return Err(code::SOAP_SIGNATURE.into());
        }
        // 8: replay.
        if !ledger.remember(&header.sender, &header.request, now) {
            return Err(code::DUPLICATE.into());
        }
        // 9: base64.
        let application_request = envelope::payload(payload)?;
        // 10: schema.
        let document = Document::parse(&application_request).map_err(|_| code::SCHEMA)?;
        let request = APPLICATION_REQUEST.read(document.root()).ok_or(code::SCHEMA)?;
        *customer_id = request.text("CustomerId").map(str::to_owned);
        // 9: that the content is encrypted is said in the request, which is read only now.
        if request.is_true("Encryption") {
            return Err(code::DECRYPT.into());
        }
        // 11: signature over the content, by the same certificate.
        let signed = enveloped::verify(&document, &Policy::STRICT).map_err(|_| code::CONTENT_SIGNATURE)?;
        if signed.signer != verified.signer {
            return Err(code::CONTENT_CERTIFICATE.into());
        }
        // 12: customer.
        if *customer_id != Some(ledger.customers[customer].user_id.clone()) {
            return Err(code::CUSTOMER_NOT_FOUND.into());
        }
        // 13: command and environment.
        if request.text("Command").is_some_and(|command| command != operation.command()) {
            return Err(code::COMMAND_MISMATCH.into());
        }
        if request.text("Environment").map(str::trim) != Some(self.environment.as_str()) {
            return Err(code::ENVIRONMENT_MISMATCH.into());
        }
        // 15, and then the parameters and the content (16, 17), which each operation looks at itself.
        check_agreement(&request, operation, &ledger.customers[customer].target_id)?;
        if request.text("TargetId").is_none() && operation != Operation::GetUserInfo {
            return Err(invalid_parameter("Invalid parameters: TargetId is required").into());
        }
        match operation {
            Operation::GetUserInfo => Ok(Details::UserFileTypes {
                target_id: ledger.customers[customer].target_id.clone(),
                types: FILE_TYPES,
            }),
            Operation::DownloadFileList => list(ledger, customer, &request),
            Operation::DownloadFile => download(ledger, customer, &request, now),
            Operation::UploadFile => self.upload(ledger, customer, &request, now),
            Operation::GetCertificate => Err(code::OPERATION_UNKNOWN.into()),
        }
    }

    fn upload(
        &self,
        ledger: &mut Ledger,
        customer: usize,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Details, Refusal> {
        let file_type =
            request.text("FileType").ok_or(invalid_parameter("Invalid parameters: FileType is required"))?;
        let content = request
            .bytes("Content")
            .filter(|content| !content.is_empty())
            .ok_or(invalid_parameter("Invalid parameters: Content is required"))?;
        let content = if request.is_true("Compression") { decompress(&content)? } else { content };
        let rejection = match payment::read(&content, file_type) {
            Ok(payment) => match account::book(ledger, &self.authority, customer, &payment, now) {
                Some(()) => return Ok(Details::Uploaded { total: payment.total, count: payment.count }),
                None => payment.unbookable(),
            },
            Err(rejection) => *rejection,
        };
        account::reject(ledger, &self.authority, customer, &rejection, now);
        Err(code::CONTENT_PROCESSING.into())
    }
}

/// 15: a `FileType` that is there must be one of the agreement's, for an upload one that may be sent; a `TargetId` that is
/// there must be the customer's. (Brief 3: it is mandatory except in `GetUserInfo`.)
fn check_agreement(request: &Request, operation: Operation, target_id: &str) -> Result<(), Refusal> {
    let known = |name: &str| {
        FILE_TYPES.iter().any(|known| known.name == name && (known.upload || operation != Operation::UploadFile))
    };
    if request.text("FileType").is_some_and(|name| !known(name)) {
        return Err(code::CONTENT_TYPE.into());
    }
    if request.text("TargetId").is_some_and(|given| given != target_id) {
        return Err(code::CONTENT_NOT_ALLOWED.into());
    }
    Ok(())
}

fn list(ledger: &Ledger, customer: usize, request: &Request) -> Result<Details, Refusal> {
    let status = status(request)?.ok_or(invalid_parameter("Invalid parameters: Status is required"))?;
    let (from, to) = (request.date("StartDate"), request.date("EndDate"));
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(invalid_parameter("Invalid parameters: StartDate is after EndDate").into());
    }
    let file_type = request.text("FileType");
    let wanted = |file: &&StoredFile| {
        status.includes(file)
            && file_type.is_none_or(|name| name == file.file_type)
            && day(file).is_some_and(|day| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to))
    };
    let customer = &ledger.customers[customer];
    let files: Vec<FileDescriptor> = customer
        .files
        .iter()
        .filter(wanted)
        .map(|file| FileDescriptor {
            reference: file.reference.clone(),
            target_id: customer.target_id.clone(),
            file_type: file.file_type.clone(),
            created: file.created,
            downloaded: file.downloaded,
        })
        .collect();
    if files.is_empty() { Err(code::CONTENT_NOT_FOUND.into()) } else { Ok(Details::Files(files)) }
}

fn download(ledger: &mut Ledger, customer: usize, request: &Request, now: OffsetDateTime) -> Result<Details, Refusal> {
    status(request)?;
    let reference = match request.references.as_slice() {
        [] => return Err(code::NO_FILE_REFERENCE.into()),
        [reference] => reference,
        // No source tells how several files stand in one Content.
        _ => return Err(invalid_parameter("Invalid parameters: Only one FileReference at a time").into()),
    };
    let content = ledger.take_file(customer, reference, now.unix_timestamp()).ok_or(code::CONTENT_NOT_FOUND)?;
    let compressed = request.is_true("Compression");
    let bytes = if compressed { compress(content.as_bytes())? } else { content.as_bytes().to_vec() };
    Ok(Details::Content { bytes, compressed })
}

/// Nordea's words for a file's status.
#[derive(Clone, Copy)]
enum Status {
    New,
    Downloaded,
    All,
}

impl Status {
    fn includes(self, file: &StoredFile) -> bool {
        match self {
            Self::New => file.downloaded.is_none(),
            Self::Downloaded => file.downloaded.is_some(),
            Self::All => true,
        }
    }
}

fn status(request: &Request) -> Result<Option<Status>, Refusal> {
    match request.text("Status") {
        None => Ok(None),
        Some("NEW") => Ok(Some(Status::New)),
        Some("DOWNLOADED") => Ok(Some(Status::Downloaded)),
        Some("ALL") => Ok(Some(Status::All)),
        Some(_) => Err(invalid_parameter("Invalid parameters: Status is NEW, DOWNLOADED or ALL").into()),
    }
}

fn day(file: &StoredFile) -> Option<Date> {
    OffsetDateTime::from_unix_timestamp(file.created).ok().map(OffsetDateTime::date)
}

fn decompress(content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    GzDecoder::new(content).take(MOST_UNCOMPRESSED + 1).read_to_end(&mut bytes).map_err(|_| code::DEFLATE)?;
    if bytes.len() as u64 > MOST_UNCOMPRESSED { Err(code::DEFLATE.into()) } else { Ok(bytes) }
}

/// The same bytes each time: the header carries no time.
fn compress(content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|_| code::TECHNICAL.into())
}
