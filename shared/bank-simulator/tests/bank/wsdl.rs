//! What stands in an answer's Body, against the schemas inside the banks' own service descriptions.

use std::path::Path;
use std::sync::OnceLock;

use avain_test_support::{output, peer, reference_data};
use tempfile::TempDir;

/// Namespace of the operations, the description, and a name for its schema here.
const DESCRIPTIONS: [(&str, &str, &str); 4] = [
    ("http://bxd.fi/CorporateFileService", "op/wsdl_op_production.xml", "files.xsd"),
    ("http://bxd.fi/CertificateService", "nordea/wsdl_nordea_cert.xml", "nordea.xsd"),
    ("http://mlp.op.fi/OPCertificateService", "op/wsdl_op_cert_production.xml", "op.xsd"),
    ("http://danskebank.dk/PKI/PKIFactoryService", "danske/wsdl_danske_cert.xml", "danske.xsd"),
];

/// Validates what is in the Body, or in the detail of a SOAP Fault.
pub(crate) fn check_body(envelope: &str) {
    let (Some(data), Some(mut xmllint)) = (reference_data(), peer("xmllint")) else { return };
    let schemas = schemas(&data.parent().unwrap().join("schemas"));
    let body = between(envelope, "Body").unwrap();
    let content = between(body, "detail").unwrap_or(body).trim();
    // The description calls it an Element, the bank does not (seen).
    let content = content.replace("PKIFactoryServiceFault ", "PKIFactoryServiceFaultElement ");
    let content = content.replace("PKIFactoryServiceFault>", "PKIFactoryServiceFaultElement>");
    let start = content.split('>').next().unwrap();
    let (.., schema) = DESCRIPTIONS.iter().find(|(namespace, ..)| start.contains(&format!("\"{namespace}\""))).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content).unwrap();
    let verdict = output(xmllint.args(["--noout", "--nonet", "--schema"]).arg(schemas.join(schema)).arg(file.path()));
    assert!(verdict.status.success(), "{}: {content}", String::from_utf8_lossy(&verdict.stderr));
}

/// What is inside the outermost element with this local name.
fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let at = text.find(&format!(":{name}")).or_else(|| text.find(&format!("<{name}")))?;
    let start = at + text[at..].find('>')? + 1;
    let prefixed = text.rfind(&format!(":{name}>")).and_then(|colon| text[..colon].rfind("</"));
    let end = prefixed.or_else(|| text.rfind(&format!("</{name}>")))?;
    text.get(start..end)
}

/// The descriptions' schemas in files of their own, made once.
fn schemas(published: &Path) -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (namespace, description, name) in DESCRIPTIONS {
            let text = std::fs::read_to_string(published.join(description)).unwrap();
            // A description may have two schemas of one namespace, or a second one for the header's types.
            let blocks: Vec<&str> = text.split("<xsd:schema ").skip(1).collect();
            let of = |wanted: &str| -> String {
                let own = blocks.iter().filter(|block| block.starts_with(&format!("targetNamespace=\"{wanted}\"")));
                own.map(|block| {
                    let inner = block.split_once('>').unwrap().1;
                    inner.split("</xsd:schema>").next().unwrap().to_owned()
                })
                .collect()
            };
            let model = of("http://model.bxd.fi");
            if !model.is_empty() {
                write(folder.path(), "model.xsd", "http://model.bxd.fi", &model);
            }
            let import = if model.is_empty() {
                String::new()
            } else {
                "<xsd:import namespace=\"http://model.bxd.fi\" schemaLocation=\"model.xsd\"/>".to_owned()
            };
            let danske = published.join("danske");
            let own = of(namespace)
                .replace("http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd", "xenc.xsd")
                .replace("PKIFactory.xsd", danske.join("PKIFactory.xsd").to_str().unwrap());
            write(folder.path(), name, namespace, &format!("{import}{own}"));
            let xenc = std::fs::read_to_string(danske.join("xenc-schema.xsd")).unwrap();
            let dsig = danske.join("xmldsig-core-schema.xsd");
            let dsig = dsig.to_str().unwrap();
            let xenc = xenc
                .replace("http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd", dsig)
                .replace("schemaLocation='xmldsig-core-schema.xsd'", &format!("schemaLocation='{dsig}'"));
            std::fs::write(folder.path().join("xenc.xsd"), xenc).unwrap();
        }
        folder
    });
    folder.path()
}

fn write(folder: &Path, name: &str, namespace: &str, content: &str) {
    let schema = format!(
        "<xsd:schema xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:tns=\"{namespace}\" \
         xmlns:dbpki=\"{namespace}\" xmlns:ns1=\"http://model.bxd.fi\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" \
         xmlns:el=\"http://danskebank.dk/PKI/PKIFactoryService/elements\" targetNamespace=\"{namespace}\" \
         elementFormDefault=\"qualified\">{content}</xsd:schema>"
    );
    std::fs::write(folder.join(name), schema).unwrap();
}
