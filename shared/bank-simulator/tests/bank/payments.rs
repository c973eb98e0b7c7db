//! What follows a payment, to the cent.

use std::io::Write as _;

use avain_bank_simulator::BankKey;
use avain_test_support::{output, peer, reference_data, xmlsec};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::request::{Call, Customer};
use crate::world::{Answer, World, texts};
use crate::wsdl::check_body;

const BANK: BankKey = BankKey::Simulator;

/// A payment file with one transfer for each amount; the second and later ones have no `InstrId`.
pub(crate) fn payment(version: &str, message_id: &str, amounts: &[&str]) -> String {
    let total: i64 = amounts.iter().map(|amount| amount.replace('.', "").parse::<i64>().unwrap()).sum();
    let total = format!("{}.{:02}", total / 100, total % 100);
    let count = amounts.len();
    let (date, bic) = match version {
        "pain.001.001.03" => ("2027-01-15".to_owned(), "BIC"),
        _ => ("<Dt>2027-01-15</Dt>".to_owned(), "BICFI"),
    };
    let transfers: Vec<String> = amounts
        .iter()
        .enumerate()
        .map(|(number, amount)| {
            let instruction = if number == 0 { format!("<InstrId>{message_id}-I0</InstrId>") } else { String::new() };
            format!(
                "<CdtTrfTxInf><PmtId>{instruction}<EndToEndId>{message_id}-E{number}</EndToEndId></PmtId>\
                 <Amt><InstdAmt Ccy=\"EUR\">{amount}</InstdAmt></Amt><Cdtr><Nm>Maija &amp; Pojat &lt;Oy&gt;</Nm></Cdtr>\
                 <CdtrAcct><Id><IBAN>FI2112345600000785</IBAN></Id></CdtrAcct><RmtInf><Ustrd>Lasku {number}</Ustrd></RmtInf>\
                 </CdtTrfTxInf>"
            )
        })
        .collect();
    let transfers = transfers.concat();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{version}\"><CstmrCdtTrfInitn><GrpHdr><MsgId>{message_id}</MsgId>\
         <CreDtTm>2027-01-15T10:00:00Z</CreDtTm><NbOfTxs>{count}</NbOfTxs><CtrlSum>{total}</CtrlSum>\
         <InitgPty><Nm>Kauppa Oy</Nm></InitgPty></GrpHdr><PmtInf><PmtInfId>{message_id}-P</PmtInfId><PmtMtd>TRF</PmtMtd>\
         <NbOfTxs>{count}</NbOfTxs><CtrlSum>{total}</CtrlSum><ReqdExctnDt>{date}</ReqdExctnDt><Dbtr><Nm>Kauppa Oy</Nm></Dbtr>\
         <DbtrAcct><Id><IBAN>FI2112345600000785</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><{bic}>NDEAFIHH</{bic}>\
         </FinInstnId></DbtrAgt>{transfers}</PmtInf></CstmrCdtTrfInitn></Document>"
    )
}

/// Both signatures by xmlsec1, envelope and application answer against their schemas by xmllint.
pub(crate) fn judge(answer: &Answer) {
    if !answer.signer.is_empty()
        && let Some(verdict) = xmlsec::verify(&answer.envelope, &answer.signer)
    {
        assert!(verdict, "envelope");
    }
    if let Some(verdict) = xmlsec::verify(&answer.application, &answer.inner_signer) {
        assert!(verdict, "application answer");
    }
    validate(&answer.envelope, "common/soap.xsd");
    check_body(&answer.envelope);
    let is_nordea = matches!(answer.bank, Some(BankKey::Nordea | BankKey::Simulator));
    match answer.operation.as_str() {
        // No schema of Nordea's certificate answer has been found.
        "getCertificateout" if is_nordea => {}
        "getCertificateout" | "getServiceCertificatesout" => {
            validate(&answer.application, "op/CertApplicationResponse_200812.xsd");
        }
        _ => validate(&answer.application, "common/application_response.xsd"),
    }
}

pub(crate) fn validate(xml: &str, schema: &str) {
    if let Some(Err(why)) = judged(xml, schema) {
        panic!("{why}: {xml}");
    }
}

/// What xmllint says, where it is there.
fn judged(xml: &str, schema: &str) -> Option<Result<(), String>> {
    let (folder, mut xmllint) = reference_data().zip(peer("xmllint"))?;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), xml).unwrap();
    let schema = folder.parent().unwrap().join("schemas").join(schema);
    let verdict = output(xmllint.args(["--noout", "--nonet", "--schema"]).arg(schema).arg(file.path()));
    let why = String::from_utf8_lossy(&verdict.stderr).into_owned();
    Some(if verdict.status.success() { Ok(()) } else { Err(why) })
}

