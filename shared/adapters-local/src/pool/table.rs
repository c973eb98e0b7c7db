//! Table `avain-users`: items {`pk`, `version`, `document`}, changed only on condition of their version.
//!
//! Keys: `USER#<email>#<mode>` (not Cognito's user name, in which `a@b_at_c` and `a_at_b@c` are the same) and `KEY#<name>`.

use std::collections::HashMap;

use avain_domain::names::Login;
use avain_domain::ports::Unavailable;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::types::{AttributeDefinition, AttributeValue, KeySchemaElement, KeyType, ScalarAttributeType};
use dynoxide::{Database, DynoxideError};

use super::blocking;
use super::user::User;

const TABLE: &str = "avain-users";

/// The pool's table.
pub(crate) struct Table {
    database: Database,
}

impl Table {
    /// Makes the table if it is not there.
    pub(crate) async fn open(database: Database) -> Result<Self, Unavailable> {
        let table = Self { database };
        table
            .run(|database| match database.create_table(schema()) {
                Err(DynoxideError::ResourceInUseException(_)) => Ok(()),
                result => result.map(drop),
            })
            .await?;
        Ok(table)
    }

    /// A user with its version.
    pub(crate) async fn user(&self, login: &Login) -> Result<Option<(User, u64)>, Unavailable> {
        let Some((document, version)) = self.get(user_key(login)).await? else {
            return Ok(None);
        };
        let user = serde_json::from_str(&document).map_err(|_| unreadable())?;
        Ok(Some((user, version)))
    }

    /// Puts a user in the place of this version, or of none; `false` if another is there.
    pub(crate) async fn put_user(
        &self,
        login: &Login,
        user: &User,
        replaces: Option<u64>,
    ) -> Result<bool, Unavailable> {
        let document = serde_json::to_string(user).map_err(|_| unreadable())?;
        self.put(user_key(login), document, replaces).await
    }

    /// Deletes a user of this version; `false` if another is there, or none.
    pub(crate) async fn delete_user(&self, login: &Login, version: u64) -> Result<bool, Unavailable> {
        let request = DeleteItemRequest {
            table_name: TABLE.to_owned(),
            key: HashMap::from([("pk".to_owned(), AttributeValue::S(user_key(login)))]),
            condition_expression: Some("#version = :version".to_owned()),
            expression_attribute_names: Some(HashMap::from([("#version".to_owned(), "version".to_owned())])),
            expression_attribute_values: Some(HashMap::from([(
                ":version".to_owned(),
                AttributeValue::N(version.to_string()),
            )])),
            ..DeleteItemRequest::default()
        };
        self.run(move |database| match database.delete_item(request) {
            Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
            result => result.map(|_| true),
        })
        .await
    }

    /// A key's document.
    pub(crate) async fn key(&self, name: &str) -> Result<Option<String>, Unavailable> {
        Ok(self.key_with_version(name).await?.map(|(document, _)| document))
    }

    /// A key's document with its version.
    pub(crate) async fn key_with_version(&self, name: &str) -> Result<Option<(String, u64)>, Unavailable> {
        self.get(format!("KEY#{name}")).await
    }

    /// Puts a key's document in the place of this version; `false` if another is there.
    pub(crate) async fn replace_key(&self, name: &str, document: String, replaces: u64) -> Result<bool, Unavailable> {
        self.put(format!("KEY#{name}"), document, Some(replaces)).await
    }

    /// Puts a key's document where there is none; `false` if there is one.
    pub(crate) async fn put_key(&self, name: &str, document: String) -> Result<bool, Unavailable> {
        self.put(format!("KEY#{name}"), document, None).await
    }

    async fn get(&self, key: String) -> Result<Option<(String, u64)>, Unavailable> {
        let request = GetItemRequest {
            table_name: TABLE.to_owned(),
            key: HashMap::from([("pk".to_owned(), AttributeValue::S(key))]),
            consistent_read: Some(true),
            ..GetItemRequest::default()
        };
        let Some(mut item) = self.run(move |database| database.get_item(request)).await?.item else {
            return Ok(None);
        };
        match (item.remove("document"), item.remove("version")) {
            (Some(AttributeValue::S(document)), Some(AttributeValue::N(version))) => {
                Ok(Some((document, version.parse().map_err(|_| unreadable())?)))
            }
            _ => Err(unreadable()),
        }
    }

    async fn put(&self, key: String, document: String, replaces: Option<u64>) -> Result<bool, Unavailable> {
        let number = |version: u64| AttributeValue::N(version.to_string());
        let condition = if replaces.is_some() { "#version = :replaced" } else { "attribute_not_exists(#pk)" };
        let name = if replaces.is_some() { ("#version", "version") } else { ("#pk", "pk") };
        let request = PutItemRequest {
            table_name: TABLE.to_owned(),
            item: HashMap::from([
                ("pk".to_owned(), AttributeValue::S(key)),
                ("version".to_owned(), number(replaces.unwrap_or(0) + 1)),
                ("document".to_owned(), AttributeValue::S(document)),
            ]),
            condition_expression: Some(condition.to_owned()),
            expression_attribute_names: Some(HashMap::from([(name.0.to_owned(), name.1.to_owned())])),
            expression_attribute_values: replaces.map(|old| HashMap::from([(":replaced".to_owned(), number(old))])),
            ..PutItemRequest::default()
        };
        self.run(move |database| match database.put_item(request) {
            Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
            result => result.map(|_| true),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> dynoxide::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let database = self.database.clone();
        blocking(move || work(&database).map_err(|error| Unavailable(format!("the user table failed: {error}")))).await
    }
}

fn user_key(login: &Login) -> String {
    format!("USER#{}#{}", login.email, login.mode.as_str())
}

fn unreadable() -> Unavailable {
    Unavailable("an item of the user table cannot be read".to_owned())
}

fn schema() -> CreateTableRequest {
    CreateTableRequest {
        table_name: TABLE.to_owned(),
        key_schema: vec![KeySchemaElement { attribute_name: "pk".to_owned(), key_type: KeyType::HASH }],
        attribute_definitions: vec![AttributeDefinition {
            attribute_name: "pk".to_owned(),
            attribute_type: ScalarAttributeType::S,
        }],
        billing_mode: Some("PAY_PER_REQUEST".to_owned()),
        ..CreateTableRequest::default()
    }
}
