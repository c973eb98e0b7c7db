//! XML Encryption both ways with xmlsec1, a recorded answer, and one answer for everything that cannot be decrypted.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::{reference_data, xmlsec};
use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt, encrypt};
use avain_xml_security::{Document, Error, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Pki, REQUEST, parse, part, replaced};
use proptest::prelude::*;

const BOTH: [Cipher; 2] = [Cipher::Aes256Cbc, Cipher::TripleDesCbc];
const RECIPIENT: Option<&str> = Some("name:DanskeBankCryptCERT");

fn decrypted(encrypted: &str, key: &[u8]) -> Result<String, Error> {
    let document = parse(encrypted);
    let plaintext = decrypt(document.root(), &DecryptionKey::new(key)?, &BOTH)?;
    Ok(String::from_utf8(plaintext.to_vec()).unwrap())
}

/// What is encrypted of `REQUEST`.
fn content() -> &'static str {
    REQUEST.split_once("?>").unwrap().1
}

/// Plaintexts of every length modulo the block.
fn plaintexts() -> impl Iterator<Item = String> {
    (1..18).map(|length| format!("<a>{}</a>", "x".repeat(length))).chain([content().to_owned()])
}

#[test]
fn what_is_encrypted_here_decrypts_here() {
    let pki = Pki::shared();
    for cipher in BOTH {
        for plaintext in plaintexts() {
            let encrypted = encrypt(&plaintext, &pki.leaf, cipher, RECIPIENT).unwrap();
            assert_eq!(decrypted(&encrypted, &pki.private_key).unwrap(), plaintext);
        }
    }
    for declared in [REQUEST.to_owned(), format!("\u{feff}{REQUEST}"), REQUEST.replacen("?>", "?>\r\n", 1)] {
        let encrypted = encrypt(&declared, &pki.leaf, Cipher::Aes256Cbc, None).unwrap();
        assert_eq!(decrypted(&encrypted, &pki.private_key).unwrap(), content(), "without the declaration");
    }
}

/// Two messages of one content have neither session key nor initialisation vector in common.
#[test]
fn nothing_is_encrypted_alike_twice() {
    let encrypted = || encrypt(REQUEST, &Pki::shared().leaf, Cipher::Aes256Cbc, RECIPIENT).unwrap();
    let (first, second) = (encrypted(), encrypted());
    let [one, other] = [&first, &second].map(|text| values(text).map(|value| STANDARD.decode(value).unwrap()));
    assert_ne!(one[0], other[0]);
    assert_ne!(one[1][..16], other[1][..16]);
    assert_ne!(one[1][16..], other[1][16..]);
}

#[test]
fn xmlsec1_decrypts_what_is_encrypted_here() {
    let pki = Pki::shared();
    for cipher in BOTH {
        for plaintext in plaintexts() {
            let encrypted = encrypt(&plaintext, &pki.leaf, cipher, RECIPIENT).unwrap();
            let Some(decrypted) = xmlsec::decrypt(&encrypted, &pki.private_key) else { return };
            let decrypted = decrypted.unwrap().replace("&#xE4;", "ä");
            assert_eq!(decrypted.split_once("?>").unwrap().1.trim(), plaintext, "{cipher:?}");
        }
    }
    // A signed document still verifies after it.
    let encrypted = encrypt(&pki.signed_request(), &pki.leaf, Cipher::Aes256Cbc, RECIPIENT).unwrap();
    let decrypted = xmlsec::decrypt(&encrypted, &pki.private_key).unwrap().unwrap();
    assert_eq!(xmlsec::verify(&decrypted, &pki.leaf), Some(true));
}

#[test]
fn what_xmlsec1_encrypts_decrypts_here() {
    let pki = Pki::shared();
    for (algorithm, session_key) in [("aes256-cbc", "aes-256"), ("tripledes-cbc", "des-192")] {
        for plaintext in plaintexts() {
            let template = template(algorithm);
            let Some(encrypted) = xmlsec::encrypt(&template, &plaintext, &pki.leaf, session_key) else { return };
            let decrypted = decrypted(&encrypted, &pki.private_key).unwrap();
            let without_declaration = decrypted.split_once("?>").map_or(decrypted.as_str(), |(_, rest)| rest);
            assert_eq!(without_declaration.trim(), plaintext, "{algorithm}");
        }
    }
}

