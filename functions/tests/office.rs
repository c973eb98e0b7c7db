//! What a company does besides moving files with one person: played through the functions as processes, and as deployed.

use avain::client::Credentials;
use avain::story::{Signer, Story, payment, text};
use avain_adapters_local::clock::SystemClock;
use avain_domain::ports::Clock;
use serde_json::json;

const PAYMENT: &str = "pain.001.001.09";

/// By the company's policy two keys sign a payment: it waits for the second, and is sent with it. Then one is enough again, and the
/// second key goes.
pub(crate) async fn two_keys_sign(
    story: &Story<'_>,
    admin: &Credentials,
    data: &Credentials,
    bank: &str,
    first: &Signer,
) {
    let known = story.keys(admin).await.unwrap();
    let second = Signer::generate("Approvals <approvals@esimerkki.fi>").unwrap();
    story.upload_key(admin, &second.public_key().unwrap(), "authorize").await.unwrap();
    let new = story.keys(admin).await.unwrap().into_iter().find(|id| !known.contains(id)).unwrap();
    let asked = json!({ "Signatures": [{ "Bank": bank, "Required": 2 }] });
    story.set_policy(admin, &asked).await.unwrap();
    assert_eq!(story.policy(data).await.unwrap()["Signatures"][0]["Required"], 2);

    let file = payment("MSG-SIGNED-TWICE", &story.company.name, SystemClock.now()).into_bytes();
    let waiting = story.upload_signed(data, bank, PAYMENT, &file, &first.sign(&file).unwrap()).await.unwrap();
    assert_eq!(waiting["ResponseText"], "Waiting for signatures: 1 of 2");
    let id = text(&waiting, "UploadId").unwrap();
    assert_eq!(story.uploads(data, bank).await.unwrap()[0]["State"], "waiting");
    story.add_signature(data, bank, &id, &second.sign(&file).unwrap()).await.unwrap();
    let newest = &story.uploads(data, bank).await.unwrap()[0];
    assert_eq!((&newest["UploadId"], &newest["State"]), (&json!(id), &json!("sent")));

    story.set_policy(admin, &json!({})).await.unwrap();
    assert_eq!(story.delete_key(admin, &new).await.unwrap(), known);
    assert_eq!(story.account_usage(data).await.unwrap()["UniqueAccounts"], 1);
}

/// The owner of the API key sees its accounts, and deletes the colleague's.
pub(crate) async fn a_colleague_leaves(story: &Story<'_>, admin: &Credentials, colleague: &str) {
    let accounts = story.accounts(admin).await.unwrap();
    assert!(accounts.iter().any(|it| it["Email"] == colleague), "{accounts:?}");
    let deleted = story.delete_account(admin, colleague).await.unwrap();
    assert_eq!(deleted["Account"], true, "{deleted}");
    assert_eq!(story.accounts(admin).await.unwrap().len(), accounts.len() - 1);
}
