//! The golden file of calls against the reference data's table of calls per operation: what the table has is equal, what it
//! lacks is named.

use std::collections::BTreeMap;

use avain_test_support::{not_run, reference_data, required};

const GOLDEN: &str = include_str!("golden/calls.txt");

const READS: &str = "ListKeys, ListCerts and other reads";
const WRITES: &str = "UploadKey, DeleteKey, policy, share";

/// Calls of the golden file that are a row of the table by another name than its own.
const BY_ANOTHER_NAME: [(&str, &str); 18] = [
    ("InitLogin (admin)", "challenge (InitLogin, InitRegister), jwks.json with the key in memory"),
    ("InitLogin (data)", "challenge (InitLogin, InitRegister), jwks.json with the key in memory"),
    ("Login (admin)", "Login"),
    ("Login (data)", "Login"),
    ("LoginMFA (admin)", "LoginMFA"),
    ("ListKeys", READS),
    ("ListCerts", READS),
    ("UploadKey", WRITES),
    ("ShareCerts", WRITES),
    ("UnshareCerts", WRITES),
    ("ListFiles (shared)", "ListFiles"),
    ("UploadFile (shared)", "UploadFile"),
    ("DownloadFile (first time)", "DownloadFile, first time"),
    ("DownloadFile (shared, first time)", "DownloadFile, first time"),
    ("DownloadFile (again)", "DownloadFile, again"),
    ("ConfigCerts", WRITES),
    ("DeleteKey", WRITES),
    ("GetPolicy", READS),
];

/// Calls of the golden file that the table has no row for, with the reason for what they cost.
const NOT_IN_THE_TABLE: [(&str, &str); 37] = [
    ("Register (admin)", "the account is read; the challenge is spent before the password is looked at; the user pool"),
    ("Register (data)", "as in admin mode"),
    ("VerifyPhone (admin)", "the account is read; the user pool judges; the audit event is written"),
    ("VerifyPhone (data)", "as in admin mode"),
    ("VerifyEmail (admin)", "as the phone"),
    ("VerifyEmail (data)", "as the phone"),
    ("Logout", "a write to the account, and the user pool"),
    ("UploadFile (same bytes again)", "the journal refuses to begin, and what is in the way answers"),
    ("DeleteFile", "the key after the account, the bank; what is asked of it is in the trail before and after"),
    ("ListAuditEvents", "one read of the account, the trail is two shelves"),
    ("ListCerts (shared)", "whose certificate it is stands in another partition"),
    (
        "EnrollCert (in place of a share)",
        "the owner's record, which names the account, changes with it; the data key is in memory",
    ),
    ("RetireCert", "a write like those of UploadKey"),
    ("RetireCert (another's)", "a write, after a read of the account that it is of"),
    ("ExportCert", "the sealed key is read after the account; the audit event is written"),
    ("ImportCert", "a write like those of UploadKey"),
    (
        "UploadFile (waits for signatures)",
        "the journal is asked first; the file is kept, then the record that it waits",
    ),
    ("UploadFile (the last signature)", "the journal is asked first; then as an upload"),
    ("AddSignatures (known already)", "the way to the upload by its id, the upload, the file: nothing is new"),
    ("AddSignatures (the last)", "the same, and then as an upload"),
    ("ListUploads", "the account, the entries by time, the uploads"),
    ("ListAccountUsage", "the account, the month"),
    ("ListAccountUsage (the owner)", "the same, and who the organisation's members are"),
    ("GetOpenApi", "a text of the program"),
    ("PutPolicy (two accounts)", "the organisation's record, then the copies in its accounts (decision 0015)"),
    ("PutPolicy (no change)", "the copies are compared all the same: an earlier change may have broken off"),
    ("Register (trusted)", "the organisation of the API key; the user pool is told whom it may trust"),
    ("ListAccounts (three)", "the caller, the members, and a read for each account"),
    ("DeleteAccount (nothing held)", "its end, and what it is before it; both users of the pool (decision 0016)"),
    ("DeleteAccount", "the same, and what it holds, which is read again before it goes"),
    ("ListKeys (calls limited)", "a call of an organisation whose calls are counted"),
    ("LoginMFA (SetupTOTP)", "as LoginMFA, and the user pool makes a secret"),
    ("VerifyTOTP", "the account; the recovery codes; the user pool confirms and prefers"),
    ("SelectMFA", "the user pool's own"),
    ("LoginMFA (recovery code)", "the codes; one is gone; the user pool turns the authenticator off"),
    ("InitPasswordReset", "counted like an attempt; the user pool sends the code"),
    (
        "PasswordReset",
        "spent and counted, which meets the beginning's count; the sessions' end; the user pool sets and signs out",
    ),
];