/// The bank's own answer of 2012: triple DES, with an inner signature that is valid.
#[test]
fn a_recorded_answer_decrypts() {
    let Some(folder) = reference_data() else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join("danske").join(name)).unwrap();
    let answer = read("resp_download_file_list_sepa.xml");
    let envelope = parse(&answer);
    let operation = soap::unsigned_body(&envelope).unwrap().children().next().unwrap();
    let base64 = operation.child("http://model.bxd.fi", "ApplicationResponse").unwrap().text();
    let encrypted = STANDARD.decode(base64.split_whitespace().collect::<String>()).unwrap();
    let encrypted = Document::parse(&encrypted).unwrap();
    let with_key = |name: &str, allowed: &[Cipher]| {
        let key = DecryptionKey::new(&pkcs8(&read(&format!("keys/{name}.pem")))).unwrap();
        decrypt(encrypted.root(), &key, allowed)
    };

    let plaintext = with_key("decrypts_resp_download_file_list", &BOTH).unwrap();
    let response = Document::parse(&plaintext).unwrap();
    enveloped::verify(&response, &Policy::LEGACY).unwrap();
    let descriptors = response.root().child("http://bxd.fi/xmldata/", "FileDescriptors").unwrap();
    assert_eq!(descriptors.children().count(), 5);

    assert_eq!(with_key("wrong_key_for_resp_download_file_list", &BOTH).unwrap_err(), Error::Decryption);
    let not_allowed = with_key("decrypts_resp_download_file_list", &[Cipher::Aes256Cbc]).unwrap_err();
    let algorithm = "encryption http://www.w3.org/2001/04/xmlenc#tripledes-cbc";
    assert_eq!(not_allowed, Error::NotAllowed(algorithm.into()));
}

/// Every single changed byte of the vector, the first and the last blocks and of the wrapped key, cut and doubled
/// ciphertexts, a session key of another length, another key: the same error in value and in text.
#[test]
fn everything_that_cannot_be_decrypted_is_one_error() {
    let pki = Pki::shared();
    let key = DecryptionKey::new(&pki.private_key).unwrap();
    for cipher in BOTH {
        let encrypted = encrypt(&pki.signed_request(), &pki.leaf, cipher, RECIPIENT).unwrap();
        let [wrapped, message] = values(&encrypted).map(|value| STANDARD.decode(value).unwrap());
        let mut refused = Vec::new();
        for position in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[position] ^= 1;
            refused.push((changed, message.clone()));
        }
        // All 255 wrong values of the byte that says how long the padding is, by way of the block before it.
        let block = if cipher == Cipher::Aes256Cbc { 16 } else { 8 };
        for change in 1..=255 {
            let mut changed = message.clone();
            let last_of_block_before = changed.len() - block - 1;
            changed[last_of_block_before] ^= change;
            refused.push((wrapped.clone(), changed));
        }
        for length in [0, 1, 8, 15, 16, 17, 24, message.len() - 1] {
            refused.push((wrapped.clone(), message[..length].to_vec()));
        }
        for wrapped in [vec![], vec![0; 256], vec![0xff; 256], vec![1; 512], wrapped[..255].to_vec()] {
            refused.push((wrapped, message.clone()));
        }
        let other = encrypt(REQUEST, &pki.leaf, other(cipher), None).unwrap();
        refused.push((STANDARD.decode(values(&other)[0]).unwrap(), message.clone()));
        for (wrapped, message) in refused {
            let changed = with_values(&encrypted, &STANDARD.encode(wrapped), &STANDARD.encode(message));
            let error = decrypt(parse(&changed).root(), &key, &BOTH).unwrap_err();
            assert_eq!((error.to_string().as_str(), &error), ("the message cannot be decrypted", &Error::Decryption));
        }
        for base64 in ["!", "AAA"] {
            let changed = with_values(&encrypted, values(&encrypted)[0], base64);
            assert_eq!(decrypt(parse(&changed).root(), &key, &BOTH).unwrap_err(), Error::Decryption);
        }
    }
    let encrypted = encrypt(REQUEST, &pki.leaf, Cipher::Aes256Cbc, None).unwrap();
    assert_eq!(decrypted(&encrypted, &Pki::new().private_key), Err(Error::Decryption));
}

