use avain_adapters_aws::cognito::CognitoIdentity;
use avain_domain::names::Mode;
use avain_domain::ports::IdentityError;
use serde_json::json;

use crate::replay::{Exchange, replayed};
use crate::shapes::{deleting, reading, register, signed_up, signing_up, user};

async fn registered(mode: Mode, exchanges: &[Exchange]) -> Result<(), IdentityError> {
    replayed(exchanges, async |identity: CognitoIdentity| register(&identity, mode).await).await
}

#[tokio::test]
async fn a_new_user_is_made_in_the_pool_of_its_mode() {
    for mode in [Mode::Admin, Mode::Data] {
        registered(mode, &[signed_up(mode)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_whose_phone_is_verified_stays() {
    for status in ["CONFIRMED", "RESET_REQUIRED", "FORCE_CHANGE_PASSWORD", "EXTERNAL_PROVIDER", "UNKNOWN", "NEW_WORD"] {
        let exchanges =
            [signing_up(Mode::Admin).refused("UsernameExistsException"), user(Mode::Admin, status, 1_000_000)];
        let result = registered(Mode::Admin, &exchanges).await;
        assert!(matches!(result, Err(IdentityError::UserExists)), "{status}");
    }
}

#[tokio::test]
async fn a_registration_that_broke_off_is_replaced_after_a_minute() {
    let exists = || signing_up(Mode::Data).refused("UsernameExistsException");
    let under_way = [exists(), user(Mode::Data, "UNCONFIRMED", 59)];
    assert!(matches!(registered(Mode::Data, &under_way).await, Err(IdentityError::UserExists)));

    let deleted = deleting(Mode::Data).answered(json!({}));
    let left_over = [exists(), user(Mode::Data, "UNCONFIRMED", 60), deleted, signed_up(Mode::Data)];
    registered(Mode::Data, &left_over).await.unwrap();
}

#[tokio::test]
async fn a_user_without_a_date_is_not_replaced() {
    let there = reading(Mode::Data).answered(json!({ "Username": "x", "UserStatus": "UNCONFIRMED" }));
    let exchanges = [signing_up(Mode::Data).refused("UsernameExistsException"), there];
    assert!(matches!(registered(Mode::Data, &exchanges).await, Err(IdentityError::UserExists)));
}

#[tokio::test]
async fn what_another_call_has_deleted_is_not_missed() {
    let exists = || signing_up(Mode::Data).refused("UsernameExistsException");
    let before_reading = [exists(), reading(Mode::Data).refused("UserNotFoundException"), signed_up(Mode::Data)];
    registered(Mode::Data, &before_reading).await.unwrap();

    let gone = deleting(Mode::Data).refused("UserNotFoundException");
    let before_deleting = [exists(), user(Mode::Data, "UNCONFIRMED", 60), gone, signed_up(Mode::Data)];
    registered(Mode::Data, &before_deleting).await.unwrap();
}

#[tokio::test]
async fn of_two_registrations_at_once_one_wins() {
    let exists = || signing_up(Mode::Data).refused("UsernameExistsException");
    let deleted = deleting(Mode::Data).answered(json!({}));
    let exchanges = [exists(), user(Mode::Data, "UNCONFIRMED", 60), deleted, exists()];
    assert!(matches!(registered(Mode::Data, &exchanges).await, Err(IdentityError::UserExists)));
}
