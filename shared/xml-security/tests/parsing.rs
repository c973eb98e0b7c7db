//! What the parser refuses, and that nothing makes it panic.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_xml_security::{Document, Error, Hash, Policy, enveloped, soap};
use common::{ENVELOPE, NOW, Pki, parse, replaced};
use proptest::prelude::*;
use time::Duration;

fn refused(text: &str) -> String {
    match Document::parse(text.as_bytes()).err() {
        Some(Error::Malformed(why)) => why,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_document_type_is_refused() {
    refused("<!DOCTYPE a><a/>");
    refused("<!DOCTYPE a SYSTEM \"http://example.com/a.dtd\"><a/>");
    refused("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>");
    refused("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>");
    refused("<!DOCTYPE a [<!ENTITY % b SYSTEM \"http://example.com/\"> %b;]><a/>");
    refused("<?xml version=\"1.0\"?><!-- --><!DOCTYPE a []><a/>");
}

#[test]
fn entities_other_than_the_predefined_are_refused() {
    refused("<a>&b;</a>");
    refused("<a b='&c;'/>");
    assert_eq!(parse("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a>").root().text(), "<>&\"'AB");
    refused("<a>&#0;</a>");
    refused("<a>&#xFFFE;</a>");
}

/// White space in an attribute's value is a space, unless a reference says which.
#[test]
fn attributes_are_of_one_line() {
    for (written, value) in [
        ("'one\ntwo'", "one two"),
        ("\"one\r\n\ttwo\rthree\"", "one  two three"),
        ("'&#10;&#xD;&#9;'", "\n\r\t"),
        ("'\n&#10;\r\n&#13;&#10;\t&amp;\"'", " \n \r\n &\""),
        ("\"\t&lt;'>\"", " <'>"),
        ("'ä\n€'", "ä €"),
    ] {
        for before in
            ["<a", "<a c='1\n2'", "<a\n\tp:b='&#9;\t' xmlns:p='urn:p'", "<b:a xmlns:b='urn:b' d = \"&gt;\n='\"\n"]
        {
            let text = format!("{before} b\t= {written} e='f'/>");
            assert_eq!(parse(&text).root().attribute("", "b"), Some(value), "{text}");
        }
    }
    let prefixed = parse("<a b='1\n&#10;' p:b='2\n&#10;' xmlns:p='urn:p' xmlns:q='urn:q' q:b='3\t&#9;'/>");
    let values = ["", "urn:p", "urn:q"].map(|namespace| prefixed.root().attribute(namespace, "b"));
    assert_eq!(values, [Some("1 \n"), Some("2 \n"), Some("3 \t")]);
    refused("<a xmlns='urn:a\nb'/>");
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        " ",
        "a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a b='1' b='2'/>",
        "<a b=1/>",
        "<a b='<'/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a>&</a>",
        "<a>\u{1}</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a xmlns:p=''/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a b='1' xmlns='u' xmlns='v'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<?xml version='1.1'?><a/>",
        " <?xml version='1.0'?><a/>",
    ] {
        refused(text);
    }
    assert_eq!(Document::parse(b"<a>\xff</a>").err(), Some(Error::Malformed("not UTF-8".into())));
}

/// Without this check the canonical form stays as it was while `p:c` loses its namespace: signed elements could be hidden.
#[test]
fn a_prefix_declared_as_nothing_is_refused() {
    parse("<p:a xmlns:p='urn:p'><b xmlns=''><p:c/></b></p:a>");
    assert_eq!(refused("<p:a xmlns:p='urn:p'><b xmlns:p=''><p:c/></b></p:a>"), "a prefix is declared as nothing");
}

#[test]
fn other_encodings_are_refused_where_they_differ() {
    let declared = |encoding: &str, text: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a>{text}</a>");
    for (encoding, text) in [("UTF-16", "a"), ("EBCDIC-CP-FI", "a"), ("ISO-8859-15", "ä"), ("windows-1252", "a")] {
        refused(&declared(encoding, text));
    }
    for (encoding, text) in [("utf-8", "ä"), ("US-ASCII", "a"), ("ISO-8859-15", "a"), ("iso-8859-1", "a")] {
        assert_eq!(parse(&declared(encoding, text)).root().text(), text);
    }
    assert_eq!(parse("\u{feff}<a>ä</a>").root().text(), "ä");
}

#[test]
fn depth_is_capped() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(Document::parse(nested(64).as_bytes()).is_ok());
    refused(&nested(65));
    refused(&nested(100_000));
}

