//! Keys and messages that the tests share.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

pub mod content;
pub mod messages;
pub mod places;

use std::sync::LazyLock;

use avain_xml_security::{Document, Hash, SigningKey, certificate::Roots, enveloped, soap};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
};
use time::{Duration, OffsetDateTime, macros::datetime};

/// The time at which the tests' messages are made.
pub const NOW: OffsetDateTime = datetime!(2027-01-15 10:00:00 UTC);

pub const ENVELOPE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:cor="http://bxd.fi/CorporateFileService" xmlns:mod="http://model.bxd.fi"><soapenv:Header/><soapenv:Body><cor:downloadFileListin><mod:RequestHeader><mod:SenderId>11111111</mod:SenderId></mod:RequestHeader><mod:ApplicationRequest>PGE+5LjhPC9hPg==</mod:ApplicationRequest></cor:downloadFileListin></soapenv:Body></soapenv:Envelope>"#;

pub const REQUEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?><ApplicationRequest xmlns="http://bxd.fi/xmldata/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><CustomerId>162355330</CustomerId><Command>DownloadFileList</Command><!-- for the bank --><UserFilename>Päivän "tiliote" &lt;1&gt; &amp; muut</UserFilename><SoftwareId>Avain</SoftwareId></ApplicationRequest>"#;

/// A root with a signing certificate under it.
pub struct Pki {
    pub root: Vec<u8>,
    pub leaf: Vec<u8>,
    pub private_key: Vec<u8>,
}

impl Pki {
    /// The one that most tests share: keys take time to make.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Pki> = LazyLock::new(Pki::new);
        &SHARED
    }

    pub fn new() -> Self {
        let mut params = params("Test CA", IsCa::Ca(BasicConstraints::Unconstrained));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(params, rsa_key()).unwrap();
        Self::under(&root)
    }

    pub fn under(root: &CertifiedIssuer<'_, KeyPair>) -> Self {
        let key = rsa_key();
        let mut params = params("Yritys Oy", IsCa::ExplicitNoCa);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let leaf = params.signed_by(&key, root).unwrap();
        Self { root: root.der().to_vec(), leaf: leaf.der().to_vec(), private_key: key.serialize_der() }
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::new(&self.private_key, &self.leaf).unwrap()
    }

    pub fn roots(&self) -> Roots {
        Roots::from_der([self.root.clone()]).unwrap()
    }

    pub fn signed_envelope(&self) -> String {
        soap::sign(ENVELOPE, &self.key(), Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap()
    }

    pub fn signed_request(&self) -> String {
        enveloped::sign(REQUEST, &self.key(), &enveloped::Form::INCLUSIVE).unwrap()
    }
}

pub fn params(common_name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = is_ca;
    params.not_before = NOW - Duration::days(30);
    params.not_after = NOW + Duration::days(300);
    params
}

pub fn rsa_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

pub fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes()).unwrap()
}

/// The text with its only occurrence of `from` replaced.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

/// The only part of the text from `start` to `end`, both included.
pub fn part<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap();
    let length = text[from..].find(end).unwrap() + end.len();
    &text[from..from + length]
}
