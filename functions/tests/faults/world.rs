//! The service on AWS's adapters: records in the embedded engine; KMS, S3, SES, API Gateway and Cognito in ministack; the simulated banks.
//! All of it through the SDK's real clients with the settings of a function, on wires that can be cut.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use avain::client::{ClientError, Transport};
use avain::machine::Banks;
use avain::story::{Codes, Company, Story};
use avain_adapters_aws::banks::{Contract, HttpBanks, Trust, profile};
use avain_adapters_aws::cognito::{
    ClientSecrets, CognitoIdentity, CognitoTokens, HttpsKeys, KeySource, Pool, Pools, username,
};
use avain_adapters_aws::gateway::ApiGateway;
use avain_adapters_aws::kms::KmsVault;
use avain_adapters_aws::patience::{self, Patience, retries};
use avain_adapters_aws::s3::S3Blobs;
use avain_adapters_aws::ses::SesNotifier;
use avain_adapters_aws::store::DynamoStore;
use avain_adapters_aws::system::{SystemClock, SystemRandom};
use avain_adapters_local::embedded::{Embedded, TABLE};
use avain_api::Deps;
use avain_api::route::{Route, find};
use avain_bank_simulator::BankKey;
use avain_domain::Context;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::organisations::set_agreement;
use avain_domain::ports::{Clock, Store, Unavailable};
use avain_domain::records::{Agreement, Record};
use avain_domain::seal::Sealer;
use avain_domain::service_keys::ServiceKeys;
use avain_test_support::ministack::Ministack;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeDataType, ExplicitAuthFlowsType, PasswordPolicyType, SchemaAttributeType, UserPoolMfaType,
    UserPoolPolicyType, VerifiedAttributeType,
};
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::CreateBucketConfiguration;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::cognito::{ACCOUNT, CODE, RESET_CODE, Sms};
use crate::wire::{Service, Wire};

const BUCKET: &str = "files";
const PLAN: &str = "avain";
/// Where notices come from; ministack, as SES at first, sends to verified addresses only.
const SENDER: &str = "notices@example.com";
const DOMAIN: &str = "example.com";
/// The password after a reset.
const NEW_PASSWORD: &str = "Another-password-2026!";
/// How long the banks are waited for where none answers: the one wait of these tests that is real.
const SHORT: Duration = Duration::from_millis(1500);

/// The machine's time, and what the test adds to it.
#[derive(Default)]
pub(crate) struct Shifted(AtomicI64);

impl Shifted {
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + time::Duration::seconds(self.0.load(Ordering::SeqCst))
    }
}

/// What the service stands on.
pub(crate) struct World {
    pub(crate) wire: Wire,
    pub(crate) clock: Arc<Shifted>,
    pub(crate) banks: Banks,
    pub(crate) sandbox: Mutex<Deps>,
    pub(crate) password_key: String,
    service_keys: Arc<ServiceKeys>,
    last: Mutex<Option<(Answer, Value)>>,
    keys: Arc<Published>,
    server: Ministack,
    embedded: Embedded,
    sms: Arc<Sms>,
    pools: Pools,
    secrets: ClientSecrets,
    key_id: String,
    partition: AtomicU32,
    _folder: TempDir,
}

/// Where a bank call leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Whole,
    Impatient,
    Closed,
}

/// An answer, as a row of the matrix has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) retry_after: Option<String>,
}

/// A client of this service of the test's own or, with a wire and its retry partition, of the sandbox.
macro_rules! client {
    ($sdk:ident, $endpoint:expr, $http:expr) => {
        $sdk::Client::from_conf(client!(builder $sdk, $endpoint, $http).build())
    };
    ($sdk:ident, $endpoint:expr, $http:expr, $patience:expr, $world:expr) => {
        $sdk::Client::from_conf(
            client!(builder $sdk, $endpoint, $http)
                .retry_config(retries())
                .timeout_config(Patience::timeouts($patience))
                .sleep_impl($world.0.time.clone())
                // A sandbox has its own budget of retries.
                .retry_partition(RetryPartition::new($world.1.clone()))
                .build(),
        )
    };
    (builder $sdk:ident, $endpoint:expr, $http:expr) => {
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-north-1"))
            .endpoint_url($endpoint)
            .credentials_provider(Credentials::new(ACCOUNT, "test", None, None, "test"))
            .http_client($http)
    };
}

fn direct() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

