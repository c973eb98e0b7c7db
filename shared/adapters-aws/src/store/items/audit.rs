//! The records of the audit trail as items.

use avain_domain::records::{Actor, AuditBatch, AuditEvent, AuditHead, Count, Counter, Refusal, SHARDS, Trail};

use super::{AttributeValue, Duration, Fault, Fields, Login, Mode, OrganisationId, Reader};

/// Name of the attribute that is added to.
pub(super) const COUNT: &str = "count";

pub(super) fn event(it: &AuditEvent) -> Result<Fields, Fault> {
    let fields = Fields::of("audit-event")
        .text("organisation", &it.organisation.0)
        .text("id", &it.id)
        .number("shard", it.shard.into())
        .time("at", it.at)?
        .text("action", &it.action)
        .text("outcome", &it.outcome)
        .number("sequence", it.sequence.into())
        .text("request_id", &it.request_id)
        .text("object", &it.object);
    let fields = match &it.actor {
        Actor::Account(login) => fields.text("actor_type", "user").named_login("actor", login),
        Actor::Operator => fields.text("actor_type", "operator"),
        Actor::System => fields.text("actor_type", "system"),
    };
    Ok(fields.optional("bank_code", it.bank_code.as_deref()).optional("bank_text", it.bank_text.as_deref()))
}

pub(super) fn read_event(from: &Reader<'_>) -> Result<AuditEvent, Fault> {
    Ok(AuditEvent {
        organisation: OrganisationId(from.text("organisation")?),
        id: from.text("id")?,
        shard: from.number("shard")?,
        at: from.time("at")?,
        action: from.text("action")?,
        outcome: from.text("outcome")?,
        sequence: from.number("sequence")?,
        actor: match from.text("actor_type")?.as_str() {
            "user" => Actor::Account(from.named_login("actor")?),
            "operator" => Actor::Operator,
            "system" => Actor::System,
            _ => return Err(Fault("actor_type is not known".to_owned())),
        },
        request_id: from.text("request_id")?,
        object: from.text("object")?,
        bank_code: from.if_there("bank_code", Reader::text)?,
        bank_text: from.if_there("bank_text", Reader::text)?,
    })
}

pub(super) fn batch(it: &AuditBatch) -> Result<Fields, Fault> {
    Ok(Fields::of("audit-batch")
        .text("organisation", &it.organisation.0)
        .number("number", it.number)
        .text("previous", &it.previous)
        .number("first_sequence", it.first_sequence)
        .text("first", &it.first)
        .text("last", &it.last)
        .text("root", &it.root)
        .numbers("totals", &it.totals)
        .time("sealed_at", it.sealed_at)?
        .text("key", &it.key)
        .bytes("leaves", &it.leaves.concat())
        .bytes("signature", &it.signature))
}

pub(super) fn read_batch(from: &Reader<'_>) -> Result<AuditBatch, Fault> {
    let leaves = from.bytes("leaves")?;
    let (leaves, []) = leaves.as_chunks::<32>() else { return Err(Fault("leaves are not whole".to_owned())) };
    Ok(AuditBatch {
        organisation: OrganisationId(from.text("organisation")?),
        number: from.number("number")?,
        previous: from.text("previous")?,
        first_sequence: from.number("first_sequence")?,
        first: from.text("first")?,
        last: from.text("last")?,
        root: from.text("root")?,
        totals: from.totals()?,
        sealed_at: from.time("sealed_at")?,
        key: from.text("key")?,
        leaves: leaves.to_vec(),
        signature: from.bytes("signature")?,
    })
}

pub(super) fn head(it: &AuditHead) -> Result<Fields, Fault> {
    Fields::of("audit-head")
        .text("organisation", &it.organisation.0)
        .number("number", it.number)
        .text("hash", &it.hash)
        .text("until", &it.until)
        .numbers("totals", &it.totals)
        .time("sealed_at", it.sealed_at)
}

pub(super) fn read_head(from: &Reader<'_>) -> Result<AuditHead, Fault> {
    Ok(AuditHead {
        organisation: OrganisationId(from.text("organisation")?),
        number: from.number("number")?,
        hash: from.text("hash")?,
        until: from.text("until")?,
        totals: from.totals()?,
        sealed_at: from.time("sealed_at")?,
    })
}

