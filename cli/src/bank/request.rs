//! A saved request, judged as the bank would judge it: by the simulated bank, whose rules those are.

use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_bank_channel::check::Verdict;
use avain_bank_simulator::{
    BankKey, BankSetting, Clock, Config, Contract, Environment, GivenKey, GivenKeys, Judgement, judge_request,
};
use avain_domain::ports::Clock as _;
use avain_xml_security::certificate::{Roots, summary, verify_chain};
use avain_xml_security::inspect::Inspection;
use avain_xml_security::{Document, Element, Hash, Policy, soap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::check::{Options, certificates, private_keys, read};

/// What the bank would answer, and everything that is in the request.
pub(super) fn judge(options: &Options, bytes: &[u8]) -> Result<(Verdict, Value), String> {
    let at = options.at.or_else(|| own_time(bytes)).unwrap_or_else(|| SystemClock.now());
    let judgement = judge_request(bytes, &config(options, bytes, at)?).map_err(|error| error.to_string())?;
    let verdict = match judgement.accept {
        true => Verdict::Accept,
        false if is_readable(bytes) => Verdict::Reject,
        false => Verdict::Unreadable,
    };
    let document = Document::parse(bytes).ok();
    let envelope = document.as_ref().map(Envelope::of).unwrap_or_default();
    let authorities = certificates(&options.trust)?;
    let contents = judgement.application_request.as_deref().map(contents).unwrap_or_default();
    let layers = [&judgement.soap_signature, &judgement.application_signature];
    let signers = layers.into_iter().flatten().filter_map(|layer| layer.signer.as_deref());
    let report = json!({
        "verdict": verdict,
        "reason": reason(verdict, &judgement),
        "bank": options.bank,
        "judged_at": at.format(&Rfc3339).unwrap_or_default(),
        "operation": envelope.operation,
        "response_code": judgement.response_code,
        "response_text": judgement.response_text,
        "soap_fault": judgement.fault,
        "header": envelope.header,
        "timestamp": envelope.timestamp,
        "soap_signature": judgement.soap_signature.as_ref().map(|layer| signature(layer, &authorities, at)),
        "application_signature": judgement.application_signature.as_ref().map(|layer| signature(layer, &authorities, at)),
        "application": contents.root,
        "customer_id": contents.customer_id,
        "parameters": contents.parameters,
        "file_references": contents.file_references,
        "content": contents.content,
        "certificates": signers.map(certificate).collect::<Vec<_>>(),
    });
    Ok((verdict, report))
}

/// The bank: real in its rules, with the customers' authorities, the customer and the keys that are given.
fn config(options: &Options, bytes: &[u8], at: OffsetDateTime) -> Result<Config, String> {
    let clock: Clock = Arc::new(move || at);
    let mut setting = BankSetting::new(BankKey::parse(&options.bank).unwrap_or(BankKey::Configured));
    setting.name = Some(options.bank.clone());
    setting.customer_authorities = certificates(&options.trust)?;
    setting.hashes = match options.hash.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => None,
        ["sha1"] => Some(&[Hash::Sha1]),
        ["sha256"] => Some(&[Hash::Sha256]),
        _ => Some(&[Hash::Sha1, Hash::Sha256]),
    };
    let secret = secret(options)?;
    let in_force = certificates(&options.cert)?;
    if in_force.is_empty() {
        setting.secret = secret;
    } else {
        // PKI Factory goes by the customer that the header names.
        let user_id = field(bytes, "CustomerId").or_else(|| field(bytes, "SenderId")).unwrap_or_default();
        setting.contracts = Some(vec![Contract { user_id, secret, certificates: in_force, ..Contract::default() }]);
    }
    if let Some(key) = private_keys(&options.key)?.into_iter().next() {
        // Which certificate goes with it does not matter to who decrypts.
        setting.keys =
            GivenKeys { encryption: Some(GivenKey { certificate: Vec::new(), key }), ..GivenKeys::default() };
    }
    let environment = if options.test { Environment::Test } else { Environment::Production };
    Ok(Config { environment, setting: Some(setting), ..Config::in_memory(clock) })
}

fn secret(options: &Options) -> Result<Option<Zeroizing<String>>, String> {
    if let Some(pin) = &options.pin {
        return Ok(Some(Zeroizing::new(pin.clone())));
    }
    let Some(path) = &options.pin_file else { return Ok(None) };
    let bytes = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_line(&mut text).map_err(|error| format!("standard input: {error}"))?;
        text.into_bytes()
    } else {
        read(path)?
    };
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not text", path.display()))?;
    Ok(Some(Zeroizing::new(text.trim().to_owned())))
}

/// XML, whether the bank would take it or not.
fn is_readable(bytes: &[u8]) -> bool {
    Document::parse(bytes).is_ok() || bytes.windows(9).any(|part| part == b"<!DOCTYPE")
}

