//! Record to item and back: which attributes a record has, in which shape.
//!
//! Names of attributes are those of the record's fields. Times are RFC 3339 texts in UTC, bytes are binary, lists are
//! lists of texts, a field that is `None` has no attribute. An item that cannot be read, or that a newer version of the
//! service wrote, is an error: skipping it would make it look absent.

mod audit;
mod certificates;
mod policy;
mod uploads;

use std::collections::HashMap;

use avain_domain::names::{Bank, Email, Login, Mode, OrganisationId};
use avain_domain::ports::Unavailable;
use avain_domain::records::{
    Account, Agreement, ApiKey, Attempts, Audited, Count, Download, Export, KeyId, KeyKind, Member, ModeRecord,
    Organisation, PgpKey, PgpPurpose, Record, RecoveryCodes, SealedKey, SpentChallenge, Stored,
};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::expiry;
use super::keys::{PARTITION, Place, SORT};

/// A DynamoDB item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The schema version that this code writes and reads (attribute `s`).
const SCHEMA: u64 = 1;

/// Name of the version's attribute.
const VERSION: &str = "v";
/// Name of the attribute that tells writes apart.
const WRITE_ID: &str = "w";

/// A record as an item. `write_id` tells this write from another one of the same content.
pub(super) fn to_item(record: &Record, version: u64, write_id: &str) -> Result<Item, Unavailable> {
    let place = Place::of(&record.key());
    let fields = fields(record).map_err(|Fault(fault)| {
        Unavailable(format!("{} / {}: cannot be stored: {fault}", place.partition, place.sort))
    })?;
    let common = Fields(place.attributes()).number("s", SCHEMA).number(VERSION, version).text(WRITE_ID, write_id);
    Ok(common.0.into_iter().chain(fields.0).chain(expiry::attributes(record)).collect())
}

/// An item as a record.
pub(super) fn from_item(item: &Item) -> Result<Stored, Unavailable> {
    let reader = Reader(item);
    let name = |name| reader.text(name).unwrap_or_else(|_| "?".to_owned());
    let place = Place { partition: name(PARTITION), sort: name(SORT) };
    read(&reader, &place)
        .map_err(|Fault(fault)| Unavailable(format!("{} / {}: unreadable item: {fault}", place.partition, place.sort)))
}

/// Whether the item is what the write of this id left there.
pub(super) fn is_of_write(item: &Item, write_id: &str) -> bool {
    Reader(item).text(WRITE_ID).is_ok_and(|id| id == write_id)
}

/// The attributes of a count as one that is made by counting: those that are set, and those that are added to.
pub(super) fn counting(count: &Count, by: u64, write_id: &str) -> Result<(Item, Item), Unavailable> {
    let (mut set, mut add) = (to_item(&Record::Count(count.clone()), 1, write_id)?, Item::new());
    set.remove(PARTITION);
    set.remove(SORT);
    for (name, number) in [(audit::COUNT, by), (VERSION, 1)] {
        set.remove(name);
        add.insert(name.to_owned(), AttributeValue::N(number.to_string()));
    }
    Ok((set, add))
}

/// A version as an attribute's value.
pub(super) fn version_value(version: u64) -> AttributeValue {
    AttributeValue::N(version.to_string())
}

/// What is wrong with an item or a record.
struct Fault(String);

fn read(reader: &Reader<'_>, place: &Place) -> Result<Stored, Fault> {
    match reader.number("s")? {
        SCHEMA => {}
        newer @ 2.. => return Err(Fault(format!("a newer version of the service wrote it (schema {newer})"))),
        other => return Err(Fault(format!("unknown schema: {other}"))),
    }
    let stored = Stored { record: record(reader)?, version: reader.number(VERSION)? };
    if stored.version == 0 {
        return Err(Fault("version 0".to_owned()));
    }
    if Place::of(&stored.record.key()) != *place {
        return Err(Fault("it holds a record that belongs elsewhere".to_owned()));
    }
    Ok(stored)
}

