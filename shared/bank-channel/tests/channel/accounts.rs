//! Which bank accounts a file is about.

use avain_bank_channel::Error;
use avain_bank_channel::accounts::accounts_in;
use proptest::prelude::*;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";

fn document(name: &str, content: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"{NAMESPACE}{name}\">{content}</Document>")
}

fn iban(text: &str) -> String {
    format!("<Id><IBAN>{text}</IBAN></Id>")
}

/// A message with a part for each of these accounts.
fn message(name: &str, accounts: &[&str]) -> String {
    let (message, part, account) = match &name[..8] {
        "camt.052" => ("BkToCstmrAcctRpt", "Rpt", "Acct"),
        "camt.053" => ("BkToCstmrStmt", "Stmt", "Acct"),
        "camt.054" => ("BkToCstmrDbtCdtNtfctn", "Ntfctn", "Acct"),
        _ => ("CstmrCdtTrfInitn", "PmtInf", "DbtrAcct"),
    };
    let parts = accounts.iter().map(|id| {
        // Of the other accounts in a part none counts.
        let other = "<Ntry><RltdAcct><Id><IBAN>OTHER</IBAN></Id></RltdAcct></Ntry><CdtrAcct><Id><IBAN>OTHER</IBAN></Id></CdtrAcct>";
        format!("<{part}><Id>1</Id>{other}<{account}>{id}<Ccy>EUR</Ccy></{account}></{part}>")
    });
    document(name, &format!("<{message}><GrpHdr><MsgId>1</MsgId></GrpHdr>{}</{message}>", parts.collect::<String>()))
}

fn read(file_type: &str, text: &str) -> Result<Vec<String>, Error> {
    accounts_in(file_type, text.as_bytes())
}

#[test]
fn statements_reports_notifications_and_payments_name_their_accounts() {
    let other = "<Id><Othr><Id> 12345-678 9 </Id></Othr></Id>";
    let (one, again, two) =
        (iban("FI2112345600000785"), iban(" fi21 1234 5600\n0007 85 "), iban("DE89370400440532013000"));
    for name in [
        "camt.052.001.02",
        "camt.053.001.02",
        "camt.053.001.08",
        "camt.054.001.02",
        "pain.001.001.03",
        "pain.001.001.09",
    ] {
        let text = message(name, &[&one, other, &again, &two]);
        let expected = ["12345-6789", "DE89370400440532013000", "FI2112345600000785"];
        // Whatever the bank calls the type, and with a mark of byte order.
        for file_type in [name, "NDCAMT53L", "NDCORPAYS", ""] {
            assert_eq!(read(file_type, &text).unwrap(), expected, "{name} {file_type}");
        }
        assert_eq!(read(name, &format!("\u{feff}{text}")).unwrap(), expected);
        let envelope = format!(
            "<Envelope><AppHdr xmlns=\"{NAMESPACE}head.001.001.01\"/>{}</Envelope>",
            text.split_once('\n').unwrap().1
        );
        assert_eq!(read(name, &envelope).unwrap(), expected);
        assert_eq!(read(name, &message(name, &[])).unwrap(), [""; 0]);
    }
}

#[test]
fn what_is_something_else_names_none() {
    let report =
        document("pain.002.001.10", "<CstmrPmtStsRpt><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></CstmrPmtStsRpt>");
    for (file_type, text) in [
        ("pain.002.001.10", report.as_str()),
        ("TITO", "T00322100081234560000078500126010126010126"),
        ("KTL", ""),
        ("VKEUR", "<not xml"),
        ("PDF", "%PDF-1.7 camt.053.001.02"),
    ] {
        assert_eq!(read(file_type, text).unwrap(), [""; 0], "{file_type}");
    }
}

#[test]
fn what_should_name_accounts_and_does_not_is_an_error() {
    let good = message("camt.053.001.02", &[&iban("FI2112345600000785")]);
    let mut cases = vec![
        String::new(),
        "TITO".to_owned(),
        good[..good.len() - 1].to_owned(),
        good.replace("<Document", "<!DOCTYPE Document><Document"),
        good.replace("<Acct>", "<Acc>").replace("</Acct>", "</Acc>"),
        good.replace("<IBAN>FI2112345600000785</IBAN>", ""),
        good.replace("FI2112345600000785", " "),
        good.replace("BkToCstmrStmt", "Other"),
        good.replace("<Acct>", "<Acct/><Acct>"),
        good.replace("UTF-8", "UTF-16"),
        document("camt.060.001.05", ""),
        format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)),
    ];
    cases.push(format!("{good}<!--{}-->", " ".repeat(6 * 1024 * 1024)));
    for text in cases {
        let read = read("camt.053.001.02", &text);
        assert!(matches!(read, Err(Error::Unreadable(_))), "{text:.300}: {read:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_not(bytes in any::<Vec<u8>>(), file_type in "camt.053.001.02|pain.001.001.09|.{0,9}") {
        let _ = accounts_in(&file_type, &bytes);
    }

    #[test]
    fn a_changed_byte_is_read_or_not(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = message("camt.053.001.02", &[&iban("FI2112345600000785")]).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(accounts) = accounts_in("camt.053.001.02", &bytes) {
            prop_assert!(accounts.len() <= 1);
        }
    }
}
