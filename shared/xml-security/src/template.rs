//! The text of a `ds:Signature` that this crate makes, prefix `ds`. What is written is in canonical form already.

use aws_lc_rs::digest::Digest;

use crate::document::DSIG;
use crate::encoding::encode_base64;
use crate::policy::Hash;

/// A `ds:Reference` with these transforms, whose result has this digest.
pub(crate) fn reference(uri: &str, transforms: &[&str], hash: Hash, digest: &Digest) -> String {
    let transforms = transforms.iter().fold(String::new(), |all, algorithm| {
        all + r#"<ds:Transform Algorithm=""# + algorithm + r#""></ds:Transform>"#
    });
    let (method, digest) = (hash.digest_uri(), encode_base64(digest.as_ref()));
    format!(
        r#"<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{method}"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"#
    )
}

/// `ds:SignedInfo`; the prefix is declared on it too, so that it stands alone.
pub(crate) fn signed_info(canonicalization: &str, hash: Hash, references: &str) -> String {
    let method = hash.signature_uri();
    format!(
        r#"<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{canonicalization}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>{references}</ds:SignedInfo>"#
    )
}

/// `ds:Signature`.
pub(crate) fn signature(signed_info: &str, value: &[u8], key_info: &str) -> String {
    let value = encode_base64(value);
    format!(
        r#"<ds:Signature xmlns:ds="{DSIG}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"#
    )
}
