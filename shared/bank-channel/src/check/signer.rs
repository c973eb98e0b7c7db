//! Whether a signer speaks for the bank, and if not, why.

use avain_xml_security::certificate::summary;
use avain_xml_security::{Distrust, Error, Policy};
use time::OffsetDateTime;

use super::Reason;
use crate::Trust;

/// Subject of the root that the signer chains to at this time.
pub(super) fn judge(
    signer: &[u8],
    trust: &Trust,
    at: OffsetDateTime,
    policy: &Policy,
) -> Result<String, (Reason, String)> {
    match trust.accept(signer, at, policy) {
        Ok(chain) => Ok(summary(&chain.anchor).map(|root| root.subject).unwrap_or_default()),
        Err(error) => {
            // Of an expired stranger it counts that he is a stranger.
            let known = !is_outside_validity(&error) || was_trusted(signer, trust, policy);
            let reason = if known { reason(&error) } else { Reason::UntrustedCertificate };
            Err((reason, error.to_string()))
        }
    }
}

/// The word for what is wrong with a certificate.
pub(super) fn reason(error: &Error) -> Reason {
    if is_outside_validity(error) { Reason::CertificateExpired } else { Reason::UntrustedCertificate }
}

fn is_outside_validity(error: &Error) -> bool {
    matches!(error, Error::Certificate(Distrust::Expired | Distrust::NotYetValid))
}

/// Whether nothing but the time is wrong: it chains to a root on the last or the first day of its own validity.
fn was_trusted(signer: &[u8], trust: &Trust, policy: &Policy) -> bool {
    let Ok(validity) = summary(signer) else { return false };
    [validity.not_after, validity.not_before].into_iter().any(|at| trust.accept(signer, at, policy).is_ok())
}
