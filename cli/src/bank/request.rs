//! A saved request, judged as the bank would judge it: by the simulated bank, whose rules those are.

use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_bank_channel::check::Verdict;
use avain_bank_simulator::{
    BankKey, BankSetting, Clock, Config, Contract, Environment, GivenKey, GivenKeys, Judgement, judge_request,
};
use avain_domain::ports::Clock as _;
use avain_xml_security::certificate::summary;
use avain_xml_security::inspect::Inspection;
use avain_xml_security::{Document, Element, Hash, soap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::check::{Options, certificates, private_keys, read};

/// What the bank would answer, and everything that is in the request.
pub(super) fn judge(options: &Options, bytes: &[u8]) -> Result<(Verdict, Value), String> {
    let at = options.at.or_else(|| own_time(bytes)).unwrap_or_else(|| SystemClock.now());
    let judgement = judge_request(bytes, &config(options, bytes, at)?).map_err(|error| error.to_string())?;
    let verdict = if judgement.accept { Verdict::Accept } else { Verdict::Reject };
    let contents = judgement.application_request.as_deref().map(contents).unwrap_or_default();
    let layers = [&judgement.soap_signature, &judgement.application_signature];
    let signers = layers.into_iter().flatten().filter_map(|layer| layer.signer.as_deref());
    let report = json!({
        "verdict": verdict,
        "reason": (!judgement.accept).then(|| reason(&judgement)),
        "bank": options.bank,
        "judged_at": at.format(&Rfc3339).unwrap_or_default(),
        "operation": judgement.operation.map(|operation| format!("{}in", operation.name())),
        "response_code": judgement.response_code,
        "response_text": judgement.response_text,
        "soap_fault": judgement.fault,
        "header": { "sender_id": judgement.sender_id, "request_id": judgement.request_id },
        "soap_signature": judgement.soap_signature.as_ref().map(signature),
        "application_signature": judgement.application_signature.as_ref().map(signature),
        "application": contents.root,
        "customer_id": contents.customer_id,
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
        let user_id = sender(bytes).unwrap_or_default();
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

/// The word for what the bank would object to, by its code.
fn reason(judgement: &Judgement) -> &'static str {
    let expired = |layer: &Option<Inspection>| layer.as_ref().is_some_and(|it| it.valid);
    match judgement.response_code.as_str() {
        // The signature is right, so it is its time.
        "02" if expired(&judgement.soap_signature) => "timestamp_expired",
        "02" => "soap_signature",
        "03" | "04" | "19" => "untrusted_certificate",
        "12" => "schema",
        "18" => "application_signature",
        "22" => "decrypt",
        _ => "bank_error",
    }
}

/// The header of what is in the Body.
fn header<'d>(document: &'d Document<'d>) -> Option<Element<'d>> {
    let call = soap::unsigned_body(document).ok()?.children().next()?;
    call.children().find(|it| it.local_name() == "RequestHeader")
}

fn field(bytes: &[u8], name: &str) -> Option<String> {
    let document = Document::parse(bytes).ok()?;
    let found = header(&document)?.children().find(|it| it.local_name() == name)?;
    Some(found.text().trim().to_owned())
}

fn own_time(bytes: &[u8]) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&field(bytes, "Timestamp")?, &Rfc3339).ok()
}

fn sender(bytes: &[u8]) -> Option<String> {
    field(bytes, "SenderId")
}

/// What is in an application request.
#[derive(Default)]
struct Contents {
    root: Option<String>,
    customer_id: Option<String>,
    file_references: Vec<String>,
    content: Option<Value>,
}

fn contents(bytes: &[u8]) -> Contents {
    let Ok(document) = Document::parse(bytes) else { return Contents::default() };
    let root = document.root();
    let text = |name: &str| root.children().find(|it| it.local_name() == name).map(|it| it.text());
    let references = root.children().filter(|it| it.local_name() == "FileReferences").flat_map(|it| it.children());
    let dense = |text: String| text.split_ascii_whitespace().collect::<String>();
    let content = text("Content").and_then(|content| STANDARD.decode(dense(content)).ok());
    Contents {
        root: Some(root.local_name().to_owned()),
        customer_id: text("CustomerId"),
        file_references: references.map(|it| it.text()).collect(),
        content: content.map(|it| json!({ "bytes": it.len(), "sha256": hex(&it) })),
    }
}

fn signature(layer: &Inspection) -> Value {
    let signer = layer.signer.as_deref().and_then(|der| summary(der).ok());
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
