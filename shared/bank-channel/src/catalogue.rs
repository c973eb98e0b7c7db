//! The banks' response codes and faults: what each means, who is at fault, whether the same request may be sent again, and
//! what to do (bank-channel brief 2.6, 4, 5.2 and 6). The page `docs/bank-codes.md` is made from this table.
//!
//! A bank's own code and text go to the caller as they are; this is for deciding and for explaining. Decide by the code,
//! never by the text: banks extend it.

use crate::Service;

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Where it means this.
    pub at: Where,
    /// Two digits, or the name of a fault.
    pub code: &'static str,
    /// What it means, in the bank's words where it has them.
    pub meaning: &'static str,
    /// Who is at fault.
    pub fault: Fault,
    /// Whether the same request, sent again as it is with a new RequestId, may succeed.
    pub retryable: bool,
    /// What to do.
    pub advice: &'static str,
}

/// Where a code means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At every bank of the common envelope, in header and application response.
    Common,
    /// At these banks, in all operations.
    Banks(&'static [&'static str]),
    /// At these banks, in certificate operations.
    Certificates(&'static [&'static str]),
    /// What a bank's service says instead of an answer, unsigned, at every bank.
    Faults,
}

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody.
    Nobody,
    /// What was sent: the request, the file, or the key it was signed with.
    Caller,
    /// The bank.
    Bank,
    /// The agreement between bank and customer, or somebody's right in it.
    Contract,
    /// Time has passed, or not yet: it depends on when.
    Time,
}

const SAMLINK: &[&str] = &["aktia", "omasp", "pop", "shb", "sp"];
const NORDEA: &[&str] = &["nordea", "simulator"];
const OP: &[&str] = &["osuuspankki"];
const DANSKE: &[&str] = &["danskebank"];

const fn common(
    code: &'static str,
    meaning: &'static str,
    fault: Fault,
    retryable: bool,
    advice: &'static str,
) -> Code {
    Code { at: Where::Common, code, meaning, fault, retryable, advice }
}

const fn at(
    at: Where,
    code: &'static str,
    meaning: &'static str,
    fault: Fault,
    retryable: bool,
    advice: &'static str,
) -> Code {
    Code { at, code, meaning, fault, retryable, advice }
}

const KEY: &str = "Check which certificate the request was signed with; if it is right, ask the bank which one it has.";
const BANK_HAS_USER: &str = "Check the WS user id against the agreement; then ask the bank.";
const ASK: &str = "Ask the bank: the customer's agreement does not allow it as it stands.";
const LATER: &str = "Send it again later; of an upload see first, by the list of files, whether the bank has it.";
const OWN: &str = "Report it: the service builds these requests, and this one was wrong.";

