//! What a request says about its algorithms, which its answer has too; and decryption (brief 5.1).

use avain_xml_security::encryption::{self, Cipher, DecryptionKey};
use avain_xml_security::{Document, Element, Hash};
use zeroize::Zeroizing;

const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Both ciphers that the bank's clients use.
pub(crate) const CIPHERS: [Cipher; 2] = [Cipher::Aes256Cbc, Cipher::TripleDesCbc];

/// The plaintext of an `EncryptedData`; nothing, whatever is wrong with it: what follows then fails on the emptiness, as it
/// does on what a wrong key gives.
pub(crate) fn decrypt(encrypted_data: Option<Element<'_>>, key: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let plaintext = encrypted_data.zip(key).and_then(|(data, key)| {
        let key = DecryptionKey::new(key).ok()?;
        encryption::decrypt(data, &key, &CIPHERS).ok()
    });
    plaintext.unwrap_or_default()
}

/// The element, if it is an `EncryptedData`.
pub(crate) fn encrypted_data(element: Element<'_>) -> Option<Element<'_>> {
    Some(element).filter(|element| element.is(XENC, "EncryptedData"))
}

/// The cipher of the request, which its answer has too; AES where the request has none.
pub(crate) fn cipher_of(document: &Document<'_>) -> Cipher {
    let bytes = payload_of(document.root());
    let inner = bytes.as_deref().and_then(|bytes| Document::parse(bytes).ok());
    let method = inner
        .as_ref()
        .and_then(|inner| inner.root().child(XENC, "EncryptionMethod")?.attribute("", "Algorithm").map(str::to_owned));
    match method.as_deref() {
        Some("http://www.w3.org/2001/04/xmlenc#tripledes-cbc") => Cipher::TripleDesCbc,
        _ => Cipher::Aes256Cbc,
    }
}

/// The bytes of the first ApplicationRequest that holds base64.
pub(crate) fn payload_of(element: Element<'_>) -> Option<Vec<u8>> {
    if element.local_name() == "ApplicationRequest" {
        return crate::schema::from_base64(&element.text()).filter(|bytes| !bytes.is_empty());
    }
    element.children().find_map(payload_of)
}

/// The first `SignatureMethod` of the document.
fn signature_method(document: &Document<'_>) -> Option<String> {
    find_method(document.root())
}

fn find_method(element: Element<'_>) -> Option<String> {
    if element.is(DSIG, "SignatureMethod") {
        return element.attribute("", "Algorithm").map(str::to_owned);
    }
    element.children().find_map(find_method)
}

/// The bank answers with the hash of the request, as an endpoint of its own would; with SHA-256 where nothing is signed.
pub(crate) fn answering_hash(document: &Document<'_>, accepted: &[Hash]) -> Hash {
    let is_sha1 = |hash: &Hash| *hash == Hash::Sha1;
    let asked = signature_method(document);
    if accepted.iter().all(is_sha1)
        || accepted.iter().any(is_sha1) && asked.is_some_and(|uri| uri.ends_with("#rsa-sha1"))
    {
        Hash::Sha1
    } else {
        Hash::Sha256
    }
}