fn check_form(document: &str, file_type: &str) {
    assert!(document.contains(file_type));
    assert_eq!(document.matches("xmlns").count(), 1, "one default namespace");
    assert!(document.starts_with(&format!("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{file_type}\">")));
    assert!(!document.contains("<!"), "no comment, CDATA or DOCTYPE");
}

fn balances(statement: &str) -> (String, String) {
    assert_eq!(texts(statement, "Cd")[..2], ["OPBD", "CLBD"]);
    let amounts = texts(statement, "Amt");
    (amounts[0].clone(), amounts[1].clone())
}

#[tokio::test]
async fn the_account_opens_with_ten_million() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Maija & Pojat Oy").await;
    let statement = customer.new_file(&world, "camt.053.001.02").await;
    check_form(&statement, "camt.053.001.02");
    assert_eq!(balances(&statement), ("10000000.00".into(), "10000000.00".into()));
    assert_eq!(texts(&statement, "CdtDbtInd"), ["CRDT", "CRDT"]);
    assert_eq!(texts(&statement, "IBAN"), ["FI2112345600000785"]);
    assert_eq!(texts(&statement, "Nm"), ["Maija & Pojat Oy"]);
    assert!(!statement.contains("<Ntry>"));
}

#[tokio::test]
async fn each_payment_is_reported_and_booked() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    customer.new_file(&world, "camt.053.001.02").await;
    let mut opening = "10000000.00".to_owned();
    for (version, id, amounts, sum, closing) in [
        ("pain.001.001.09", "M1", &["0.01"][..], "0.01", "9999999.99"),
        ("pain.001.001.03", "M2", &["1234.56", "0.10", "999.90"][..], "2234.56", "9997765.43"),
        ("pain.001.001.09", "M3", &["9997765.42"][..], "9997765.42", "0.01"),
        ("pain.001.001.09", "M4", &["1.00"][..], "1.00", "0.99"), // overdrawn
    ] {
        let file = payment(version, id, amounts);
        if version == "pain.001.001.03" {
            validate(&file, "common/iso20022/pain.001.001.03.xsd");
        }
        let answer = customer.call(&world, &Call::upload(version, file.as_bytes())).await;
        answer.is("00", "OK.");
        judge(&answer);
        assert!(answer.all("FileReference").is_empty(), "Nordea gives none");
        assert_eq!(answer.all("AmountTotal"), [sum]);
        assert_eq!(answer.all("TransactionCount"), [amounts.len().to_string()]);

        let end_to_end: Vec<String> = (0..amounts.len()).map(|number| format!("{id}-E{number}")).collect();
        let mut instructions = end_to_end.clone();
        instructions[0] = format!("{id}-I0");

        let report = customer.new_file(&world, "pain.002.001.10").await;
        check_form(&report, "pain.002.001.10");
        assert_eq!(texts(&report, "OrgnlMsgId"), [id]);
        assert_eq!(texts(&report, "OrgnlMsgNmId"), [version]);
        assert_eq!(texts(&report, "OrgnlPmtInfId"), [format!("{id}-P")]);
        assert_eq!(texts(&report, "OrgnlInstrId"), instructions);
        assert_eq!(texts(&report, "OrgnlEndToEndId"), end_to_end);
        assert_eq!(texts(&report, "TxSts"), vec!["ACSC"; amounts.len()]);

        let notification = customer.new_file(&world, "camt.054.001.02").await;
        check_form(&notification, "camt.054.001.02");
        let statement = customer.new_file(&world, "camt.053.001.02").await;
        check_form(&statement, "camt.053.001.02");
        for document in [&notification, &statement] {
            assert_eq!(texts(document, "MsgId")[1..], vec![id; amounts.len()]);
            assert_eq!(texts(document, "PmtInfId"), vec![format!("{id}-P"); amounts.len()]);
            assert_eq!(texts(document, "InstrId"), instructions);
            assert_eq!(texts(document, "EndToEndId"), end_to_end);
            assert_eq!(texts(document, "Nm")[1], "Maija & Pojat <Oy>");
            let entries: Vec<&str> = document.split("<Ntry>").skip(1).collect();
            for (entry, amount) in entries.iter().zip(amounts) {
                assert!(
                    entry.contains(&format!("<Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>")),
                    "{entry}"
                );
            }
            assert_eq!(entries.len(), amounts.len());
        }
        assert_eq!(texts(&notification, "AcctSvcrRef"), texts(&statement, "AcctSvcrRef"));
        assert_eq!(texts(&notification, "ElctrncSeqNb"), [id[1..].to_owned()]);
        assert_eq!(texts(&statement, "ElctrncSeqNb"), [(id[1..].parse::<u32>().unwrap() + 1).to_string()], "no gaps");
        if id == "M4" {
            assert_eq!(texts(&statement, "CdtDbtInd")[..2], ["CRDT", "DBIT"], "the account may be overdrawn");
        }
        assert_eq!(balances(&statement), (opening, closing.to_owned()));
        opening = closing.to_owned();
    }
    customer.list(&world, "NEW").await.is("24", "Content not found.");
    assert_eq!(customer.list(&world, "ALL").await.all("FileReference").len(), 13);
}

