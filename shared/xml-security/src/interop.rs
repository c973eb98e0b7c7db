//! The public XML signature vectors that signxml's source distribution ships, judged one by one: as a message, and part by
//! part whatever its form is. The outcomes are the table of `docs/xml-signature-interop.md`, which this test and the
//! vectors must agree with; `AVAIN_BLESS=1` writes it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use avain_test_support::{not_run, required};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha384, Sha512};
use time::Duration;

use crate::canonical::Nodes;
use crate::canonicalization::{C14n, Canonicalization};
use crate::document::DSIG;
use crate::public_key::PublicKey;
use crate::signature::ENVELOPED;
use crate::{Document, Element, Error, Policy, enveloped, soap};

const VARIABLE: &str = "AVAIN_INTEROP";
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/xml-signature-interop.md");
const MARK: &str = "| vector | `SignedInfo` | references | as a message |\n|---|---|---|---|\n";

#[test]
fn every_public_vector_is_judged_as_the_table_says() {
    let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        assert!(!required(), "{VARIABLE} is not set");
        not_run(&format!("the public vectors; {VARIABLE} is not set (see .ci/run)"));
        return;
    };
    let mut vectors = Vec::new();
    collect(&folder, &mut vectors);
    vectors.sort();
    let mut rows = String::new();
    for vector in &vectors {
        let name = vector.strip_prefix(&folder).unwrap().display();
        let text = std::fs::read(vector).unwrap();
        let (value, references) = parts(&text).unwrap_or_default();
        writeln!(rows, "| {name} | {value} | {references} | {} |", as_message(&text)).unwrap();
    }
    let page = std::fs::read_to_string(TABLE).unwrap();
    let (text, written) = page.split_once(MARK).unwrap();
    if std::env::var_os("AVAIN_BLESS").is_some() {
        std::fs::write(TABLE, format!("{text}{MARK}{rows}")).unwrap();
        return;
    }
    assert_eq!(rows, written, "{} vectors; AVAIN_BLESS=1 writes the table", vectors.len());
}

fn collect(folder: &Path, vectors: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, vectors);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            vectors.push(path);
        }
    }
}

/// Of the signature of an envelope, of a whole document, or of an element by its `xml:id`, under the widest policy.
fn as_message(vector: &[u8]) -> String {
    let judged = Document::parse(vector).and_then(|document| {
        if document.root().is("http://schemas.xmlsoap.org/soap/envelope/", "Envelope") {
            return soap::verify(&document, &Policy::LEGACY, None, Duration::ZERO).map(|_| ());
        }
        let whole = enveloped::verify(&document, &Policy::LEGACY);
        whole
            .or_else(|error| enveloped::verify_element(document.root(), &Policy::LEGACY).map_err(|_| error))
            .map(|_| ())
    });
    match judged {
        Ok(()) => "**verified**".to_owned(),
        Err(error @ (Error::Digest | Error::SignatureValue)) => format!("**refused**: {error}"),
        Err(error) => format!("not applicable: {error}"),
    }
}

/// Whether `SignedInfo` of the first signature is signed by the RSA key that comes with it, and how many of the references
/// that can be looked into here (this document, enveloped-signature and canonicalisations as transforms) have their digest.
fn parts(vector: &[u8]) -> Option<(String, String)> {
    let document = Document::parse(vector).ok()?;
    let signature = document.root().signatures().next()?;
    let signed_info = signature.child(DSIG, "SignedInfo")?;
    let value = value(signature, signed_info).map_or("", |is_right| if is_right { "right" } else { "wrong" });
    let references: Vec<_> = signed_info.children().filter(|child| child.is(DSIG, "Reference")).collect();
    let looked_into: Vec<bool> = references.iter().filter_map(|it| reference(&document, signature, *it)).collect();
    let right = looked_into.iter().filter(|is_right| **is_right).count();
    let told = if looked_into.is_empty() { String::new() } else { format!("{right} of {} right", looked_into.len()) };
    Some((value.to_owned(), told))
}

fn value(signature: Element<'_>, signed_info: Element<'_>) -> Option<bool> {
    let canonicalization = Canonicalization::read(signed_info.child(DSIG, "CanonicalizationMethod")?).ok()?;
    let signed = canonicalization.apply(&Nodes::of_element(signed_info));
    let (scheme, hashed) = match algorithm(signed_info.child(DSIG, "SignatureMethod")?).rsplit_once('#')?.1 {
        "rsa-sha1" => (Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(signed).to_vec()),
        "rsa-sha256" => (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(signed).to_vec()),
        "rsa-sha384" => (Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(signed).to_vec()),
        "rsa-sha512" => (Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(signed).to_vec()),
        _ => return None,
    };
    let value = signature.child(DSIG, "SignatureValue")?.base64()?;
    let keys: Vec<_> = signature.child(DSIG, "KeyInfo")?.with_descendants().filter_map(public_key).collect();
    (!keys.is_empty()).then(|| keys.iter().any(|key| key.verify(scheme.clone(), &hashed, &value).is_ok()))
}

fn public_key(element: Element<'_>) -> Option<RsaPublicKey> {
    if element.is(DSIG, "X509Certificate") {
        return RsaPublicKey::from_pkcs1_der(&PublicKey::of_certificate(&element.base64()?).ok()?.pkcs1).ok();
    }
    let number = |name| Some(BigUint::from_bytes_be(&element.child(DSIG, name)?.base64()?));
    let is_key = element.is(DSIG, "RSAKeyValue");
    is_key.then(|| RsaPublicKey::new(number("Modulus")?, number("Exponent")?).ok())?
}

fn reference(document: &Document<'_>, signature: Element<'_>, reference: Element<'_>) -> Option<bool> {
    let uri = reference.attribute("", "URI")?;
    let nodes = match uri.strip_prefix('#') {
        None if uri.is_empty() => Nodes::of_document(document),
        None => return None,
        Some(id) => Nodes::of_element(
            document
                .root()
                .with_descendants()
                .find(|element| element.has_id(id) || element.attribute("", "id") == Some(id))?,
        ),
    };
    let mut nodes = nodes.without_comments();
    let mut canonicalization = Canonicalization::new(C14n::Inclusive);
    for transform in reference.child(DSIG, "Transforms").iter().flat_map(Element::children) {
        if algorithm(transform) == ENVELOPED {
            nodes = nodes.without(signature);
        } else {
            canonicalization = Canonicalization::read(transform).ok()?;
        }
    }
    let canonical = canonicalization.apply(&nodes);
    let digest = match algorithm(reference.child(DSIG, "DigestMethod")?).rsplit_once('#')?.1 {
        "sha1" => Sha1::digest(canonical).to_vec(),
        "sha256" => Sha256::digest(canonical).to_vec(),
        "sha384" => Sha384::digest(canonical).to_vec(),
        "sha512" => Sha512::digest(canonical).to_vec(),
        _ => return None,
    };
    Some(reference.child(DSIG, "DigestValue")?.base64()? == digest)
}

fn algorithm(method: Element<'_>) -> &str {
    method.attribute("", "Algorithm").unwrap_or_default()
}
