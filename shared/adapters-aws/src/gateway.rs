//! API keys on API Gateway: a key of the organisation's name, bound to the stack's usage plan.
//!
//! The key is enabled with the value that the service made. API Gateway knows it in clear, as the user pool does; it is told
//! to nobody here: failures carry AWS's code and request id only.

use async_trait::async_trait;
use avain_domain::names::OrganisationId;
use avain_domain::ports::{Gateway, Unavailable};
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::operation::create_api_key::CreateApiKeyError;
use tokio::sync::OnceCell;

use crate::sdk::unavailable;

const FIND: &str = "API Gateway GetUsagePlans";
const CREATE: &str = "API Gateway CreateApiKey";
const BIND: &str = "API Gateway CreateUsagePlanKey";

/// Most usage plans that a page of the list has (API Gateway's limit; an account has 300).
const PAGE: i32 = 500;

/// The gateway's keys, all in one usage plan.
pub struct ApiGateway {
    client: Client,
    plan: String,
    plan_id: OnceCell<String>,
}

impl ApiGateway {
    /// On the usage plan of this name, which is looked up at the first use: the function cannot be told the plan's id, because the
    /// plan is made after the API, and that after its functions (decision 0007). A role needs `apigateway:GET` on `/usageplans`
    /// and `apigateway:POST` on `/apikeys` and `/usageplans/ID/keys`.
    #[must_use]
    pub fn new(client: Client, plan: String) -> Self {
        Self { client, plan, plan_id: OnceCell::new() }
    }

    async fn find_plan(&self) -> Result<String, Unavailable> {
        let mut pages = self.client.get_usage_plans().into_paginator().page_size(PAGE).send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let plans = page.map_err(|error| unavailable(FIND, &error))?.items.unwrap_or_default();
            let named = plans.into_iter().filter(|plan| plan.name.as_deref() == Some(self.plan.as_str()));
            found.extend(named.filter_map(|plan| plan.id));
        }
        // Names are not unique: a key in another API's plan would open that.
        let count = found.len();
        match found.pop() {
            Some(id) if count == 1 => Ok(id),
            _ => Err(Unavailable(format!("{FIND}: {count} usage plans are named {}", self.plan))),
        }
    }
}

#[async_trait]
impl Gateway for ApiGateway {
    async fn admit(&self, organisation: &OrganisationId, api_key: &str) -> Result<(), Unavailable> {
        // First: a key that cannot be bound would stay.
        let plan_id = self.plan_id.get_or_try_init(|| self.find_plan()).await?;
        let request = self.client.create_api_key().name(&organisation.0).value(api_key).enabled(true);
        let made = request.send().await.map_err(|error| {
            let unavailable = unavailable(CREATE, &error);
            match error.as_service_error() {
                Some(CreateApiKeyError::ConflictException(_)) => Unavailable(format!(
                    "{unavailable}: a try before, whose answer was lost, made the key; the next registration makes another"
                )),
                _ => unavailable,
            }
        })?;
        let key_id = made.id.filter(|id| !id.is_empty());
        let key_id = key_id.ok_or_else(|| Unavailable(format!("{CREATE}: the answer has no id")))?;
        let request = self.client.create_usage_plan_key().usage_plan_id(plan_id).key_id(key_id).key_type("API_KEY");
        request.send().await.map_err(|error| unavailable(BIND, &error))?;
        Ok(())
    }
}
