//! The enveloped signature: one `ds:Signature`, last child of the element that it signs. `ApplicationRequest` and
//! `ApplicationResponse` are signed as whole documents (bank-channel brief 2.4), the elements of Danske's PKI Factory
//! inside their envelope, by `xml:id` (brief 5.2).

use crate::canonical::Nodes;
use crate::canonicalization::{C14n, Canonicalization};
use crate::document::{DSIG, XML_NAMESPACE};
use crate::encoding::encode_base64;
use crate::policy::Hash;
use crate::signature::{Claim, ENVELOPED, Signature, Target};
use crate::splice::{self, Tags};
use crate::{Distrust, Document, Element, Error, Policy, SigningKey, template};

/// A verified enveloped signature.
#[derive(Debug)]
pub struct Verified {
    /// The signer's certificate, DER, from `KeyInfo`. Not yet chained to a root: see [`crate::certificate`].
    pub signer: Vec<u8>,
}

/// How an enveloped signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Of the digest and of the RSA signature.
    pub hash: Hash,
    /// `CanonicalizationMethod`, that of `SignedInfo`.
    pub signed_info: C14n,
    /// A canonicalisation after the enveloped-signature transform; without it what is digested is inclusive.
    pub second_transform: Option<C14n>,
}

impl Form {
    /// SHA-256, inclusive canonicalisation, no second transform.
    pub const INCLUSIVE: Self = Self { hash: Hash::Sha256, signed_info: C14n::Inclusive, second_transform: None };
}

/// Signs a document (without a signature yet) as a whole, with RSA PKCS#1 v1.5; returns it with `ds:Signature` as the last
/// child of the document element. `KeyInfo` is X509Data/X509Certificate. Every byte of the document stays as it is; an
/// empty document element gets an end tag.
pub fn sign(document: &str, key: &SigningKey, form: &Form) -> Result<String, Error> {
    let parsed = Document::parse(document.as_bytes())?;
    sign_nodes(document, parsed.root(), "", &Nodes::of_document(&parsed).without_comments(), key, *form)
}

/// Signs the one element whose `xml:id` is `id`, by the Reference `#id`, in a document of which other parts stay
/// unsigned. Everything else is as for [`sign`].
pub fn sign_element(document: &str, id: &str, key: &SigningKey, form: &Form) -> Result<String, Error> {
    let parsed = Document::parse(document.as_bytes())?;
    parsed.check_ids()?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let element = parsed
        .root()
        .with_descendants()
        .find(|element| is_plain && element.attribute(XML_NAMESPACE, "id") == Some(id))
        .ok_or_else(|| Error::Malformed("no element to sign with this xml:id".into()))?;
    sign_nodes(document, element, &format!("#{id}"), &Nodes::of_element(element).without_comments(), key, *form)
}

/// Verifies the one enveloped signature of the document: it must be a child of the document element and its one
/// reference must be the whole document (URI `""`, absent, or `#xpointer(/)`). What it covers is the document element.
pub fn verify(document: &Document<'_>, policy: &Policy) -> Result<Verified, Error> {
    claim(document, policy)?.verify(policy).map(|signer| Verified { signer })
}

/// Verifies the one enveloped signature in an element, as [`sign_element`] makes it: it must be a child of the element and
/// its one reference must be to that very element, by its `xml:id`. The URI `""` is taken too: whoever signed the element
/// before it was put into this document has signed it as a document of its own. That can be verified where it is only if
/// both canonicalisations leave out the context.
pub fn verify_element(element: Element<'_>, policy: &Policy) -> Result<Verified, Error> {
    claim_of_element(element, policy)?.verify(policy).map(|signer| Verified { signer })
}

/// The signature of a whole document, with what it is over.
pub(crate) fn claim<'d>(document: &'d Document<'d>, policy: &Policy) -> Result<Claim<'d>, Error> {
    let root = document.root();
    let (element, signature) = only_signature(root, policy)?;
    let nodes = match signature.references[0].uri {
        None | Some("") => Nodes::of_document(document).without_comments(),
        Some("#xpointer(/)") => Nodes::of_document(document),
        Some(_) => return Err(Error::NotCovered("the reference is not to the whole document")),
    };
    Ok(over(root, nodes, element, signature))
}

