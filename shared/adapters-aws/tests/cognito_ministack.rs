//! The steps of the user pools that ministack does as Cognito's reference says, through the real SDK client.
//!
//! ministack asks for no SMS code and verifies no attributes: those steps are proven on replayed answers (tests/cognito).
//! Here an e-mail address is set as verified by the provider's own call, and an admin's login is shown to be refused for
//! want of a second factor, until there is an authenticator: of that, it asks for and checks the codes. It takes any session, and changes attributes that cannot be changed: neither is asserted, nor is
//! locking out.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

#[path = "suite/identity.rs"]
mod suite;

use std::sync::Arc;

use async_trait::async_trait;
use avain_adapters_aws::cognito::{ClientSecrets, CognitoIdentity, CognitoTokens, HttpsKeys, Pool, Pools, username};
use avain_adapters_local::clock::SystemClock;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Clock, Identity, IdentityError, NewUser, SignIn, Tokens};
use avain_domain::secret::{Password, Secret};
use avain_test_support::ministack::Ministack;
use aws_lc_rs::hmac;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cognitoidentityprovider::types::{
    AttributeDataType, AttributeType, AuthFlowType, ExplicitAuthFlowsType, PasswordPolicyType,
    PreventUserExistenceErrorTypes, SchemaAttributeType, UserPoolMfaType, UserPoolPolicyType, VerifiedAttributeType,
};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime};

/// The account in which ministack looks when a call is not signed, as SignUp is not.
const ACCOUNT: &str = "000000000000";
const PHONE: &str = "+358401234567";
const PASSWORD: &str = "Correct-Horse-Battery-9";
/// ministack's only code for a phone.
const CODE: &str = "123456";
/// Its only one for another password.
const RESET_CODE: &str = "654321";

/// So much later than now.
struct Later(Duration);

impl Clock for Later {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + self.0
    }
}

struct World {
    _server: Ministack,
    client: Client,
    pools: Pools,
    secrets: ClientSecrets,
    tokens: Arc<CognitoTokens>,
}

impl World {
    async fn start() -> Option<Self> {
        let server = Ministack::start()?;
        let client = client(&server);
        let (admin, admin_secret) = pool(&client, UserPoolMfaType::On).await;
        let (data, data_secret) = pool(&client, UserPoolMfaType::Off).await;
        let pools = Pools { admin, data };
        let tokens = CognitoTokens::new(pools.clone(), Arc::new(HttpsKeys::of_emulator(&server.endpoint())));
        let secrets = ClientSecrets { admin: admin_secret, data: data_secret };
        Some(Self { _server: server, client, pools, secrets, tokens: Arc::new(tokens) })
    }

    fn identity(&self, later: Duration) -> CognitoIdentity {
        let (pools, secrets) = (self.pools.clone(), self.secrets.clone());
        CognitoIdentity::new(self.client.clone(), pools, secrets, Arc::clone(&self.tokens), Arc::new(Later(later)))
    }

    async fn set_email_verified(&self, login: &Login) {
        let verified = AttributeType::builder().name("email_verified").value("true").build().unwrap();
        let pool = if login.mode == Mode::Admin { &self.pools.admin } else { &self.pools.data };
        let request = self.client.admin_update_user_attributes().user_pool_id(pool.id());
        request.username(username(login)).user_attributes(verified).send().await.unwrap();
    }
}

fn client(server: &Ministack) -> Client {
    Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-north-1"))
            .endpoint_url(server.endpoint())
            .credentials_provider(Credentials::new(ACCOUNT, "test", None, None, "test"))
            .build(),
    )
}

