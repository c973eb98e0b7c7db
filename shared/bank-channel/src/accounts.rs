//! Which bank accounts a file is about: those of a statement, report or notification (camt.053, 052, 054), and the debtors' of a
//! payment file (pain.001). The file comes from a bank or a customer and may be anything.

use std::collections::BTreeSet;

use avain_xml_security::{Document, Element};

use crate::Error;

/// Largest file that is read; a larger one fits into no answer.
const MAX_BYTES: usize = 6 * 1024 * 1024;
/// How far into a file its namespace is looked for.
const HEAD: usize = 4096;
/// Before the name of a message in its namespace.
const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";

/// A kind of message: the beginning of its name, its element below `Document`, the elements in that, and the account's in those.
struct Kind {
    name: &'static str,
    message: &'static str,
    part: &'static str,
    account: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind { name: "camt.052", message: "BkToCstmrAcctRpt", part: "Rpt", account: "Acct" },
    Kind { name: "camt.053", message: "BkToCstmrStmt", part: "Stmt", account: "Acct" },
    Kind { name: "camt.054", message: "BkToCstmrDbtCdtNtfctn", part: "Ntfctn", account: "Acct" },
    Kind { name: "pain.001", message: "CstmrCdtTrfInitn", part: "PmtInf", account: "DbtrAcct" },
];

/// The ids of the accounts, each once: an IBAN without blanks and in upper case, another id without blanks. None where neither
/// file type nor content says that it is one of these messages.
pub fn accounts_in(file_type: &str, bytes: &[u8]) -> Result<Vec<String>, Error> {
    if !is_claimed(file_type, bytes) {
        return Ok(Vec::new());
    }
    if bytes.len() > MAX_BYTES {
        return Err(unreadable("it is too large"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let document = Document::parse(bytes).map_err(|error| Error::Unreadable(error.to_string()))?;
    let (root, kind) =
        message(document.root()).ok_or_else(|| unreadable("it is none of the messages that are read"))?;
    let namespace = root.namespace();
    let message = root.child(namespace, kind.message).ok_or_else(|| unreadable("its message is missing"))?;
    let mut accounts = BTreeSet::new();
    for part in message.children().filter(|it| it.is(namespace, kind.part)) {
        let account = part.child(namespace, kind.account).ok_or_else(|| unreadable("an account is missing"))?;
        accounts.insert(id(account).ok_or_else(|| unreadable("an account has no id"))?);
    }
    Ok(accounts.into_iter().collect())
}

/// Whether file type or the beginning of the content names one of the messages.
fn is_claimed(file_type: &str, bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]);
    // A status report names the message that it is about, but not as its namespace.
    let has_namespace = |kind: &Kind| head.split(NAMESPACE).skip(1).any(|it| it.starts_with(kind.name));
    KINDS.iter().any(|kind| file_type.to_ascii_lowercase().contains(kind.name) || has_namespace(kind))
}

/// The `Document` and what it is; it may be in an envelope with a business header.
fn message(root: Element<'_>) -> Option<(Element<'_>, &'static Kind)> {
    std::iter::once(root).chain(root.children()).find_map(|element| {
        let name = element.namespace().strip_prefix(NAMESPACE)?;
        let kind = KINDS.iter().find(|kind| name.starts_with(kind.name))?;
        (element.local_name() == "Document").then_some((element, kind))
    })
}

/// `Id/IBAN`, or `Id/Othr/Id`.
fn id(account: Element<'_>) -> Option<String> {
    let namespace = account.namespace();
    let id = account.child(namespace, "Id")?;
    let iban = id.child(namespace, "IBAN").map(|iban| iban.text().to_uppercase());
    let text = match iban {
        Some(iban) => iban,
        None => id.child(namespace, "Othr")?.child(namespace, "Id")?.text(),
    };
    let text: String = text.split_whitespace().collect();
    (!text.is_empty()).then_some(text)
}

fn unreadable(why: &str) -> Error {
    Error::Unreadable(why.to_owned())
}