impl World {
    pub(crate) async fn start() -> Option<Self> {
        let server = Ministack::start()?;
        let endpoint = server.endpoint();
        let key = client!(aws_sdk_kms, &endpoint, direct()).create_key().send().await.unwrap();
        let key_id = key.key_metadata.unwrap().key_id;
        let place = CreateBucketConfiguration::builder().location_constraint("eu-north-1".into()).build();
        let s3 = client!(aws_sdk_s3, &endpoint, direct());
        s3.create_bucket().bucket(BUCKET).create_bucket_configuration(place).send().await.unwrap();
        let gateway = client!(aws_sdk_apigateway, &endpoint, direct());
        gateway.create_usage_plan().name(PLAN).send().await.unwrap();
        let ses = client!(aws_sdk_sesv2, &endpoint, direct());
        ses.create_email_identity().email_identity(DOMAIN).send().await.unwrap();
        let cognito = client!(aws_sdk_cognitoidentityprovider, &endpoint, direct());
        let admin = pool(&cognito, UserPoolMfaType::On).await;
        let data = pool(&cognito, UserPoolMfaType::Off).await;
        let pools = Pools { admin, data };

        let embedded = Embedded::memory().unwrap();
        let clock = Arc::new(Shifted::default());
        let folder = tempfile::tempdir().unwrap();
        let banks = Banks::start(folder.path(), clock.clone()).await.unwrap();
        let store = DynamoStore::new(embedded.client(), TABLE.to_owned(), Arc::new(SystemRandom));
        let vault = KmsVault::new(client!(aws_sdk_kms, &endpoint, direct()), key_id.clone());
        let sealer = Sealer::new(Arc::new(vault), clock.clone(), Arc::new(SystemRandom));
        let service_keys = ServiceKeys::open(&store, &sealer, &SystemRandom).await.unwrap();
        let secrets = ClientSecrets::fetch(&cognito, &pools).await.unwrap();
        let world = Self {
            wire: Wire::new(),
            sandbox: Mutex::new(Deps::new(clock.clone(), Arc::new(SystemRandom))),
            clock,
            banks,
            password_key: service_keys.password_key_pem(),
            service_keys: Arc::new(service_keys),
            last: Mutex::default(),
            keys: Arc::new(Published { good: HttpsKeys::of_emulator(&endpoint), down: Mutex::default() }),
            sms: Arc::new(Sms::new(pools.admin.id(), pools.admin.client_id(), pools.data.id())),
            pools,
            secrets,
            server,
            embedded,
            key_id,
            partition: AtomicU32::new(0),
            _folder: folder,
        };
        world.fresh(Line::Whole);
        Some(world)
    }

    /// From now on calls are answered by a sandbox that has just started: nothing is cached.
    pub(crate) fn fresh(&self, line: Line) {
        let side = self.side();
        let random = Arc::new(SystemRandom);
        let tokens = Arc::new(CognitoTokens::new(self.pools.clone(), self.keys.clone()));
        let (pools, secrets) = (self.pools.clone(), self.secrets.clone());
        let identity = CognitoIdentity::new(self.cognito(&side), pools, secrets, tokens.clone(), self.clock.clone());
        let s3 = client!(aws_sdk_s3, self.server.endpoint(), self.to(Service::S3), patience::S3, side);
        let endpoint = self.server.endpoint();
        let gateway = client!(aws_sdk_apigateway, endpoint, self.to(Service::ApiGateway), patience::API_GATEWAY, side);
        let ses = client!(aws_sdk_sesv2, self.server.endpoint(), self.to(Service::Ses), patience::SES, side);
        let deps = Deps::new(self.clock.clone(), random.clone())
            .with_store(Arc::new(self.store(&side)))
            .with_tokens(tokens)
            .with_identity(Arc::new(identity))
            .with_service_keys(Arc::clone(&self.service_keys))
            .with_sealer(Arc::new(self.sealer(&side)))
            .with_blobs(Arc::new(S3Blobs::new(s3, BUCKET.to_owned(), "files/".to_owned())))
            .with_banks(Arc::new(self.channel(line)))
            .with_gateway(Arc::new(ApiGateway::new(gateway, PLAN.to_owned())))
            .with_notifier(Arc::new(SesNotifier::new(ses, Some(SENDER.to_owned()))));
        *self.sandbox.lock().unwrap() = deps;
    }

    /// What a function asks for at its start, once: the clients' secrets and the service's keys.
    pub(crate) async fn start_a_function(&self) -> Result<(), String> {
        let side = self.side();
        let secrets = ClientSecrets::fetch(&self.cognito(&side), &self.pools).await;
        secrets.map_err(|error| error.to_string())?;
        let keys = ServiceKeys::open(&self.store(&side), &self.sealer(&side), &SystemRandom).await;
        keys.map(drop).map_err(|error| error.to_string())
    }

