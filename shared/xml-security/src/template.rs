//! The text of a `ds:Signature` that this crate makes: RSA-SHA256, SHA-256, prefix `ds`.

use aws_lc_rs::digest;

use crate::encoding::encode_base64;
use crate::policy::{RSA_SHA256, SHA256};
use crate::signature::DSIG;

/// A `ds:Reference` with one transform, whose input has this canonical form.
pub(crate) fn reference(uri: &str, transform: &str, canonical: &[u8]) -> String {
    let digest = encode_base64(digest::digest(&digest::SHA256, canonical).as_ref());
    format!(
        r#"<ds:Reference URI="{uri}"><ds:Transforms><ds:Transform Algorithm="{transform}"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"#
    )
}

/// `ds:SignedInfo`; the prefix is declared on it too, so that it stands alone.
pub(crate) fn signed_info(canonicalization: &str, references: &str) -> String {
    format!(
        r#"<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{canonicalization}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{RSA_SHA256}"></ds:SignatureMethod>{references}</ds:SignedInfo>"#
    )
}

/// `ds:Signature`.
pub(crate) fn signature(signed_info: &str, value: &[u8], key_info: &str) -> String {
    let value = encode_base64(value);
    format!(
        r#"<ds:Signature xmlns:ds="{DSIG}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"#
    )
}