fn fields(record: &Record) -> Result<Fields, Fault> {
    Ok(match record {
        Record::Organisation(it) => Fields::of("organisation")
            .text("id", &it.id.0)
            .text("name", &it.name)
            .text("owner", it.owner.as_str())
            .text("agreement", it.agreement.as_str())
            .map("policy", policy::fields(&it.policy))
            .time("created", it.created)?,
        Record::ApiKey(it) => Fields::of("api-key").text("hash", &it.hash).text("organisation", &it.organisation.0),
        Record::Account(it) => Fields::of("account")
            .text("email", it.email.as_str())
            .text("organisation", &it.organisation.0)
            .text("api_key_hash", &it.api_key_hash)
            .flag("owner", it.owner)
            .text("agreement", it.agreement.as_str())
            .map("policy", policy::fields(&it.policy))
            .number("terms", it.terms)
            .text("name", &it.name)
            .text("company", &it.company)
            .text("export", it.export.as_str())
            .time("created", it.created)?,
        Record::Member(it) => {
            Fields::of("member").text("organisation", &it.organisation.0).text("email", it.email.as_str())
        }
        Record::Mode(it) => {
            let fields = Fields::of("mode").login(&it.login).text("phone", &it.phone).time("created", it.created)?;
            match it.tokens_valid_from {
                Some(from) => fields.time("tokens_valid_from", from)?,
                None => fields,
            }
        }
        Record::Certificate(it) => certificates::certificate(it)?,
        Record::Share(it) => certificates::share(it)?,
        Record::Retired(it) => certificates::retired(it)?,
        Record::PgpKey(it) => Fields::of("pgp-key")
            .text("email", it.email.as_str())
            .text("fingerprint", &it.fingerprint)
            .text("purpose", it.purpose.as_str())
            .bytes("public_key", &it.public_key)
            .time("created", it.created)?,
        Record::RecoveryCodes(it) => {
            Fields::of("recovery-codes").login(&it.login).texts("hashes", &it.hashes).time("created", it.created)?
        }
        Record::SealedKey(it) => Fields::of("sealed-key").key_id(&it.id).bytes("sealed", &it.sealed),
        // An hour late, a day late: a clock that lags must still find what it needs.
        Record::SpentChallenge(it) => Fields::of("spent-challenge")
            .text("id", &it.id)
            .time("expires", it.expires)?
            .expiry(it.expires, Duration::hours(1)),
        Record::Attempts(it) => Fields::of("attempts")
            .login(&it.login)
            .number("failures", it.failures.into())
            .time("last", it.last)?
            .expiry(it.last, Duration::days(1)),
        Record::Upload(it) => uploads::upload(it)?,
        Record::UploadEntry(it) => uploads::entry(it),
        Record::Observation(it) => uploads::observation(it)?,
        Record::Download(it) => Fields::of("download")
            .text("organisation", &it.organisation.0)
            .text("email", it.email.as_str())
            .text("bank", it.bank.as_str())
            .text("file_type", &it.file_type)
            .text("reference", &it.reference)
            .text("blob", &it.blob)
            .number("size", it.size)
            .time("at", it.at)?,
        Record::AuditEvent(it) => audit::event(it)?,
        Record::AuditBatch(it) => audit::batch(it)?,
        Record::AuditHead(it) => audit::head(it)?,
        Record::Audited(it) => Fields::of("audited").text("organisation", &it.organisation.0),
        Record::Refusal(it) => audit::refusal(it)?,
        Record::Count(it) => audit::count(it)?,
    })
}

