//! What is told about a saved request, as one serialisable value: of the same shape as what is told about an answer.

use avain_bank_channel::check::{Certificate, Signature, Validity, Verdict};
use avain_bank_simulator::Judgement;
use avain_xml_security::certificate::{Roots, verify_chain};
use avain_xml_security::inspect::Inspection;
use avain_xml_security::{Document, Element, Policy, soap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// Everything about one saved request. Texts are the request's own.
#[derive(Serialize)]
pub(super) struct Report {
    verdict: Verdict,
    /// What the bank would object to first.
    reason: Option<&'static str>,
    /// The same in words: the bank's, or what is wrong with the signature.
    detail: Option<String>,
    bank: String,
    judged_at: String,
    /// The Body's child.
    operation: Option<String>,
    /// What the bank would answer.
    response_code: String,
    response_text: String,
    /// Whether it would answer with a fault.
    soap_fault: bool,
    header: Map<String, Value>,
    timestamp: Option<Validity>,
    soap_signature: Option<Signature>,
    /// Name of the application request.
    application: Option<String>,
    customer_id: Option<String>,
    parameters: Map<String, Value>,
    application_signature: Option<Signature>,
    file_references: Vec<String>,
    content: Option<Content>,
    /// The signers' certificates.
    certificates: Vec<Certificate>,
}

/// The file or the certificate request in it, as it stands there.
#[derive(Serialize)]
struct Content {
    bytes: usize,
    sha256: String,
}

/// The fields of a header.
const HEADER: [&str; 9] = [
    "SenderId",
    "CustomerId",
    "RequestId",
    "Timestamp",
    "Language",
    "UserAgent",
    "ReceiverId",
    "InterfaceVersion",
    "Environment",
];

/// What of an application request is told. Not what proves who asks: `TransferKey`, `PIN`, and `HMAC`, from which a code of ten
/// digits is soon found.
const PARAMETERS: [&str; 18] = [
    "Command",
    "Timestamp",
    "StartDate",
    "EndDate",
    "Status",
    "ServiceId",
    "Environment",
    "UserFilename",
    "TargetId",
    "ExecutionSerial",
    "Compression",
    "CompressionMethod",
    "SoftwareId",
    "FileType",
    "Service",
    "SerialNumber",
    "KeyGeneratorType",
    "RequestId",
];

/// By what a request was judged.
pub(super) struct Judged<'a> {
    pub(super) bank: &'a str,
    pub(super) at: OffsetDateTime,
    /// Those that certify customers, DER.
    pub(super) authorities: &'a [Vec<u8>],
    pub(super) verdict: Verdict,
    pub(super) reason: Option<&'static str>,
    pub(super) judgement: &'a Judgement,
}

impl Judged<'_> {
    pub(super) fn report(&self, request: &[u8]) -> Report {
        let document = Document::parse(request).ok();
        let call = document.as_ref().and_then(call);
        let application = self.judgement.application_request.as_deref().and_then(|bytes| Document::parse(bytes).ok());
        let application = application.as_ref().map(Document::root);
        let layers = [&self.judgement.soap_signature, &self.judgement.application_signature];
        let errors = layers.into_iter().flatten().filter_map(|layer| layer.error.as_ref()).map(ToString::to_string);
        let said = self.judgement.response_text.clone();
        let signers = layers.into_iter().flatten().filter_map(|layer| layer.signer.as_deref());
        let [soap_signature, application_signature] =
            layers.map(|layer| layer.as_ref().map(|layer| self.signature(layer)));
        let application_text = |name| application.and_then(|it| named(it, name)).map(|it| it.text());
        let references = application.and_then(|it| named(it, "FileReferences"));
        Report {
            verdict: self.verdict,
            reason: self.reason,
            detail: self.reason.is_some().then(|| errors.chain([said]).next()).flatten(),
            bank: self.bank.to_owned(),
            judged_at: self.at.format(&Rfc3339).unwrap_or_default(),
            operation: call.map(|it| it.local_name().to_owned()),
            response_code: self.judgement.response_code.clone(),
            response_text: self.judgement.response_text.clone(),
            soap_fault: self.judgement.fault,
            header: call.and_then(|it| named(it, "RequestHeader")).map(|it| texts(it, &HEADER)).unwrap_or_default(),
            timestamp: document.as_ref().and_then(timestamp),
            soap_signature,
            application: application.map(|it| it.local_name().to_owned()),
            customer_id: application_text("CustomerId"),
            parameters: application.map(|it| texts(it, &PARAMETERS)).unwrap_or_default(),
            application_signature,
            file_references: references.into_iter().flat_map(file_references).collect(),
            content: application_text("Content").and_then(|text| content(&text)),
            certificates: signers.filter_map(|der| Certificate::read("signer", der)).collect(),
        }
    }

    /// With the authority that has certified its signer.
    fn signature(&self, layer: &Inspection) -> Signature {
        let issued = |authority: &&Vec<u8>| {
            let roots = Roots::from_der([(*authority).clone()]).ok();
            let signer = layer.signer.as_deref().zip(roots);
            signer.is_some_and(|(it, roots)| verify_chain(it, &[], &roots, self.at, &Policy::LEGACY).is_ok())
        };
        Signature::new(layer, self.authorities.iter().find(issued).map(Vec::as_slice), true)
    }
}

/// What is in the Body.
pub(super) fn call<'d>(document: &'d Document<'d>) -> Option<Element<'d>> {
    soap::unsigned_body(document).ok()?.children().next()
}

/// The first child of this name, in whichever namespace.
pub(super) fn named<'d>(element: Element<'d>, name: &str) -> Option<Element<'d>> {
    element.children().find(|it| it.local_name() == name)
}

fn timestamp(document: &Document<'_>) -> Option<Validity> {
    let security = named(named(document.root(), "Header")?, "Security")?;
    let timestamp = security.child(WSU, "Timestamp")?;
    let time = |name| timestamp.child(WSU, name).map(|it| it.text());
    Some(Validity { created: time("Created"), expires: time("Expires") })
}

/// The texts of an element's children of these names; a list where one comes again.
fn texts(element: Element<'_>, names: &[&str]) -> Map<String, Value> {
    let mut told = Map::new();
    for name in names {
        let mut found: Vec<String> =
            element.children().filter(|it| it.local_name() == *name).map(|it| it.text()).collect();
        match found.len() {
            0 => {}
            1 => drop(told.insert(snake_case(name), found.remove(0).into())),
            _ => drop(told.insert(snake_case(name), found.into())),
        }
    }
    told
}

fn file_references(list: Element<'_>) -> impl Iterator<Item = String> + use<'_> {
    list.children().filter(|it| it.local_name() == "FileReference").map(|it| it.text())
}

/// `SenderId` becomes `sender_id`.
fn snake_case(name: &str) -> String {
    let letter = |(at, letter): (usize, char)| {
        let between = (at > 0 && letter.is_ascii_uppercase()).then_some('_');
        between.into_iter().chain([letter.to_ascii_lowercase()])
    };
    name.chars().enumerate().flat_map(letter).collect()
}

fn content(text: &str) -> Option<Content> {
    let bytes = STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()?;
    Some(Content { bytes: bytes.len(), sha256: format!("{:x}", Sha256::digest(&bytes)) })
}
