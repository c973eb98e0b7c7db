//! Messages of the three kinds that the genuine key signs through xmlsec1, which takes every algorithm: what attacks on
//! parts of a signature start from.

use avain_test_support::xmlsec;
use avain_xml_security::{Error, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
use time::Duration;

use super::{Pki, parse};

pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub const ENVELOPED: &str = r#"<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#;
pub const C14N: &str = r#"<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#;

/// Where the signature is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    Envelope,
    Document,
    Element,
}

pub const PLACES: [Place; 3] = [Place::Envelope, Place::Document, Place::Element];

/// The parts of a signature that an attack replaces.
#[derive(Clone)]
pub struct Parts {
    pub c14n: String,
    pub method: String,
    pub references: String,
    pub key_info: String,
}

impl Place {
    /// What is accepted.
    pub fn parts(self) -> Parts {
        let certificate = STANDARD.encode(&Pki::shared().leaf);
        let token = format!(
            r##"<o:SecurityTokenReference xmlns:o="{WSSE}"><o:Reference URI="#X"/></o:SecurityTokenReference>"##
        );
        let key_info = match self {
            Self::Envelope => token,
            _ => format!("<X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>"),
        };
        Parts {
            c14n: format!(r#"<CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>"#),
            method: format!(r#"<SignatureMethod Algorithm="{RSA_SHA256}"/>"#),
            references: reference(self.uri(), &format!("{}{C14N}", self.enveloped())),
            key_info,
        }
    }

    pub fn uri(self) -> &'static str {
        match self {
            Self::Envelope => "#B",
            Self::Document => "",
            Self::Element => "#E",
        }
    }

    pub fn enveloped(self) -> &'static str {
        if self == Self::Envelope { "" } else { ENVELOPED }
    }

    /// The message with a signature that is yet to be filled in.
    pub fn template(self, parts: &Parts) -> String {
        let Parts { c14n, method, references, key_info } = parts;
        let signature = format!(
            r#"<Signature xmlns="{DSIG}"><SignedInfo>{c14n}{method}{references}</SignedInfo><SignatureValue/><KeyInfo>{key_info}</KeyInfo></Signature>"#
        );
        let content = "<m:Amount xmlns:m=\"urn:m\">1000</m:Amount>";
        let (security, body) = match self {
            Self::Document => return format!("<d:Doc xmlns:d=\"urn:d\">{content}{signature}</d:Doc>"),
            Self::Element => ("", format!("<d:Doc xmlns:d=\"urn:d\" xml:id=\"E\">{content}{signature}</d:Doc>")),
            Self::Envelope => (signature.as_str(), content.to_owned()),
        };
        let certificate = STANDARD.encode(&Pki::shared().leaf);
        format!(
            r#"<e:Envelope xmlns:e="{SOAP}"><e:Header><o:Security xmlns:o="{WSSE}" xmlns:u="{WSU}"><o:BinarySecurityToken u:Id="X">{certificate}</o:BinarySecurityToken>{security}</o:Security></e:Header><e:Body xmlns:u="{WSU}" u:Id="B">{body}</e:Body></e:Envelope>"#
        )
    }

    /// What both policies say: the same about what is accepted, and both refuse what one refuses.
    pub fn judge(self, message: &str) -> Result<(), Error> {
        let document = parse(message);
        let verify = |policy: &Policy| match self {
            Self::Envelope => soap::verify(&document, policy, None, Duration::ZERO).map(|_| ()),
            Self::Document => enveloped::verify(&document, policy).map(|_| ()),
            Self::Element => {
                let body = soap::unsigned_body(&document)?;
                enveloped::verify_element(body.children().next().unwrap(), policy).map(|_| ())
            }
        };
        let (strict, legacy) = (verify(&Policy::STRICT), verify(&Policy::LEGACY));
        assert_eq!(strict.is_ok(), legacy.is_ok(), "{strict:?} {legacy:?} {message}");
        legacy
    }
}

pub fn reference(uri: &str, transforms: &str) -> String {
    format!(
        r#"<Reference URI="{uri}"><Transforms>{transforms}</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference>"#
    )
}

/// In each place: what these changes make of the accepted parts, signed by the genuine key, is refused as not allowed.
pub fn refused(changes: impl Fn(Place, &mut Parts)) {
    for place in PLACES {
        let mut parts = place.parts();
        changes(place, &mut parts);
        let Some(signed) = xmlsec::sign(&place.template(&parts), &Pki::shared().private_key) else { return };
        let judged = place.judge(&signed);
        assert!(matches!(judged, Err(Error::NotAllowed(_) | Error::NotCovered(_))), "{place:?} {judged:?} {signed}");
    }
}