/// What is encrypted and is no document is not told from what is not decrypted.
#[test]
fn content_that_is_no_document_is_the_same_error() {
    let pki = Pki::shared();
    let encrypted = encrypt("<a>1234567</a>", &pki.leaf, Cipher::Aes256Cbc, None).unwrap();
    let [wrapped, message] = values(&encrypted).map(|value| STANDARD.decode(value).unwrap());
    // The first character of the plaintext is no longer `<`; every padding is as it was.
    let mut changed = message.clone();
    changed[0] ^= 1;
    let changed = with_values(&encrypted, &STANDARD.encode(wrapped), &STANDARD.encode(changed));
    assert_eq!(decrypted(&changed, &pki.private_key), Err(Error::Decryption));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_ciphertexts_are_one_error(
        triple_des in any::<bool>(),
        in_key in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..4),
        cut in 0_usize..40,
    ) {
        let pki = Pki::shared();
        let cipher = if triple_des { Cipher::TripleDesCbc } else { Cipher::Aes256Cbc };
        let encrypted = encrypt(&pki.signed_request(), &pki.leaf, cipher, RECIPIENT).unwrap();
        let mut bytes = values(&encrypted).map(|value| STANDARD.decode(value).unwrap());
        let changed = &mut bytes[usize::from(!in_key)];
        for (at, change) in edits {
            let position = at.index(changed.len());
            changed[position] ^= change;
        }
        let length = changed.len() - cut;
        changed.truncate(length);
        let changed = with_values(&encrypted, &STANDARD.encode(&bytes[0]), &STANDARD.encode(&bytes[1]));
        match decrypted(&changed, &pki.private_key) {
            Err(error) => prop_assert_eq!(error, Error::Decryption),
            // The mode lets bits of the content be changed: then it is the signature in it that refuses.
            Ok(plaintext) => prop_assert!(
                !in_key && enveloped::verify(&parse(&plaintext), &Policy::STRICT).is_err()
                    || plaintext == pki.signed_request().split_once("?>").unwrap().1
            ),
        }
    }

    /// Whatever the form is, nothing panics and nothing is fetched.
    #[test]
    fn any_form_is_answered(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), insert in "[<>/a-z\"= ]{0,6}") {
        let encrypted = encrypt(REQUEST, &Pki::shared().leaf, Cipher::Aes256Cbc, RECIPIENT).unwrap();
        let (from, to) = (from.index(encrypted.len()), to.index(encrypted.len()));
        let edited = encrypted[..from.min(to)].to_owned() + &insert + &encrypted[from.max(to)..];
        if let Ok(document) = Document::parse(edited.as_bytes()) {
            let key = DecryptionKey::new(&Pki::shared().private_key).unwrap();
            let _ = decrypt(document.root(), &key, &BOTH);
        }
    }
}