fn record(from: &Reader<'_>) -> Result<Record, Fault> {
    Ok(match from.text("type")?.as_str() {
        "organisation" => Record::Organisation(Organisation {
            id: OrganisationId(from.text("id")?),
            name: from.text("name")?,
            owner: from.email("owner")?,
            agreement: from.word("agreement", Agreement::parse)?,
            policy: policy::read(from)?,
            created: from.time("created")?,
        }),
        "api-key" => Record::ApiKey(ApiKey {
            hash: from.text("hash")?,
            organisation: OrganisationId(from.text("organisation")?),
        }),
        "account" => Record::Account(Account {
            email: from.email("email")?,
            organisation: OrganisationId(from.text("organisation")?),
            api_key_hash: from.text("api_key_hash")?,
            owner: from.flag("owner")?,
            agreement: from.word("agreement", Agreement::parse)?,
            policy: policy::read(from)?,
            terms: from.number("terms")?,
            name: from.text("name")?,
            company: from.text("company")?,
            export: from.word("export", Export::parse)?,
            created: from.time("created")?,
        }),
        "member" => Record::Member(Member {
            organisation: OrganisationId(from.text("organisation")?),
            email: from.email("email")?,
        }),
        "mode" => Record::Mode(ModeRecord {
            login: from.login()?,
            phone: from.text("phone")?,
            created: from.time("created")?,
            tokens_valid_from: from.if_there("tokens_valid_from", Reader::time)?,
        }),
        "certificate" => Record::Certificate(certificates::read_certificate(from)?),
        "share" => Record::Share(certificates::read_share(from)?),
        "retired-certificate" => Record::Retired(certificates::read_retired(from)?),
        "pgp-key" => Record::PgpKey(PgpKey {
            email: from.email("email")?,
            fingerprint: from.text("fingerprint")?,
            purpose: from.word("purpose", PgpPurpose::parse)?,
            public_key: from.bytes("public_key")?,
            created: from.time("created")?,
        }),
        "recovery-codes" => Record::RecoveryCodes(RecoveryCodes {
            login: from.login()?,
            hashes: from.texts("hashes")?,
            created: from.time("created")?,
        }),
        "sealed-key" => Record::SealedKey(SealedKey { id: from.key_id()?, sealed: from.bytes("sealed")? }),
        "spent-challenge" => {
            Record::SpentChallenge(SpentChallenge { id: from.text("id")?, expires: from.time("expires")? })
        }
        "attempts" => Record::Attempts(Attempts {
            login: from.login()?,
            failures: from.number("failures")?,
            last: from.time("last")?,
        }),
        "upload" => Record::Upload(uploads::read_upload(from)?),
        "upload-entry" => Record::UploadEntry(uploads::read_entry(from)?),
        "observation" => Record::Observation(uploads::read_observation(from)?),
        "download" => Record::Download(Download {
            organisation: OrganisationId(from.text("organisation")?),
            email: from.email("email")?,
            bank: from.word("bank", Bank::parse)?,
            file_type: from.text("file_type")?,
            reference: from.text("reference")?,
            blob: from.text("blob")?,
            size: from.number("size")?,
            at: from.time("at")?,
        }),
        "audit-event" => Record::AuditEvent(audit::read_event(from)?),
        "audit-batch" => Record::AuditBatch(audit::read_batch(from)?),
        "audit-head" => Record::AuditHead(audit::read_head(from)?),
        "audited" => Record::Audited(Audited { organisation: OrganisationId(from.text("organisation")?) }),
        "refusal" => Record::Refusal(audit::read_refusal(from)?),
        "count" => Record::Count(audit::read_count(from)?),
        _ => return Err(Fault("type is not known".to_owned())),
    })
}

/// Attributes in the making.
struct Fields(Item);

impl Fields {
    fn of(record_type: &str) -> Self {
        Self(Item::new()).text("type", record_type)
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.with(name, AttributeValue::S(value.to_owned()))
    }

    fn texts(self, name: &str, values: &[String]) -> Self {
        self.with(name, AttributeValue::L(values.iter().cloned().map(AttributeValue::S).collect()))
    }

    fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    fn number(self, name: &str, value: u64) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    fn flag(self, name: &str, value: bool) -> Self {
        self.with(name, AttributeValue::Bool(value))
    }

    fn time(self, name: &str, value: OffsetDateTime) -> Result<Self, Fault> {
        let text = value.checked_to_offset(UtcOffset::UTC).and_then(|utc| utc.format(&Rfc3339).ok());
        Ok(self.text(name, &text.ok_or_else(|| Fault(format!("{name} is no time of years 0 to 9999")))?))
    }

