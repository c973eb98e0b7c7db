//! What comes after a call: that a success is one, and what somebody does whose repeated call was refused.

use avain::client::{ClientError, Credentials};
use avain::story::{credentials, text, totp};
use avain_domain::ports::Clock;
use serde_json::Value;

use crate::cognito::CODE;
use crate::rows::{BANK, Case, Firm, MINUTE, Row};
use crate::steps;
use crate::world::World;

use Row as R;

/// Of an authenticator's codes.
const STEP: i64 = 30;

impl Row {
    /// Asserts that what was answered with success holds; in words, where something is left to do.
    pub(crate) async fn holds(self, world: &World, firm: &Firm, case: &Case) -> Option<String> {
        let story = world.story(&case.email);
        match self {
            R::RegisterTrusted => return Some(first_login(world, case).await),
            R::SelectMfa => {
                let session = world.text("Session");
                credentials(&story.answer_factor(&session, CODE).await.unwrap()).unwrap();
            }
            R::VerifyTotp => assert_eq!(challenge(world, case).await, "SELECT_MFA_TYPE"),
            R::LoginMfaRecovery => assert_eq!(challenge(world, case).await, "SMS_MFA"),
            R::LoginMfaSetup => assert!(!world.text("SecretCode").is_empty()),
            R::InitPasswordReset => {
                steps::finish_reset(&world.story_anew(&case.email)).await.unwrap();
                is_reset(world, case).await;
            }
            R::PasswordReset => {
                is_reset(world, case).await;
                is_dead(world, case.session.as_ref().unwrap(), &case.email).await;
            }
            R::UploadWaits => {
                let upload = newest(world, firm).await;
                assert_eq!((&upload["State"], signers(&upload)), (&"waiting".into(), 1));
                let (id, signature) =
                    (text(&upload, "UploadId").unwrap(), firm.second.sign(case.bytes.as_bytes()).unwrap());
                story.add_signature(&firm.data, BANK, &id, &signature).await.unwrap();
                assert_eq!(newest(world, firm).await["State"], "sent");
            }
            R::UploadLast | R::AddSignatures => {
                let upload = newest(world, firm).await;
                assert_eq!((&upload["State"], signers(&upload)), (&"sent".into(), 2));
            }
            R::DeleteWaiting => assert!(!firm.waiting(world).await.contains(&case.upload)),
            R::DeleteKey => assert!(is_without_key(world, firm).await),
            R::DeleteAccount => assert!(is_without(world, firm, &case.email).await),
            R::PutPolicy => {
                // In each account's own copy.
                for who in [&firm.data, &firm.newcomer] {
                    assert_eq!(story.policy(who).await.unwrap()["Signatures"][0]["Required"], 2);
                }
            }
            _ => {}
        }
        None
    }

    /// What somebody does whose repeated call was refused, until he has what he wanted; in words.
    pub(crate) async fn recover(self, world: &World, firm: &Firm, case: &Case) -> String {
        let story = world.story(&case.email);
        match self {
            R::Register
            | R::RegisterAnew
            | R::RegisterData
            | R::RegisterTrusted
            | R::EnrollCert
            | R::EnrollShared
            | R::ImportCert => self.later(world, firm, case).await,
            R::VerifyPhone => {
                text(&story.password("admin").await.unwrap(), "Session").unwrap();
                "Login finds the phone verified".to_owned()
            }
            R::VerifyEmail => {
                credentials(&story.log_in("admin").await.unwrap()).unwrap();
                "Login finds the address verified".to_owned()
            }
            R::LoginMfa | R::LoginMfaFirst => {
                story.log_in("admin").await.unwrap();
                "a new login 200".to_owned()
            }
            R::LoginMfaSetup => {
                let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                text(&steps::begin_totp(&story, &session).await.unwrap(), "SecretCode").unwrap();
                "a new login 200".to_owned()
            }
            R::LoginMfaRecovery => {
                assert_eq!(world.answer().text, "Invalid verification code");
                credentials(&story.log_in("admin").await.unwrap()).unwrap();
                "a new login by SMS 200".to_owned()
            }
            R::SelectMfa => {
                let session = text(&story.password("admin").await.unwrap(), "Session").unwrap();
                let session = story.select_factor(&session, "SMS_MFA").await.unwrap();
                credentials(&story.answer_factor(&session, CODE).await.unwrap()).unwrap();
                "a new login 200".to_owned()
            }
            R::VerifyTotp => {
                let next = totp(&case.secret, world.clock.now().unix_timestamp() + STEP).unwrap();
                assert_eq!(story.verify_totp(&case.token, &next).await.unwrap().len(), 10);
                self.holds(world, firm, case).await;
                "the authenticator's next code 200".to_owned()
            }
            R::PasswordReset => {
                world.clock.set(2 * MINUTE);
                steps::begin_reset(&story).await.unwrap();
                steps::finish_reset(&world.story_anew(&case.email)).await.unwrap();
                self.holds(world, firm, case).await;
                "with a new code 200".to_owned()
            }
            R::DeleteKey => {
                assert_eq!(world.answer().status, 404);
                assert!(is_without_key(world, firm).await);
                "it is gone".to_owned()
            }
            R::DeleteAccount => {
                assert_eq!(world.answer().status, 404);
                assert!(is_without(world, firm, &case.email).await);
                "it is gone".to_owned()
            }
            R::DeleteWaiting => {
                assert_eq!(world.answer().code, "24");
                assert!(!firm.waiting(world).await.contains(&case.upload));
                "it is gone".to_owned()
            }
            R::UnshareCerts => {
                assert_eq!(world.answer().status, 404);
                "it is shared no more".to_owned()
            }
            R::RetireCert | R::RetireAnothers => {
                let who = if self == R::RetireCert { &firm.admin } else { &firm.newcomer };
                assert_eq!(story.certificates(who).await.unwrap().len(), 0);
                "it is retired".to_owned()
            }
            R::Logout => {
                assert_eq!(world.answer().status, 401);
                "the token is dead".to_owned()
            }
            R::UploadFile | R::UploadLast | R::AddSignatures => {
                let answer = world.answer();
                let unresolved = answer.status == 409 && answer.text.contains("unresolved");
                assert!(unresolved || answer.code == "26", "{answer:?}");
                "never sent again".to_owned()
            }
            other => panic!("{other:?}: {:?}", world.answer()),
        }
    }