#[tokio::test]
async fn a_payment_that_does_not_add_up_is_rejected_with_feedback() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    let good = payment("pain.001.001.09", "M1", &["10.00", "20.00"]);
    let group_sum = good.replacen("<CtrlSum>30.00", "<CtrlSum>30.01", 1);
    let batch_sum = group_sum.replace("<CtrlSum>30.00", "<CtrlSum>30.01").replacen("30.01", "30.00", 1);
    let nothing = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\"/>".to_owned();
    for (wrong, message_id, reason) in [
        (group_sum, "M1", "AM10"),
        (batch_sum, "M1", "AM10"),
        (good.replacen("<NbOfTxs>2", "<NbOfTxs>3", 1), "M1", "AM18"),
        (good.replace("<NbOfTxs>2", "<NbOfTxs>3").replacen("<NbOfTxs>3", "<NbOfTxs>2", 1), "M1", "AM18"),
        (good.replace("\">10.00", "\">10.001"), "M1", "AM12"),
        (good.replace("\">10.00", "\">-10.00").replace("30.00", "10.00"), "M1", "AM12"),
        (good.replace("\">10.00", "\">0.00").replace("30.00", "20.00"), "M1", "AM12"),
        (good.replace("Ccy=\"EUR\"", "Ccy=\"USD\""), "M1", "AM03"),
        (good.replace("<EndToEndId>M1-E0</EndToEndId>", ""), "M1", "FF01"),
        (good.replace("pain.001.001.09", "pain.001.001.03"), "NOTPROVIDED", "FF01"),
        (good.replace("<Ustrd>Lasku 1", &format!("<Ustrd>{}", "x".repeat(141))), "M1", "FF01"),
        (
            good.replace("<Id><IBAN>FI2112345600000785</IBAN></Id></CdtrAcct>", "<Id><IBAN>21</IBAN></Id></CdtrAcct>"),
            "M1",
            "FF01",
        ),
        (nothing, "NOTPROVIDED", "FF01"),
        ("this is not a payment".to_owned(), "NOTPROVIDED", "FF01"),
        (good.replace("<Document", "<!DOCTYPE x><Document"), "NOTPROVIDED", "FF01"),
    ] {
        assert_ne!(wrong, good);
        let answer = customer.call(&world, &Call::upload("pain.001.001.09", wrong.as_bytes())).await;
        answer.is("23", "Content processing error. Download feedback.");
        judge(&answer);
        let report = customer.new_file(&world, "pain.002.001.10").await;
        check_form(&report, "pain.002.001.10");
        assert_eq!(texts(&report, "GrpSts"), ["RJCT"]);
        assert_eq!(texts(&report, "OrgnlMsgId"), [message_id], "{wrong}");
        assert_eq!(texts(&report, "Cd"), [reason], "{wrong}");
    }
    // Nothing was booked.
    assert_eq!(customer.list(&world, "NEW").await.all("FileType"), ["camt.053.001.02"]);
    customer.new_file(&world, "camt.053.001.02").await;
    customer.call(&world, &Call::upload("pain.001.001.09", good.as_bytes())).await.is("00", "OK.");
    let statement = customer.new_file(&world, "camt.053.001.02").await;
    assert_eq!(balances(&statement), ("10000000.00".into(), "9999970.00".into()));
}

