//! The ports on AWS services, as the function's environment names them (template.yaml).
//!
//! | variable | what | for |
//! |---|---|---|
//! | `AVAIN_STACK` | the stack's name, which the metrics' namespace has | all |
//! | `AVAIN_TABLE` | the table | the store |
//! | `AVAIN_KMS_KEY` | id or ARN of the key | sealing, the service's keys |
//! | `AVAIN_KEY_VERSION`, `AVAIN_MINIMUM_KEY_VERSION` | version of the key that seals, lowest one that opens; 1 if not there | the same |
//! | `AVAIN_BUCKET` | the bucket | files |
//! | `AVAIN_ADMIN_POOL`, `AVAIN_ADMIN_CLIENT`, `AVAIN_DATA_POOL`, `AVAIN_DATA_CLIENT` | ids of the user pools and their clients | logins and tokens |
//! | `AVAIN_ENVIRONMENT` | `production` or `test` | banks; setting an authenticator up: in production logins ask for its code directly |
//! | `AVAIN_BANKS` | a folder with the operator's own bank profiles and roots (docs/bank-profiles.md) | banks |
//! | `AVAIN_SIMULATOR`, `AVAIN_SIMULATOR_ROOT` | in `test`: base address of the simulated banks, and their roots in PEM | banks |
//! | `AVAIN_USAGE_PLAN` | name of the usage plan | registration: API keys |
//! | `AVAIN_NOTICE_SENDER` | address that notices come from; without it none is sent | e-mail to people |
//! | `AVAIN_EMAIL_BEFORE_MFA` | must not be `true`: Cognito cannot (decision 0013) | all |

use std::sync::Arc;
use std::time::Duration;

use avain_adapters_aws::banks::{self, Contracts, Environment, HttpBanks};
use avain_adapters_aws::cognito::{ClientSecrets, CognitoIdentity, CognitoTokens, HttpsKeys, Pool, Pools};
use avain_adapters_aws::gateway::ApiGateway;
use avain_adapters_aws::kms::KmsVault;
use avain_adapters_aws::patience;
use avain_adapters_aws::s3::S3Blobs;
use avain_adapters_aws::ses::SesNotifier;
use avain_adapters_aws::store::DynamoStore;
use avain_adapters_aws::system::{SystemClock, SystemRandom};
use avain_api::Deps;
use avain_domain::Settings;
use avain_domain::ports::{KeyVersions, Store};
use avain_domain::seal::Sealer;
use avain_domain::service_keys::ServiceKeys;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client as http_client;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::{Opening, OpeningSource};
use crate::StartError;

/// How long a bank is waited for: API Gateway's limit is 29 s.
const BANK_WAIT: Duration = Duration::from_secs(25);
/// Where the sealed files lie in the bucket.
const PREFIX: &str = "files/";

/// A service's client, with the patience that its calls deserve.
macro_rules! client {
    ($sdk:ident, $config:expr, $patience:expr) => {
        $sdk::Client::from_conf($sdk::config::Builder::from(&$config).timeout_config($patience.timeouts()).build())
    };
}

/// What the function's ports have in common: region, credentials and one HTTP client.
pub struct Source {
    config: SdkConfig,
    settings: Settings,
    tokens: Option<Arc<CognitoTokens>>,
}

impl Source {
    /// Reads region and credentials, which Lambda gives in the environment.
    #[must_use]
    pub fn open() -> OpeningSource {
        Box::pin(async { Ok(Self { config: environment()?, settings: settings()?, tokens: None }) })
    }

    /// Time, randomness and the deployment's settings.
    #[must_use]
    pub fn deps(&self) -> Deps {
        Deps::new(Arc::new(SystemClock), Arc::new(SystemRandom)).with_settings(self.settings)
    }

    fn store(&self) -> Result<Arc<dyn Store>, StartError> {
        let client = client!(aws_sdk_dynamodb, self.config, patience::DYNAMODB);
        Ok(Arc::new(DynamoStore::new(client, variable("AVAIN_TABLE")?, Arc::new(SystemRandom))))
    }

    fn sealer(&self) -> Result<Arc<Sealer>, StartError> {
        let vault = KmsVault::new(client!(aws_sdk_kms, self.config, patience::KMS), variable("AVAIN_KMS_KEY")?);
        let vault = vault.with_versions(key_versions()?);
        Ok(Arc::new(Sealer::new(Arc::new(vault), Arc::new(SystemClock), Arc::new(SystemRandom))))
    }

    /// One for both ports that check tokens, so that the pools' keys are fetched once.
    fn tokens(&mut self) -> Result<Arc<CognitoTokens>, StartError> {
        if let Some(tokens) = &self.tokens {
            return Ok(Arc::clone(tokens));
        }
        let tokens = Arc::new(CognitoTokens::new(pools()?, Arc::new(self.pool_keys())));
        self.tokens = Some(Arc::clone(&tokens));
        Ok(tokens)
    }

    /// The pools' keys come from Cognito itself, over TLS. Only where the SDK finds AWS at a port of this machine
    /// (`AWS_ENDPOINT_URL`, an emulator) do they come from there too: Lambda has nothing that listens on loopback.
    fn pool_keys(&self) -> HttpsKeys {
        let port_here = |url: &&str| url.strip_prefix("http://127.0.0.1:").is_some_and(|it| it.parse::<u16>().is_ok());
        self.config.endpoint_url().filter(port_here).map_or_else(HttpsKeys::new, HttpsKeys::of_emulator)
    }
}

