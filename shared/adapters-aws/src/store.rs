//! The records in one DynamoDB table.
//!
//! | record | partition `PK` | sort key `SK` | `ttl` |
//! |---|---|---|---|
//! | `Organisation` | `ORG#<id>` | `ORG` | |
//! | `ApiKey` | `APIKEY#<hash>` | `APIKEY` | |
//! | `Account` | `ACCOUNT#<email>` | `ACCOUNT` | |
//! | `Member` | `MEMBERS#<organisation>` | `<email>` | |
//! | `ModeRecord` | `ACCOUNT#<email>` | `MODE#<mode>` | |
//! | `BankCertificate` | `ACCOUNT#<email>` | `CERT#<bank>` | |
//! | `Share` | `ACCOUNT#<email>` | `SHARE#<bank>` | |
//! | `RetiredCertificate` | `ACCOUNT#<email>` | `RETIRED#<bank>#<mark>` | |
//! | `PgpKey` | `ACCOUNT#<email>` | `PGP#<fingerprint>` | |
//! | `SealedKey` | `KEY#<organisation>#<holder>` | `<kind>#<id>` | |
//! | `SpentChallenge` | `CHALLENGE#<id>` | `CHALLENGE` | expires + 1 hour |
//! | `Attempts` | `ATTEMPTS#<email>#<mode>` | `ATTEMPTS` | last + 1 day |
//! | `Upload` | `UPLOADS#<organisation>#<email>#<bank>` | `<digest>` | |
//! | `UploadEntry` | `UPLOADIDS#<organisation>#<email>#<bank>` | `<id>` | |
//! | `Download` | `DOWNLOADS#<organisation>#<email>#<bank>` | `<file type>#<reference>` | |
//! | `Observation` | `USAGE#<organisation>#<year>-<month>` | `<day>/<email>/<what>-<hash>/<part>` | |
//! | `AuditEvent` | `AUDIT#<organisation>` | `<id>` | |
//! | `AuditBatch` | `AUDITBATCH#<organisation>` | `<number, 12 digits>` | |
//! | `AuditHead` | `AUDITHEAD#<organisation>` | `HEAD` | |
//! | `Audited` | `AUDITED#<part, 0 to f>` | `<organisation>` | |
//! | `Count` of events | `AUDITCOUNT#<organisation>` | `<shard, 2 digits>` | |
//! | `Refusal` | `REFUSALS#<organisation>` | `<id>` | expires |
//! | `Refusal` of nobody | `REFUSALS##<part, 2 hex digits>` | `<id>` | expires |
//! | `Count` of refusals | `REFUSED#<whose>` | `<hour>` | expires |
//! | `Count` of calls | `CALLS#<organisation>` | `<minute>` | expires |
//!
//! An active `BankCertificate` is in the index `Expiry` besides: partition `GSI1PK` `EXPIRES#<year>-<month>` of the end of its
//! validity in UTC, sort key `GSI1SK` `<RFC 3339>#<organisation>#<bank>`. The index has keys only.
//!
//! `#` and `%` inside a part are percent-encoded. Beside its record's fields an item has `type`, `s` (schema version), `v`
//! (the record's version) and `w` (which write made it). A role can be kept from sealed keys by `dynamodb:LeadingKeys`.

mod expiry;
mod items;
mod keys;
mod walk;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use avain_domain::names::Email;
use avain_domain::ports::{CommitError, Expiring, Random, Store, Unavailable};
use avain_domain::records::{AuditEvent, Count, Counter, Key, Record, Shelf, Stored, Stretch, Write};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use time::OffsetDateTime;

pub use walk::{Cursor, Walked};

use items::Item;
use keys::{PARTITION, Place, SORT};

/// The table as the properties of `AWS::DynamoDB::Table` that the store relies on, in JSON: what a template must declare
/// and an embedded engine creates.
pub const TABLE_PROPERTIES: &str = r#"{
    "AttributeDefinitions": [
        {"AttributeName": "PK", "AttributeType": "S"},
        {"AttributeName": "SK", "AttributeType": "S"},
        {"AttributeName": "GSI1PK", "AttributeType": "S"},
        {"AttributeName": "GSI1SK", "AttributeType": "S"}
    ],
    "KeySchema": [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"}
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "Expiry",
            "KeySchema": [
                {"AttributeName": "GSI1PK", "KeyType": "HASH"},
                {"AttributeName": "GSI1SK", "KeyType": "RANGE"}
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"}
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true}
}"#;

/// The index of certificates by the end of their validity.
const EXPIRY_INDEX: &str = "Expiry";

/// Name of the attribute by which DynamoDB tidies up.
const TIME_TO_LIVE: &str = "ttl";