/// What ISO 20022's schema does not allow is refused; xmllint judges the same.
#[tokio::test]
async fn a_payment_follows_its_schema() {
    let world = World::start().await;
    let nordea = Customer::enrol(&world, BankKey::Nordea, "11111111", "Kauppa Oy").await;
    let payment = payment("pain.001.001.03", "M1", &["5.00"]);
    for (from, to, is_valid) in [
        ("", "", true),
        (
            "<Dbtr><Nm>Kauppa Oy</Nm>",
            "<Dbtr><Nm>Kauppa Oy</Nm><PstlAdr><Ctry>FI</Ctry><AdrLine>Katu 1</AdrLine></PstlAdr>",
            true,
        ),
        ("<CdtTrfTxInf>", "<ChrgBr>SLEV</ChrgBr><CdtTrfTxInf>", true),
        ("<BIC>NDEAFIHH</BIC>", "<BIC>NDEAFIHHXXX</BIC>", true),
        ("<Ustrd>Lasku 0</Ustrd>", "<Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd>", true),
        ("<Nm>Maija &amp; Pojat &lt;Oy&gt;", &format!("<Nm>{}&#228;", "\u{e4}".repeat(139)), true),
        ("<Nm>Maija &amp; Pojat &lt;Oy&gt;", &format!("<Nm>{}", "\u{e4}".repeat(141)), false),
        ("<BIC>NDEAFIHH</BIC>", "<BIC>NDE\u{c4}FIHH</BIC>", false),
        ("<PmtMtd>", "<More/><PmtMtd>", false),
        ("</Document>", "<More/></Document>", false),
        (
            "<ReqdExctnDt>2027-01-15</ReqdExctnDt><Dbtr><Nm>Kauppa Oy</Nm></Dbtr>",
            "<Dbtr><Nm>Kauppa Oy</Nm></Dbtr><ReqdExctnDt>2027-01-15</ReqdExctnDt>",
            false,
        ),
        ("<GrpHdr>", "text<GrpHdr>", false),
        ("<CreDtTm>2027-01-15T10:00:00Z", "<CreDtTm>yesterday", false),
        ("<ReqdExctnDt>2027-01-15", "<ReqdExctnDt>2027-02-30", false),
        ("<BIC>NDEAFIHH</BIC>", "<BIC>Nordea</BIC>", false),
        ("<FinInstnId><BIC>NDEAFIHH</BIC></FinInstnId>", "", false),
        ("<DbtrAcct><Id><IBAN>FI21", "<DbtrAcct><Id><IBAN>fi21", false),
        ("<Dbtr><Nm>Kauppa Oy", &format!("<Dbtr><Nm>{}", "Kauppa Oy".repeat(16)), false),
        ("<CdtTrfTxInf>", "<ChrgBr>OURS</ChrgBr><CdtTrfTxInf>", false),
        ("<InstdAmt Ccy=\"EUR\">", "<InstdAmt Ccy=\"EUR\" own=\"1\">", false),
    ] {
        let changed = payment.replacen(from, to, 1);
        let verdict = judged(&changed, "common/iso20022/pain.001.001.03.xsd");
        assert!(verdict.is_none_or(|verdict| verdict.is_ok() == is_valid), "{to}");
        let answer = nordea.call(&world, &Call::upload("NDCORPAYS", changed.as_bytes())).await;
        assert_eq!(answer.code, if is_valid { "00" } else { "23" }, "{from} {to}");
    }
    // Up to three signatures of its own are not the schema's matter.
    for (signatures, code) in [(1, "00"), (3, "00"), (4, "23")] {
        let signature = "<s:Signature xmlns:s=\"http://www.w3.org/2000/09/xmldsig#\"/>".repeat(signatures);
        let signed = payment.replace("</Document>", &format!("{signature}</Document>"));
        let answer = nordea.call(&world, &Call::upload("NDCORPAYS", signed.as_bytes())).await;
        assert_eq!(answer.code, code, "{signatures} signatures");
    }
}

#[tokio::test]
async fn a_payment_may_come_compressed_and_under_nordeas_own_name() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BankKey::Nordea, "11111111", "Kauppa Oy").await;
    let payment = payment("pain.001.001.03", "M1", &["5.00"]);
    let call = Call::upload("NDCORPAYS", &gzip(payment.as_bytes())).with("Compression", "true");
    customer.call(&world, &call).await.is("00", "OK.");
    assert_eq!(texts(&customer.new_file(&world, "pain.002.001.10").await, "OrgnlMsgNmId"), ["pain.001.001.03"]);

    let (head, tail) = payment.as_bytes().split_at(100);
    let in_two_parts = [gzip(head), gzip(tail)].concat();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(payment.as_bytes()).unwrap();
    let zlib = encoder.finish().unwrap();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(payment.as_bytes()).unwrap();
    let deflate = encoder.finish().unwrap();
    let gzip = gzip(payment.as_bytes());
    let followed = |bytes: &[u8]| [bytes, b"x"].concat();
    for (method, content, is_right) in [
        ("", in_two_parts, true),
        ("gzip", gzip.clone(), true),
        ("PKZIP", gzip.clone(), true),
        ("PKZIP", zlib.clone(), true),
        ("pkzip", deflate.clone(), true),
        ("PKZIP", followed(&zlib), false),
        ("PKZIP", followed(&deflate), false),
        ("PKZIP", deflate[..deflate.len() - 9].to_vec(), false),
        ("GZIP", zlib, false),
        ("LZ77", gzip.clone(), false),
        ("", deflate, false),
        ("", followed(&gzip), false),
        ("", gzip[..gzip.len() - 1].to_vec(), false),
        ("", b"not gzip".to_vec(), false),
    ] {
        let call = Call::upload("NDCORPAYS", &content).with("Compression", "true").with("CompressionMethod", method);
        let answer = customer.call(&world, &call).await;
        assert_eq!(answer.code, if is_right { "00" } else { "21" }, "{method} {content:?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
