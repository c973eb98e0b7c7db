//! A user pool with something before each of its steps.

use std::sync::Arc;

use async_trait::async_trait;
use avain_api::Deps;
use avain_domain::names::Login;
use avain_domain::ports::{Factor, Identity, IdentityError, NewUser, SignIn};
use avain_domain::secret::Password;

/// The pool of these ports; what comes before a step, whose name it is told, may keep it from being taken.
pub(crate) struct Interposed<B> {
    deps: Deps,
    before: B,
}

impl<B: Fn(&'static str) -> Result<(), IdentityError> + Send + Sync + 'static> Interposed<B> {
    /// The same ports, with this before each step of the pool.
    pub(crate) fn in_front_of(deps: Deps, before: B) -> Deps {
        let pool = Self { deps: deps.clone(), before };
        deps.with_identity(Arc::new(pool))
    }

    fn pool(&self, step: &'static str) -> Result<&dyn Identity, IdentityError> {
        (self.before)(step)?;
        Ok(self.deps.identity().unwrap())
    }
}

#[async_trait]
impl<B: Fn(&'static str) -> Result<(), IdentityError> + Send + Sync + 'static> Identity for Interposed<B> {
    async fn sign_up(&self, user: NewUser<'_>) -> Result<(), IdentityError> {
        self.pool("sign_up")?.sign_up(user).await
    }
    async fn trust(&self, login: &Login, phone: bool, email: bool) -> Result<(), IdentityError> {
        self.pool("trust")?.trust(login, phone, email).await
    }
    async fn confirm_phone(&self, login: &Login, phone: &str, code: &str) -> Result<(), IdentityError> {
        self.pool("confirm_phone")?.confirm_phone(login, phone, code).await
    }
    async fn sign_in(&self, login: &Login, password: &Password) -> Result<SignIn, IdentityError> {
        self.pool("sign_in")?.sign_in(login, password).await
    }
    async fn answer_factor(&self, login: &Login, session: &str, code: &str) -> Result<SignIn, IdentityError> {
        self.pool("answer_factor")?.answer_factor(login, session, code).await
    }
    async fn choose_factor(&self, login: &Login, session: &str, factor: Factor) -> Result<SignIn, IdentityError> {
        self.pool("choose_factor")?.choose_factor(login, session, factor).await
    }
    async fn begin_totp(&self, login: &Login, access_token: &str) -> Result<Password, IdentityError> {
        self.pool("begin_totp")?.begin_totp(login, access_token).await
    }
    async fn confirm_totp(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.pool("confirm_totp")?.confirm_totp(login, access_token, code).await
    }
    async fn prefer_factor(
        &self,
        login: &Login,
        access_token: &str,
        preferred: Option<Factor>,
    ) -> Result<(), IdentityError> {
        self.pool("prefer_factor")?.prefer_factor(login, access_token, preferred).await
    }
    async fn drop_authenticator(&self, login: &Login, session: &str) -> Result<(), IdentityError> {
        self.pool("drop_authenticator")?.drop_authenticator(login, session).await
    }
    async fn begin_reset(&self, login: &Login) -> Result<(), IdentityError> {
        self.pool("begin_reset")?.begin_reset(login).await
    }
    async fn reset(&self, login: &Login, code: &str, new_password: &Password) -> Result<(), IdentityError> {
        self.pool("reset")?.reset(login, code, new_password).await
    }
    async fn verify_email(&self, login: &Login, access_token: &str, code: &str) -> Result<(), IdentityError> {
        self.pool("verify_email")?.verify_email(login, access_token, code).await
    }
    async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        self.pool("sign_out")?.sign_out(login).await
    }
    async fn remove(&self, login: &Login) -> Result<bool, IdentityError> {
        self.pool("remove")?.remove(login).await
    }
}