    /// A minute later what broke off gives way to a new call, or it turns out that nothing broke off.
    async fn later(self, world: &World, firm: &Firm, case: &Case) -> String {
        let story = world.story(&case.email);
        world.clock.set(2 * MINUTE);
        let later = self.call(world, firm, case).await;
        if later.status == 201 {
            let then = self.holds(world, firm, case).await.map(|it| format!(", {it}")).unwrap_or_default();
            return format!("a minute later 201{then}");
        }
        assert_eq!(later.status, 409, "{later:?}");
        match self {
            R::EnrollCert | R::EnrollShared | R::ImportCert => {
                assert_eq!(story.certificates(&firm.newcomer).await.unwrap().len(), 1);
                return "the certificate is there".to_owned();
            }
            R::RegisterTrusted => return format!("the account is there, {}", first_login(world, case).await),
            _ => story.verify_phone(if self == R::RegisterData { "data" } else { "admin" }).await.unwrap(),
        }
        "the account is there".to_owned()
    }
}

/// The first login of somebody who has just registered, with the codes that are asked for; in words.
async fn first_login(world: &World, case: &Case) -> String {
    let story = world.story(&case.email);
    let mut asked = Vec::new();
    // Where the phone is not verified, a login says so, and sends a code.
    if story.password("admin").await.unwrap()["Session"].is_null() {
        story.verify_phone("admin").await.unwrap();
        asked.push("phone");
    }
    let mut login = story.log_in("admin").await.unwrap();
    if login["IdToken"].is_null() {
        story.verify_email("admin", &text(&login, "AccessToken").unwrap()).await.unwrap();
        asked.push("e-mail");
        login = story.log_in("admin").await.unwrap();
    }
    credentials(&login).unwrap();
    match asked.as_slice() {
        [] => "then a login".to_owned(),
        codes => format!("then a login with codes by {}", codes.join(" and ")),
    }
}

/// What a login of the person is asked for after the password.
async fn challenge(world: &World, case: &Case) -> String {
    text(&world.story(&case.email).password("admin").await.unwrap(), "ChallengeName").unwrap()
}

/// The new password lets in, when the count of attempts lets it be tried.
async fn is_reset(world: &World, case: &Case) {
    world.clock.set(4 * MINUTE);
    let anew = world.story_anew(&case.email);
    credentials(&anew.log_in("admin").await.unwrap()).unwrap();
}

async fn is_dead(world: &World, session: &Credentials, email: &str) {
    let refused = world.story(email).keys(session).await;
    assert!(matches!(refused, Err(ClientError::Refused { status: 401, .. })), "{refused:?}");
}

async fn newest(world: &World, firm: &Firm) -> Value {
    world.story(&firm.email).uploads(&firm.data, BANK).await.unwrap().swap_remove(0)
}

fn signers(upload: &Value) -> usize {
    upload["Signers"].as_array().unwrap().len()
}

/// Whether the export key is registered no more.
async fn is_without_key(world: &World, firm: &Firm) -> bool {
    let gone = firm.recipient.fingerprint().to_uppercase();
    let known = world.story(&firm.email).keys(&firm.admin).await.unwrap();
    known.len() == 2 && !known.iter().any(|id| gone.ends_with(&id.to_uppercase()))
}

/// Whether this account is gone, and no other.
async fn is_without(world: &World, firm: &Firm, email: &str) -> bool {
    let accounts = world.story(&firm.email).accounts(&firm.admin).await.unwrap();
    accounts.len() == 2 && !accounts.iter().any(|it| it["Email"] == email)
}