#[test]
fn other_forms_are_refused_by_name() {
    let pki = Pki::shared();
    let encrypted = encrypt(REQUEST, &pki.leaf, Cipher::Aes256Cbc, RECIPIENT).unwrap();
    let refused = |from: &str, to: &str| decrypted(&replaced(&encrypted, from, to), &pki.private_key).unwrap_err();
    let not_allowed = |why: &str| Error::NotAllowed(why.into());
    let xenc = "http://www.w3.org/2001/04/xmlenc#";
    for other in ["aes128-cbc", "aes192-cbc", "des-cbc", "kw-aes256", ""] {
        assert_eq!(refused("#aes256-cbc", &format!("#{other}")), not_allowed(&format!("encryption {xenc}{other}")));
    }
    for other in ["rsa-oaep-mgf1p", "kw-aes256", "dh"] {
        assert_eq!(refused("#rsa-1_5", &format!("#{other}")), not_allowed(&format!("key transport {xenc}{other}")));
    }
    assert_eq!(
        refused("#aes256-cbc\"/>", "#aes256-cbc\"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>"),
        Error::Malformed("not one EncryptionMethod without parameters".into())
    );
    assert_eq!(
        refused(&format!("Type=\"{xenc}Element\""), "Type=\"http://www.iana.org/assignments/media-types/text/html\""),
        not_allowed("a type of encrypted data that is not XML")
    );
    let value = format!("<xenc:CipherValue>{}</xenc:CipherValue>", values(&encrypted)[1]);
    for reference in ["file:///etc/passwd", "http://example.com/", "#other"] {
        let reference = format!("<xenc:CipherReference URI=\"{reference}\"/>");
        assert_eq!(refused(&value, &reference), Error::Malformed("not one CipherValue".into()));
    }
    assert_eq!(refused(&value, &value.repeat(2)), Error::Malformed("not one CipherValue".into()));
    let key = part(&encrypted, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>");
    for keys in [String::new(), key.repeat(2)] {
        assert_eq!(refused(key, &keys), Error::Malformed("not one EncryptedKey".into()));
    }
    for accepted in [
        replaced(&encrypted, &format!("Type=\"{xenc}Element\""), &format!("Type=\"{xenc}Content\"")),
        replaced(&encrypted, "<ds:X509Data>", "<ds:KeyName/><ds:X509Data>"),
        replaced(&encrypted, part(&encrypted, "<ds:X509Data>", "</ds:X509Data>"), ""),
    ] {
        assert_eq!(decrypted(&accepted, &pki.private_key).unwrap(), content());
    }
    assert!(matches!(decrypted(REQUEST, &pki.private_key), Err(Error::Malformed(_))));
}

#[test]
fn what_cannot_be_encrypted_safely_is_refused() {
    let pki = Pki::shared();
    let refused = |text: &str, certificate: &[u8], recipient: &str| {
        encrypt(text, certificate, Cipher::Aes256Cbc, Some(recipient)).unwrap_err()
    };
    for recipient in ["a\"b", "<", "&amp;", "a b", "\n"] {
        assert!(matches!(refused(REQUEST, &pki.leaf, recipient), Error::Malformed(_)), "{recipient}");
    }
    assert!(matches!(refused("no document", &pki.leaf, "r"), Error::Malformed(_)));
    assert!(matches!(refused(REQUEST, b"no certificate", "r"), Error::Certificate(_)));
    assert_eq!(DecryptionKey::new(b"no key").err(), Some(Error::Key));
}

fn other(cipher: Cipher) -> Cipher {
    if cipher == Cipher::Aes256Cbc { Cipher::TripleDesCbc } else { Cipher::Aes256Cbc }
}

/// The two `CipherValue`s: the wrapped key, the message.
fn values(encrypted: &str) -> [&str; 2] {
    let mut values = encrypted.split("CipherValue>").skip(1).step_by(2).map(|value| value.split_once('<').unwrap().0);
    [values.next().unwrap(), values.next().unwrap()]
}

fn with_values(encrypted: &str, wrapped: &str, message: &str) -> String {
    let [first, second] = values(encrypted).map(|value| format!(">{value}<"));
    let changed = replaced(encrypted, &first, &format!(">{wrapped}<"));
    replaced(&changed, &second, &format!(">{message}<"))
}

fn template(algorithm: &str) -> String {
    let xenc = "http://www.w3.org/2001/04/xmlenc#";
    format!(
        r#"<EncryptedData xmlns="{xenc}" Type="{xenc}Element"><EncryptionMethod Algorithm="{xenc}{algorithm}"/><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><EncryptedKey xmlns="{xenc}"><EncryptionMethod Algorithm="{xenc}rsa-1_5"/><CipherData><CipherValue/></CipherData></EncryptedKey></KeyInfo><CipherData><CipherValue/></CipherData></EncryptedData>"#
    )
}

/// A PKCS#1 private key of the reference data as PKCS#8.
fn pkcs8(pem: &str) -> Vec<u8> {
    use rsa::pkcs1::DecodeRsaPrivateKey;
    use rsa::pkcs8::EncodePrivateKey;
    rsa::RsaPrivateKey::from_pkcs1_pem(pem).unwrap().to_pkcs8_der().unwrap().as_bytes().to_vec()
}