/// A pool with the settings of docs/cognito.md that ministack knows, and its client's secret.
async fn pool(client: &Client, mfa: UserPoolMfaType) -> (Pool, Secret) {
    let schema = ["apikey", "organisation", "mode", "account_type"].map(|name| {
        SchemaAttributeType::builder().name(name).attribute_data_type(AttributeDataType::String).mutable(false).build()
    });
    let password = PasswordPolicyType::builder().minimum_length(20).build();
    let made = client
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
    let pool_id = made.user_pool.unwrap().id.unwrap();
    let made = client
        .create_user_pool_client()
        .user_pool_id(&pool_id)
        .client_name("avain")
        .generate_secret(true)
        .explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth)
        .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
        .send()
        .await
        .unwrap();
    let client = made.user_pool_client.unwrap();
    let pool = Pool::new(&pool_id, client.client_id().unwrap()).unwrap();
    (pool, Secret::new(client.client_secret().unwrap().as_bytes().to_vec()))
}

fn login(mode: Mode) -> Login {
    Login { email: Email::parse("anna@example.com").unwrap(), mode }
}

async fn register(identity: &CognitoIdentity, login: &Login) -> Result<(), IdentityError> {
    let user = NewUser {
        login,
        password: &Password::new(PASSWORD.to_owned()),
        phone: PHONE,
        api_key: "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0",
        organisation: &OrganisationId("org-1".to_owned()),
        owner: true,
        phone_trusted: false,
    };
    identity.sign_up(user).await
}

async fn sign_in(identity: &CognitoIdentity, login: &Login, password: &str) -> Result<SignIn, IdentityError> {
    identity.sign_in(login, &Password::new(password.to_owned())).await
}

#[tokio::test]
async fn from_registration_to_logout() {
    let Some(world) = World::start().await else { return };
    let (identity, login) = (world.identity(Duration::ZERO), login(Mode::Data));

    register(&identity, &login).await.unwrap();
    assert!(matches!(register(&identity, &login).await, Err(IdentityError::UserExists)));
    assert!(matches!(sign_in(&identity, &login, PASSWORD).await.unwrap(), SignIn::VerifyPhone));

    let other_phone = identity.confirm_phone(&login, "+358401234568", CODE).await;
    assert!(matches!(other_phone, Err(IdentityError::CodeExpired)));
    assert!(matches!(identity.confirm_phone(&login, PHONE, "999999").await, Err(IdentityError::WrongCode)));
    identity.confirm_phone(&login, PHONE, CODE).await.unwrap();
    assert!(matches!(identity.confirm_phone(&login, PHONE, CODE).await, Err(IdentityError::CodeExpired)));

    let nobody = Login { email: Email::parse("nobody@example.com").unwrap(), mode: Mode::Data };
    assert!(matches!(identity.confirm_phone(&nobody, PHONE, CODE).await, Err(IdentityError::CodeExpired)));
    assert!(matches!(sign_in(&identity, &nobody, PASSWORD).await, Err(IdentityError::WrongCredentials)));
    let wrong = sign_in(&identity, &login, "Correct-Horse-Battery-8").await;
    assert!(matches!(wrong, Err(IdentityError::WrongCredentials)));

    world.set_email_verified(&login).await;
    let SignIn::Done(tokens) = sign_in(&identity, &login, PASSWORD).await.unwrap() else { panic!("not logged in") };
    assert!(tokens.owner && tokens.organisation.0 == "org-1" && tokens.expires_in == 3600);
    let claims = world.tokens.verify(&tokens.id_token, SystemClock.now()).await.unwrap().unwrap();
    assert_eq!((claims.login, claims.organisation.0.as_str()), (login.clone(), "org-1"));
    assert!(world.tokens.verify(&tokens.access_token, SystemClock.now()).await.unwrap().is_none());
    let expired = SystemClock.now() + Duration::seconds(3601);
    assert!(world.tokens.verify(&tokens.id_token, expired).await.unwrap().is_none());

    world.client.get_user().access_token(&tokens.access_token).send().await.unwrap();
    identity.sign_out(&login).await.unwrap();
    assert!(world.client.get_user().access_token(&tokens.access_token).send().await.is_err());
    identity.sign_out(&nobody).await.unwrap();
}

#[tokio::test]
async fn a_left_over_is_replaced_a_minute_later() {
    let Some(world) = World::start().await else { return };
    let login = login(Mode::Admin);
    register(&world.identity(Duration::ZERO), &login).await.unwrap();
    let later = world.identity(Duration::seconds(61));
    register(&later, &login).await.unwrap();
    later.confirm_phone(&login, PHONE, CODE).await.unwrap();
    assert!(matches!(register(&later, &login).await, Err(IdentityError::UserExists)));
}

