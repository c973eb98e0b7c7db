//! Banks of which no protocol is known: the joint specification, and enrolment as at OP and Samlink. An assumption.

use avain_bank_simulator::{BankKey, BankSetting, Contract};
use zeroize::Zeroizing;

use crate::payments::{judge, payment};
use crate::request::Call;
use crate::transfer_key::{KeyRequest, enrol};
use crate::world::World;

const KEY: &str = "1234567812345670";

#[tokio::test]
async fn unknown_banks_speak_the_joint_specification() {
    let world = World::start().await;
    for bank in [BankKey::Spankki, BankKey::Alandsbanken, BankKey::Seb] {
        let customer = enrol(&world, bank, "12345678", KEY).await;
        let upload = Call::upload("pain.001.001.09", payment("pain.001.001.09", "M1", &["1.00"]).as_bytes());
        let answer = customer.call(&world, &upload).await;
        answer.is("00", "OK.");
        judge(&answer);
        let reference = answer.all("FileReference").remove(0);
        let list = customer.list(&world, "ALL").await;
        judge(&list);
        assert!(list.all("FileReference").contains(&reference));
        let answer = customer.call(&world, &Call::user_info()).await;
        answer.is("00", "OK.");
        judge(&answer);
        customer.call(&world, &Call::delete(&reference)).await.is("00", "OK.");
        judge(&KeyRequest::service_certificates(bank, "12345678").send(&world).await);
        crate::faults::every_fault(&world, &customer).await;
    }
}

#[tokio::test]
async fn a_bank_of_any_name_exists_by_configuration() {
    let world = World::with(|config| {
        let mut setting = BankSetting::new(BankKey::Configured);
        setting.name = Some("kyläpankki".into());
        let secret = Some(Zeroizing::new(KEY.to_owned()));
        setting.contracts = Some(vec![Contract { user_id: "7".into(), secret, ..Contract::default() }]);
        config.setting = Some(setting);
    })
    .await;
    let (status, _) = world.post_to("/kyl%C3%A4pankki/CorporateFileService", "<a/>").await.unwrap();
    assert_eq!(status, 500);
}