/// The word for what the bank would object to, by its code.
fn reason(verdict: Verdict, judgement: &Judgement) -> Option<&'static str> {
    let is_signed = judgement.soap_signature.as_ref().is_some_and(|it| it.valid);
    match (verdict, judgement.response_code.as_str()) {
        (Verdict::Accept, _) => None,
        (Verdict::Unreadable, _) => Some("unreadable"),
        (Verdict::Reject, code) => Some(match code {
            "02" if is_signed && !judgement.timely => "timestamp_expired",
            "02" => "soap_signature",
            "03" | "04" | "19" => "untrusted_certificate",
            "12" => "schema",
            "18" => "application_signature",
            "22" => "decrypt",
            _ => "bank_error",
        }),
    }
}

const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// What is around an application request, as it is written.
#[derive(Default)]
struct Envelope {
    operation: Option<String>,
    header: Map<String, Value>,
    timestamp: Option<Value>,
}

impl Envelope {
    fn of(document: &Document<'_>) -> Self {
        let Some(call) = call(document) else { return Self::default() };
        let header = call.children().find(|it| it.local_name() == "RequestHeader");
        let fields = header.into_iter().flat_map(|header| header.children());
        let security =
            document.root().children().flat_map(|part| part.children()).find(|it| it.local_name() == "Security");
        let timestamp = security.and_then(|security| security.child(WSU, "Timestamp"));
        let time = |name| timestamp?.child(WSU, name).map(|it| it.text());
        Self {
            operation: Some(call.local_name().to_owned()),
            header: fields.map(|it| (snake_case(it.local_name()), it.text().into())).collect(),
            timestamp: timestamp.map(|_| json!({ "created": time("Created"), "expires": time("Expires") })),
        }
    }
}

/// What is in the Body.
fn call<'d>(document: &'d Document<'d>) -> Option<Element<'d>> {
    soap::unsigned_body(document).ok()?.children().next()
}

/// A field of the header.
fn field(bytes: &[u8], name: &str) -> Option<String> {
    let document = Document::parse(bytes).ok()?;
    let header = call(&document)?.children().find(|it| it.local_name() == "RequestHeader")?;
    let found = header.children().find(|it| it.local_name() == name)?;
    Some(found.text().trim().to_owned())
}

fn own_time(bytes: &[u8]) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&field(bytes, "Timestamp")?, &Rfc3339).ok()
}

/// `SenderId` becomes `sender_id`.
fn snake_case(name: &str) -> String {
    let letter = |(at, letter): (usize, char)| {
        let between = (at > 0 && letter.is_ascii_uppercase()).then_some('_');
        between.into_iter().chain([letter.to_ascii_lowercase()])
    };
    name.chars().enumerate().flat_map(letter).collect()
}

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

/// What is in an application request.
#[derive(Default)]
struct Contents {
    root: Option<String>,
    customer_id: Option<String>,
    parameters: Map<String, Value>,
    file_references: Vec<String>,
    content: Option<Value>,
}

fn contents(bytes: &[u8]) -> Contents {
    let Ok(document) = Document::parse(bytes) else { return Contents::default() };
    let root = document.root();
    let text = |name: &str| root.children().find(|it| it.local_name() == name).map(|it| it.text());
    let parameters = root.children().filter(|it| PARAMETERS.contains(&it.local_name()));
    let references = root.children().filter(|it| it.local_name() == "FileReferences").flat_map(|it| it.children());
    let dense = |text: String| text.split_ascii_whitespace().collect::<String>();
    let content = text("Content").and_then(|content| STANDARD.decode(dense(content)).ok());
    Contents {
        root: Some(root.local_name().to_owned()),
        customer_id: text("CustomerId"),
        parameters: parameters.map(|it| (snake_case(it.local_name()), it.text().into())).collect(),
        file_references: references.map(|it| it.text()).collect(),
        content: content.map(|it| json!({ "bytes": it.len(), "sha256": hex(&it) })),
    }
}

/// A layer's signature, and which of the customers' authorities has issued its signer.
fn signature(layer: &Inspection, authorities: &[Vec<u8>], at: OffsetDateTime) -> Value {
    let signer = layer.signer.as_deref().and_then(|der| summary(der).ok());
    let issued = |authority: &&Vec<u8>| {
        let roots = Roots::from_der([(*authority).clone()]).ok();
        layer
            .signer
            .as_deref()
            .zip(roots)
            .is_some_and(|(it, roots)| verify_chain(it, &[], &roots, at, &Policy::LEGACY).is_ok())
    };
    let anchor = authorities.iter().find(issued).and_then(|authority| summary(authority).ok());
    let digests = layer
        .digests
        .iter()
        .map(|it| json!({ "uri": it.uri, "element": it.element, "algorithm": it.algorithm, "ok": it.ok }));
    json!({
        "valid": layer.valid,
        "signature_value_ok": layer.value_ok,
        "algorithm": layer.algorithm,
        "signer": signer.as_ref().map(|it| &it.subject),
        "issuer": signer.as_ref().map(|it| &it.issuer),
        "trust_anchor": anchor.map(|it| it.subject),
        "digests": digests.collect::<Vec<_>>(),
        "detail": layer.error.as_ref().map(ToString::to_string),
    })
}

fn certificate(der: &[u8]) -> Value {
    let read = summary(der).ok();
    json!({
        "subject": read.as_ref().map(|it| &it.subject),
        "issuer": read.as_ref().map(|it| &it.issuer),
        "serial": read.as_ref().map(|it| &it.serial),
        "sha256": hex(der),
    })
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
