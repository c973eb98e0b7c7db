use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Identity, IdentityError};
use serde_json::json;

use crate::replay::{Exchange, replayed};
use crate::shapes::{deleting, login};

async fn removed(mode: Mode, exchange: Exchange) -> Result<bool, IdentityError> {
    replayed(&[exchange], async |identity: CognitoIdentity| identity.remove(&login(mode)).await).await
}

#[tokio::test]
async fn a_user_is_removed_from_the_pool_of_its_mode() {
    for mode in [Mode::Admin, Mode::Data] {
        assert!(removed(mode, deleting(mode).answered(json!({}))).await.unwrap());
        assert!(!removed(mode, deleting(mode).refused("UserNotFoundException")).await.unwrap());
        let failed = removed(mode, deleting(mode).refused("TooManyRequestsException")).await;
        assert!(matches!(failed, Err(IdentityError::Unavailable(_))));
    }
}
