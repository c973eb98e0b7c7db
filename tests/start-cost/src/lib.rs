//! Lambda functions that do as little as a function on the same AWS services can: what the start of ours is compared with
//! (goals G1 to G3 of docs/performance.md; `.ci/start_cost.py` builds both and compares).
//!
//! At their start they make the SDK's clients, and ask AWS what our functions of the same kind must know before they can
//! answer, in the same number of calls. What else the kind calls, they call for each request, so that it is linked.

use std::error::Error;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use lambda_http::{Body, Request, Response, run, service_fn};

/// Whatever goes wrong.
pub type Failed = Box<dyn Error + Send + Sync>;

/// Answers each request with a word, having done this.
pub async fn serve<F>(each: impl Fn() -> F + Send + Sync) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>> + Send,
{
    run(service_fn(|_: Request| {
        let done = each();
        async { done.await.map(|()| Response::new(Body::from("hello"))) }
    }))
    .await
}

/// Region and credentials.
pub async fn config() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// The table, as the store calls it.
pub struct Table(aws_sdk_dynamodb::Client);

impl Table {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_dynamodb::Client::new(config))
    }

    /// Reads one item.
    pub async fn read(&self) -> Result<(), Failed> {
        let (key, table) = (AttributeValue::S("KEY#service#service".to_owned()), variable("AVAIN_TABLE")?);
        let request = self.0.get_item().table_name(table).key("PK", key).consistent_read(true);
        request.key("SK", AttributeValue::S("service-key#password".to_owned())).send().await?;
        Ok(())
    }

    /// Every call of the store.
    pub async fn all(&self) -> Result<(), Failed> {
        self.read().await?;
        self.0.query().send().await?;
        self.0.batch_get_item().send().await?;
        self.0.put_item().send().await?;
        self.0.transact_write_items().send().await?;
        Ok(())
    }
}

/// The key.
pub struct Key(aws_sdk_kms::Client);

impl Key {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_kms::Client::new(config))
    }

    /// Opens a data key that is given by file.
    pub async fn open(&self) -> Result<(), Failed> {
        let wrapped = std::fs::read(variable("START_COST_DATA_KEY")?)?;
        let request = self.0.decrypt().key_id(variable("AVAIN_KMS_KEY")?).ciphertext_blob(Blob::new(wrapped));
        request.encryption_context("service", "avain").send().await?;
        Ok(())
    }

    /// Both calls of the vault.
    pub async fn all(&self) -> Result<(), Failed> {
        self.open().await?;
        self.0.generate_data_key().send().await?;
        Ok(())
    }
}

/// The user pools.
pub struct Pools(aws_sdk_cognitoidentityprovider::Client);

impl Pools {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_cognitoidentityprovider::Client::new(config))
    }

    /// Asks for the secrets of both pools' clients.
    pub async fn secrets(&self) -> Result<(), Failed> {
        for (pool, client) in [("AVAIN_ADMIN_POOL", "AVAIN_ADMIN_CLIENT"), ("AVAIN_DATA_POOL", "AVAIN_DATA_CLIENT")] {
            let request = self.0.describe_user_pool_client().user_pool_id(variable(pool)?);
            request.client_id(variable(client)?).send().await?;
        }
        Ok(())
    }

    /// What a login calls.
    pub async fn all(&self) -> Result<(), Failed> {
        self.0.admin_initiate_auth().send().await?;
        self.0.admin_respond_to_auth_challenge().send().await?;
        self.0.admin_get_user().send().await?;
        Ok(())
    }
}

/// The bucket.
pub struct Bucket(aws_sdk_s3::Client);

impl Bucket {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_s3::Client::new(config))
    }

    /// Both calls of the files.
    pub async fn all(&self) -> Result<(), Failed> {
        self.0.get_object().send().await?.body.collect().await?;
        self.0.put_object().send().await?;
        Ok(())
    }
}

/// The sender of mail.
pub struct Mail(aws_sdk_sesv2::Client);

impl Mail {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_sesv2::Client::new(config))
    }

    /// What a notice calls.
    pub async fn all(&self) -> Result<(), Failed> {
        self.0.send_email().send().await?;
        Ok(())
    }
}

/// The gateway's API keys.
pub struct Gateway(aws_sdk_apigateway::Client);

impl Gateway {
    /// Makes the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_apigateway::Client::new(config))
    }

    /// What a registration calls.
    pub async fn all(&self) -> Result<(), Failed> {
        self.0.get_usage_plans().send().await?;
        self.0.create_api_key().send().await?;
        self.0.create_usage_plan_key().send().await?;
        Ok(())
    }
}

fn variable(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
