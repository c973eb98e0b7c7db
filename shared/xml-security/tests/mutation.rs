//! Every small change of a signed message is refused, or it leaves everything that is read as it was.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_xml_security::{Document, Error, Policy, certificate, enveloped, soap};
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use common::{NOW, Pki};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

/// What an application takes from a message that it trusts.
#[derive(Debug, PartialEq)]
struct Read {
    /// Canonical form of the Body, or of the document without its signature.
    covered: String,
    signer: Vec<u8>,
    validity: Option<(OffsetDateTime, OffsetDateTime)>,
}

type Reader = fn(&[u8]) -> Result<Read, Error>;

fn read_envelope(bytes: &[u8]) -> Result<Read, Error> {
    let document = Document::parse(bytes)?;
    let verified = soap::verify(&document, &Policy::STRICT, None, Duration::ZERO)?;
    chain(&verified.signer)?;
    Ok(Read { covered: canonical(bytes, "Body", true), signer: verified.signer, validity: verified.validity })
}

fn read_request(bytes: &[u8]) -> Result<Read, Error> {
    let document = Document::parse(bytes)?;
    let signer = enveloped::verify(&document, &Policy::STRICT)?.signer;
    chain(&signer)?;
    Ok(Read { covered: canonical(bytes, "Signature", false), signer, validity: None })
}

fn chain(signer: &[u8]) -> Result<(), Error> {
    certificate::verify_chain(signer, &[], &Pki::shared().roots(), NOW, &Policy::STRICT).map(|_| ())
}

/// The canonical form (exclusive, without comments) of the one element with this name, or of everything else.
fn canonical(bytes: &[u8], name: &str, inside: bool) -> String {
    let document = uppsala::parse(std::str::from_utf8(bytes).unwrap()).unwrap();
    let [element] = document.get_elements_by_tag_name(name)[..] else { panic!("not one {name}") };
    let tree = NodeSet::tree_without_comments(element, &document);
    let nodes = if inside { tree } else { NodeSet::all_without_comments(&document).subtract(&tree) };
    let canonical = canonicalize_doc::<&str>(&document, C14nMode::Exclusive, Some(&nodes), &[]).unwrap();
    String::from_utf8(canonical).unwrap()
}

/// Changes each byte in turn, in two ways. What is accepted is what the canonical form leaves out (white space and
/// quotes in tags, comments) and what no signature covers and nobody reads: the names of prefixes and attributes in
/// Security, white space in base64, the XML declaration.
fn change_every_byte(message: &str, read: Reader) {
    let original = read(message.as_bytes()).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for position in 0..message.len() {
        for change in [0x01, 0x20] {
            let mut bytes = message.as_bytes().to_vec();
            bytes[position] ^= change;
            match read(&bytes) {
                Ok(other) => {
                    assert_eq!(other, original, "{}", String::from_utf8_lossy(&bytes));
                    accepted += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{refused} changes refused, {accepted} accepted with the same content");
    assert!(refused > 20 * accepted, "{refused} refused, {accepted} accepted");
}

#[test]
fn no_changed_byte_of_an_envelope_changes_what_is_read() {
    change_every_byte(&Pki::shared().signed_envelope(), read_envelope);
}

#[test]
fn no_changed_byte_of_a_document_changes_what_is_read() {
    change_every_byte(&Pki::shared().signed_request(), read_request);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A part of the message is moved, doubled or removed, or markup is put in.
    #[test]
    fn no_edit_changes_what_is_read(
        is_envelope in any::<bool>(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        keep in any::<bool>(),
        insert in prop::sample::select(vec!["", " ", "\n", "<!-- -->", "<?x?>", "<x/>", "&#32;", "A", "<![CDATA[]]>"]),
    ) {
        let shared = Pki::shared();
        let (message, read): (String, Reader) =
            if is_envelope { (shared.signed_envelope(), read_envelope) } else { (shared.signed_request(), read_request) };
        // Cut at `<`, so that many of the edits are well-formed.
        let cuts: Vec<usize> = message.match_indices('<').map(|(position, _)| position).collect();
        let (from, to, at) = (*from.get(&cuts), *to.get(&cuts), *at.get(&cuts));
        let (from, to) = (from.min(to), from.max(to));
        let moved = message[from..to].to_owned() + insert;
        let edited = if keep || at < from {
            let rest = if keep { message.clone() } else { message[..from].to_owned() + &message[to..] };
            rest[..at].to_owned() + &moved + &rest[at..]
        } else {
            message[..from].to_owned() + insert + &message[to..]
        };
        if let Ok(other) = read(edited.as_bytes()) {
            prop_assert_eq!(other, read(message.as_bytes()).unwrap());
        }
    }
}
