//! What can be wrong with a message, said so that the caller knows whose fault it is.

/// Why a document, a signature or a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not well-formed XML, or one of the forms refused outright (document type, entity, depth, duplicate id).
    #[error("the XML is not acceptable: {0}")]
    Malformed(String),
    /// The document lacks a signature where one must be, or has more than one.
    #[error("the signature is missing or not unique: {0}")]
    NotSigned(&'static str),
    /// The signature does not cover the element that would be used.
    #[error("the signature does not cover the message: {0}")]
    NotCovered(&'static str),
    /// The algorithm or key size is outside the policy.
    #[error("not allowed by the policy: {0}")]
    NotAllowed(String),
    /// A digest of a signed element differs.
    #[error("the digest of a signed element differs")]
    Digest,
    /// The signature value does not verify with the signer's key.
    #[error("the signature value does not verify")]
    SignatureValue,
    /// The message's own Timestamp says that it is not valid now.
    #[error("the message is outside its time of validity")]
    Expired,
    /// The signer's certificate cannot be read, is outside its time, or does not chain to a pinned root.
    #[error("the certificate is not trusted: {0}")]
    Certificate(String),
    /// The private key cannot be used for signing.
    #[error("the private key cannot be used")]
    Key,
}