pub(super) fn refusal(it: &Refusal) -> Result<Fields, Fault> {
    let fields = Fields::of("refusal");
    let fields = match &it.trail {
        Trail::Organisation(organisation) => fields.text("trail", "organisation").text("organisation", &organisation.0),
        Trail::Nobody(part) => fields.text("trail", "nobody").number("part", (*part).into()),
    };
    let fields = fields
        .text("id", &it.id)
        .time("at", it.at)?
        .text("action", &it.action)
        .text("phase", &it.phase)
        .text("outcome", &it.outcome)
        .text("request_id", &it.request_id)
        .text("object", &it.object)
        .text("reason", &it.reason)
        .optional("bank_code", it.bank_code.as_deref())
        .time("expires", it.expires)?
        .expiry(it.expires, Duration::ZERO);
    let with = |fields: Fields, name, login: &Option<Login>| match login {
        Some(login) => fields.map(name, Fields(super::Item::new()).login(login)),
        None => fields,
    };
    Ok(with(with(fields, "actor", &it.actor), "target", &it.target))
}

pub(super) fn read_refusal(from: &Reader<'_>) -> Result<Refusal, Fault> {
    let login = |from: &Reader<'_>, name: &str| Reader(from.map(name)?).login();
    Ok(Refusal {
        trail: match from.text("trail")?.as_str() {
            "organisation" => Trail::Organisation(OrganisationId(from.text("organisation")?)),
            "nobody" => Trail::Nobody(from.number("part")?),
            _ => return Err(Fault("trail is not known".to_owned())),
        },
        id: from.text("id")?,
        at: from.time("at")?,
        action: from.text("action")?,
        phase: from.text("phase")?,
        outcome: from.text("outcome")?,
        actor: from.if_there("actor", login)?,
        target: from.if_there("target", login)?,
        request_id: from.text("request_id")?,
        object: from.text("object")?,
        reason: from.text("reason")?,
        bank_code: from.if_there("bank_code", Reader::text)?,
        expires: from.time("expires")?,
    })
}

pub(super) fn count(it: &Count) -> Result<Fields, Fault> {
    let fields = Fields::of("count").number(COUNT, it.count);
    let fields = match &it.counter {
        Counter::Events(organisation, shard) => {
            fields.text("of", "events").text("organisation", &organisation.0).number("shard", (*shard).into())
        }
        Counter::Refusals(whose, hour) => {
            fields.text("of", "refusals").text("whose", whose).with("hour", AttributeValue::N(hour.to_string()))
        }
        Counter::Calls(organisation, minute) => {
            let fields = fields.text("of", "calls").text("organisation", &organisation.0);
            fields.with("minute", AttributeValue::N(minute.to_string()))
        }
    };
    Ok(match it.expires {
        Some(expires) => fields.time("expires", expires)?.expiry(expires, Duration::ZERO),
        None => fields,
    })
}

pub(super) fn read_count(from: &Reader<'_>) -> Result<Count, Fault> {
    Ok(Count {
        counter: match from.text("of")?.as_str() {
            "events" => Counter::Events(OrganisationId(from.text("organisation")?), from.number("shard")?),
            "refusals" => Counter::Refusals(from.text("whose")?, from.number("hour")?),
            "calls" => Counter::Calls(OrganisationId(from.text("organisation")?), from.number("minute")?),
            _ => return Err(Fault("of is not known".to_owned())),
        },
        count: from.number(COUNT)?,
        expires: from.if_there("expires", Reader::time)?,
    })
}

impl Fields {
    fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn numbers(self, name: &str, values: &[u64]) -> Self {
        self.with(name, AttributeValue::L(values.iter().map(|it| AttributeValue::N(it.to_string())).collect()))
    }

    fn named_login(self, name: &str, login: &Login) -> Self {
        self.text(name, login.email.as_str()).text("mode", login.mode.as_str())
    }
}

impl Reader<'_> {
    fn named_login(&self, name: &str) -> Result<Login, Fault> {
        Ok(Login { email: self.email(name)?, mode: self.word("mode", Mode::parse)? })
    }

    fn totals(&self) -> Result<[u64; SHARDS], Fault> {
        let fault = || Fault("totals is no list of counts".to_owned());
        let list = self.value("totals")?.as_l().map_err(|_| fault())?;
        let numbers: Option<Vec<u64>> = list.iter().map(|it| it.as_n().ok()?.parse().ok()).collect();
        numbers.and_then(|it| it.try_into().ok()).ok_or_else(fault)
    }
}
