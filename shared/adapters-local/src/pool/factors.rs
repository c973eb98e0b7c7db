//! The second factor of a login: asked for, chosen, answered.

use avain_domain::names::Login;
use avain_domain::ports::{Factor, IdentityError};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::codes::Tries;
use super::user::{Asked, Preferred, User, Waiting};
use super::{Next, UserPool};
use crate::outbox::{CodeKind, Message};

impl UserPool {
    /// Asks for the second factor: SMS, unless there is an authenticator too.
    pub(super) fn second_factor(&self, user: &mut User, login: &Login, now: OffsetDateTime) -> Next {
        match (&user.authenticator, user.preferred) {
            (None, _) | (Some(_), Some(Preferred::Sms)) => self.ask(user, login, Factor::Sms, now),
            (Some(_), Some(Preferred::Totp)) => self.ask(user, login, Factor::Totp, now),
            (Some(_), None) => {
                let session = self.wait_for(user, Asked::Choice(Tries::new(now)));
                Next::ChooseFactor(all_but_last_digits(&user.phone), session)
            }
        }
    }

    /// Goes on with the factor that was chosen, in a session of its own.
    pub(super) fn take_choice(
        &self,
        user: &mut User,
        login: &Login,
        session: &str,
        factor: Factor,
        now: OffsetDateTime,
    ) -> Result<Next, IdentityError> {
        match &waiting(user, session, now)?.asked {
            Asked::Choice(tries) if !tries.are_over(now) => Ok(self.ask(user, login, factor, now)),
            _ => Err(IdentityError::NoSession),
        }
    }

    /// Ends the session if the code is right; a wrong one costs a try.
    pub(super) fn check_factor(
        &self,
        user: &mut User,
        login: &Login,
        session: &str,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<(), IdentityError> {
        let mut asked = waiting(user, session, now)?.asked.clone();
        let result = match &mut asked {
            Asked::Sms(sent) => self.codes.check(sent, CodeKind::Mfa, login, code, now),
            Asked::Totp(tries) if tries.are_over(now) => Err(IdentityError::CodeExpired),
            Asked::Totp(tries) => {
                let authenticator = user.authenticator.as_mut().ok_or(IdentityError::NoSession)?;
                let right = self.totp.spend(authenticator, login, &user.sub, code, now)?;
                tries.judge(now, right)
            }
            Asked::Choice(_) => return Err(IdentityError::NoSession),
        };
        user.waiting = result.is_err().then(|| Waiting { session: session_hash(session), asked });
        result
    }

    /// Turns the authenticator off, for a login that waits for its second factor, and ends the waiting.
    pub(super) fn drop_factor(user: &mut User, session: &str, now: OffsetDateTime) -> Result<(), IdentityError> {
        if waiting(user, session, now)?.asked.tries().are_over(now) {
            return Err(IdentityError::NoSession);
        }
        user.waiting = None;
        (user.authenticator, user.new_authenticator, user.preferred) = (None, None, None);
        Ok(())
    }

    fn ask(&self, user: &mut User, login: &Login, factor: Factor, now: OffsetDateTime) -> Next {
        match factor {
            Factor::Sms => {
                let (code, text) = self.codes.issue(CodeKind::Mfa, login, now, &*self.random);
                let session = self.wait_for(user, Asked::Sms(code));
                let message =
                    Message { at: now, kind: CodeKind::Mfa, login: login.clone(), to: user.phone.clone(), code: text };
                Next::SecondFactor(factor, Some(message), session)
            }
            Factor::Totp => Next::SecondFactor(factor, None, self.wait_for(user, Asked::Totp(Tries::new(now)))),
        }
    }

    /// Gives the session.
    fn wait_for(&self, user: &mut User, asked: Asked) -> String {
        let mut session = Zeroizing::new([0; 32]);
        self.random.fill(session.as_mut());
        let session = URL_SAFE_NO_PAD.encode(session.as_ref());
        user.waiting = Some(Waiting { session: session_hash(&session), asked });
        session
    }
}

/// What waits in this session, unless its ten minutes are over.
fn waiting<'u>(user: &'u User, session: &str, now: OffsetDateTime) -> Result<&'u Waiting, IdentityError> {
    let waits = |it: &&Waiting| it.session == session_hash(session) && !it.asked.tries().are_late(now);
    user.waiting.as_ref().filter(waits).ok_or(IdentityError::NoSession)
}

/// A session is 32 random bytes: its plain digest tells nothing.
fn session_hash(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, session.as_bytes()))
}

/// `+********4567`: enough to know one's own phone.
fn all_but_last_digits(phone: &str) -> String {
    let hidden = phone.chars().count().saturating_sub(4);
    phone.chars().enumerate().map(|(at, digit)| if (1..hidden).contains(&at) { '*' } else { digit }).collect()
}
