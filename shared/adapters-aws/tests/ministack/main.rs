//! The ports' own suites on ministack, through the real SDK clients, as users who may do what the adapter needs and
//! nothing else.
//!
//! What no emulator can prove, and where it is proven instead: that a changed wrapped data key does not open (on the key
//! file; here only that what it would have sealed does not), a transaction conflict and a busy write of S3 (on replayed
//! answers), `kms:EncryptionContext` in a policy (on the template), expiry by DynamoDB (no rule relies on it), the
//! durability of KMS and S3 (AWS's word).

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

#[path = "../suite/blobs.rs"]
mod blobs;
#[path = "../suite/mod.rs"]
mod store;
#[path = "../suite/vault.rs"]
mod vault;

use std::sync::Arc;

use avain_adapters_aws::gateway::ApiGateway;
use avain_adapters_aws::kms::KmsVault;
use avain_adapters_aws::s3::S3Blobs;
use avain_adapters_aws::store::{DynamoStore, TABLE_PROPERTIES};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::random::SystemRandom;
use avain_domain::names::OrganisationId;
use avain_domain::ports::{Blobs, Gateway as _, Store, Unavailable, Vault as _};
use avain_domain::records::{KeyId, KeyKind};
use avain_domain::seal::Sealer;
use avain_test_support::ministack::{self, AccessKey, Ministack};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, Projection};
use aws_sdk_s3::types::CreateBucketConfiguration;
use serde_json::Value;

/// What the adapters call.
const VAULT_ACTIONS: [&str; 2] = ["kms:GenerateDataKey", "kms:Decrypt"];
const BLOBS_ACTIONS: [&str; 3] = ["s3:PutObject", "s3:GetObject", "s3:ListBucket"];
const GATEWAY_ACTIONS: [&str; 2] = ["apigateway:GET", "apigateway:POST"];
const STORE_ACTIONS: [&str; 7] = [
    "dynamodb:Query",
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
];
const TABLE: &str = "records";
const BUCKET: &str = "files";
const PLAN: &str = "avain-test";

/// A client of this SDK, for the account's root user or with this access key and secret.
macro_rules! client {
    ($sdk:ident, $server:expr) => {
        client!($sdk, $server, &(ministack::ACCOUNT.to_owned(), "test".to_owned()))
    };
    ($sdk:ident, $server:expr, $user:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("eu-north-1"))
                .endpoint_url($server.endpoint())
                .credentials_provider(credentials($user))
                .build(),
        )
    };
}

fn credentials((id, secret): &AccessKey) -> Credentials {
    Credentials::new(id, secret, None, None, "test")
}

#[tokio::test]
async fn the_vaults_suite() {
    let Some(server) = Ministack::start() else { return };
    let key_id = new_key(&server).await;
    let user = server.user("vault", &VAULT_ACTIONS);
    let open = || KmsVault::new(client!(aws_sdk_kms, server, &user), key_id.clone());
    let vault = open();
    vault::a_data_key_opens_again(&vault, &open()).await;
    vault::a_data_key_opens_in_no_other_context(&vault).await;
    vault::data_keys_never_repeat(&vault, 200).await;
    vault::bytes_that_nobody_wrapped_do_not_open(&vault).await;
    vault::no_changed_or_cut_wrapped_key_opens(&vault, Some("ministack")).await;

    let context = vault::context(KeyKind::Bank, "org-1");
    let wrapped = vault.generate(&context).await.unwrap().wrapped;
    for (user, code) in strangers(&server, user) {
        let vault = KmsVault::new(client!(aws_sdk_kms, server, &user), key_id.clone());
        assert_refused(vault.generate(&context).await.err(), code);
        assert_refused(vault.open(&context, &wrapped).await.err(), code);
    }
}