struct Suite {
    world: World,
    identity: CognitoIdentity,
}

#[async_trait]
impl suite::Pool for Suite {
    fn identity(&self) -> &dyn Identity {
        &self.identity
    }

    fn phone_code(&self, _: &Login) -> String {
        CODE.to_owned()
    }

    fn reset_code(&self, _: &Login) -> String {
        RESET_CODE.to_owned()
    }

    /// Past the adapter, which gives no tokens without a second factor.
    async fn ready(&self, login: &Login) -> String {
        self.world.set_email_verified(login).await;
        let (pool, name) = (&self.world.pools.admin, username(login));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.world.secrets.admin.expose());
        let hash = STANDARD.encode(hmac::sign(&key, format!("{name}{}", pool.client_id()).as_bytes()));
        let request = self.world.client.admin_initiate_auth().user_pool_id(pool.id()).client_id(pool.client_id());
        let request = request.auth_flow(AuthFlowType::AdminUserPasswordAuth).auth_parameters("USERNAME", name);
        let request = request.auth_parameters("PASSWORD", suite::PASSWORD).auth_parameters("SECRET_HASH", hash);
        request.send().await.unwrap().authentication_result.unwrap().access_token.unwrap()
    }

    /// ministack takes a code more than once.
    fn next_step(&self) -> i64 {
        SystemClock.now().unix_timestamp()
    }
}

#[tokio::test]
async fn the_suite_of_authenticators() {
    let Some(world) = World::start().await else { return };
    let pool = Suite { identity: world.identity(Duration::ZERO), world };
    suite::an_authenticator_is_a_second_factor(&pool).await;
    suite::an_authenticator_is_replaced_when_the_new_one_is_confirmed(&pool).await;
    suite::an_authenticator_is_an_admins_own(&pool).await;
    suite::an_authenticator_is_turned_off(&pool).await;
    suite::a_password_is_reset_with_its_code(&pool).await;
}

/// ministack gives tokens although the pool requires a second factor and SMS is on for the user.
#[tokio::test]
async fn an_admin_without_a_second_factor_is_refused() {
    let Some(world) = World::start().await else { return };
    let (identity, login) = (world.identity(Duration::ZERO), login(Mode::Admin));
    register(&identity, &login).await.unwrap();
    identity.confirm_phone(&login, PHONE, CODE).await.unwrap();
    let refused = sign_in(&identity, &login, PASSWORD).await.map(drop).unwrap_err();
    let expected = "Cognito: the admin pool let a login in without a second factor; it was refused";
    assert_eq!(refused.to_string(), expected);
}

/// What keeps a stranger from making himself a user of an organisation.
#[tokio::test]
async fn nobody_signs_up_without_the_clients_secret() {
    let Some(world) = World::start().await else { return };
    let organisation = AttributeType::builder().name("custom:organisation").value("org-1").build().unwrap();
    let request = world.client.sign_up().client_id(world.pools.data.client_id()).username("stranger");
    let request = request.password(PASSWORD).user_attributes(organisation.clone());
    assert!(request.send().await.unwrap_err().into_service_error().is_not_authorized_exception());

    // With another secret the service is at fault, not the caller.
    let mut identity = world.identity(Duration::ZERO);
    register(&identity, &login(Mode::Data)).await.unwrap();
    let secrets = ClientSecrets { admin: world.secrets.admin.clone(), data: world.secrets.admin.clone() };
    let clock = Arc::new(Later(Duration::ZERO));
    identity =
        CognitoIdentity::new(world.client.clone(), world.pools.clone(), secrets, Arc::clone(&world.tokens), clock);
    let error = sign_in(&identity, &login(Mode::Data), PASSWORD).await.map(drop).unwrap_err();
    assert!(matches!(error, IdentityError::Unavailable(_)), "{error}");
}
