//! The canonical form of any part of a document is the one that another implementation gives.

use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use uppsala::{NodeId as TheirId, NodeKind};

use super::Nodes;
use crate::canonicalization::Canonicalization;
use crate::{Document, Element};

#[path = "../../tests/common/content.rs"]
#[expect(unreachable_pub, reason = "the integration tests have it too")]
mod content;

const METHODS: [(&str, C14nMode); 4] = [
    ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", C14nMode::Inclusive),
    ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments", C14nMode::InclusiveWithComments),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", C14nMode::Exclusive),
    ("http://www.w3.org/2001/10/xml-exc-c14n#WithComments", C14nMode::ExclusiveWithComments),
];

fn ours(nodes: &Nodes<'_>, algorithm: &str, prefixes: &str) -> String {
    let parameter = "<InclusiveNamespaces xmlns='http://www.w3.org/2001/10/xml-exc-c14n#'";
    let list = if prefixes.is_empty() { String::new() } else { format!("{parameter} PrefixList='{prefixes}'/>") };
    let method = format!("<Transform Algorithm='{algorithm}'>{list}</Transform>");
    let method = Document::parse(method.as_bytes()).unwrap();
    String::from_utf8(Canonicalization::read(method.root()).unwrap().apply(nodes)).unwrap()
}

fn their_elements(document: &uppsala::Document<'_>) -> Vec<TheirId> {
    let all = document.descendants(document.root()).into_iter();
    all.filter(|&node| matches!(document.node_kind(node), Some(NodeKind::Element(_)))).collect()
}

/// Every method, with and without comments, of the whole document and of an element of it, with and without an element in it.
fn compare(text: &str, apex: Index, without: Index, prefixes: &str) {
    // The library leaves line breaks in attributes, where they mean spaces.
    let theirs = text.replace("&quot;\n&lt;>", "&quot; &lt;>").replace("&apos;\t\n'", "&apos;  '");
    let (document, their) = (Document::parse(text.as_bytes()).unwrap(), uppsala::parse(&theirs).unwrap());
    let (elements, their_elements): (Vec<_>, _) =
        (document.root().with_descendants().collect(), their_elements(&their));
    assert_eq!(elements.len(), their_elements.len());
    let at = apex.index(elements.len());
    let below: Vec<Element<'_>> = elements[at].with_descendants().skip(1).collect();
    let without = (!below.is_empty()).then(|| at + 1 + without.index(below.len()));

    for (algorithm, mode) in METHODS {
        let prefixes = if mode.is_exclusive() { prefixes } else { "" };
        let their_prefixes: Vec<&str> = prefixes.split_ascii_whitespace().collect();
        for comments in [true, false] {
            for whole in [true, false] {
                for without in [None, without] {
                    let nodes = if whole { Nodes::of_document(&document) } else { Nodes::of_element(elements[at]) };
                    let nodes = if comments { nodes } else { nodes.without_comments() };
                    let nodes = if let Some(without) = without { nodes.without(elements[without]) } else { nodes };

                    let apex = if whole { their.root() } else { their_elements[at] };
                    let set = if comments { NodeSet::tree_with_comments } else { NodeSet::tree_without_comments };
                    let mut set = set(apex, &their);
                    for out in without.iter().flat_map(|&without| {
                        let element = their_elements[without];
                        std::iter::once(element).chain(their.descendants(element))
                    }) {
                        set.remove_id(out);
                    }
                    let theirs = canonicalize_doc(&their, mode, Some(&set), &their_prefixes).unwrap();
                    let theirs = String::from_utf8(theirs).unwrap();
                    assert_eq!(
                        ours(&nodes, algorithm, prefixes),
                        theirs,
                        "{mode} {comments} {whole} {without:?} {text}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_any_content_is_canonicalised_as_by_the_library(
        content in content::element(),
        before in prop::sample::select(vec!["", "<!-- b --><?b  x?>", "\n<?b?>\n<!--b-->"]),
        after in prop::sample::select(vec!["", "<!-- a --><?a x ?>", "\n<?a?>\n"]),
        apex in any::<Index>(),
        without in any::<Index>(),
        prefixes in prop::sample::select(vec!["", "p", "#default", "p q #default xml", "unknown e"]),
    ) {
        let text = format!("{before}<e:top xmlns:e='urn:e' xmlns:q='urn:d' xml:lang='fi'>{content}</e:top>{after}");
        prop_assume!(Document::parse(text.as_bytes()).is_ok());
        compare(&text, apex, without, prefixes);
    }
}

/// What the parts of made-up content are too seldom.
#[test]
fn rare_forms_are_canonicalised_as_by_the_library() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for text in [
        "<a xml:lang='fi' xml:space='preserve' xml:id='i'><b xml:lang='sv'><c/></b></a>",
        "<a xmlns='urn:a'><b xmlns=''><c xmlns='urn:a'/><c/></b></a>",
        "<p:a xmlns:p='urn:p' xmlns='urn:p'><p:b xmlns:p='urn:q'><p:c xmlns:p='urn:p'/><d/></p:b></p:a>",
        "<a xmlns:z='urn:z' xmlns:b='urn:b' b:y='1' z:x='2' y='3' b:a='4' a='5'><b b:y='1'/></a>",
        "<a b='&#x9;&#xA;&#xD;&amp;&lt;&gt;&quot;&apos;\t\n'>&#x9;&#xA;&#xD;&amp;&lt;&gt;&quot;\t\r\n</a>",
        "<a>&#13;&#13;&amp;&#13;x&lt;</a>",
        "<a><![CDATA[]]><![CDATA[<&>]]]]><![CDATA[>]]></a>",
        "<a><?x?><?x  y  ?><!----><!-- - --></a>",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:a='1'><b xml:a='2'/></a>",
        "<ä:ö xmlns:ä='urn:ä' ä:å='€'><ä:ö/></ä:ö>",
        "<a xmlns:p='urn:p' xmlns:q='urn:p' p:b='1' q:c='2'><p:d/><q:d/></a>",
        "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!-- x --><a/>\n<!-- y -->\n<?z?>",
    ] {
        for _ in 0..20 {
            let (apex, without) = any::<(Index, Index)>().new_tree(&mut runner).unwrap().current();
            for prefixes in ["", "p", "#default", "p z b #default", "xml"] {
                compare(text, apex, without, prefixes);
            }
        }
    }
}
