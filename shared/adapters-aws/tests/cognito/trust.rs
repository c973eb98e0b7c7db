use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::{Identity, IdentityError};
use serde_json::json;

use crate::replay::{Exchange, replayed};
use crate::shapes::{confirming_by_itself, login, verifying};

const PHONE: &str = "phone_number_verified";
const EMAIL: &str = "email_verified";

async fn trusted(mode: Mode, phone: bool, email: bool, exchanges: &[Exchange]) -> Result<(), IdentityError> {
    replayed(exchanges, async |identity: CognitoIdentity| identity.trust(&login(mode), phone, email).await).await
}

#[tokio::test]
async fn what_is_trusted_is_set_and_a_phone_confirms_the_user() {
    for mode in [Mode::Admin, Mode::Data] {
        let confirmed = || confirming_by_itself(mode).answered(json!({}));
        let set = |attributes: &[&str]| verifying(mode, attributes).answered(json!({}));
        trusted(mode, true, true, &[set(&[PHONE, EMAIL]), confirmed()]).await.unwrap();
        trusted(mode, true, false, &[set(&[PHONE]), confirmed()]).await.unwrap();
        // The phone's code is asked for still, so the user stays unconfirmed.
        trusted(mode, false, true, &[set(&[EMAIL])]).await.unwrap();
    }
}

/// An answer was lost, and the SDK has asked again.
#[tokio::test]
async fn a_user_who_is_confirmed_already_is_trusted() {
    let set = verifying(Mode::Data, &[PHONE]).answered(json!({}));
    let confirmed = confirming_by_itself(Mode::Data).refused("NotAuthorizedException");
    trusted(Mode::Data, true, false, &[set, confirmed]).await.unwrap();
}

/// A user whose attributes could not be set is not confirmed.
#[tokio::test]
async fn a_phone_that_is_not_verified_confirms_nobody() {
    let refused = verifying(Mode::Data, &[PHONE, EMAIL]).refused("InternalErrorException");
    let outcome = trusted(Mode::Data, true, true, &[refused]).await;
    assert!(matches!(outcome, Err(IdentityError::Unavailable(_))));
}
