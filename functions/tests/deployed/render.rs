//! `template.yaml` as the emulator can take it: each function with the code that was built here, and without what the
//! emulator does not know, which is told.

use std::fmt::Write as _;
use std::path::PathBuf;

/// A template, and what was left out of it.
pub(crate) struct Rendered {
    pub(crate) template: String,
    /// Binaries that its functions run.
    pub(crate) binaries: Vec<String>,
    pub(crate) left_out: Vec<String>,
}

/// `code` says in which folder a binary lies as `bootstrap`.
pub(crate) fn render(template: &str, code: impl Fn(&str) -> PathBuf) -> Rendered {
    let mut rendered = Rendered { template: String::new(), binaries: Vec::new(), left_out: Vec::new() };
    let (mut conditions, mut senders) = (0, 0);
    for block in blocks(template) {
        if let Some(reason) = unknown(&block) {
            let name = block[0].trim().trim_end_matches(':');
            rendered.left_out.push(format!("{name}: {reason}"));
            continue;
        }
        let folder = binary(&block).map(|binary| {
            rendered.binaries.push(binary.to_owned());
            code(binary)
        });
        let plan = block.contains(&"    Type: AWS::ApiGateway::UsagePlan");
        let mut lines = block.into_iter().peekable();
        while let Some(line) = lines.next() {
            if plan && line.starts_with("      Throttle: ") {
                rendered.left_out.push(
                    "UsagePlan's Throttle: a parameter's number is a text there, which the SDK refuses".to_owned(),
                );
                continue;
            }
            if line.trim() == "Condition:" && lines.peek().is_some_and(|next| next.contains("kms:EncryptionContext")) {
                lines.next();
                conditions += 1;
                continue;
            }
            if line.trim() == "Condition:" && lines.peek().is_some_and(|next| next.contains("ses:FromAddress")) {
                lines.next();
                senders += 1;
                continue;
            }
            let line = if line.trim_start().starts_with("Resource: ") && line.contains(":ses:") {
                "                Resource: \"*\""
            } else {
                line
            };
            rendered.template += line;
            rendered.template.push('\n');
            if let Some(folder) = folder.as_ref().filter(|_| line == "    Properties:") {
                let _ = writeln!(rendered.template, "      CodeUri: {}", folder.display());
            }
        }
    }
    rendered.left_out.extend([
        format!("{conditions} conditions on kms:EncryptionContext: the emulator refuses every call under them"),
        format!(
            "{senders} conditions on ses:FromAddress and identities as resources: the emulator knows neither of a mail"
        ),
    ]);
    rendered
}

/// The template's lines, each resource's by themselves; blank lines and comments are left out.
fn blocks(template: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    let mut resources = false;
    for line in template.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            resources = line == "Resources:";
        }
        if indent == 0 || (resources && indent == 2) {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// Why the emulator cannot have this resource.
fn unknown(block: &[&str]) -> Option<&'static str> {
    let has = |text: &str| block.iter().any(|line| line.contains(text));
    if has("Type: AWS::CloudWatch::Alarm") && block.contains(&"      Metrics:") {
        return Some("an alarm on metric math");
    }
    if has("Type: AWS::S3::BucketPolicy") && has("aws:SecureTransport") {
        return Some("it refuses plain HTTP, which the emulator speaks");
    }
    None
}

fn binary<'a>(block: &[&'a str]) -> Option<&'a str> {
    block.contains(&"    Type: AWS::Serverless::Function").then_some(())?;
    let (_, rest) = block.iter().find_map(|line| line.split_once("Binary: "))?;
    Some(rest.trim_end_matches(['}', ' ']))
}
