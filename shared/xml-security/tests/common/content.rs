//! Made-up content in which canonicalisation has something to do.

use proptest::prelude::*;

/// Elements; in a few of them two attributes have one name.
pub fn element() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "p:a", "q:b", "e:c"]);
    let text = prop::sample::select(vec![
        "",
        "t",
        " ",
        "\n\t",
        "&#13;",
        "&lt;&amp;&gt;",
        "]]",
        "ä€",
        "<![CDATA[<&>]]>",
        "<!-- c -->",
        "<?p  d ?>",
        "\"'",
    ]);
    let attribute = prop::sample::select(vec![
        "",
        "xmlns='urn:d'",
        "xmlns=''",
        "xmlns:p='urn:p'",
        "xmlns:p='urn:d'",
        "xmlns:q='urn:p'",
        "xmlns:q='urn:q'",
        "xmlns='urn:p' p:z='1' y=\"'\"",
        "xml:lang='fi'",
        "xml:space = 'preserve'",
        "q:a='&#10;&#9; x'",
        "p:a='1' q:a='2' a='3'",
        "b='&quot;\n&lt;>' a='&#13;'",
    ]);
    let leaf = (name.clone(), attribute.clone()).prop_map(|(name, attribute)| format!("<{name} {attribute}/>"));
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let children = prop::collection::vec((text.clone(), inner, text.clone()), 0..4);
        (name.clone(), attribute.clone(), children).prop_map(|(name, attribute, children)| {
            let content: String =
                children.into_iter().map(|(before, child, after)| before.to_owned() + &child + after).collect();
            format!("<{name} {attribute}>{content}</{name}>")
        })
    })
    .prop_map(|content| format!("<r xmlns:p='urn:p'>{content}</r>"))
}