/// The tokenizer holds each attribute of an element against each other one: 4 MB of them took minutes.
#[test]
fn many_attributes_on_one_element_are_refused_before_they_are_compared() {
    let element = |attribute: &str, count: usize| {
        let attributes: Vec<String> = (0..count).map(|number| format!(" {attribute}{number}='=&quot;>'")).collect();
        format!("<r><a{}/>text with ' and \"</r>", attributes.concat())
    };
    for attribute in ["a", "xml:a", "xmlns:a", "xmlns:é"] {
        assert!(Document::parse(element(attribute, 64).as_bytes()).is_ok(), "{attribute}");
        for count in [65, 129, 400, 400_000] {
            let why = refused(&element(attribute, count));
            assert_eq!(why, "too many attributes or namespace declarations on one element", "{attribute} {count}");
        }
    }
    // Neither are they where it is not well-formed, in a tag without end.
    refused(&format!("<a {}", "b='' ".repeat(400_000)));
    refused(&"<a b='".repeat(400_000));
    // A long text, and a long value, are no attributes.
    parse(&format!("<a b='{0}' c=\"{0}\">{0}</a>", "\u{e4}= ".repeat(100_000)));
}

/// By whoever verifies a signature by ids: what is not signed may repeat them.
#[test]
fn two_elements_with_one_id_are_not_signed() {
    let wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    let pki = Pki::shared();
    let signed = |content: &str| {
        let header = format!("<soapenv:Header xmlns:u='{wsu}'>{content}</soapenv:Header>");
        let envelope = replaced(ENVELOPE, "<soapenv:Header/>", &header);
        soap::sign(&envelope, &pki.key(), Hash::Sha256, "1", NOW, Duration::minutes(5))
    };
    let verified = |content: &str| {
        let signed = signed(content).unwrap();
        soap::verify(&parse(&signed), &Policy::STRICT, None, Duration::ZERO).map(|_| ())
    };
    let ids = ["u:Id='x'", "xml:id='x'", "Id='x'", "ID='x'"];
    for first in ids {
        for second in ids {
            let twice = signed(&format!("<a {first}/><b><c {second}/></b>"));
            assert_eq!(twice, Err(Error::NotCovered("two elements have one id")));
            if first != second {
                assert_eq!(verified(&format!("<a {first} {second}/>")), Ok(()));
            }
        }
    }
    assert_eq!(verified("<r id='x'><a id='x'/><b Id='x'/><c other:Id='x' xmlns:other='urn:o'/></r>"), Ok(()));
}

#[test]
fn a_truncated_message_is_refused() {
    for signed in [Pki::shared().signed_envelope(), Pki::shared().signed_request()] {
        for length in (0..signed.len()).filter(|&length| signed.is_char_boundary(length)) {
            refused(&signed[..length]);
        }
    }
}

#[test]
fn elements_say_what_they_are() {
    let document =
        parse("<r xmlns='urn:d' xmlns:p='urn:p' a='1' p:a='2'>x<p:c/><c/>y<![CDATA[<z>]]><!-- no --><d>no</d><d/></r>");
    let root = document.root();
    assert_eq!((root.namespace(), root.local_name(), root.text().as_str()), ("urn:d", "r", "xy<z>"));
    assert_eq!(
        (root.attribute("", "a"), root.attribute("urn:p", "a"), root.attribute("urn:d", "a")),
        (Some("1"), Some("2"), None)
    );
    assert_eq!(
        root.children().map(|child| child.namespace()).collect::<Vec<_>>(),
        ["urn:p", "urn:d", "urn:d", "urn:d"]
    );
    assert!(root.child("urn:d", "c").is_some_and(|child| child.is("urn:d", "c") && !child.is("urn:p", "c")));
    assert!(root.child("urn:d", "d").is_none(), "not unique");
    assert!(root.child("", "c").is_none(), "absent");
}

/// Judges bytes in every way; only a panic would be wrong here.
fn judge(bytes: &[u8]) {
    if let Ok(document) = Document::parse(bytes) {
        let _ = soap::verify(&document, &Policy::LEGACY, None, Duration::ZERO);
        let _ = enveloped::verify(&document, &Policy::LEGACY);
        let _ = soap::unsigned_body(&document);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        judge(&bytes);
    }

    #[test]
    fn no_markup_makes_it_panic(text in r#"(<|</|/>|>|&|;|=|"|'|<!--|-->|<\?|\?>|<!\[CDATA\[|\]\]>|xmlns|:|a|Id|&#|x| |ä){0,40}"#) {
        judge(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_a_message_makes_it_panic(
        soap in any::<bool>(),
        at in any::<prop::sample::Index>(),
        remove in 0_usize..40,
        insert in proptest::collection::vec(any::<u8>(), 0..10),
    ) {
        let shared = Pki::shared();
        let mut bytes = if soap { shared.signed_envelope() } else { shared.signed_request() }.into_bytes();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + remove);
        bytes.splice(start..end, insert);
        judge(&bytes);
    }
}
