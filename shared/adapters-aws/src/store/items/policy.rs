//! An organisation's policy, in its record and in those of its accounts (attribute `policy`, a map).

use avain_domain::names::Bank;
use avain_domain::records::{Policy, SignatureRule};
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Fault, Fields, Item, Reader};

pub(super) fn fields(policy: &Policy) -> Fields {
    let rules = policy.signatures.iter().map(|rule| AttributeValue::M(rule_fields(rule).0)).collect();
    let fields = Fields(Item::new())
        .flag("skip_phone_verification", policy.skip_phone_verification)
        .flag("skip_email_verification", policy.skip_email_verification)
        .with("signatures", AttributeValue::L(rules));
    match policy.calls_per_minute {
        Some(calls) => fields.number("calls_per_minute", calls.into()),
        None => fields,
    }
}

fn rule_fields(rule: &SignatureRule) -> Fields {
    let mut fields = Fields(Item::new()).number("required", rule.required.into());
    if let Some(bank) = rule.bank {
        fields = fields.text("bank", bank.as_str());
    }
    if let Some(file_type) = &rule.file_type {
        fields = fields.text("file_type", file_type);
    }
    fields
}

pub(super) fn read(from: &Reader<'_>) -> Result<Policy, Fault> {
    let from = Reader(from.map("policy")?);
    let fault = || Fault("signatures is no list of rules".to_owned());
    let rules = from.value("signatures")?.as_l().map_err(|_| fault())?;
    let rules = rules.iter().map(|rule| read_rule(&Reader(rule.as_m().map_err(|_| fault())?)));
    Ok(Policy {
        skip_phone_verification: from.flag("skip_phone_verification")?,
        skip_email_verification: from.flag("skip_email_verification")?,
        calls_per_minute: from.if_there("calls_per_minute", Reader::number)?,
        signatures: rules.collect::<Result<_, _>>()?,
    })
}

fn read_rule(from: &Reader<'_>) -> Result<SignatureRule, Fault> {
    Ok(SignatureRule {
        bank: from.if_there("bank", |it, name| it.word(name, Bank::parse))?,
        file_type: from.if_there("file_type", Reader::text)?,
        required: from.number("required")?,
    })
}