/// Region and credentials as Lambda gives them, and one HTTP client for all. The SDK's own search for them would look for
/// files that are not there, and link its clients of STS.
fn environment() -> Result<SdkConfig, StartError> {
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(credentials)
        .http_client(http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https())
        .retry_config(patience::retries());
    Ok(match variable("AWS_ENDPOINT_URL") {
        Ok(emulator) => config.endpoint_url(emulator).build(),
        Err(_) => config.build(),
    })
}

/// The records.
pub fn store(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_store(source.store()?)) })
}

/// The user pools. The clients' secrets are asked of Cognito once, at the start: they stay out of the environment.
pub fn identity(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let client = client!(aws_sdk_cognitoidentityprovider, source.config, patience::COGNITO);
        let pools = pools()?;
        let secrets = ClientSecrets::fetch(&client, &pools).await?;
        let identity = CognitoIdentity::new(client, pools, secrets, source.tokens()?, Arc::new(SystemClock));
        Ok(deps.with_identity(Arc::new(identity)))
    })
}

/// The user pools' public keys.
pub fn tokens(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_tokens(source.tokens()?)) })
}

/// The service's own keys.
pub fn service_keys(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let keys = ServiceKeys::open(&*source.store()?, &*source.sealer()?, &SystemRandom).await?;
        Ok(deps.with_service_keys(Arc::new(keys)))
    })
}

/// Sealing under the KMS key.
pub fn sealer(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_sealer(source.sealer()?)) })
}

/// Sealed files.
pub fn blobs(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let client = client!(aws_sdk_s3, source.config, patience::S3);
        Ok(deps.with_blobs(Arc::new(S3Blobs::new(client, variable("AVAIN_BUCKET")?, PREFIX.to_owned()))))
    })
}

/// The banks of the environment.
#[must_use]
pub fn banks(_: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let contracts = contracts(&variable("AVAIN_ENVIRONMENT")?)?;
        let banks = HttpBanks::new(contracts, Arc::new(SystemClock), Arc::new(SystemRandom), BANK_WAIT);
        Ok(deps.with_banks(Arc::new(banks)))
    })
}

/// The gateway's API keys.
pub fn gateway(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let client = client!(aws_sdk_apigateway, source.config, patience::API_GATEWAY);
        Ok(deps.with_gateway(Arc::new(ApiGateway::new(client, variable("AVAIN_USAGE_PLAN")?))))
    })
}

/// Notices by e-mail.
#[must_use]
pub fn notifier(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let client = client!(aws_sdk_sesv2, source.config, patience::SES);
        Ok(deps.with_notifier(Arc::new(SesNotifier::new(client, variable("AVAIN_NOTICE_SENDER").ok()))))
    })
}

/// Cognito verifies an attribute with an access token, which it gives after the second factor only.
fn settings() -> Result<Settings, StartError> {
    if variable("AVAIN_EMAIL_BEFORE_MFA").is_ok_and(|it| it != "false") {
        return Err(StartError::EmailBeforeMfa);
    }
    let totp_first = variable("AVAIN_ENVIRONMENT").is_ok_and(|it| it == "production");
    Ok(Settings { email_before_mfa: false, totp_first })
}

/// Real banks in production; in test simulated ones if the environment names any, else those that have an environment for tests.
fn contracts(environment: &str) -> Result<Contracts, StartError> {
    let folder = super::own_banks()?;
    match environment {
        "production" => Ok(banks::real(folder, Environment::Production)),
        "test" => {
            let Ok(base) = variable("AVAIN_SIMULATOR") else { return Ok(banks::real(folder, Environment::Test)) };
            let roots = variable("AVAIN_SIMULATOR_ROOT")?;
            banks::simulated(folder, &base, &roots).ok_or(StartError::Variable("AVAIN_SIMULATOR_ROOT"))
        }
        _ => Err(StartError::Variable("AVAIN_ENVIRONMENT")),
    }
}

fn pools() -> Result<Pools, StartError> {
    let pool = |id: &'static str, client: &'static str| {
        Pool::new(&variable(id)?, &variable(client)?).ok_or(StartError::Variable(id))
    };
    Ok(Pools {
        admin: pool("AVAIN_ADMIN_POOL", "AVAIN_ADMIN_CLIENT")?,
        data: pool("AVAIN_DATA_POOL", "AVAIN_DATA_CLIENT")?,
    })
}

fn key_versions() -> Result<KeyVersions, StartError> {
    let version = |name| match variable(name) {
        Ok(text) => text.parse().ok().filter(|version| *version > 0).ok_or(StartError::Variable(name)),
        Err(_) => Ok(1),
    };
    let (current, minimum) = (version("AVAIN_KEY_VERSION")?, version("AVAIN_MINIMUM_KEY_VERSION")?);
    if minimum > current {
        return Err(StartError::Variable("AVAIN_MINIMUM_KEY_VERSION"));
    }
    Ok(KeyVersions { current, minimum })
}

fn variable(name: &'static str) -> Result<String, StartError> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(StartError::Variable(name))
}
