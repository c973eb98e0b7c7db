use avain_adapters_aws::cognito::ClientSecrets;
use avain_domain::names::Mode;
use avain_domain::ports::Unavailable;

use crate::replay::{Exchange, client, replayed_to_client};
use crate::shapes::{described, describing_client, pools};

async fn fetched(exchanges: &[Exchange]) -> Result<ClientSecrets, Unavailable> {
    replayed_to_client(exchanges, async |http| ClientSecrets::fetch(&client(http), &pools()).await).await
}

#[tokio::test]
async fn each_pools_client_has_its_own_secret() {
    let exchanges = [described(Mode::Admin, Some("one")), described(Mode::Data, Some("two"))];
    let secrets = fetched(&exchanges).await.unwrap();
    assert_eq!((secrets.admin.expose(), secrets.data.expose()), (&b"one"[..], &b"two"[..]));
}

/// Without its secret the service must not start: whoever knows the client's id could sign up at Cognito himself.
#[tokio::test]
async fn a_client_without_a_secret_is_refused() {
    let without = fetched(&[described(Mode::Admin, Some("one")), described(Mode::Data, None)]).await;
    let text = without.map(drop).unwrap_err().0;
    assert_eq!(text, "Cognito: client 3data0client0of0avain0test0 has no secret: see docs/cognito.md");

    let refused = fetched(&[describing_client(Mode::Admin).refused("ResourceNotFoundException")]).await;
    let text = refused.map(drop).unwrap_err().0;
    assert!(text.starts_with("Cognito DescribeUserPoolClient: ResourceNotFoundException "), "{text}");
}
