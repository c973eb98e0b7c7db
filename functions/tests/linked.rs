//! What is linked into each function: the SDK of a service, the banks' protocol and OpenPGP only where its row needs them
//! (goal G3). By the symbols of the binaries, as `nm` of binutils reads them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use avain_api::Need;
use avain_test_support::{output, peer};

use crate::row::{self, Row};

/// What links what. Any other SDK is a fault.
const LINKED: &[(&str, &[Need])] = &[
    ("aws_sdk_apigateway", &[Need::Gateway]),
    ("aws_sdk_cognitoidentityprovider", &[Need::Identity]),
    ("aws_sdk_dynamodb", &[Need::Store, Need::ServiceKeys]),
    ("aws_sdk_kms", &[Need::Sealer, Need::ServiceKeys]),
    ("aws_sdk_s", &[Need::Blobs]), // aws_sdk_s3: a digit may as well be a length of the mangling
    ("aws_sdk_sesv", &[Need::Notifier]), // aws_sdk_sesv2, for the same reason
    ("avain_bank_channel", &[Need::Banks]),
    ("avain_xml_security", &[Need::Banks]),
];

/// The operations that look at PGP keys and signatures.
const PGP: &[&str] = &["AddSignatures", "ExportCert", "ListUploads", "UploadFile", "UploadKey"];

#[test]
fn a_function_links_what_its_row_needs() {
    if peer("nm").is_none() {
        return;
    }
    let mut faults = String::new();
    for row in row::all() {
        let (expected, found) = (expected(&row), found(row.binary()));
        if expected != found {
            let _ = writeln!(faults, "{}: expected {expected:?}, linked {found:?}", row.binary());
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn expected(row: &Row) -> BTreeSet<String> {
    let linked = LINKED.iter().filter(|(_, needs)| needs.iter().any(|need| row.needs(*need))).map(|(name, _)| *name);
    linked.chain(PGP.contains(&row.name).then_some("pgp")).map(str::to_owned).collect()
}

fn found(binary: &str) -> BTreeSet<String> {
    let path = std::env::var_os(format!("CARGO_BIN_EXE_{binary}")).unwrap();
    let answer = output(peer("nm").unwrap().arg(path));
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let symbols = String::from_utf8(answer.stdout).unwrap();
    assert!(symbols.contains("lambda_runtime"), "{binary} has no symbols");
    let mut found = BTreeSet::new();
    for line in symbols.lines() {
        for (at, sdk) in line.match_indices("aws_sdk_") {
            let letters = line[at + sdk.len()..].chars().take_while(char::is_ascii_lowercase);
            found.insert(format!("{sdk}{}", letters.collect::<String>()));
        }
        found.extend(
            ["avain_bank_channel", "avain_xml_security"].into_iter().filter(|it| line.contains(it)).map(str::to_owned),
        );
        if line.contains("_ZN3pgp") || line.contains("$LT$pgp..") {
            found.insert("pgp".to_owned());
        }
    }
    found
}