    /// Lets the organisation of an account use real banks, as the operator does.
    pub(crate) async fn agree(&self, email: &str) {
        let store = DynamoStore::new(self.embedded.client(), TABLE.to_owned(), Arc::new(SystemRandom));
        let found = store.account(&Email::parse(email).unwrap()).await.unwrap();
        let organisation = found.into_iter().find_map(|stored| match stored.record {
            Record::Account(account) => Some(account.organisation),
            _ => None,
        });
        let context = Context { clock: &*self.clock, random: &SystemRandom, request_id: "operator" };
        set_agreement(context, &store, &organisation.unwrap(), Agreement::Active).await.unwrap();
    }

    fn side(&self) -> (Wire, String) {
        (self.wire.clone(), format!("sandbox {}", self.partition.fetch_add(1, Ordering::SeqCst)))
    }

    fn to(&self, service: Service) -> SharedHttpClient {
        let sms = (service == Service::Cognito).then(|| Arc::clone(&self.sms));
        self.wire.to(service, direct(), sms)
    }

    fn store(&self, side: &(Wire, String)) -> DynamoStore {
        let engine = self.embedded.client().config().http_client().unwrap();
        let wire = self.wire.to(Service::DynamoDb, engine, None);
        let client = client!(aws_sdk_dynamodb, "http://embedded.invalid", wire, patience::DYNAMODB, side);
        DynamoStore::new(client, TABLE.to_owned(), Arc::new(SystemRandom))
    }

    fn sealer(&self, side: &(Wire, String)) -> Sealer {
        let kms = client!(aws_sdk_kms, self.server.endpoint(), self.to(Service::Kms), patience::KMS, side);
        let vault = KmsVault::new(kms, self.key_id.clone());
        Sealer::new(Arc::new(vault), self.clock.clone(), Arc::new(SystemRandom))
    }

    fn cognito(&self, side: &(Wire, String)) -> aws_sdk_cognitoidentityprovider::Client {
        let (endpoint, wire) = (self.server.endpoint(), self.to(Service::Cognito));
        client!(aws_sdk_cognitoidentityprovider, endpoint, wire, patience::COGNITO, side)
    }

    fn channel(&self, line: Line) -> HttpBanks {
        let simulator = &self.banks.simulator;
        let base = if line == Line::Closed { "http://127.0.0.1:1" } else { self.banks.base.as_str() };
        let wait = if line == Line::Impatient { SHORT } else { Duration::from_secs(20) };
        let contracts = [BankKey::Simulator, BankKey::Osuuspankki].map(|bank| {
            let trust = Trust::from_pem(&simulator.root_pem(bank).unwrap()).unwrap();
            Contract::simulated(profile(bank.as_str()).unwrap(), base, trust)
        });
        HttpBanks::new(Vec::from(contracts), self.clock.clone(), Arc::new(SystemRandom), wait)
    }

    /// The pools' keys cannot be had, or can again.
    pub(crate) fn publish(&self, published: bool) {
        *self.keys.down.lock().unwrap() = !published;
    }

