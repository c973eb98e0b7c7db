//! Who may depend on whom, in the workspace: what is linked, not what tests use.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The arrows; `avain` is the command. `avain-test-support` is for tests only.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "avain",
        &[
            "avain-adapters-aws",
            "avain-adapters-local",
            "avain-api",
            "avain-bank-channel",
            "avain-bank-simulator",
            "avain-domain",
            "avain-xml-security",
        ],
    ),
    ("avain-adapters-aws", &["avain-bank-channel", "avain-domain", "avain-xml-security"]),
    ("avain-adapters-local", &["avain-adapters-aws", "avain-bank-channel", "avain-domain", "avain-xml-security"]),
    ("avain-api", &["avain-domain"]),
    ("avain-bank-channel", &["avain-xml-security"]),
    ("avain-bank-simulator", &["avain-xml-security"]),
    ("avain-domain", &[]),
    ("avain-functions", &["avain-adapters-aws", "avain-adapters-local", "avain-api", "avain-domain"]),
    ("avain-start-cost", &[]),
    ("avain-test-support", &[]),
    ("avain-xml-security", &[]),
];

/// What the rules do not know, by the beginnings of crates' names: HTTP, AWS's services, wire formats, an async runtime.
/// (aws-lc-rs is the cryptography.)
const NOT_IN_DOMAIN: &[&str] = &[
    "aws-config",
    "aws-sdk-",
    "aws-smithy-",
    "axum",
    "bergshamra",
    "dynoxide",
    "http",
    "hyper",
    "lambda_",
    "serde",
    "tokio",
    "tower",
    "uppsala",
];

#[test]
fn the_arrows_between_crates_are_as_drawn() {
    let drawn: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(name, arrows)| (*name, arrows.iter().copied().collect())).collect();
    let found = linked();
    let found: BTreeMap<&str, BTreeSet<&str>> = found
        .iter()
        .map(|(name, linked)| (name.as_str(), linked.iter().map(String::as_str)))
        .map(|(name, linked)| (name, linked.filter(|it| it.starts_with("avain")).collect()))
        .collect();
    let names: BTreeSet<&str> = drawn.keys().chain(found.keys()).copied().collect();
    let faults: Vec<String> = names
        .into_iter()
        .filter(|name| drawn.get(name) != found.get(name))
        .map(|name| format!("{name}: drawn {:?}, found {:?}", drawn.get(name), found.get(name)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_domain_knows_no_http_aws_wire_format_or_runtime() {
    let found = linked();
    let knows: Vec<&String> = found["avain-domain"]
        .iter()
        .filter(|linked| NOT_IN_DOMAIN.iter().any(|beginning| linked.starts_with(beginning)))
        .collect();
    assert!(knows.is_empty(), "avain-domain depends on {knows:?}");
}

/// The workspace's packages with the names of what they link, optional or not; build scripts count, tests do not.
fn linked() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--no-deps"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let linked = dependencies.filter(|it| it["kind"] != "dev").map(|it| text(&it["name"]));
            (text(&package["name"]), linked.collect())
        })
        .collect()
}