/// How often a write that met another transaction, or a read that DynamoDB answered in part, is tried again.
const RETRIES: u32 = 3;

/// The store on DynamoDB.
pub struct DynamoStore {
    client: Client,
    table: String,
    random: Arc<dyn Random>,
}

impl DynamoStore {
    /// On a table that has [`TABLE_PROPERTIES`]. `random` makes request tokens and the jitter of retries.
    #[must_use]
    pub fn new(client: Client, table: String, random: Arc<dyn Random>) -> Self {
        Self { client, table, random }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn account(&self, email: &Email) -> Result<Vec<Stored>, Unavailable> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(keys::account_partition(email)))
            .into_paginator()
            .items()
            .send();
        let items: Vec<Item> = pages.collect::<Result<_, _>>().await.map_err(|error| unavailable("Query", &error))?;
        items.iter().map(items::from_item).collect()
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Stored>, Unavailable> {
        let items = match keys {
            [] => return Ok(Vec::new()),
            [key] => self.get_one(Place::of(key)).await?,
            // DynamoDB refuses a batch that names a key twice.
            _ => self.get_batch(&keys.iter().map(Place::of).collect()).await?,
        };
        items.iter().map(items::from_item).collect()
    }

    async fn stretch(&self, of: &Shelf, stretch: Stretch<'_>) -> Result<Vec<Stored>, Unavailable> {
        if stretch.before <= stretch.after {
            return Ok(Vec::new());
        }
        // No key is empty, and none is asked for: a blank is less than every id.
        let after = if stretch.after.is_empty() { " " } else { stretch.after };
        // BETWEEN takes both ends in, so up to two items more are read than are wanted.
        let page = i32::try_from(stretch.most.saturating_add(2)).unwrap_or(i32::MAX);
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :pk AND SK BETWEEN :after AND :before")
            .expression_attribute_values(":pk", AttributeValue::S(keys::shelf_partition(of)))
            .expression_attribute_values(":after", AttributeValue::S(after.to_owned()))
            .expression_attribute_values(":before", AttributeValue::S(stretch.before.to_owned()))
            .scan_index_forward(!stretch.newest_first)
            .into_paginator()
            .page_size(page)
            .items()
            .send();
        let mut found = Vec::new();
        while found.len() < stretch.most
            && let Some(item) = items.next().await
        {
            let item: Item = item.map_err(|error| unavailable("Query", &error))?;
            let id = item.get(SORT).and_then(|it| it.as_s().ok()).map_or("", String::as_str);
            if id > stretch.after && id < stretch.before {
                found.push(items::from_item(&item)?);
            }
        }
        Ok(found)
    }

