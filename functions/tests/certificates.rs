//! What a company does with its certificate besides using it: played through the functions as processes, and as deployed.

use avain::client::Credentials;
use avain::story::{Recipient, Story};
use serde_json::Value;

/// A colleague may use the certificate and then not; it goes out to the company's own key and comes in again; that is the last
/// time. All of it is in the trail, which is given.
pub(crate) async fn shared_exported_and_imported(
    story: &Story<'_>,
    admin: &Credentials,
    bank: &str,
    colleague: Story<'_>,
) -> Vec<Value> {
    colleague.register("admin", &admin.api_key).await.unwrap();
    let email = colleague.company.email.as_str();
    assert_eq!(story.share(admin, email).await.unwrap(), [email]);
    story.unshare(admin, email).await.unwrap();

    let recipient = Recipient::generate("Exports <exports@esimerkki.fi>").unwrap();
    story.upload_key(admin, &recipient.public_key().unwrap(), "export").await.unwrap();
    let exported = story.export(admin, bank, &recipient.fingerprint()).await.unwrap();
    let key = recipient.decrypt(&exported.encrypted_key).unwrap();
    story.retire(admin, bank, None).await.unwrap();
    story.import(admin, bank, "1000038023", &exported.certificate, &key).await.unwrap();
    assert_eq!(story.certificates(admin).await.unwrap()[0]["PEM"], *exported.certificate);
    story.forbid_export(admin).await.unwrap();

    let trail = story.audit_events(admin).await.unwrap();
    let actions: Vec<&str> = trail.iter().filter_map(|event| event["action"].as_str()).collect();
    for action in ["share", "unshare", "export", "retire", "import", "disable-export"] {
        assert!(actions.contains(&format!("certificate.{action}").as_str()), "no {action} in {actions:?}");
    }
    trail
}