/// The signature of an element, with what it is over.
pub(crate) fn claim_of_element<'d>(root: Element<'d>, policy: &Policy) -> Result<Claim<'d>, Error> {
    let (element, signature) = only_signature(root, policy)?;
    let reference = &signature.references[0];
    match reference.uri {
        None | Some("") => {
            if !reference.canonicalization.ignores_context() || !signature.value.canonicalization.ignores_context() {
                return Err(Error::NotAllowed(
                    "a canonicalisation with the context of a document that is not here".into(),
                ));
            }
        }
        Some(uri) => {
            root.document.check_ids()?;
            let id = uri.strip_prefix('#').filter(|id| !id.is_empty());
            if id.is_none() || id != root.attribute(XML_NAMESPACE, "id") {
                return Err(Error::NotCovered("the reference is not to the element"));
            }
        }
    }
    Ok(over(root, Nodes::of_element(root).without_comments(), element, signature))
}

/// The only signature in `root`, a child of it, with one reference and the enveloped-signature transform.
fn only_signature<'d>(root: Element<'d>, policy: &Policy) -> Result<(Element<'d>, Signature<'d>), Error> {
    let mut all = root.signatures();
    let element = all.next().ok_or(Error::NotSigned("no signature"))?;
    if all.next().is_some() {
        return Err(Error::NotSigned("more than one signature"));
    }
    if !root.children().any(|child| child.node == element.node) {
        return Err(Error::NotCovered("the signature is not a child of what it signs"));
    }
    let signature = Signature::read(element, policy)?;
    let [reference] = signature.references.as_slice() else {
        return Err(Error::NotCovered("more than one reference"));
    };
    if !reference.enveloped {
        return Err(Error::NotAllowed("a reference to a whole without the enveloped-signature transform".into()));
    }
    Ok((element, signature))
}

fn over<'d>(root: Element<'d>, nodes: Nodes<'d>, element: Element<'d>, signature: Signature<'d>) -> Claim<'d> {
    let target = Target { element: root, nodes: nodes.without(element) };
    Claim { signer: certificate(signature.key_info), targets: vec![target], signature }
}

/// The one `X509Certificate` in the one `X509Data`. Other forms of naming the key beside it are not used.
pub(crate) fn certificate(key_info: Element<'_>) -> Result<Vec<u8>, Error> {
    let element = key_info
        .child(DSIG, "X509Data")
        .and_then(|data| data.child(DSIG, "X509Certificate"))
        .ok_or(Error::NotSigned("KeyInfo has not one certificate"))?;
    element.base64().ok_or(Error::Certificate(Distrust::Other("not base64")))
}

fn sign_nodes(
    document: &str,
    element: Element<'_>,
    uri: &str,
    nodes: &Nodes<'_>,
    key: &SigningKey,
    form: Form,
) -> Result<String, Error> {
    if element.signatures().next().is_some() {
        return Err(Error::Malformed("the document has a signature already".into()));
    }
    let (digested_as, transforms) = match form.second_transform {
        None => (C14n::Inclusive, vec![ENVELOPED]),
        Some(c14n) => (c14n, vec![ENVELOPED, c14n.uri()]),
    };
    let digest = Canonicalization::new(digested_as).digest(nodes, form.hash);
    let reference = template::reference(uri, &transforms, form.hash, &digest);
    let signed_info = template::signed_info(form.signed_info.uri(), form.hash, &reference);
    let value = key.sign(form.hash, &canonical_signed_info(&signed_info, element, form.signed_info)?)?;

    let certificate = encode_base64(key.certificate());
    let key_info = format!("<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>");
    let signature = template::signature(&signed_info, &value, &key_info);
    Ok(splice::apply(document, &[Tags::of(element)?.last_child(&signature)], 0))
}

/// The canonical form of `SignedInfo` in a `ds:Signature` that is a child of `parent`. Inclusive canonicalisation renders
/// what the elements around it declare, and nothing else of them.
fn canonical_signed_info(signed_info: &str, parent: Element<'_>, c14n: C14n) -> Result<Vec<u8>, Error> {
    let canonicalization = Canonicalization::new(c14n);
    if canonicalization.ignores_context() {
        return Ok(signed_info.as_bytes().to_vec());
    }
    let mut context = format!(r#"<ds:Signature xmlns:ds="{DSIG}">{signed_info}</ds:Signature>"#);
    for ancestor in parent.with_ancestors() {
        let tags = Tags::of(ancestor)?;
        let opened = tags.start_tag.trim_end_matches('>').trim_end_matches('/');
        context = format!("{opened}>{context}</{}>", tags.name);
    }
    let context = Document::parse(context.as_bytes())?;
    let in_context = context
        .root()
        .with_descendants()
        .find(|element| element.is(DSIG, "SignedInfo"))
        .ok_or(Error::NotSigned("SignedInfo"))?;
    Ok(canonicalization.apply(&Nodes::of_element(in_context)))
}