/// All of them. A more particular place counts before a common one.
pub const CODES: &[Code] = &[
    common("00", "OK.", Fault::Nobody, false, "Nothing."),
    common("01", "Pending (not used).", Fault::Bank, false, "Ask the bank: no bank is known to use it."),
    common("02", "SOAP signature error: verification failed.", Fault::Caller, false, KEY),
    common("03", "SOAP signature error: the certificate is not valid for this id.", Fault::Caller, false, KEY),
    common(
        "04",
        "SOAP signature error: the certificate is not valid.",
        Fault::Caller,
        false,
        "See whether the certificate has expired or was revoked; renew it while it is valid, or enrol again.",
    ),
    common("05", "Operation unknown.", Fault::Caller, false, "Check the address: it may be another service's."),
    common("06", "Operation is restricted.", Fault::Contract, false, ASK),
    common("07", "SenderID not found.", Fault::Contract, false, BANK_HAS_USER),
    common("08", "SenderID locked.", Fault::Contract, false, "Ask the bank to open the user id."),
    common("09", "Contract locked.", Fault::Contract, false, "Ask the bank to open the agreement."),
    common("10", "SenderID outdated.", Fault::Time, false, "Ask the bank: the user id's time has passed."),
    common("11", "Contract outdated.", Fault::Time, false, "Ask the bank: the agreement's time has passed."),
    common("12", "Schema validation failed.", Fault::Caller, false, OWN),
    common("13", "CustomerID not found.", Fault::Contract, false, BANK_HAS_USER),
    common("14", "CustomerID locked.", Fault::Contract, false, "Ask the bank to open the customer id."),
    common("15", "CustomerID outdated.", Fault::Time, false, "Ask the bank: the customer id's time has passed."),
    common("16", "Product contract outdated.", Fault::Time, false, "Ask the bank: the product's time has passed."),
    common("17", "Product contract locked.", Fault::Contract, false, "Ask the bank to open the product."),
    common("18", "Content digital signature not valid.", Fault::Caller, false, KEY),
    common("19", "Content certificate not valid.", Fault::Caller, false, KEY),
    common(
        "20",
        "Content type not valid.",
        Fault::Caller,
        false,
        "Use a file type of the agreement (GetUserInfo lists them).",
    ),
    common("21", "Deflate error.", Fault::Caller, false, OWN),
    common(
        "22",
        "Decrypt error.",
        Fault::Caller,
        false,
        "Fetch the bank's encryption certificate anew, and send again.",
    ),
    common(
        "23",
        "Content processing error.",
        Fault::Caller,
        false,
        "Read the bank's feedback file, correct the file, and send it as a new one.",
    ),
    common("24", "Content not found.", Fault::Nobody, true, "There is nothing, or not yet."),
    common("25", "Content not allowed.", Fault::Contract, false, ASK),
    common("26", "Technical error.", Fault::Bank, true, LATER),
    common("27", "Cannot be deleted.", Fault::Time, false, "Leave it: the bank has already taken the file on."),
    common("28", "Not used.", Fault::Bank, false, "Ask the bank: no bank is known to use it."),
    common(
        "29",
        "Invalid parameters.",
        Fault::Caller,
        false,
        "Check reference, folder, status and environment; the bank's text says which.",
    ),
    common("30", "Authentication failed.", Fault::Contract, false, BANK_HAS_USER),
    common(
        "31",
        "Duplicate message rejected (the same SenderId and RequestId).",
        Fault::Caller,
        false,
        "The bank has had this message: see what became of it before anything is sent again.",
    ),
    common(
        "32",
        "Duplicate ApplicationRequest rejected (the same CustomerId and Timestamp).",
        Fault::Caller,
        false,
        "The bank has had this request: see what became of it before anything is sent again.",
    ),
    at(
        Where::Certificates(NORDEA),
        "32",
        "General error.",
        Fault::Bank,
        true,
        "Ask again with the same activation code; if it stays, ask the bank.",
    ),
    at(
        Where::Banks(NORDEA),
        "33",
        "Error in customer information.",
        Fault::Caller,
        false,
        "Enrol again with the company's name as the bank's text writes it; the activation code is still good.",
    ),
    at(
        Where::Banks(NORDEA),
        "34",
        "Contract not found, or error in MAC value.",
        Fault::Caller,
        false,
        "Check user id and activation code; order a new code if it is older than seven days.",
    ),
    at(Where::Banks(NORDEA), "35", "Authorization failed.", Fault::Contract, false, ASK),
    at(Where::Banks(NORDEA), "36", "Technical error, contact bank helpdesk.", Fault::Bank, false, "Ask the bank."),
    at(
        Where::Banks(OP),
        "12",
        "Schema validation failed: of a file, its contents; the answer has a pain.002, and nothing is stored.",
        Fault::Caller,
        false,
        "Read the pain.002 in the answer, correct the file, and send it as a new one.",
    ),
    at(
        Where::Certificates(OP),
        "26",
        "Technical error: the bank's general answer to a certificate request that it does not take.",
        Fault::Caller,
        false,
        "Check user id and transfer key; of a renewal, that no more than 60 days are left.",
    ),
    at(
        Where::Certificates(SAMLINK),
        "30",
        "The check of the customer's agreement failed; the bank's text has a sub-code (A00, CIQ).",
        Fault::Contract,
        false,
        "Check user id and transfer key against the agreement; then tell the bank the sub-code.",
    ),
    at(Where::Certificates(DANSKE), "00", "OK.", Fault::Nobody, false, "Nothing."),
    at(Where::Certificates(DANSKE), "07", "Schema validation error.", Fault::Caller, false, OWN),
    at(
        Where::Certificates(DANSKE),
        "10",
        "Problem with the PKCS#10 request.",
        Fault::Caller,
        false,
        "Make new keys and requests, and ask again.",
    ),
    at(
        Where::Certificates(DANSKE),
        "20",
        "Problem with UserId or PIN; the bank says so of other things too.",
        Fault::Caller,
        false,
        "Check both before trying again: four wrong PINs lock the account.",
    ),
    at(Where::Banks(OP), "601", "Technical error in the bank's front end.", Fault::Bank, true, LATER),
    at(
        Where::Faults,
        "soap:Fault",
        "The service failed before it judged the request, or (Nordea) did not take the sender's certificate.",
        Fault::Bank,
        false,
        "It is not signed, so the outcome is not known: see what the bank has before anything is sent again.",
    ),
    at(
        Where::Faults,
        "PKIFactoryServiceFault",
        "PKI Factory's refusal, with one of its return codes.",
        Fault::Caller,
        false,
        "It is not signed: take the code as a hint only.",
    ),
];