    /// When DynamoDB may tidy the item up (attribute `ttl`, seconds since 1970).
    fn expiry(self, time: OffsetDateTime, grace: Duration) -> Self {
        let seconds = time.unix_timestamp().saturating_add(grace.whole_seconds());
        self.with(super::TIME_TO_LIVE, AttributeValue::N(seconds.to_string()))
    }

    fn login(self, login: &Login) -> Self {
        self.text("email", login.email.as_str()).text("mode", login.mode.as_str())
    }

    fn map(self, name: &str, fields: Self) -> Self {
        self.with(name, AttributeValue::M(fields.0))
    }

    fn key(self, name: &str, id: &KeyId) -> Self {
        self.map(name, Fields(Item::new()).key_id(id))
    }

    fn key_id(self, id: &KeyId) -> Self {
        self.text("organisation", &id.organisation.0)
            .text("holder", &id.holder)
            .text("kind", id.kind.as_str())
            .text("id", &id.id)
    }
}

/// Attributes being read: each method names the one that it wants.
struct Reader<'a>(&'a Item);

impl<'a> Reader<'a> {
    fn value(&self, name: &str) -> Result<&'a AttributeValue, Fault> {
        self.0.get(name).ok_or_else(|| Fault(format!("{name} is missing")))
    }

    fn if_there<T>(&self, name: &str, read: fn(&Self, &str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        if self.0.contains_key(name) { read(self, name).map(Some) } else { Ok(None) }
    }

    fn text(&self, name: &str) -> Result<String, Fault> {
        Ok(self.value(name)?.as_s().map_err(|_| Fault(format!("{name} is no text")))?.clone())
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let fault = || Fault(format!("{name} is no list of texts"));
        let list = self.value(name)?.as_l().map_err(|_| fault())?;
        list.iter().map(|value| value.as_s().cloned().map_err(|_| fault())).collect()
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault> {
        Ok(self.value(name)?.as_b().map_err(|_| Fault(format!("{name} is not binary")))?.as_ref().to_vec())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        let number = self.value(name)?.as_n().ok().and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| Fault(format!("{name} is no whole number in range")))
    }

    fn flag(&self, name: &str) -> Result<bool, Fault> {
        self.value(name)?.as_bool().copied().map_err(|_| Fault(format!("{name} is neither true nor false")))
    }

    fn map(&self, name: &str) -> Result<&'a Item, Fault> {
        self.value(name)?.as_m().map_err(|_| Fault(format!("{name} is no map")))
    }

    fn time(&self, name: &str) -> Result<OffsetDateTime, Fault> {
        OffsetDateTime::parse(&self.text(name)?, &Rfc3339).map_err(|_| Fault(format!("{name} is no RFC 3339 time")))
    }

    fn word<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, Fault> {
        parse(&self.text(name)?).ok_or_else(|| Fault(format!("{name} is not known")))
    }

    fn email(&self, name: &str) -> Result<Email, Fault> {
        self.word(name, Email::parse)
    }

    fn emails(&self, name: &str) -> Result<Vec<Email>, Fault> {
        let email = |text: &String| Email::parse(text).ok_or_else(|| Fault(format!("{name} holds no address")));
        self.texts(name)?.iter().map(email).collect()
    }

    fn key(&self, name: &str) -> Result<KeyId, Fault> {
        Reader(self.map(name)?).key_id()
    }

    fn login(&self) -> Result<Login, Fault> {
        Ok(Login { email: self.email("email")?, mode: self.word("mode", Mode::parse)? })
    }

    fn key_id(&self) -> Result<KeyId, Fault> {
        Ok(KeyId {
            organisation: OrganisationId(self.text("organisation")?),
            holder: self.text("holder")?,
            kind: self.word("kind", KeyKind::parse)?,
            id: self.text("id")?,
        })
    }
}
