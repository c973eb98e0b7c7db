//! The secrets of the pools' clients, asked of Cognito at a function's start.

use avain_domain::ports::Unavailable;
use avain_domain::secret::Secret;
use aws_sdk_cognitoidentityprovider::Client;

use super::{ClientSecrets, Pool, Pools};
use crate::sdk;

impl ClientSecrets {
    /// Asks for both with DescribeUserPoolClient: so they stay out of the functions' settings, and a new one is taken at the
    /// next start.
    pub async fn fetch(client: &Client, pools: &Pools) -> Result<Self, Unavailable> {
        Ok(Self { admin: secret(client, &pools.admin).await?, data: secret(client, &pools.data).await? })
    }
}

async fn secret(client: &Client, pool: &Pool) -> Result<Secret, Unavailable> {
    let request = client.describe_user_pool_client().user_pool_id(pool.id()).client_id(pool.client_id());
    let answer = request.send().await.map_err(|error| sdk::unavailable("Cognito DescribeUserPoolClient", &error))?;
    let secret = answer.user_pool_client.and_then(|client| client.client_secret);
    secret
        .map(|text| Secret::new(text.into_bytes()))
        .ok_or_else(|| Unavailable(format!("Cognito: client {} has no secret: see docs/cognito.md", pool.client_id())))
}