    async fn expiring(&self, from: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<Expiring>, Unavailable> {
        let mut found = Vec::new();
        for month in expiry::months(from, until) {
            let pages = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(EXPIRY_INDEX)
                .key_condition_expression("GSI1PK = :month")
                .expression_attribute_values(":month", AttributeValue::S(month))
                .into_paginator()
                .items()
                .send();
            let items: Vec<Item> =
                pages.collect::<Result<_, _>>().await.map_err(|error| unavailable("Query", &error))?;
            for item in &items {
                found.push(expiry::read(item)?);
            }
        }
        found.retain(|it| (from..=until).contains(&it.expires));
        Ok(found)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let id = self.write_id();
        for attempt in 0..=RETRIES {
            match self.try_commit(&writes, &id).await {
                Err(Failure::Busy) => self.pause(attempt).await,
                Err(Failure::Commit(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        Err(Unavailable("DynamoDB: other transactions kept the items busy".to_owned()).into())
    }
}

/// Why one try of a commit did not succeed.
enum Failure {
    /// Another transaction was at work on an item: nothing was applied, try again.
    Busy,
    /// For the caller.
    Commit(CommitError),
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Commit(error.into())
    }
}

impl Failure {
    /// The condition of the write at this index does not hold: this item is there, or none.
    fn conflict(index: usize, item: Option<&Item>) -> Self {
        let current = item.filter(|item| !item.is_empty()).map(items::from_item).transpose();
        match current {
            Ok(current) => Self::Commit(CommitError::Conflict { index, current: current.map(Box::new) }),
            Err(unreadable) => unreadable.into(),
        }
    }
}

impl DynamoStore {
    async fn try_commit(&self, writes: &[Write], id: &str) -> Result<(), Failure> {
        match writes {
            [] => Ok(()),
            // Half the price of a transaction. A deletion is not done so: asked again after a lost answer, it could not
            // tell its own success from another's.
            [Write::Insert(record)] => self.put_one(self.insert(record, id)?, id).await,
            [Write::Replace(record, version)] => self.put_one(self.replace(record, *version, id)?, id).await,
            // Nor do counts that are made at the same moment get into each other's way so.
            [Write::Count(counter, most, expires)] => self.count_one(counter, *most, *expires, id).await,
            _ => self.transact(writes, id).await,
        }
    }

    async fn get_one(&self, place: Place) -> Result<Vec<Item>, Unavailable> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(place.attributes()));
        let answer = request.consistent_read(true).send().await.map_err(|error| unavailable("GetItem", &error))?;
        Ok(answer.item.into_iter().collect())
    }

    async fn get_batch(&self, places: &HashSet<Place>) -> Result<Vec<Item>, Unavailable> {
        let mut found = Vec::new();
        let mut wanted: Vec<Item> = places.iter().map(Place::attributes).collect();
        for attempt in 0..=RETRIES {
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request = self.client.batch_get_item().request_items(&self.table, keys.map_err(|e| unbuilt(&e))?);
            let mut answer = request.send().await.map_err(|error| unavailable("BatchGetItem", &error))?;
            found.extend(answer.responses.as_mut().and_then(|tables| tables.remove(&self.table)).unwrap_or_default());
            let rest = answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(&self.table));
            wanted = rest.map(|rest| rest.keys).unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            self.pause(attempt).await;
        }
        Err(Unavailable("DynamoDB BatchGetItem: keys remained unprocessed".to_owned()))
    }

    async fn put_one(&self, put: Put, id: &str) -> Result<(), Failure> {
        let request = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_values(put.expression_attribute_values)
            .set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure);
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                // The SDK asks again where an answer was lost; then the first try may be what the second one met.
                if failed.item.as_ref().is_some_and(|item| items::is_of_write(item, id)) {
                    return Ok(());
                }
                Err(Failure::conflict(0, failed.item.as_ref()))
            }
            Some(PutItemError::TransactionConflictException(_)) => Err(Failure::Busy),
            _ => Err(unavailable("PutItem", &error).into()),
        }
    }

    /// A count alone. Asked again after a lost answer, it may count twice.
    async fn count_one(&self, counter: &Counter, most: u64, expires: OffsetDateTime, id: &str) -> Result<(), Failure> {
        let count = Count { counter: counter.clone(), count: 0, expires: Some(expires) };
        let update = self.count(&count, 1, Some(most), id)?;
        let request = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(update.return_values_on_condition_check_failure);
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Err(Failure::conflict(0, failed.item.as_ref()))
            }
            Some(UpdateItemError::TransactionConflictException(_)) => Err(Failure::Busy),
            _ => Err(unavailable("UpdateItem", &error).into()),
        }
    }

    /// All writes in one transaction. The id as its token makes a repeated request (within ten minutes) the same one.
    async fn transact(&self, writes: &[Write], id: &str) -> Result<(), Failure> {
        let mut items = writes.iter().map(|write| self.transact_item(write, id)).collect::<Result<Vec<_>, _>>()?;
        // After the writes, so that a condition that fails keeps its write's index.
        for (count, by) in events_counted(writes) {
            items.push(TransactWriteItem::builder().update(self.count(&count, by, None, id)?).build());
        }
        let writes = items;
        let request = self.client.transact_write_items().set_transact_items(Some(writes)).client_request_token(id);
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let codes: Vec<&str> = reasons.iter().filter_map(CancellationReason::code).collect();
                if let Some(index) = codes.iter().position(|code| *code == "ConditionalCheckFailed") {
                    Err(Failure::conflict(index, reasons[index].item()))
                } else if codes.iter().all(|code| matches!(*code, "None" | "TransactionConflict")) {
                    Err(Failure::Busy)
                } else {
                    Err(unavailable("TransactWriteItems", &error).into())
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Err(Failure::Busy),
            _ => Err(unavailable("TransactWriteItems", &error).into()),
        }
    }

    fn transact_item(&self, write: &Write, id: &str) -> Result<TransactWriteItem, Unavailable> {
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Insert(record) => item.put(self.insert(record, id)?).build(),
            Write::Replace(record, version) => item.put(self.replace(record, *version, id)?).build(),
            Write::Keep(record) => item.put(self.keep(record, id)?).build(),
            Write::Delete(key, version) => {
                let Condition { expression, values } = Condition::version(*version);
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(Place::of(key).attributes()))
                    .condition_expression(expression)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                    .build();
                item.delete(delete.map_err(|error| unbuilt(&error))?).build()
            }
            Write::Forget(key) => {
                let place = Some(Place::of(key).attributes());
                let delete = Delete::builder().table_name(&self.table).set_key(place).build();
                item.delete(delete.map_err(|error| unbuilt(&error))?).build()
            }
            Write::Check(key, version) => item.condition_check(self.check(key, Condition::version(*version))?).build(),
            Write::Event(event) => item.put(self.insert(&Record::AuditEvent(event.clone()), id)?).build(),
            Write::Count(counter, most, expires) => {
                let count = Count { counter: counter.clone(), count: 0, expires: Some(*expires) };
                item.update(self.count(&count, 1, Some(*most), id)?).build()
            }
            Write::Absent(key) => item.condition_check(self.check(key, Condition::absent())?).build(),
        })
    }

    /// Adds to a count, which must be less than `most` before.
    fn count(&self, count: &Count, by: u64, most: Option<u64>, id: &str) -> Result<Update, Unavailable> {
        let (set, add) = items::counting(count, by, id)?;
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Place::of(&Key::Count(count.counter.clone())).attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut clause = |word: &str, between: &str, attributes: Item| {
            let names: Vec<String> = attributes.keys().map(|name| format!("#{name}{between}:{name}")).collect();
            for (name, value) in attributes {
                update = std::mem::take(&mut update)
                    .expression_attribute_names(format!("#{name}"), name.clone())
                    .expression_attribute_values(format!(":{name}"), value);
            }
            format!("{word} {}", names.join(", "))
        };
        let expression = [clause("SET", " = ", set), clause("ADD", " ", add)].join(" ");
        if let Some(most) = most {
            update = update
                .condition_expression("attribute_not_exists(#count) OR #count < :most")
                .expression_attribute_values(":most", AttributeValue::N(most.to_string()));
        }
        update.update_expression(expression).build().map_err(|error| unbuilt(&error))
    }

    fn check(&self, key: &Key, condition: Condition) -> Result<ConditionCheck, Unavailable> {
        ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(Place::of(key).attributes()))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| unbuilt(&error))
    }

    fn insert(&self, record: &Record, id: &str) -> Result<Put, Unavailable> {
        self.put(record, 1, Some(Condition::absent()), id)
    }

    fn keep(&self, record: &Record, id: &str) -> Result<Put, Unavailable> {
        self.put(record, 1, None, id)
    }

    fn replace(&self, record: &Record, version: u64, id: &str) -> Result<Put, Unavailable> {
        self.put(record, version.saturating_add(1), Some(Condition::version(version)), id)
    }

    fn put(&self, record: &Record, version: u64, condition: Option<Condition>, id: &str) -> Result<Put, Unavailable> {
        let mut put = Put::builder().table_name(&self.table).set_item(Some(items::to_item(record, version, id)?));
        if let Some(Condition { expression, values }) = condition {
            put = put
                .condition_expression(expression)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        put.build().map_err(|error| unbuilt(&error))
    }

    /// 32 hexadecimal digits: the token of a transaction, the mark of a write.
    fn write_id(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Waits 20 to 40 ms, then twice that, and so on.
    async fn pause(&self, attempt: u32) {
        let mut jitter = [0];
        self.random.fill(&mut jitter);
        let milliseconds = (20 + u64::from(jitter[0]) * 20 / 255) << attempt;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// How often each shard's counter has to count for the events among these writes.
fn events_counted(writes: &[Write]) -> Vec<(Count, u64)> {
    let mut counts: Vec<(Count, u64)> = Vec::new();
    for write in writes {
        let Write::Event(AuditEvent { organisation, shard, .. }) = write else { continue };
        let counter = Counter::Events(organisation.clone(), *shard);
        match counts.iter_mut().find(|(count, _)| count.counter == counter) {
            Some((_, by)) => *by += 1,
            None => counts.push((Count { counter, count: 0, expires: None }, 1)),
        }
    }
    counts
}

/// What must hold for a write.
struct Condition {
    expression: String,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    fn absent() -> Self {
        Self { expression: format!("attribute_not_exists({PARTITION})"), values: None }
    }

    fn version(version: u64) -> Self {
        let values = HashMap::from([(":v".to_owned(), items::version_value(version))]);
        Self { expression: "v = :v".to_owned(), values: Some(values) }
    }
}

/// DynamoDB's code and text, or what happened on the way to it. Never the request or the items: they may hold sealed keys.
fn unavailable<E, R>(operation: &str, error: &SdkError<E, R>) -> Unavailable
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let mut text = format!("DynamoDB {operation}: ");
    if let (Some(code), message) = (error.code(), error.message().unwrap_or_default()) {
        let _ = write!(text, "{code}: {message}");
        return Unavailable(text);
    }
    let _ = write!(text, "{error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    Unavailable(text)
}

fn unbuilt(error: &BuildError) -> Unavailable {
    Unavailable(format!("DynamoDB: request could not be made: {error}"))
}
