//! The deployed stack, the simulated banks beside it, and its users.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use avain::client::{Call, Credentials, Transport, request};
use avain::machine::Banks;
use avain::story::{Company, Story, credentials};
use avain_adapters_aws::kms::KmsVault;
use avain_adapters_aws::store::DynamoStore;
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::random::SystemRandom;
use avain_api::operations::INIT_REGISTER;
use avain_bank_simulator::BankKey;
use avain_domain::seal::Sealer;
use avain_domain::service_keys::ServiceKeys;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cognitoidentityprovider::config::Credentials as Keys;

use crate::account::{ACCOUNT, REGION};
use crate::gateway::Gateway;
use crate::people::{People, Pool};
use crate::stack::Stack;

pub(crate) const BANK: &str = "simulator";
pub(crate) const ACTIVATION_CODE: &str = "Demo-Code-2026-0001";

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) gateway: Gateway,
    pub(crate) people: People,
    pub(crate) banks: Banks,
    pub(crate) sdk: SdkConfig,
    password_key: String,
    count: AtomicUsize,
}

impl World {
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let banks = Banks::start(folder, Arc::new(SystemClock)).await.unwrap();
        // No more of them: a function's variables may be 4 kB in all.
        let roots =
            [BankKey::Simulator, BankKey::Osuuspankki, BankKey::Danskebank].map(|bank| banks.root(bank).unwrap());
        let roots = roots.concat();
        let stack = Stack::deploy(folder, &banks.base, &roots).await?;
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(&stack.endpoint)
            .credentials_provider(Keys::new(ACCOUNT, "test", None, None, "test"))
            .load()
            .await;
        let pool = |pool, client| Pool { id: stack.id(pool).to_owned(), client: stack.id(client).to_owned() };
        let cognito = aws_sdk_cognitoidentityprovider::Client::new(&sdk);
        let people = People::new(cognito, pool("AdminPool", "AdminClient"), pool("DataPool", "DataClient"));
        let gateway = Gateway::new(stack.api());
        let password_key = match stack.outputs.get("PasswordKey") {
            Some(output) => output.clone(),
            None => made_by_a_function(&gateway, &stack, &sdk).await,
        };
        Some(Self { stack, gateway, people, banks, sdk, password_key, count: AtomicUsize::new(0) })
    }

    pub(crate) fn story(&self, email: &str) -> Story<'_> {
        let company = Company::example(email);
        Story { transport: &self.gateway, codes: &self.people, password_key: &self.password_key, company }
    }

    /// Of a company that is not there yet.
    pub(crate) fn new_story(&self) -> Story<'_> {
        self.story(&format!("{}@esimerkki.fi", self.number()))
    }

    /// Another number each time.
    pub(crate) fn number(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Everything from a registration to the first session of a mode.
    pub(crate) async fn open(&self, story: &Story<'_>, mode: &str, api_key: &str) -> Credentials {
        story.register(mode, api_key).await.unwrap();
        story.verify_phone(mode).await.unwrap();
        self.people.verify(&story.company.email, mode).await;
        if mode == "admin" {
            self.people.enrol_authenticator(&story.company).await;
        }
        credentials(&story.log_in(mode).await.unwrap()).unwrap()
    }

    /// A user id that the bank has not seen: another certificate for one that it has replaces the first.
    pub(crate) fn user_id(&self) -> String {
        format!("{:010}", self.number())
    }
}

/// The password key as a function's first start has made it, opened as functions do.
async fn made_by_a_function(gateway: &Gateway, stack: &Stack, sdk: &SdkConfig) -> String {
    let path = &["first@esimerkki.fi", "admin"];
    let call = Call { operation: &INIT_REGISTER, path, query: "", credentials: None, body: None };
    let answer = gateway.send(request(call).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
    let store =
        DynamoStore::new(aws_sdk_dynamodb::Client::new(sdk), stack.id("Table").to_owned(), Arc::new(SystemRandom));
    let vault = KmsVault::new(aws_sdk_kms::Client::new(sdk), stack.id("Key").to_owned());
    let sealer = Sealer::new(Arc::new(vault), Arc::new(SystemClock), Arc::new(SystemRandom));
    ServiceKeys::open(&store, &sealer, &SystemRandom).await.unwrap().password_key_pem()
}
