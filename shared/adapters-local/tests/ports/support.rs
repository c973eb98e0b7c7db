//! A pool with a clock and a random source that tests set.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_adapters_local::pool::{PasswordCost, PoolParts, UserPool};
use avain_adapters_local::vault::KeyFileVault;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Clock, Factor, Identity, IdentityError, NewUser, Random, SignIn, TokenSet};
use avain_domain::secret::Password;
use aws_lc_rs::digest;
use dynoxide::Database;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

pub(crate) const PHONE: &str = "+358401234567";
pub(crate) const API_KEY: &str = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";
pub(crate) const PASSWORD: &str = "Correct-Horse-Battery-9";
pub(crate) const ISSUER: &str = "https://avain.example/pool";

#[derive(Default)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.whole_seconds(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// SHA-256 of a counter: every run draws the same.
#[derive(Default)]
pub(crate) struct SeededRandom(AtomicU64);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            chunk.copy_from_slice(&digest::digest(&digest::SHA256, &count).as_ref()[..chunk.len()]);
        }
    }
}

/// The cheapest Argon2id there is: the tests are about steps, not about its cost.
pub(crate) fn cheap() -> PasswordCost {
    PasswordCost::new(PasswordCost::MIN_M_COST, 1, 1, None).unwrap()
}

pub(crate) struct World {
    pub(crate) pool: Arc<UserPool>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) folder: TempDir,
    pub(crate) database: Database,
}

pub(crate) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::memory().unwrap();
    let clock = Arc::new(FakeClock(AtomicI64::new(1_800_000_000)));
    let outbox = Arc::new(Outbox::in_memory());
    let pool = Arc::new(open(&database, folder.path(), &outbox, &clock).await);
    World { pool, outbox, clock, folder, database }
}

pub(crate) async fn open(database: &Database, folder: &Path, outbox: &Arc<Outbox>, clock: &Arc<FakeClock>) -> UserPool {
    let parts = PoolParts {
        database: database.clone(),
        vault: Arc::new(KeyFileVault::open(&folder.join("root.key")).unwrap()),
        outbox: Arc::clone(outbox),
        clock: Arc::<FakeClock>::clone(clock),
        random: Arc::new(SeededRandom::default()),
        issuer: ISSUER.to_owned(),
        password_cost: cheap(),
    };
    UserPool::open(parts).await.unwrap()
}

impl World {
    pub(crate) async fn sign_up(&self, login: &Login) -> Result<(), IdentityError> {
        self.sign_up_with(login, PASSWORD).await
    }

    pub(crate) async fn sign_up_with(&self, login: &Login, password: &str) -> Result<(), IdentityError> {
        let user = NewUser {
            login,
            password: &Password::new(password.to_owned()),
            phone: PHONE,
            api_key: API_KEY,
            organisation: &OrganisationId("org-1".to_owned()),
            owner: true,
            phone_trusted: false,
        };
        self.pool.sign_up(user).await
    }

    pub(crate) async fn sign_in(&self, login: &Login) -> Result<SignIn, IdentityError> {
        self.pool.sign_in(login, &Password::new(PASSWORD.to_owned())).await
    }

    pub(crate) fn code(&self, login: &Login, kind: CodeKind) -> String {
        self.outbox.newest(&login.email, login.mode, kind).expect("a code was sent").code.to_string()
    }

    /// Signed up, phone verified.
    pub(crate) async fn with_phone(&self, login: &Login) {
        self.sign_up(login).await.unwrap();
        let code = self.code(login, CodeKind::Phone);
        self.pool.confirm_phone(login, PHONE, &code).await.unwrap();
    }

    /// Signed up, phone and e-mail verified.
    pub(crate) async fn ready(&self, login: &Login) {
        self.with_phone(login).await;
        let token = access_token(self.through_second_factor(login).await);
        let code = self.code(login, CodeKind::Email);
        self.pool.verify_email(login, &token, &code).await.unwrap();
    }

    /// Password, and in admin mode the SMS code.
    pub(crate) async fn through_second_factor(&self, login: &Login) -> SignIn {
        match self.sign_in(login).await.unwrap() {
            SignIn::SecondFactor { factor: Factor::Sms, session } => {
                let code = self.code(login, CodeKind::Mfa);
                self.pool.answer_factor(login, &session, &code).await.unwrap()
            }
            other => other,
        }
    }

    pub(crate) async fn logged_in(&self, login: &Login) -> TokenSet {
        match self.through_second_factor(login).await {
            SignIn::Done(tokens) => tokens,
            _ => panic!("not logged in"),
        }
    }
}

pub(crate) fn login(email: &str, mode: Mode) -> Login {
    Login { email: Email::parse(email).unwrap(), mode }
}

pub(crate) fn admin() -> Login {
    login("anna@example.com", Mode::Admin)
}

pub(crate) fn data() -> Login {
    login("anna@example.com", Mode::Data)
}

pub(crate) fn session(step: SignIn) -> String {
    match step {
        SignIn::SecondFactor { factor: Factor::Sms, session } => session,
        _ => panic!("no SMS code was asked for"),
    }
}

pub(crate) fn access_token(step: SignIn) -> String {
    match step {
        SignIn::VerifyEmail { access_token } => access_token,
        _ => panic!("the e-mail address was not to be verified"),
    }
}

/// Another code of six digits.
pub(crate) fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}
