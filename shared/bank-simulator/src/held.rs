//! A customer's certificates, as the bank keeps them.

use avain_xml_security::certificate::lengths_fit;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_cert::Certificate as X509;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::KeyUsage;

use crate::authority::Use;

/// One certificate of a customer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    /// DER, base64.
    certificate: String,
    /// Serial number in decimal.
    pub(crate) serial: String,
    pub(crate) purpose: Use,
    /// Serial number of the certificate that was issued with it (Danske Bank).
    pub(crate) matching: Option<String>,
    /// Unix seconds.
    pub(crate) not_after: i64,
    pub(crate) state: State,
    /// Whether another authority has issued it: what the bank issues then does not put it out of force.
    #[serde(default)]
    pub(crate) given: bool,
}

/// What became of a certificate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum State {
    Live,
    /// A later one took its place.
    Replaced,
    /// At this time (Unix seconds), for this reason (RFC 5280's number, where one was given).
    Revoked(i64, Option<u8>),
}

impl Held {
    /// From DER; what it is for is what it says. None if it is not a certificate.
    pub(crate) fn new(certificate: &[u8]) -> Option<Self> {
        let parsed = readable(certificate)?.tbs_certificate;
        let usage = parsed.get::<KeyUsage>().ok()?.map(|(_, usage)| usage);
        let signs = usage.is_none_or(|usage| usage.digital_signature() || usage.non_repudiation());
        Some(Self {
            certificate: STANDARD.encode(certificate),
            serial: decimal(parsed.serial_number.as_bytes()),
            purpose: if signs { Use::Signing } else { Use::Encryption },
            matching: None,
            not_after: i64::try_from(parsed.validity.not_after.to_unix_duration().as_secs()).ok()?,
            state: State::Live,
            given: false,
        })
    }

    /// The same of a certificate that the bank has not issued.
    pub(crate) fn given(certificate: &[u8]) -> Option<Self> {
        Self::new(certificate).map(|held| Self { given: true, ..held })
    }

    /// The same, paired with another.
    pub(crate) fn matching(self, serial: &str) -> Self {
        Self { matching: Some(serial.to_owned()), ..self }
    }

    pub(crate) fn is(&self, certificate: &[u8]) -> bool {
        self.certificate == STANDARD.encode(certificate)
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        STANDARD.decode(&self.certificate).unwrap_or_default()
    }

    /// Whether the certificate has this key (an `RSAPublicKey`, DER).
    pub(crate) fn has_key(&self, public_key: &[u8]) -> bool {
        X509::from_der(&self.der()).is_ok_and(|certificate| {
            certificate.tbs_certificate.subject_public_key_info.subject_public_key.as_bytes() == Some(public_key)
        })
    }

    pub(crate) fn ends(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.not_after).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A certificate that somebody sent.
fn readable(certificate: &[u8]) -> Option<X509> {
    lengths_fit(certificate).then(|| X509::from_der(certificate).ok()).flatten()
}

/// The attribute of this type in a certificate's subject, where there is exactly one that is text.
pub(crate) fn subject_attribute(certificate: &[u8], wanted: &str) -> Option<String> {
    let parsed = readable(certificate)?;
    let wanted = wanted.parse().ok()?;
    crate::signing_request::attribute(&parsed.tbs_certificate.subject, wanted)
}

/// A big-endian number in decimal.
pub(crate) fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = (value % 10) as u8;
            carry = value / 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn serial_numbers_are_written_in_decimal() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0x42, 0x3a, 0x31, 0x73]), "1111110003");
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
    }
}