/// Our own layer above the vault: whatever is changed in sealed bytes, the wrapped data key included, nothing else comes
/// out.
#[tokio::test]
async fn sealing_under_kms() {
    let Some(server) = Ministack::start() else { return };
    let key_id = new_key(&server).await;
    let start = || {
        let vault = KmsVault::new(client!(aws_sdk_kms, server), key_id.clone());
        Sealer::new(Arc::new(vault), Arc::new(SystemClock), Arc::new(SystemRandom))
    };
    let own = start();
    let organisation = vault::context(KeyKind::Bank, "org-1").organisation;
    let id = KeyId { organisation, holder: "a@example.com".to_owned(), kind: KeyKind::Bank, id: "nordea/1".to_owned() };
    let sealed = own.seal(&id, b"a private key").await.unwrap();
    assert_eq!(start().open(&id, &sealed).await.unwrap().expose(), b"a private key");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        // ministack does not look at every byte of a wrapped key; of the rest each one counts.
        let opened = own.open(&id, &changed).await;
        let in_wrapped_key = (3..3 + usize::from(u16::from_be_bytes([sealed[1], sealed[2]]))).contains(&at);
        assert!(opened.is_err() || in_wrapped_key && opened.unwrap().expose() == b"a private key", "byte {at}");
    }
    let again = own.rewrap(&id, &sealed).await.unwrap();
    assert_eq!(start().open(&id, &again).await.unwrap().expose(), b"a private key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_blobs_suite() {
    let Some(server) = Ministack::start() else { return };
    new_bucket(&server).await;
    let user = server.user("blobs", &BLOBS_ACTIONS);
    let open =
        |user: &AccessKey| S3Blobs::new(client!(aws_sdk_s3, server, user), BUCKET.to_owned(), "blobs/".to_owned());
    let blobs: Arc<dyn Blobs> = Arc::new(open(&user));
    blobs::a_blob_is_kept_and_the_same_again_is_fine(&*blobs, &open(&user)).await;
    blobs::names_keep_apart(&*blobs).await;
    blobs::any_bytes_come_back(&*blobs).await;
    blobs::concurrent_writes_of_one_name_all_succeed(Arc::clone(&blobs)).await;
    blobs::names_are_letters_digits_hyphens_and_slashes(&*blobs).await;

    blobs.put("once", b"first").await.unwrap();
    blobs.put("once", b"other").await.unwrap();
    assert_eq!(blobs.get("once").await.unwrap().as_deref(), Some(b"first".as_slice()), "what is kept stays as it is");
    for (user, code) in strangers(&server, user) {
        assert_refused(open(&user).put("twice", b"second").await.err(), code);
        assert_refused(open(&user).get("once").await.err(), code);
    }
    assert_eq!(blobs.get("twice").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stores_suite() {
    let Some(server) = Ministack::start() else { return };
    new_table(&server).await;
    let client = client!(aws_sdk_dynamodb, server, &server.user("store", &STORE_ACTIONS));
    let store: Arc<dyn Store> = Arc::new(DynamoStore::new(client, TABLE.to_owned(), Arc::new(SystemRandom)));
    store::records_come_back_as_they_were(&*store, "a").await;
    store::absent_records_are_left_out(&*store, "b").await;
    store::a_transaction_does_all_its_writes(&*store, "c").await;
    store::a_conflict_names_the_write_and_what_it_met(&*store, "d").await;
    store::one_insert_wins(Arc::clone(&store), "e").await;
    store::no_update_is_lost(Arc::clone(&store), "f").await;
    store::an_account_is_its_own_partition(&*store, "g").await;
    store::large_reads_are_whole(&*store, "h").await;
    store::references_may_hold_any_character(&*store, "i").await;
    store::certificates_are_found_by_their_end(&*store, "o").await;
    store::a_hundred_at_once(&*store, "j").await;
    store::events_are_counted(Arc::clone(&store), "k").await;
    store::a_count_has_a_limit(&*store, "l").await;
    store::what_is_kept_meets_no_condition(Arc::clone(&store), "p").await;
    store::members_are_found(&*store, "q").await;
    store::a_stretch_lies_between_two_ids(&*store, "m").await;
    store::long_stretches_are_whole(&*store, "n").await;
}

/// Keys that are let in are seen in the plan with name and value, and no other plan has them.
#[tokio::test]
async fn admitted_keys_are_the_plans() {
    let Some(server) = Ministack::start() else { return };
    let root = client!(aws_sdk_apigateway, server);
    let (mut plans, keys) = (Vec::new(), ["FirstKeyFirstKeyFirstKeyFirstKeyFirstKey", "SecondKeySecondKeySecondKey0"]);
    for name in ["another", PLAN] {
        plans.push(root.create_usage_plan().name(name).send().await.unwrap().id.unwrap());
    }
    let user = server.user("gateway", &GATEWAY_ACTIONS);
    let open = |user: &AccessKey| ApiGateway::new(client!(aws_sdk_apigateway, server, user), PLAN.to_owned());
    let organisation = |number: usize| OrganisationId(format!("organisation-{number}"));
    let gateway = open(&user);
    for (number, key) in keys.iter().enumerate() {
        gateway.admit(&organisation(number), key).await.unwrap();
    }

    let known = root.get_api_keys().include_values(true).send().await.unwrap().items.unwrap();
    assert_eq!(known.len(), keys.len());
    let bound = root.get_usage_plan_keys().usage_plan_id(&plans[1]).send().await.unwrap().items.unwrap();
    for (number, key) in keys.iter().enumerate() {
        let known = known.iter().find(|it| it.value() == Some(key)).unwrap();
        assert_eq!((known.name(), known.enabled()), (Some(organisation(number).0.as_str()), true));
        assert!(known.customer_id().is_none() && known.description().unwrap_or_default().is_empty());
        assert!(bound.iter().any(|it| it.id() == known.id() && it.r#type() == Some("API_KEY")));
    }
    assert_eq!(bound.len(), keys.len());
    assert!(root.get_usage_plan_keys().usage_plan_id(&plans[0]).send().await.unwrap().items().is_empty());

    let too_short = gateway.admit(&organisation(2), "short").await.err().unwrap().to_string();
    assert!(too_short.starts_with("API Gateway CreateApiKey: BadRequestException"), "{too_short}");
    for (user, code) in strangers(&server, user) {
        assert_refused(open(&user).admit(&organisation(2), keys[0]).await.err(), code);
    }
    assert_eq!(root.get_api_keys().send().await.unwrap().items().len(), keys.len(), "the refused made none");
}

/// Who is refused, and why: a user with another's secret, one who may do nothing of this, one whom nobody knows.
fn strangers(server: &Ministack, user: AccessKey) -> [(AccessKey, &'static [&'static str]); 3] {
    let denied: &[&str] = &["AccessDenied", "AccessDeniedException"];
    let unsigned: &[&str] = &["SignatureDoesNotMatch", "InvalidSignatureException"];
    let unknown: &[&str] = &["InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId"];
    [
        ((user.0, "another secret".to_owned()), unsigned),
        (server.user("stranger", &["sqs:SendMessage"]), denied),
        (("AKIAAAAAAAAAAAAAAAAA".to_owned(), user.1), unknown),
    ]
}

fn assert_refused(error: Option<Unavailable>, codes: &[&str]) {
    let text = error.unwrap().to_string();
    assert!(codes.iter().any(|code| text.contains(&format!(": {code} (status 40"))), "{text}");
}

async fn new_key(server: &Ministack) -> String {
    let answer = client!(aws_sdk_kms, server).create_key().send().await.unwrap();
    answer.key_metadata.unwrap().key_id
}

async fn new_bucket(server: &Ministack) {
    let place = CreateBucketConfiguration::builder().location_constraint("eu-north-1".into()).build();
    let request = client!(aws_sdk_s3, server).create_bucket().bucket(BUCKET);
    request.create_bucket_configuration(place).send().await.unwrap();
}

/// The table as the store declares it; its expiry is not needed here.
async fn new_table(server: &Ministack) {
    let properties: Value = serde_json::from_str(TABLE_PROPERTIES).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |name: &str| properties[name].as_array().unwrap().clone();
    let attributes = list("AttributeDefinitions").into_iter().map(|it| {
        let attribute = AttributeDefinition::builder().attribute_name(text(&it["AttributeName"]));
        attribute.attribute_type(it["AttributeType"].as_str().unwrap().into()).build().unwrap()
    });
    let keys = |of: &Value| {
        let key = |it: &Value| {
            let key = KeySchemaElement::builder().attribute_name(text(&it["AttributeName"]));
            key.key_type(it["KeyType"].as_str().unwrap().into()).build().unwrap()
        };
        Some(of["KeySchema"].as_array().unwrap().iter().map(key).collect())
    };
    let indexes = list("GlobalSecondaryIndexes").into_iter().map(|it| {
        let kind = it["Projection"]["ProjectionType"].as_str().unwrap().into();
        let projection = Projection::builder().projection_type(kind).build();
        let index = GlobalSecondaryIndex::builder().index_name(text(&it["IndexName"])).set_key_schema(keys(&it));
        index.projection(projection).build().unwrap()
    });
    let client = client!(aws_sdk_dynamodb, server);
    let request = client.create_table().table_name(TABLE).set_attribute_definitions(Some(attributes.collect()));
    let request = request.set_key_schema(keys(&properties)).set_global_secondary_indexes(Some(indexes.collect()));
    request.billing_mode(properties["BillingMode"].as_str().unwrap().into()).send().await.unwrap();
}
