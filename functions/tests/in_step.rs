//! Binaries and sample events follow the tables of operations and tasks (the deployment: `template`), the deployed table follows the
//! store. What is missing, or too much, is printed, all at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use avain_adapters_aws::store::TABLE_PROPERTIES;
use avain_api::Need;
use serde_json::{Map, Value};

use crate::event;
use crate::row::{self, Row, Started};

/// With this variable set to 1 the sample events are written instead of compared.
const WRITE_EVENTS: &str = "AVAIN_WRITE_EVENTS";

#[test]
fn functions_and_events_follow_the_table_of_operations() {
    let faults = [names(), manifest(), sources(), events(), table()].concat();
    assert!(faults.is_empty(), "out of step with the table of operations:\n\n{}", faults.join("\n"));
}

/// Names of binaries and events are the rows' own: no two have the same.
fn names() -> Vec<String> {
    let mut seen = BTreeSet::new();
    row::all()
        .filter(|row| !seen.insert(row.binary()))
        .map(|row| format!("two rows have the binary {}", row.binary()))
        .collect()
}

/// `functions/Cargo.toml`: one binary for each row.
fn manifest() -> Vec<String> {
    let text = read("functions/Cargo.toml");
    let found = text.split("\n\n").filter(|block| block.starts_with("[[bin]]")).map(|block| block.trim().to_owned());
    let wanted = row::all()
        .map(|row| format!("[[bin]]\nname = \"{}\"\npath = \"{}.rs\"\ntest = false", row.binary(), row.function));
    difference("functions/Cargo.toml", wanted, found)
}

/// `functions/FOLDER/NAME.rs`: names the row and asks for the ports that it needs.
fn sources() -> Vec<String> {
    let file = |row: Row| format!("functions/{}.rs", row.function);
    let mut faults = Vec::new();
    for row in row::all() {
        let found = fs::read_to_string(root().join(file(row))).unwrap_or_default();
        faults.extend(difference(&file(row), [source(row)], [found]));
    }
    let folders: BTreeSet<&str> = row::all().filter_map(|row| row.function.split('/').next()).collect();
    let found = folders.iter().flat_map(|folder| files(&format!("functions/{folder}")));
    faults.extend(difference("functions", row::all().map(file), found));
    faults
}

fn source(row: Row) -> String {
    let constant = row.binary().to_uppercase();
    let ports: Vec<String> = row.needs.iter().copied().map(port).collect();
    let (table, start) = match row.started {
        Started::ByCall(_) => ("avain_api::operations", "start"),
        Started::By(_) => ("avain_functions::tasks", "start_task"),
    };
    let used = if ports.is_empty() { start.to_owned() } else { format!("{{ports, {start}}}") };
    format!(
        "//! {}.\n\nuse std::process::ExitCode;\n\nuse {table}::{constant};\n\
         use avain_functions::{used};\n\nfn main() -> ExitCode {{\n    {start}(&{constant}, &[{}])\n}}\n",
        row.name,
        ports.join(", ")
    )
}

/// `ServiceKeys` is opened by `ports::service_keys`.
fn port(need: Need) -> String {
    let mut name = String::from("ports::");
    for (at, letter) in format!("{need:?}").char_indices() {
        if at > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// An event whose body, JSON in a text, is JSON itself.
fn with_readable_body(mut event: Value) -> Value {
    if let Some(body) = event["body"].as_str().and_then(|text| serde_json::from_str(text).ok()) {
        event["body"] = body;
    }
    event
}

/// `events/NAME.json`: the sample that `event.rs` makes of the row.
fn events() -> Vec<String> {
    let file = |row: Row| format!("events/{}.json", row.binary());
    let mut faults = Vec::new();
    for row in row::all() {
        let (path, wanted) = (root().join(file(row)), event::sample_of(row));
        if std::env::var(WRITE_EVENTS).is_ok_and(|value| value == "1") {
            fs::write(&path, format!("{wanted:#}\n")).unwrap();
        }
        // As JSON: the order of a map's keys depends on features that other packages of a build ask for.
        let there = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if there.map(with_readable_body) != Some(with_readable_body(wanted)) {
            faults.push(format!("{}: missing or out of date; {WRITE_EVENTS}=1 writes it", file(row)));
        }
    }
    faults.extend(difference("events", row::all().map(file), files("events")));
    faults
}

/// `template.yaml`: the table has the properties that the store relies on, each as JSON on a line of its own.
fn table() -> Vec<String> {
    let resources = resources();
    let tables: Vec<&String> = resources.iter().filter(|it| it.contains("Type: AWS::DynamoDB::Table\n")).collect();
    let [table] = tables[..] else { return vec![format!("template.yaml: {} tables instead of one", tables.len())] };
    let wanted: Map<String, Value> = serde_json::from_str(TABLE_PROPERTIES).unwrap();
    let wanted = wanted.iter().map(|(name, value)| format!("{name}: {value}"));
    let declared: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("      ")?.split_once(": "))
        .filter_map(|(name, value)| Some(format!("{name}: {}", serde_json::from_str::<Value>(value).ok()?)))
        .collect();
    let missing = wanted.filter(|line| !declared.contains(line));
    missing.map(|line| format!("template.yaml: the table has no\n{line}\n")).collect()
}

/// The template's resources, each with its lines, comments left out.
fn resources() -> Vec<String> {
    let text = read("template.yaml");
    let mut resources: Vec<String> = Vec::new();
    let lines = text.lines().skip_while(|line| *line != "Resources:").skip(1);
    for line in lines.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        match (line.starts_with("   "), resources.last_mut()) {
            _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
            (true, Some(resource)) => resource.extend(["\n", line]),
            _ => resources.push(line.to_owned()),
        }
    }
    resources
}

/// What a place lacks, and what it has too much.
pub(crate) fn difference(
    place: &str,
    wanted: impl IntoIterator<Item = String>,
    found: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let (wanted, found) = (wanted.into_iter().collect::<BTreeSet<_>>(), found.into_iter().collect::<BTreeSet<_>>());
    let missing = wanted.difference(&found).map(|text| format!("{place}: missing\n{text}\n"));
    let surplus = found.difference(&wanted).map(|text| format!("{place}: not of the table\n{text}\n"));
    missing.chain(surplus).collect()
}

fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).map(|entries| entries.map(|entry| entry.unwrap().file_name()));
    let names = entries.into_iter().flatten();
    names.map(|name| format!("{folder}/{}", name.to_string_lossy())).collect()
}

pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