/// Rows of the table for what no operation here does yet.
const NOT_SERVED: [&str; 4] = [
    "API client read (bearer token)",
    "signed or idempotent write",
    "issue-token by secret; by JWT",
    "challenge, verify, promote a partner key",
];

/// R, W, O, K, I, B.
type Calls = [u32; 6];

#[test]
fn what_is_counted_is_what_the_reference_table_says() {
    let Some(folder) = reference_data() else { return };
    let Ok(page) = std::fs::read_to_string(folder.parent().unwrap().join("performance.md")) else {
        assert!(!required(), "the reference data has no performance.md beside it");
        not_run("performance.md beside the reference data");
        return;
    };
    let table = table(&page);
    let mut played: Vec<&str> = NOT_SERVED.to_vec();
    for line in GOLDEN.lines().skip(1) {
        let (call, counted) = call(line);
        if let Some((_, reason)) = NOT_IN_THE_TABLE.iter().find(|(name, _)| *name == call) {
            assert!(!table.contains_key(call) && !reason.is_empty(), "{call}: the table has it");
            continue;
        }
        let row = BY_ANOTHER_NAME.iter().find(|(name, _)| *name == call).map_or(call, |(_, row)| *row);
        let told = table.get(row).unwrap_or_else(|| panic!("{call}: no row of the table, and no reason here"));
        assert_eq!(counted, *told, "{call}: {row}");
        played.push(row);
    }
    for row in table.keys() {
        assert!(played.contains(row), "{row}: no call of the golden file is this row");
    }
    let calls: Vec<&str> = GOLDEN.lines().map(|line| call(line).0).collect();
    let known = BY_ANOTHER_NAME.iter().chain(&NOT_IN_THE_TABLE).map(|(name, _)| name);
    for name in known {
        assert!(calls.contains(name), "{name}: the golden file has no such call");
    }
}

/// Name and counts of a line of the golden file.
fn call(line: &str) -> (&str, Calls) {
    let mut name = line;
    let mut counts = Calls::default();
    for count in counts.iter_mut().rev() {
        let (before, last) = name.rsplit_once(' ').unwrap();
        (name, *count) = (before, last.parse().unwrap_or_default());
    }
    (name, counts)
}

/// The rows of the table under its heading: the operation, then the six counts, each with or without words; what an operation
/// costs in two ways stands as the first of them.
fn table(page: &str) -> BTreeMap<&str, Calls> {
    let (_, rest) = page.split_once("| operation | R | W | O | K | I | B |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with("| "));
    let rows: BTreeMap<&str, Calls> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let count = |cell: &str| {
                let digits = cell.find(|it: char| !it.is_ascii_digit()).unwrap_or(cell.len());
                cell[..digits].parse().unwrap_or_else(|_| panic!("no count: {cell}"))
            };
            let mut counts = Calls::default();
            for (at, cell) in cells[1..7].iter().enumerate() {
                counts[at] = count(cell);
            }
            (cells[0], counts)
        })
        .collect();
    assert!(rows.len() >= 14, "{rows:?}");
    rows
}
