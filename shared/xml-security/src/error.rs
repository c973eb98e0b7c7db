//! What can be wrong with a message, said so that the caller knows whose fault it is.

/// Why a document, a signature or a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not well-formed XML, or one of the forms refused outright (document type, entity, depth).
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
    /// The certificate cannot be read, is outside its time, or does not chain to a pinned root.
    #[error("the certificate is not trusted: {0}")]
    Certificate(Distrust),
    /// Not decrypted. One answer for every reason, so that whoever sends changed messages learns nothing from it.
    #[error("the message cannot be decrypted")]
    Decryption,
    /// The private key cannot be used.
    #[error("the private key cannot be used")]
    Key,
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// A certificate of the path is not valid yet at the time in question.
    #[error("a certificate is not valid yet")]
    NotYetValid,
    /// A certificate of the path has expired at the time in question.
    #[error("a certificate has expired")]
    Expired,
    /// The path ends before a pinned root: it may be a new root, which nobody has decided to trust.
    #[error("no pinned root issued it: the path ends at {subject} (SHA-256 {sha256}), issued by {issuer}")]
    UnknownRoot {
        /// Issuer of the last certificate of the path, RFC 4514.
        issuer: String,
        /// Subject of the last certificate of the path, RFC 4514: the issuer's own certificate, if it was offered.
        subject: String,
        /// SHA-256 of the last certificate of the path, lower-case hex.
        sha256: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(&'static str),
}