    /// A company's client.
    pub(crate) fn story(&self, email: &str) -> Story<'_> {
        Story { transport: self, codes: &OneCode, password_key: &self.password_key, company: Company::example(email) }
    }

    /// A client of somebody who has reset his password, or is about to.
    pub(crate) fn story_anew(&self, email: &str) -> Story<'_> {
        let story = self.story(email);
        Story { company: Company { admin_password: NEW_PASSWORD.to_owned(), ..story.company.clone() }, ..story }
    }

    /// The answer to the last call.
    pub(crate) fn answer(&self) -> Answer {
        self.last.lock().unwrap().clone().unwrap().0
    }

    /// A text in the body of the last answer.
    pub(crate) fn text(&self, name: &str) -> String {
        avain::story::text(&self.last.lock().unwrap().clone().unwrap().1, name).unwrap()
    }

    /// How many passwords were reset so far.
    pub(crate) fn resets(&self) -> u64 {
        self.sms.resets()
    }

    /// The records, by their keys.
    pub(crate) fn records(&self) -> BTreeMap<String, Value> {
        let request = serde_json::from_value(json!({ "TableName": TABLE })).unwrap();
        let answer = serde_json::to_value(self.embedded.database().scan(request).unwrap()).unwrap();
        assert!(answer["LastEvaluatedKey"].is_null(), "more than one page");
        let items = answer["Items"].as_array().unwrap().iter();
        items.map(|item| (format!("{}/{}", item["PK"]["S"], item["SK"]["S"]), item.clone())).collect()
    }

    /// Puts the records back to what they were.
    pub(crate) fn put_back(&self, before: &BTreeMap<String, Value>) {
        let database = self.embedded.database();
        for (key, item) in self.records() {
            if !before.contains_key(&key) {
                let key = json!({ "TableName": TABLE, "Key": { "PK": item["PK"], "SK": item["SK"] } });
                database.delete_item(serde_json::from_value(key).unwrap()).unwrap();
            }
        }
        for item in before.values() {
            let put = json!({ "TableName": TABLE, "Item": item });
            database.put_item(serde_json::from_value(put).unwrap()).unwrap();
        }
    }

    /// The names of the files in the bucket.
    pub(crate) async fn files(&self) -> Vec<String> {
        let s3 = client!(aws_sdk_s3, self.server.endpoint(), direct());
        let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        listed.contents.unwrap_or_default().into_iter().filter_map(|it| it.key).collect()
    }

    pub(crate) async fn remove_file(&self, name: &str) {
        let s3 = client!(aws_sdk_s3, self.server.endpoint(), direct());
        s3.delete_object().bucket(BUCKET).key(name).send().await.unwrap();
    }

    /// What the pool has of a login: state, whether its address is verified, and whether it has an authenticator.
    pub(crate) async fn user(&self, email: &str, mode: Mode) -> Option<String> {
        let login = Login { email: Email::parse(email).unwrap(), mode };
        let pool = if mode == Mode::Admin { &self.pools.admin } else { &self.pools.data };
        let cognito = client!(aws_sdk_cognitoidentityprovider, self.server.endpoint(), direct());
        let found = cognito.admin_get_user().user_pool_id(pool.id()).username(username(&login)).send().await.ok()?;
        let verified =
            found.user_attributes().iter().any(|it| it.name() == "email_verified" && it.value() == Some("true"));
        let authenticator = found.user_mfa_setting_list().iter().any(|it| it == "SOFTWARE_TOKEN_MFA");
        let mut words = found.user_status()?.as_str().to_lowercase();
        for (_, more) in [(verified, ", e-mail verified"), (authenticator, ", authenticator")].iter().filter(|it| it.0)
        {
            words += more;
        }
        Some(words)
    }
}

async fn pool(cognito: &aws_sdk_cognitoidentityprovider::Client, mfa: UserPoolMfaType) -> Pool {
    let schema = ["apikey", "organisation", "mode", "account_type"].map(|name| {
        SchemaAttributeType::builder().name(name).attribute_data_type(AttributeDataType::String).mutable(false).build()
    });
    let password = PasswordPolicyType::builder().minimum_length(20).build();
    let made = cognito
        .create_user_pool()
        .pool_name("avain")
        .mfa_configuration(mfa)
        .policies(UserPoolPolicyType::builder().password_policy(password).build())
        .auto_verified_attributes(VerifiedAttributeType::PhoneNumber)
        .auto_verified_attributes(VerifiedAttributeType::Email)
        .set_schema(Some(schema.to_vec()))
        .send()
        .await
        .unwrap();
    let id = made.user_pool.unwrap().id.unwrap();
    let client = cognito.create_user_pool_client().user_pool_id(&id).client_name("avain").generate_secret(true);
    let made = client.explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth).send().await.unwrap();
    Pool::new(&id, made.user_pool_client.unwrap().client_id().unwrap()).unwrap()
}

/// The pools' keys as ministack publishes them.
struct Published {
    good: HttpsKeys,
    down: Mutex<bool>,
}

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self, pool: &Pool) -> Result<Vec<u8>, Unavailable> {
        if *self.down.lock().unwrap() {
            return Err(Unavailable("the pool's keys cannot be had".to_owned()));
        }
        self.good.fetch(pool).await
    }
}

struct OneCode;

#[async_trait]
impl Codes for OneCode {
    async fn newest(&self, _: &str, _: &str, kind: &str) -> Result<String, ClientError> {
        Ok(if kind == "reset" { RESET_CODE } else { CODE }.to_owned())
    }
}

#[async_trait]
impl Transport for World {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let Route::Found(operation) = find(request.method(), request.uri().path()) else { panic!("no such operation") };
        let deps = self.sandbox.lock().unwrap().clone();
        let response = avain_api::answer(operation, &deps, "request", &request).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        // The API's document is no answer of the channel: it has neither code nor text.
        let (code, text) = match body["openapi"].as_str() {
            Some(version) => ("-", format!("OpenAPI {version}")),
            None => (body["ResponseCode"].as_str().unwrap(), body["ResponseText"].as_str().unwrap().to_owned()),
        };
        let answer = Answer {
            status: response.status().as_u16(),
            code: code.to_owned(),
            text,
            retry_after: response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned()),
        };
        *self.last.lock().unwrap() = Some((answer, body));
        Ok(response)
    }
}
