//! XML Encryption as Danske's file service uses it (bank-channel brief 5.1): one element, AES-256 or triple DES in CBC mode,
//! the session key wrapped with RSA PKCS#1 v1.5.
//!
//! Nothing of this authenticates: a message is decrypted after the signature around it has verified, and what comes out
//! is judged by the signature in it.

use aes::Aes256;
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey};
use cbc::cipher::block_padding::Iso10126;
use cbc::cipher::{BlockCipher, BlockDecryptMut, BlockEncryptMut, KeyInit, KeyIvInit};
use des::TdesEde3;
use zeroize::Zeroizing;

use crate::certificate::summary;
use crate::document::DSIG;
use crate::encoding::encode_base64;
use crate::{Document, Element, Error};

/// XML Encryption namespace.
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
/// What `Type` may say. A client of the bank's own says Content and encrypts an element all the same.
const TYPES: [&str; 2] = ["http://www.w3.org/2001/04/xmlenc#Element", "http://www.w3.org/2001/04/xmlenc#Content"];

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES with a key of 256 bits, CBC.
    Aes256Cbc,
    /// Triple DES with three keys, CBC: only for an endpoint that has nothing better.
    TripleDesCbc,
}

impl Cipher {
    fn uri(self) -> &'static str {
        match self {
            Self::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            Self::TripleDesCbc => "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
        }
    }

    /// Bytes of a key.
    fn key_length(self) -> usize {
        match self {
            Self::Aes256Cbc => 32,
            Self::TripleDesCbc => 24,
        }
    }

    /// Bytes of a block, and of the initialisation vector.
    fn block_length(self) -> usize {
        match self {
            Self::Aes256Cbc => 16,
            Self::TripleDesCbc => 8,
        }
    }

    /// Initialisation vector and ciphertext.
    fn encrypt(self, key: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let block = self.block_length();
        let mut message = vec![0; block + plaintext.len() + block - plaintext.len() % block];
        let (vector, content) = message.split_at_mut(block);
        rand::fill(vector).map_err(|_| Error::Key)?;
        content[..plaintext.len()].copy_from_slice(plaintext);
        let done = match self {
            Self::Aes256Cbc => encrypt_blocks::<Aes256>(key, vector, content, plaintext.len()),
            Self::TripleDesCbc => encrypt_blocks::<TdesEde3>(key, vector, content, plaintext.len()),
        };
        done.map(|()| message).ok_or(Error::Key)
    }

    /// The plaintext, in the place of the ciphertext.
    fn decrypt(self, key: &[u8], mut message: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        let (vector, content) = message.split_at_mut_checked(self.block_length())?;
        let length = match self {
            Self::Aes256Cbc => decrypt_blocks::<Aes256>(key, vector, content),
            Self::TripleDesCbc => decrypt_blocks::<TdesEde3>(key, vector, content),
        }?;
        message.drain(..self.block_length());
        message.truncate(length);
        Some(message)
    }
}

/// A private key that messages to its certificate are decrypted with. It shows nothing of itself.
pub struct DecryptionKey {
    key: Pkcs1PrivateDecryptingKey,
}

impl DecryptionKey {
    /// From a PKCS#8 RSA private key of 2,048 bits or more, DER.
    pub fn new(private_key: &[u8]) -> Result<Self, Error> {
        let key = PrivateDecryptingKey::from_pkcs8(private_key).map_err(|_| Error::Key)?;
        Ok(Self { key: Pkcs1PrivateDecryptingKey::new(key).map_err(|_| Error::Key)? })
    }

    /// The session key that was wrapped, or a random one if it cannot be unwrapped: what comes out then is refused as any
    /// other wrong message is, so that nobody can ask whether the padding of a wrapped key is right (implicit rejection).
    fn unwrap(&self, wrapped: &[u8], cipher: Cipher) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut session_key = Zeroizing::new(vec![0; cipher.key_length()]);
        rand::fill(&mut session_key).map_err(|_| Error::Decryption)?;
        let mut buffer = Zeroizing::new(vec![0; self.key.min_output_size()]);
        if let Ok(unwrapped) = self.key.decrypt(wrapped, &mut buffer)
            && unwrapped.len() == session_key.len()
        {
            session_key.copy_from_slice(unwrapped);
        }
        Ok(session_key)
    }
}

/// Encrypts an XML document, without its declaration, to a certificate (DER, RSA of 2,048 bits or more). Gives one
/// `xenc:EncryptedData` of Type Element; `recipient` is the attribute of that name of `EncryptedKey`. Whether the
/// certificate is to be trusted is not judged: see [`crate::certificate::verify_encryption_chain`].
pub fn encrypt(plaintext: &str, certificate: &[u8], cipher: Cipher, recipient: Option<&str>) -> Result<String, Error> {
    let content = without_declaration(plaintext)?;
    let public_key = PublicEncryptingKey::from_der(&summary(certificate)?.public_key)
        .and_then(|key| Pkcs1PublicEncryptingKey::new(key).map_err(Into::into))
        .map_err(|_| Error::NotAllowed("a certificate that nothing can be encrypted to".into()))?;
    let recipient = recipient.map(recipient_attribute).transpose()?.unwrap_or_default();

    let mut session_key = Zeroizing::new(vec![0; cipher.key_length()]);
    rand::fill(&mut session_key).map_err(|_| Error::Key)?;
    let mut wrapped = vec![0; public_key.ciphertext_size()];
    public_key.encrypt(&session_key, &mut wrapped).map_err(|_| Error::Key)?;
    let message = cipher.encrypt(&session_key, content.as_bytes())?;

    let (algorithm, kind) = (cipher.uri(), TYPES[0]);
    let (certificate, wrapped, message) =
        (encode_base64(certificate), encode_base64(&wrapped), encode_base64(&message));
    Ok(format!(
        r#"<xenc:EncryptedData xmlns:xenc="{XENC}" Type="{kind}"><xenc:EncryptionMethod Algorithm="{algorithm}"/><ds:KeyInfo xmlns:ds="{DSIG}"><xenc:EncryptedKey{recipient}><xenc:EncryptionMethod Algorithm="{RSA_1_5}"/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{message}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"#
    ))
}

