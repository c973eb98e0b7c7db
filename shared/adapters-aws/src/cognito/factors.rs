//! Second factors: what Cognito asks for, and the session that says so when it comes back.
//!
//! LoginMFA brings a code and a session (brief 1.2), and Cognito wants to know which challenge is answered. So the session
//! that a caller gets begins with a letter for its challenge. Nobody gains by changing it: Cognito refuses a session under
//! another challenge's name.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use avain_domain::ports::{Factor, IdentityError, SignIn};
use aws_sdk_cognitoidentityprovider::operation::admin_respond_to_auth_challenge::AdminRespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::types::ChallengeNameType;

use super::exceptions::{Call, Refusal};
use super::not_twice::not_twice;
use super::{CognitoIdentity, User, failed};

/// Lengths of Cognito's sessions.
const SESSION: RangeInclusive<usize> = 20..=2048;

/// A challenge that a caller can answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenge {
    Code(Factor),
    Choice,
}

/// Each with its name at Cognito, the name of its answer there, and its mark before a session.
const CHALLENGES: [(Challenge, ChallengeNameType, &str, &str); 3] = [
    (Challenge::Code(Factor::Sms), ChallengeNameType::SmsMfa, "SMS_MFA_CODE", "s."),
    (Challenge::Code(Factor::Totp), ChallengeNameType::SoftwareTokenMfa, "SOFTWARE_TOKEN_MFA_CODE", "t."),
    (Challenge::Choice, ChallengeNameType::SelectMfaType, "ANSWER", "c."),
];

/// The challenge of a session as callers have it, and Cognito's own session.
pub(super) fn open_session(session: &str) -> Option<(Challenge, &str)> {
    let found = CHALLENGES.iter().find_map(|(challenge, .., mark)| Some((*challenge, session.strip_prefix(*mark)?)));
    found.filter(|(_, session)| SESSION.contains(&session.chars().count()))
}

/// The factor's name at Cognito.
pub(super) fn name_of(factor: Factor) -> &'static str {
    match factor {
        Factor::Sms => "SMS_MFA",
        Factor::Totp => "SOFTWARE_TOKEN_MFA",
    }
}

/// What a caller is told of a challenge.
pub(super) fn asked(
    name: &ChallengeNameType,
    session: Option<String>,
    parameters: Option<HashMap<String, String>>,
) -> Result<SignIn, IdentityError> {
    let known = CHALLENGES.iter().find(|(_, known, ..)| known == name);
    let Some(((challenge, .., mark), session)) = known.zip(session) else { return Err(not_answered(name)) };
    let session = format!("{mark}{session}");
    match challenge {
        Challenge::Code(factor) => Ok(SignIn::SecondFactor { factor: *factor, session }),
        Challenge::Choice => {
            let mut parameters = parameters.unwrap_or_default();
            let offered = parameters.remove("MFAS_CAN_CHOOSE").unwrap_or_default();
            let offered: Vec<String> = serde_json::from_str(&offered).unwrap_or_default();
            let factors: Vec<Factor> = [Factor::Sms, Factor::Totp]
                .into_iter()
                .filter(|it| offered.iter().any(|o| o == name_of(*it)))
                .collect();
            if factors.len() < 2 {
                return Err(failed("a choice of second factors without SMS and authenticator"));
            }
            let sms_destination = parameters.remove("CODE_DELIVERY_DESTINATION");
            Ok(SignIn::ChooseFactor { factors, sms_destination, session })
        }
    }
}

/// What a pool asks for although no operation of the API answers it.
pub(super) fn not_answered(name: &ChallengeNameType) -> IdentityError {
    let name = name.as_str();
    failed(&format!("the pool asks for {name}, which no operation answers: see the pool's settings in docs/cognito.md"))
}

impl CognitoIdentity {
    pub(super) async fn respond(
        &self,
        user: &User<'_>,
        challenge: Challenge,
        session: &str,
        answer: &str,
    ) -> Result<AdminRespondToAuthChallengeOutput, Refusal> {
        let known = CHALLENGES.iter().find(|(known, ..)| *known == challenge);
        let (_, name, response, _) = known.ok_or_else(|| Refusal::failed("a challenge without a name"))?;
        let request = self
            .client
            .admin_respond_to_auth_challenge()
            .user_pool_id(user.pool.id())
            .client_id(user.pool.client_id())
            .challenge_name(name.clone())
            .session(session)
            .challenge_responses("USERNAME", &user.name)
            .challenge_responses(*response, answer)
            .challenge_responses("SECRET_HASH", &user.secret_hash);
        request
            .customize()
            .config_override(not_twice())
            .send()
            .await
            .map_err(|error| Refusal::of(Call::AdminRespondToAuthChallenge, &error))
    }
}
