//! A saved request, judged as the bank would judge it: by the simulated bank, whose rules those are.

use std::sync::Arc;

use avain_adapters_local::clock::SystemClock;
use avain_bank_channel::check::{Verdict, is_well_formed};
use avain_bank_simulator::{
    BankKey, BankSetting, Clock, Config, Contract, Environment, GivenKey, GivenKeys, Judgement, judge_request,
};
use avain_domain::ports::Clock as _;
use avain_xml_security::{Document, Hash};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::check::{Options, certificates, pretty, private_keys, read};
use super::report::{Judged, call, named};

/// What the bank would answer, and everything that is in the request.
pub(super) fn judge(options: &Options, bytes: &[u8]) -> Result<(Verdict, String), String> {
    let at = options.at.or_else(|| own_time(bytes)).unwrap_or_else(|| SystemClock.now());
    let judgement = judge_request(bytes, &config(options, bytes, at)?).map_err(|error| error.to_string())?;
    let verdict = match judgement.accept {
        true => Verdict::Accept,
        false if is_well_formed(bytes) => Verdict::Reject,
        false => Verdict::Unreadable,
    };
    let report = Judged {
        bank: &options.bank,
        at,
        authorities: &certificates(&options.trust)?,
        verdict,
        reason: reason(verdict, &judgement),
        judgement: &judgement,
    };
    Ok((verdict, pretty(&report.report(bytes))?))
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

/// The word for what the bank would object to, by its code.
fn reason(verdict: Verdict, judgement: &Judgement) -> Option<&'static str> {
    match (verdict, judgement.response_code.as_str()) {
        (Verdict::Accept, _) => None,
        (Verdict::Unreadable, _) => Some("unreadable"),
        (Verdict::Reject, code) => Some(match code {
            "02" if judgement.is_late => "timestamp_expired",
            "02" => "soap_signature",
            "03" | "04" | "19" => "untrusted_certificate",
            "12" => "schema",
            "18" => "application_signature",
            "22" => "decrypt",
            _ => "bank_error",
        }),
    }
}

/// A field of the header.
fn field(bytes: &[u8], name: &str) -> Option<String> {
    let document = Document::parse(bytes).ok()?;
    let found = named(named(call(&document)?, "RequestHeader")?, name)?;
    Some(found.text().trim().to_owned())
}

fn own_time(bytes: &[u8]) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&field(bytes, "Timestamp")?, &Rfc3339).ok()
}