/// Decrypts one `xenc:EncryptedData` (Type Element, Content or none). The form and the algorithms are read first, and
/// refused by name. Everything after that is [`Error::Decryption`], whichever of the layers it comes from: a wrapped key
/// that is not for this key, a padding that is wrong, content that is not a well-formed document.
pub fn decrypt(
    encrypted_data: Element<'_>,
    key: &DecryptionKey,
    allowed: &[Cipher],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Encrypted { cipher, wrapped, message } = Encrypted::read(encrypted_data, allowed)?;
    let session_key = key.unwrap(&wrapped, cipher)?;
    let plaintext = cipher.decrypt(&session_key, message).ok_or(Error::Decryption)?;
    Document::parse(&plaintext).map_err(|_| Error::Decryption)?;
    Ok(plaintext)
}

/// What `xenc:EncryptedData` holds.
struct Encrypted {
    cipher: Cipher,
    wrapped: Vec<u8>,
    message: Zeroizing<Vec<u8>>,
}

impl Encrypted {
    fn read(element: Element<'_>, allowed: &[Cipher]) -> Result<Self, Error> {
        if !element.is(XENC, "EncryptedData") {
            return Err(Error::Malformed("not EncryptedData".into()));
        }
        if element.attribute("", "Type").is_some_and(|kind| !TYPES.contains(&kind)) {
            return Err(Error::NotAllowed("a type of encrypted data that is not XML".into()));
        }
        let algorithm = algorithm(element)?;
        let cipher = allowed.iter().copied().find(|cipher| cipher.uri() == algorithm);
        let cipher = cipher.ok_or_else(|| Error::NotAllowed(format!("encryption {algorithm}")))?;
        let encrypted_key = element
            .child(DSIG, "KeyInfo")
            .and_then(|info| info.child(XENC, "EncryptedKey"))
            .ok_or_else(|| Error::Malformed("not one EncryptedKey".into()))?;
        let key_algorithm = self::algorithm(encrypted_key)?;
        if key_algorithm != RSA_1_5 {
            return Err(Error::NotAllowed(format!("key transport {key_algorithm}")));
        }
        let (wrapped, message) = (cipher_value(encrypted_key)?, cipher_value(element)?);
        Ok(Self { cipher, wrapped, message: Zeroizing::new(message) })
    }
}

/// `EncryptionMethod`, which must be without parameters.
fn algorithm(element: Element<'_>) -> Result<&str, Error> {
    let method = element.child(XENC, "EncryptionMethod").filter(|method| method.children().next().is_none());
    method
        .and_then(|method| method.attribute("", "Algorithm"))
        .ok_or_else(|| Error::Malformed("not one EncryptionMethod without parameters".into()))
}

/// `CipherValue`, where `CipherReference` could be too: that is never followed.
fn cipher_value(element: Element<'_>) -> Result<Vec<u8>, Error> {
    let value = element
        .child(XENC, "CipherData")
        .and_then(|data| data.child(XENC, "CipherValue"))
        .ok_or_else(|| Error::Malformed("not one CipherValue".into()))?;
    value.base64().ok_or(Error::Decryption)
}

/// The text from the first thing after the XML declaration.
fn without_declaration(document: &str) -> Result<&str, Error> {
    let parsed = Document::parse(document.as_bytes())?;
    let text = document.trim_start_matches('\u{feff}');
    let declaration =
        Some(text).filter(|_| parsed.has_declaration).and_then(|text| text.find("?>")).map_or(0, |at| at + "?>".len());
    Ok(text[declaration..].trim_start())
}

fn recipient_attribute(recipient: &str) -> Result<String, Error> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'&' | b'"');
    if !recipient.bytes().all(is_plain) {
        return Err(Error::Malformed("a recipient with other characters than an attribute may have".into()));
    }
    Ok(format!(r#" Recipient="{recipient}""#))
}

/// Encrypts in place: `content` is the plaintext of this length and room for its padding.
fn encrypt_blocks<C>(key: &[u8], vector: &[u8], content: &mut [u8], length: usize) -> Option<()>
where
    C: BlockEncryptMut + BlockCipher + KeyInit,
{
    let cipher = cbc::Encryptor::<C>::new_from_slices(key, vector).ok()?;
    // The last byte is the number of padding bytes, as XML Encryption 5.2 wants it.
    cipher.encrypt_padded_mut::<Iso10126>(content, length).ok().map(|_| ())
}

/// Decrypts in place; the length of the plaintext. Of the padding only the last byte counts (XML Encryption 5.2).
fn decrypt_blocks<C>(key: &[u8], vector: &[u8], content: &mut [u8]) -> Option<usize>
where
    C: BlockDecryptMut + BlockCipher + KeyInit,
{
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, vector).ok()?;
    cipher.decrypt_padded_mut::<Iso10126>(content).ok().map(<[u8]>::len)
}
