//! The stack as it is deployed: `template.yaml` on ministack by `sam deploy`, with the functions as they are shipped but for
//! the compiler's optimisation; the story over HTTP through API Gateway; and roles that lack one action.
//!
//! ```text
//! AVAIN_MINISTACK=... AVAIN_SAM=... cargo test -p avain-functions --no-default-features --features aws --test deployed
//! ```
//!
//! `AVAIN_ROLES=all` takes each action of each role away, instead of three. Where a program is missing the test says that
//! it did not run; with `AVAIN_REQUIRE_PEERS=1` it fails.

#![cfg(not(feature = "local"))]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod account;
#[path = "../certificates.rs"]
mod certificates;
mod gateway;
#[path = "../office.rs"]
mod office;
mod people;
mod render;
mod roles;
mod stack;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use avain::client::{Call, ClientError, Transport, request};
use avain::story::{Company, Signer, Story, payment, text};
use avain_adapters_local::clock::SystemClock;
use avain_api::operations::{ALL, LIST_CERTS};
use avain_domain::notices::Notice;
use avain_domain::ports::Clock;
use serde_json::{Value, json};

use crate::certificates::shared_exported_and_imported;
use crate::office::{a_colleague_leaves, two_keys_sign};
use crate::stack::{SENDER, tell};
use crate::world::{ACTIVATION_CODE, BANK, World};

/// Not called here: see what is told as skipped.
const NOT_PLAYED: [&str; 2] = ["SelectMFA", "VerifyEmail"];

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_as_it_is_deployed() {
    let begin = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let Some(world) = World::start(folder.path()).await else { return };
    for what in people::SKIPPED {
        tell(&format!("skipped: {what}"));
    }
    let world = Arc::new(world);
    let played = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            story(&world).await;
            tell(&format!("the story was played {:.1} s after the start", begin.elapsed().as_secs_f64()));
            Box::pin(roles::each_action_is_needed(&world)).await;
        }
    });
    let outcome = played.await;
    if outcome.is_err() {
        world.stack.tell_errors().await;
    }
    outcome.unwrap();
    tell(&format!("{:.1} s in all", begin.elapsed().as_secs_f64()));
}

async fn story(world: &World) {
    let story = world.story("a+b@esimerkki.fi");
    let admin = world.open(&story, "admin", "0").await;
    let signer = Signer::generate("Payments <payments@esimerkki.fi>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    assert_eq!(story.keys(&admin).await.unwrap().len(), 1);
    story.enrol(&admin, BANK, "1000038023", ACTIVATION_CODE).await.unwrap();
    assert_eq!(story.certificates(&admin).await.unwrap()[0]["Subject"], "1000038023");

    let list_certs = || {
        let call = Call { operation: &LIST_CERTS, path: &[], query: "", credentials: Some(&admin), body: None };
        request(call).unwrap()
    };
    let mut with_slash = list_certs();
    *with_slash.uri_mut() = format!("{}/", with_slash.uri().path()).parse().unwrap();
    let answer = world.gateway.send(with_slash).await.unwrap();
    assert_eq!(answer.status(), 200, "with a slash at the end of the path: {:?}", answer.body());
    for key in [None, Some("0000000000000000000000000000000000000000")] {
        let mut changed = list_certs();
        changed.headers_mut().remove("x-api-key");
        if let Some(key) = key {
            changed.headers_mut().insert("x-api-key", key.parse().unwrap());
        }
        let answer = world.gateway.send(changed).await.unwrap();
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        tell(&format!("x-api-key {key:?}: the gateway answers {} {body}", answer.status()));
        // The emulator does not take SAM's GatewayResponses; so it is the gateway, not the function, that answers.
        assert_eq!((answer.status().as_u16(), body), (403, json!({ "message": "Forbidden" })));
    }

    let data = world.open(&story, "data", &admin.api_key).await;
    let file = payment("MSG-1", &story.company.name, SystemClock.now());
    let signature = signer.sign(file.as_bytes()).unwrap();
    story.upload(&data, BANK, "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    let listed = story.files(&data, BANK, "NEW").await.unwrap();
    let report = listed.iter().find(|it| it.file_type == "pain.002.001.10").unwrap();
    let from_bank = story.download(&data, BANK, report).await.unwrap();
    let kept = story.download(&data, BANK, report).await.unwrap();
    assert_eq!(from_bank, kept);
    let report = String::from_utf8(kept).unwrap();
    assert!(report.contains("MSG-1") && report.matches("<TxSts>ACSC</TxSts>").count() == 2, "{report}");

    let refused = story.delete(&data, BANK, &listed[0]).await;
    assert!(matches!(refused, Err(ClientError::Refused { status: 400, .. })), "a bank deleted a file: {refused:?}");
    let colleague = world.story("eino@esimerkki.fi");
    let leaver = colleague.company.email.clone();
    let trail = shared_exported_and_imported(&story, &admin, BANK, colleague).await;
    assert!(trail.iter().any(|event| event["reason"].is_string()), "no refusal in {trail:?}");
    two_keys_sign(&story, &admin, &data, BANK, &signer).await;
    a_colleague_leaves(&story, &admin, &leaver).await;

    story.log_out("data", &data).await.unwrap();
    let refused = story.files(&data, BANK, "ALL").await;
    assert!(matches!(refused, Err(ClientError::Refused { status: 401, .. })), "a token was taken after its logout");

    authenticator_and_forgotten_password(world, &story).await;
    assert_eq!(story.document().await.unwrap()["openapi"], "3.1.0");

    let all: BTreeSet<&str> = ALL.iter().map(|operation| operation.name).collect();
    let not_called: Vec<_> = all.difference(&world.gateway.used()).copied().collect();
    assert_eq!(not_called, NOT_PLAYED);
}

/// An authenticator is set up in place of the provider's, and a recovery code turns it off. The password of data mode is forgotten.
/// Of either the person is told.
async fn authenticator_and_forgotten_password(world: &World, story: &Story<'_>) {
    let authenticator = story.set_up_totp(SystemClock.now().unix_timestamp()).await.unwrap();
    world.people.carries(&story.company, authenticator.secret);
    assert_eq!(story.log_in("admin").await.unwrap()["ResponseText"], "Login OK");
    let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
    let told = story.answer_factor(&session, &authenticator.recovery_codes[0]).await.unwrap();
    assert_eq!(told["ResponseText"], "Recovery code accepted. The authenticator is off. Start login again.");
    // The emulator has no code by SMS, and lets the admin in without it, which the service refuses.
    let refused = story.password("admin").await;
    assert!(matches!(refused, Err(ClientError::Refused { status: 503, .. })), "{refused:?}");

    let new = "Forgotten-password-2026!y";
    story.reset_password("data", new).await.unwrap();
    let company = Company { data_password: new.to_owned(), ..story.company.clone() };
    assert_eq!(Story { company, ..*story }.log_in("data").await.unwrap()["ResponseText"], "Login OK");
    assert!(story.log_in("data").await.is_err(), "the forgotten password");

    let told = [Notice::RecoveryCode { left: 9 }, Notice::PasswordReset].map(|notice| notice.subject());
    assert_eq!(world.stack.account.mails(SENDER, &story.company.email).await, told);
}
