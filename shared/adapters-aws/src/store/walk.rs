//! A walk through the whole table: for the operator's command, with the operator's rights. No function calls it, and no
//! role of the template allows a Scan (decision 0008).

use avain_domain::ports::Unavailable;
use avain_domain::records::Stored;
use aws_sdk_dynamodb::types::AttributeValue;

use super::items::{self, Item};
use super::{DynamoStore, unavailable};

/// What a walk gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// Sealed keys.
    SealedKeys,
    /// Kept files.
    Downloads,
    /// Uploads, of which some have kept files.
    Uploads,
}

/// Where a walk goes on.
pub struct Cursor(Item);

impl DynamoStore {
    /// The next page, which may be empty, and where to go on, unless that was all. Records made during a walk may be missed.
    pub async fn walk(&self, what: Walked, from: Option<Cursor>) -> Result<(Vec<Stored>, Option<Cursor>), Unavailable> {
        let beginning = match what {
            Walked::SealedKeys => "KEY#",
            Walked::Downloads => "DOWNLOADS#",
            Walked::Uploads => "UPLOADS#",
        };
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let request = request.filter_expression("begins_with(PK, :beginning)");
        let request = request.expression_attribute_values(":beginning", AttributeValue::S(beginning.to_owned()));
        let request = request.set_exclusive_start_key(from.map(|Cursor(key)| key));
        let answer = request.send().await.map_err(|error| unavailable("Scan", &error))?;
        let records = answer.items().iter().map(items::from_item).collect::<Result<_, _>>()?;
        Ok((records, answer.last_evaluated_key.map(Cursor)))
    }
}