/// The code's entry at a bank, the most particular one.
#[must_use]
pub fn find(bank: &str, service: Service, code: &str) -> Option<&'static Code> {
    // PKI Factory has codes of its own: a common one means nothing there.
    let has_common = service == Service::Files || !DANSKE.contains(&bank);
    let rank = |entry: &&Code| match entry.at {
        Where::Certificates(banks) => (service == Service::Certificates && banks.contains(&bank)).then_some(3),
        Where::Banks(banks) => banks.contains(&bank).then_some(2),
        Where::Common => has_common.then_some(1),
        Where::Faults => None,
    };
    CODES.iter().filter(|entry| entry.code == code && rank(entry).is_some()).max_by_key(rank)
}

/// The page `docs/bank-codes.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for entry in CODES {
        let Code { code, meaning, advice, .. } = entry;
        let retry = if entry.retryable { "yes" } else { "no" };
        let (place, fault) = (place(entry.at), fault(entry.fault));
        page.extend([format!("| {code} | {place} | {meaning} | {fault} | {retry} | {advice} |\n")]);
    }
    page
}

const HEAD: &str = "\
# Bank codes

What a bank's response code means, who is at fault, whether the same request may be sent again, and what to do. The bank's
own code and text go to the caller as they are, in ResponseCode and ResponseText; programs decide by the code, since banks
extend the texts. Codes of one digit (Samlink's certificate service) are told with two. Where header and application
response differ, the application response counts. A more particular place counts before \"all banks\".

No bank has published a number for a wrong environment, a wrong command, a missing file name or an expired Timestamp.

This page is made from `shared/bank-channel/src/catalogue.rs`; a test keeps the two in step.

| code | where | meaning | at fault | again | what to do |
|---|---|---|---|---|---|
";

fn place(at: Where) -> String {
    match at {
        Where::Common => "all banks".to_owned(),
        Where::Banks(banks) => banks.join(", "),
        Where::Certificates(banks) => format!("certificates at {}", banks.join(", ")),
        Where::Faults => "instead of an answer".to_owned(),
    }
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Nobody => "nobody",
        Fault::Caller => "caller",
        Fault::Bank => "bank",
        Fault::Contract => "contract",
        Fault::Time => "time",
    }
}
