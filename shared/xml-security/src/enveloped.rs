//! The enveloped signature of `ApplicationRequest` and `ApplicationResponse`: one `ds:Signature`, last child of the document
//! element, one reference to the whole document (bank-channel brief 2.4).

use bergshamra_c14n::C14nMode;
use bergshamra_xml::NodeSet;

use crate::encoding::{decode_base64, encode_base64};
use crate::signature::{Canonicalization, DSIG, ENVELOPED, Signature};
use crate::splice::Tags;
use crate::{Document, Element, Error, Policy, SigningKey, template};

/// A verified enveloped signature over the whole document.
#[derive(Debug)]
pub struct Verified {
    /// The signer's certificate, DER, from `KeyInfo`. Not yet chained to a root: see [`crate::certificate`].
    pub signer: Vec<u8>,
}

/// Signs a document (without a signature yet) as a whole with RSA-SHA256; returns it with `ds:Signature` as the last
/// child of the document element. Inclusive canonicalisation; `KeyInfo` is X509Data/X509Certificate. Every byte of the
/// document stays as it is; an empty document element gets an end tag.
pub fn sign(document: &str, key: &SigningKey) -> Result<String, Error> {
    let parsed = Document::parse(document.as_bytes())?;
    if signatures(&parsed).next().is_some() {
        return Err(Error::Malformed("the document has a signature already".into()));
    }
    let root = Tags::of(parsed.root())?;
    let inclusive = C14nMode::Inclusive.uri();
    let whole = Canonicalization::INCLUSIVE.apply(&parsed.dom, &NodeSet::all_without_comments(&parsed.dom))?;
    let signed_info = template::signed_info(inclusive, &template::reference("", ENVELOPED, &whole));

    // Inclusive canonicalisation of SignedInfo renders what the document element declares, and nothing else of it.
    let (start_tag, name) = (root.start_tag.trim_end_matches("/>").trim_end_matches('>'), root.name);
    let context = format!(r#"{start_tag}><ds:Signature xmlns:ds="{DSIG}">{signed_info}</ds:Signature></{name}>"#);
    let context = Document::parse(context.as_bytes())?;
    let in_context = context
        .root()
        .child(DSIG, "Signature")
        .and_then(|signature| signature.child(DSIG, "SignedInfo"))
        .ok_or(Error::NotSigned("SignedInfo"))?;
    let nodes = NodeSet::tree_with_comments(in_context.node, &context.dom);
    let value = key.sign(&Canonicalization::INCLUSIVE.apply(&context.dom, &nodes)?)?;

    let certificate = encode_base64(key.certificate());
    let key_info = format!("<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>");
    Ok(root.with_last_child(document, &template::signature(&signed_info, &value, &key_info)).0)
}

/// Verifies the one enveloped signature of the document: it must be a child of the document element and its one
/// reference must be the whole document (URI `""`, absent, or `#xpointer(/)`). What it covers is the document element.
pub fn verify(document: &Document<'_>, policy: &Policy) -> Result<Verified, Error> {
    let mut all = signatures(document);
    let element = all.next().ok_or(Error::NotSigned("no signature"))?;
    if all.next().is_some() {
        return Err(Error::NotSigned("more than one signature"));
    }
    if !document.root().children().any(|child| child.node == element.node) {
        return Err(Error::NotCovered("the signature is not a child of the document element"));
    }
    let signature = Signature::read(element, policy)?;
    let [reference] = signature.references.as_slice() else {
        return Err(Error::NotCovered("more than one reference"));
    };
    let dom = &document.dom;
    let mut nodes = match reference.uri {
        None | Some("") => NodeSet::all_without_comments(dom),
        Some("#xpointer(/)") => NodeSet::all(dom),
        Some(_) => return Err(Error::NotCovered("the reference is not to the whole document")),
    };
    if !reference.enveloped {
        return Err(Error::NotAllowed("a whole-document reference without the enveloped-signature transform".into()));
    }
    for node in std::iter::once(element.node).chain(dom.descendants(element.node)) {
        nodes.remove_id(node);
    }

    let signer = certificate(signature.key_info)?;
    signature.verify_value(&signer, policy)?;
    reference.check(dom, &nodes)?;
    Ok(Verified { signer })
}

fn signatures<'d>(document: &'d Document<'_>) -> impl Iterator<Item = Element<'d>> {
    document.root().with_descendants().filter(|element| element.is(DSIG, "Signature"))
}

/// The one `X509Certificate` in the one `X509Data`. Other forms of naming the key beside it are not used.
fn certificate(key_info: Element<'_>) -> Result<Vec<u8>, Error> {
    let element = key_info
        .child(DSIG, "X509Data")
        .and_then(|data| data.child(DSIG, "X509Certificate"))
        .ok_or(Error::NotSigned("KeyInfo has not one certificate"))?;
    decode_base64(&element.text()).ok_or_else(|| Error::Certificate("not base64".into()))
}
