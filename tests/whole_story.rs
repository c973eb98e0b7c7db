//! The path that everything else hangs on, once from end to end.

use avain::story::{Signer, payment};

use crate::support::Service;

#[tokio::test]
async fn from_registration_to_the_banks_answer() {
    let service = Service::start().await;
    let codes = service.codes();
    let story = service.story(&codes, "a+b@example.com");
    let admin = story.open("admin", "0").await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    story.enrol(&admin, "simulator", "1000038023", "Demo-Code-2026-0001").await.unwrap();
    let data = story.open("data", &admin.api_key).await.unwrap();

    let statement = story.files(&data, "simulator", "NEW").await.unwrap();
    assert_eq!(statement.len(), 1);
    let first = story.download(&data, "simulator", &statement[0]).await.unwrap();
    assert_eq!(story.download(&data, "simulator", &statement[0]).await.unwrap(), first);

    let file = payment("MSG-1", &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
    let signature = signer.sign(file.as_bytes()).unwrap();
    story.upload(&data, "simulator", "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    let mut types: Vec<String> =
        story.files(&data, "simulator", "NEW").await.unwrap().into_iter().map(|file| file.file_type).collect();
    types.sort();
    assert_eq!(types, ["camt.053.001.02", "camt.054.001.02", "pain.002.001.10"]);
}
