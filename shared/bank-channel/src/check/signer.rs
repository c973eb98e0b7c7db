//! Whether a signer speaks for the bank, and if not, why.

use avain_xml_security::certificate::summary;
use avain_xml_security::{Distrust, Error, Policy};
use time::OffsetDateTime;

use super::Reason;
use crate::{Profile, Trust};

/// What there is to say about a signer.
#[derive(Default)]
pub(super) struct Judged {
    /// The root that it chains to, DER: at this time, or if nothing but the time is wrong, at another.
    pub(super) anchor: Option<Vec<u8>>,
    /// Why it does not speak for the bank at this time.
    pub(super) wrong: Option<(Reason, String)>,
}

pub(super) fn judge(signer: &[u8], trust: &Trust, profile: &Profile, at: OffsetDateTime, policy: &Policy) -> Judged {
    let anchor = |at| trust.accept(signer, profile, at, policy).map(|chain| chain.anchor);
    let error = match anchor(at) {
        Ok(anchor) => return Judged { anchor: Some(anchor), wrong: None },
        Err(error) => error,
    };
    // Whether nothing but the time is wrong shows on the last or the first day of its own validity.
    let days = summary(signer).ok().filter(|_| is_outside_validity(&error)).map(|it| [it.not_after, it.not_before]);
    let anchor = days.into_iter().flatten().find_map(|day| anchor(day).ok());
    // Of an expired stranger it counts that he is a stranger.
    let reason = if anchor.is_some() { Reason::CertificateExpired } else { Reason::UntrustedCertificate };
    Judged { anchor, wrong: Some((reason, error.to_string())) }
}

/// The word for what is wrong with a certificate.
pub(super) fn reason(error: &Error) -> Reason {
    if is_outside_validity(error) { Reason::CertificateExpired } else { Reason::UntrustedCertificate }
}

fn is_outside_validity(error: &Error) -> bool {
    matches!(error, Error::Certificate(Distrust::Expired | Distrust::NotYetValid))
}
