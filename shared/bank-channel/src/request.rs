//! Building requests: the signed `ApplicationRequest` in base64 inside the signed envelope (brief 2.1 to 2.4).

use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use crate::operation::{
    APPLICATION, DOWNLOAD_FILE, DOWNLOAD_FILE_LIST, GET_CERTIFICATE, GET_USER_INFO, Operation, SOAP, Service,
    UPLOAD_FILE,
};
use crate::pkcs10::CertificateRequest;
use crate::profile::{Proof, TargetIdRule};
use crate::verify::Expected;
use crate::xml::Writer;
use crate::{Error, Profile};

/// How long a signed envelope is valid, as in the banks' own answers.
const LIFETIME: Duration = Duration::minutes(5);
/// FKL's limits in characters, and the schema's.
const HEADER_MAX: usize = 35;
const USER_ID_MAX: usize = 16;
const SOFTWARE_MAX: usize = 35;
const FILE_NAME_MAX: usize = 80;

/// One customer's channel to one bank: who asks whom, and in which environment.
#[derive(Debug, Clone, Copy)]
pub struct Channel<'a> {
    /// The bank.
    pub profile: &'static Profile,
    /// WS user id: `SenderId` and `CustomerId`.
    pub user_id: &'a str,
    /// Environment of the requests; it must agree with the address they go to.
    pub environment: Environment,
    /// Name and version of this software for `SoftwareId` and `UserAgent`, at most 35 characters.
    pub software: &'a str,
}

/// The element Environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real money.
    Production,
    /// Nothing is executed.
    Test,
}

/// What makes one request differ from all others.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// 1 to 35 letters, digits and `-`; unique for three months (FKL 4.5). The envelope's ids are made from it.
    pub request_id: &'a str,
    /// The time of the request.
    pub at: OffsetDateTime,
}

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

/// One file to download.
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
    /// The bytes, as they are: sent uncompressed, which every bank of the Nordea profile takes.
    pub content: &'a [u8],
}

/// A request ready to post, as `text/xml; charset=UTF-8` with an empty `SOAPAction`. The body may hold a secret code.
pub struct Request {
    /// Which address of the bank it goes to.
    pub service: Service,
    /// The envelope.
    pub body: Vec<u8>,
    /// What the answer must match.
    pub expected: Expected,
}

