//! Answers of Cognito, replayed.

use std::sync::Arc;

use avain_adapters_aws::cognito::{ClientSecrets, CognitoIdentity, CognitoTokens};
use avain_domain::ports::Clock;
use avain_domain::secret::Secret;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::shapes::pools;
use crate::tokens::published;

/// Now, in every test.
pub(crate) const NOW: i64 = 1_800_000_000;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(NOW).unwrap()
    }
}

/// A request that must be sent, and its answer.
#[derive(Clone)]
pub(crate) struct Exchange {
    call: &'static str,
    request: Value,
    status: u16,
    answer: Value,
}

impl Exchange {
    /// The call succeeds.
    pub(crate) fn ok(call: &'static str, request: Value, answer: Value) -> Self {
        Self { call, request, status: 200, answer }
    }

    /// The call is refused. In Cognito's protocol (AWS JSON 1.1) the exception's name is in the body.
    pub(crate) fn refused(call: &'static str, request: Value, exception: &str, text: &str) -> Self {
        let status = if exception == "InternalErrorException" { 500 } else { 400 };
        Self { call, request, status, answer: json!({ "__type": exception, "message": text }) }
    }
}

/// Runs the steps on an identity that meets these exchanges; fails unless exactly these requests were sent, in this
/// order.
pub(crate) async fn replayed<T>(exchanges: &[Exchange], steps: impl AsyncFnOnce(CognitoIdentity) -> T) -> T {
    replayed_to_client(exchanges, async |http| steps(identity(http)).await).await
}

/// The same for what needs no more than a client.
pub(crate) async fn replayed_to_client<T>(
    exchanges: &[Exchange],
    steps: impl AsyncFnOnce(StaticReplayClient) -> T,
) -> T {
    let events = exchanges.iter().map(|exchange| event(exchange.status, &exchange.answer));
    // A request too many is answered as well, and so seen below.
    let client = StaticReplayClient::new(events.chain([event(500, &json!({}))]).collect());
    let result = steps(client.clone()).await;
    let sent: Vec<_> = client.actual_requests().collect();
    for (exchange, request) in exchanges.iter().zip(&sent) {
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "https://cognito-idp.eu-north-1.amazonaws.com/");
        let target = format!("AWSCognitoIdentityProviderService.{}", exchange.call);
        assert_eq!(request.headers().get("x-amz-target"), Some(target.as_str()));
        assert_eq!(request.headers().get("content-type"), Some("application/x-amz-json-1.1"));
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        assert_eq!(body, exchange.request, "{}", exchange.call);
    }
    assert_eq!(sent.len(), exchanges.len(), "requests sent");
    result
}

pub(crate) fn identity(http: StaticReplayClient) -> CognitoIdentity {
    let secrets = ClientSecrets {
        admin: Secret::new(b"admin-client-secret".to_vec()),
        data: Secret::new(b"data-client-secret".to_vec()),
    };
    let tokens = Arc::new(CognitoTokens::new(pools(), published()));
    CognitoIdentity::new(client(http), pools(), secrets, tokens, Arc::new(FixedClock))
}

pub(crate) fn client(http: StaticReplayClient) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

fn event(status: u16, answer: &Value) -> ReplayEvent {
    let answer = http::Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "3cd7e3c1-0000-4000-8000-5a2f6e1b7c90")
        .body(SdkBody::from(answer.to_string()))
        .unwrap();
    ReplayEvent::new(http::Request::new(SdkBody::empty()), answer)
}

/// What the comparison above is worth: each of these must fail.
mod comparison {
    use avain_domain::names::Mode;
    use avain_domain::ports::Identity;

    use super::*;
    use crate::shapes::{login, sign_out};

    async fn sign_out_of_admin(exchanges: &[Exchange]) {
        let steps = async |identity: CognitoIdentity| identity.sign_out(&login(Mode::Admin)).await;
        replayed(exchanges, steps).await.unwrap();
    }

    #[tokio::test]
    async fn the_right_request_passes() {
        sign_out_of_admin(&[sign_out(Mode::Admin)]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "assertion `left == right` failed: AdminUserGlobalSignOut")]
    async fn another_body_fails() {
        sign_out_of_admin(&[sign_out(Mode::Data)]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "assertion `left == right` failed: AdminUserGlobalSignOut")]
    async fn a_member_more_fails() {
        let mut exchange = sign_out(Mode::Admin);
        exchange.request.as_object_mut().unwrap().remove("UserPoolId");
        sign_out_of_admin(&[exchange]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "AWSCognitoIdentityProviderService.AdminUserGlobalSignOut")]
    async fn another_call_fails() {
        sign_out_of_admin(&[Exchange { call: "GlobalSignOut", ..sign_out(Mode::Admin) }]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "requests sent")]
    async fn a_request_that_is_not_sent_fails() {
        sign_out_of_admin(&[sign_out(Mode::Admin), sign_out(Mode::Admin)]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "requests sent")]
    async fn a_request_too_many_fails() {
        let steps = async |identity: CognitoIdentity| identity.sign_out(&login(Mode::Admin)).await;
        assert!(replayed(&[], steps).await.is_err());
    }
}
