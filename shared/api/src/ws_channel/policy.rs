//! An organisation's policy (design, decision 16).

use avain_domain::names::Bank;
use avain_domain::records::{Policy, SignatureRule};
use avain_domain::{Failure, organisations};
use serde_json::{Map, Value, json};

use super::success;
use crate::call::{Body, Call, Running};

/// Most calls of a minute that a policy may name.
const MOST_CALLS: u64 = 100_000;
/// Most signatures that a rule may ask for.
const MOST_SIGNATURES: u64 = 9;
/// Most rules of a policy.
const MOST_RULES: usize = 50;
/// Longest file type, in characters (schema of ApplicationRequest).
const FILE_TYPE: usize = 35;

/// GetPolicy.
pub(crate) fn get<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        Ok(success("OK", json!({ "Policy": described(&caller.account.policy) })))
    })
}

/// PutPolicy.
pub(crate) fn put<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        if !caller.account.owner {
            return Err(Failure::NotOwner);
        }
        let policy = read(&call.body()?)?;
        organisations::set_policy(call.context(), call.deps().store()?, &caller, &policy).await?;
        Ok(success("Policy set", json!({ "Policy": described(&policy) })))
    })
}

fn described(policy: &Policy) -> Value {
    let rule = |it: &SignatureRule| json!({ "Bank": it.bank.map(Bank::as_str), "FileType": it.file_type, "Required": it.required });
    json!({
        "SkipPhoneVerification": policy.skip_phone_verification,
        "SkipEmailVerification": policy.skip_email_verification,
        "CallsPerMinute": policy.calls_per_minute,
        "Signatures": policy.signatures.iter().map(rule).collect::<Vec<Value>>(),
    })
}

/// The whole policy: what is absent, or null, is as by default.
fn read(body: &Body) -> Result<Policy, Failure> {
    Ok(Policy {
        skip_phone_verification: flag(body, "SkipPhoneVerification")?,
        skip_email_verification: flag(body, "SkipEmailVerification")?,
        calls_per_minute: body
            .value("CallsPerMinute")
            .map(|it| number(it, "CallsPerMinute", MOST_CALLS))
            .transpose()?,
        signatures: match body.value("Signatures") {
            None => Vec::new(),
            Some(Value::Array(rules)) if rules.len() <= MOST_RULES => rules
                .iter()
                .enumerate()
                .map(|(at, it)| rule(it, &format!("Signatures[{at}]")))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(Failure::Invalid(format!("Signatures (a list of at most {MOST_RULES} rules)"))),
        },
    })
}

fn flag(body: &Body, name: &str) -> Result<bool, Failure> {
    match body.value(name) {
        None => Ok(false),
        Some(Value::Bool(it)) => Ok(*it),
        Some(_) => Err(Failure::Invalid(format!("{name} (true or false)"))),
    }
}

fn rule(rule: &Value, name: &str) -> Result<SignatureRule, Failure> {
    let Value::Object(fields) = rule else { return Err(Failure::Invalid(format!("{name} (an object)"))) };
    let required = fields.get("Required").unwrap_or(&Value::Null);
    Ok(SignatureRule {
        bank: text(fields, "Bank")
            .and_then(|it| it.map(|it| Bank::parse(it).ok_or(())).transpose())
            .map_err(|()| Failure::Invalid(format!("{name}.Bank (a bank's name, or null for any)")))?,
        file_type: text(fields, "FileType").and_then(|it| it.map(file_type).transpose()).map_err(|()| {
            Failure::Invalid(format!("{name}.FileType (1 to {FILE_TYPE} printable characters, or null for any)"))
        })?,
        required: number(required, &format!("{name}.Required"), MOST_SIGNATURES)?,
    })
}

/// A text that may be absent or null.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ()> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}

fn file_type(text: &str) -> Result<String, ()> {
    let fits = (1..=FILE_TYPE).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(()) }
}

/// A whole number from 1.
fn number<N: TryFrom<u64>>(value: &Value, name: &str, most: u64) -> Result<N, Failure> {
    let number = value.as_u64().filter(|it| (1..=most).contains(it)).and_then(|it| N::try_from(it).ok());
    number.ok_or_else(|| Failure::Invalid(format!("{name} (1 to {most})")))
}
