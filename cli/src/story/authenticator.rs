//! An authenticator in a person's pocket, and what the story does with it.

use avain_api::operations::{LOGIN_MFA, SELECT_MFA, VERIFY_TOTP};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{Story, text};
use crate::client::ClientError;

/// Seconds of a step.
const STEP: i64 = 30;

/// An authenticator that was set up.
#[derive(Clone)]
pub struct Authenticator {
    /// The secret, base32.
    pub secret: String,
    /// Ten codes, each good once in its place.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// The code at this Unix second.
    pub fn code(&self, at: i64) -> Result<String, ClientError> {
        totp(&self.secret, at)
    }
}

impl Story<'_> {
    /// Password, the second factor by SMS, and a new authenticator, confirmed with its code at this Unix second.
    pub async fn set_up_totp(&self, at: i64) -> Result<Authenticator, ClientError> {
        let session = text(&self.password("admin").await?, "Session")?;
        let code = self.codes.newest(&self.company.email, "admin", "mfa").await?;
        let body = json!({ "Session": session, "Code": code, "SetupTOTP": true });
        let answer = self.call(&LOGIN_MFA, &[&self.company.email, "admin"], None, Some(body)).await?;
        let (secret, access_token) = (text(&answer, "SecretCode")?, text(&answer, "AccessToken")?);
        let recovery_codes = self.verify_totp(&access_token, &totp(&secret, at)?).await?;
        Ok(Authenticator { secret, recovery_codes })
    }

    /// VerifyTOTP: the recovery codes.
    pub async fn verify_totp(&self, access_token: &str, code: &str) -> Result<Vec<String>, ClientError> {
        let body = json!({ "AccessToken": access_token, "Code": code });
        let answer = self.call(&VERIFY_TOTP, &[&self.company.email, "admin"], None, Some(body)).await?;
        let codes = super::array(&answer, "RecoveryCodes")?;
        Ok(codes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// SelectMFA with `SMS_MFA` or `SOFTWARE_TOKEN_MFA`; the session of what was chosen.
    pub async fn select_factor(&self, session: &str, factor: &str) -> Result<String, ClientError> {
        let body = json!({ "Session": session, "MfaType": factor });
        text(&self.call(&SELECT_MFA, &[&self.company.email, "admin"], None, Some(body)).await?, "Session")
    }

    /// LoginMFA with this code, of whatever kind; the body of the answer.
    pub async fn answer_factor(&self, session: &str, code: &str) -> Result<Value, ClientError> {
        let body = json!({ "Session": session, "Code": code });
        self.call(&LOGIN_MFA, &[&self.company.email, "admin"], None, Some(body)).await
    }
}

/// The code of a secret at a Unix second: RFC 6238 with HMAC-SHA-1, six digits and steps of 30 seconds.
pub fn totp(secret: &str, at: i64) -> Result<String, ClientError> {
    let secret = base32(secret).ok_or_else(|| ClientError::Unexpected("the secret is not base32".to_owned()))?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let mac = hmac::sign(&key, &at.div_euclid(STEP).to_be_bytes());
    let start = usize::from(mac.as_ref()[19] & 15);
    let number = mac.as_ref()[start..start + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    Ok(format!("{:06}", (number & 0x7FFF_FFFF) % 1_000_000))
}

/// RFC 4648, whole groups of eight letters.
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(8) {
        let digits = group.iter().map(|letter| match letter {
            b'A'..=b'Z' => Some(u64::from(letter - b'A')),
            b'2'..=b'7' => Some(u64::from(letter - b'2' + 26)),
            _ => None,
        });
        let bits = digits.collect::<Option<Vec<u64>>>().filter(|it| it.len() == 8)?;
        bytes.extend_from_slice(&bits.into_iter().fold(0, |sum, digit| sum << 5 | digit).to_be_bytes()[3..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at).unwrap(), code);
        }
        for secret in ["GEZDGNB", "gezdgnbv", "GEZDGNB1"] {
            assert!(totp(secret, 59).is_err(), "{secret}");
        }
    }
}