impl Channel<'_> {
    /// Asks for the first certificate, with the bank's activation code. Not signed: there is no key yet that the bank
    /// knows (brief 3).
    pub fn certificate(&self, stamp: &Stamp<'_>, code: &str, request: &CertificateRequest) -> Result<Request, Error> {
        let enrolment = &self.profile.enrolment;
        if !enrolment.code.fits(code) {
            return Err(Error::Field("Code"));
        }
        let document = self.cert_application_request(stamp, code, request.der())?;
        self.request(&GET_CERTIFICATE, stamp, &document, None)
    }

    /// Asks which file types and folders the customer has.
    pub fn user_info(&self, stamp: &Stamp<'_>, key: &SigningKey) -> Result<Request, Error> {
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
            file_type: Some(file.file_type),
            ..Wanted::default()
        };
        self.signed(&DOWNLOAD_FILE, stamp, &wanted, key)
    }

    /// Sends one file.
    pub fn upload(&self, stamp: &Stamp<'_>, key: &SigningKey, upload: &Upload<'_>) -> Result<Request, Error> {
        let file_name = sanitised(upload.file_name);
        let wanted = Wanted {
            user_filename: Some(&file_name),
            target_id: self.target_id(upload.target_id)?,
            file_type: Some(upload.file_type),
            content: Some(upload.content),
            ..Wanted::default()
        };
        self.signed(&UPLOAD_FILE, stamp, &wanted, key)
    }

    fn wanted_list<'l>(&self, list: &FileList<'l>) -> Result<Wanted<'l>, Error> {
        Ok(Wanted {
            start_date: list.from,
            end_date: list.to,
            status: Some(self.status_word(list.status)),
            target_id: self.target_id(list.target_id)?,
            file_type: list.file_type,
            ..Wanted::default()
        })
    }

    fn status_word(&self, status: Status) -> &'static str {
        let words = &self.profile.status_words;
        match status {
            Status::New => words.new,
            Status::Downloaded => words.downloaded,
            Status::All => words.all,
        }
    }

    fn target_id<'t>(&self, given: Option<&'t str>) -> Result<Option<&'t str>, Error> {
        match self.profile.target_id {
            TargetIdRule::Required => given.map(Some).ok_or(Error::Field("TargetId")),
            TargetIdRule::Omitted => Ok(None),
            TargetIdRule::Fixed(target_id) => Ok(Some(target_id)),
        }
    }

    fn signed(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        wanted: &Wanted<'_>,
        key: &SigningKey,
    ) -> Result<Request, Error> {
        let document = self.application_request(operation, stamp, wanted)?;
        let document = enveloped::sign(&document, key, &enveloped::Form::INCLUSIVE).map_err(|_| Error::Key)?;
        self.request(operation, stamp, &document, Some(key))
    }

    /// `ApplicationRequest`, in the order of its schema.
    fn application_request(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<String, Error> {
        let mut xml = document();
        xml.open(&format!("ApplicationRequest xmlns=\"{APPLICATION}\""))
            .text("CustomerId", Some(self.user_id), USER_ID_MAX)?
            .text("Command", Some(operation.command), 32)?
            .text("Timestamp", Some(&timestamp(stamp)?), 35)?
            .text("StartDate", day("StartDate", wanted.start_date)?.as_deref(), 10)?
            .text("EndDate", day("EndDate", wanted.end_date)?.as_deref(), 10)?
            .text("Status", wanted.status, 10)?
            .text("Environment", Some(self.environment.word()), 10)?;
        if wanted.file_reference.is_some() {
            xml.open("FileReferences").text("FileReference", wanted.file_reference, 32)?.close("FileReferences");
        }
        xml.text("UserFilename", wanted.user_filename, FILE_NAME_MAX)?
            .text("TargetId", wanted.target_id, 80)?
            .text("SoftwareId", Some(self.software), SOFTWARE_MAX)?
            .text("FileType", wanted.file_type, 40)?;
        if let Some(content) = wanted.content {
            xml.open("Content").raw(&BASE64.encode(content)).close("Content");
        }
        Ok(xml.close("ApplicationRequest").finish())
    }

    /// `CertApplicationRequest`, in the order of its schema (brief 3, step 5).
    fn cert_application_request(&self, stamp: &Stamp<'_>, code: &str, pkcs10: &[u8]) -> Result<String, Error> {
        let enrolment = &self.profile.enrolment;
        let code_itself = (enrolment.proof == Proof::HmacAndTransferKey).then_some(code);
        let mut xml = document();
        xml.open(&format!("CertApplicationRequest xmlns=\"{}\"", enrolment.namespace))
            .text("CustomerId", Some(self.user_id), USER_ID_MAX)?
            .text("Timestamp", Some(&timestamp(stamp)?), 35)?
            .text("Environment", Some(self.environment.word()), 10)?
            .text("SoftwareId", Some(self.software), SOFTWARE_MAX)?
            .text("Command", Some(GET_CERTIFICATE.command), 32)?
            .text("Service", Some(enrolment.service), 35)?
            .open("Content")
            .raw(&BASE64.encode(pkcs10))
            .close("Content")
            .text("TransferKey", code_itself, 32)?
            .open("HMAC")
            .raw(&activation_hmac(code, pkcs10))
            .close("HMAC")
            .close("CertApplicationRequest");
        Ok(xml.finish())
    }

    /// Puts the document into an envelope, signs that where there is a key, and says what the answer must match.
    fn request(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        document: &str,
        key: Option<&SigningKey>,
    ) -> Result<Request, Error> {
        let envelope = self.envelope(operation, stamp, document)?;
        let envelope = match key {
            Some(key) => soap::sign(&envelope, key, Hash::Sha256, stamp.request_id, stamp.at, LIFETIME)
                .map_err(|_| Error::Key)?,
            None => envelope,
        };
        let expected = Expected {
            profile: self.profile,
            sender_id: self.user_id.to_owned(),
            request_id: stamp.request_id.to_owned(),
            customer_id: self.user_id.to_owned(),
        };
        Ok(Request { service: operation.service, body: envelope.into_bytes(), expected })
    }

    fn envelope(&self, operation: &Operation, stamp: &Stamp<'_>, document: &str) -> Result<String, Error> {
        if stamp.request_id.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-') {
            return Err(Error::Field("RequestId"));
        }
        let wrapper = format!("{}in", operation.name);
        let mut xml = self::document();
        xml.open(&format!("soapenv:Envelope xmlns:soapenv=\"{SOAP}\""))
            .raw("<soapenv:Header/>")
            .open("soapenv:Body")
            .open(&format!("op:{wrapper} xmlns:op=\"{}\" xmlns:mod=\"{}\"", operation.namespace(), operation.model()))
            .open("mod:RequestHeader")
            .text("mod:SenderId", Some(self.user_id), HEADER_MAX)?
            .text("mod:RequestId", Some(stamp.request_id), HEADER_MAX)?
            .text("mod:Timestamp", Some(&timestamp(stamp)?), 35)?;
        if operation.service == Service::Files {
            xml.text("mod:Language", Some("EN"), HEADER_MAX)?
                .text("mod:UserAgent", Some(self.software), HEADER_MAX)?
                .text("mod:ReceiverId", Some(self.profile.receiver_id), HEADER_MAX)?;
        }
        xml.close("mod:RequestHeader")
            .open("mod:ApplicationRequest")
            .raw(&BASE64.encode(document))
            .close("mod:ApplicationRequest")
            .close(&format!("op:{wrapper}"))
            .close("soapenv:Body")
            .close("soapenv:Envelope");
        Ok(xml.finish())
    }
}

/// What varies in an `ApplicationRequest`.
#[derive(Default)]
struct Wanted<'a> {
    start_date: Option<Date>,
    end_date: Option<Date>,
    status: Option<&'a str>,
    file_reference: Option<&'a str>,
    user_filename: Option<&'a str>,
    target_id: Option<&'a str>,
    file_type: Option<&'a str>,
    content: Option<&'a [u8]>,
}

impl Environment {
    fn word(self) -> &'static str {
        match self {
            Self::Production => "PRODUCTION",
            Self::Test => "TEST",
        }
    }
}

fn document() -> Writer {
    let mut xml = Writer::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml
}

/// base64(HMAC-SHA1(code, PKCS#10)): the bank's rule (NSD ch. 2), which is why SHA-1 is here.
fn activation_hmac(code: &str, pkcs10: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, code.as_bytes());
    BASE64.encode(hmac::sign(&key, pkcs10))
}

/// UTC, whole seconds.
fn timestamp(stamp: &Stamp<'_>) -> Result<String, Error> {
    stamp
        .at
        .to_offset(UtcOffset::UTC)
        .replace_nanosecond(0)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .ok_or(Error::Field("Timestamp"))
}

fn day(name: &'static str, date: Option<Date>) -> Result<Option<String>, Error> {
    date.map(|date| date.format(format_description!("[year]-[month]-[day]")).map_err(|_| Error::Field(name)))
        .transpose()
}

fn sanitised(file_name: &str) -> String {
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

#[cfg(test)]
mod tests;
