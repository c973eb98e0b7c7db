//! Reading a credit transfer initiation, pain.001.001.03 or pain.001.001.09, and checking its sums.

use std::sync::LazyLock;

use avain_xml_security::{Document, Element};
use uppsala::{NodeKind, XsdValidator};

use crate::money::Cents;

/// The versions that are read as payments. A file type that is the name of a version carries that one; the banks' own
/// names (NDCORPAYS, XL) carry either.
const VERSIONS: [&str; 2] = ["pain.001.001.03", "pain.001.001.09"];

/// A payment file whose sums and counts agree.
pub(crate) struct Payment {
    pub(crate) message_id: String,
    /// `pain.001.001.09`
    pub(crate) message_name: &'static str,
    pub(crate) total: Cents,
    pub(crate) count: usize,
    pub(crate) batches: Vec<Batch>,
}

/// One `PmtInf`.
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) transfers: Vec<Transfer>,
}

/// One `CdtTrfTxInf`.
pub(crate) struct Transfer {
    /// `InstrId`, or else the `EndToEndId` (isecure brief 2.9).
    pub(crate) instruction_id: String,
    pub(crate) end_to_end_id: String,
    pub(crate) amount: Cents,
    pub(crate) creditor: String,
    pub(crate) creditor_iban: Option<String>,
    pub(crate) remittance: Option<String>,
}

/// Why a payment file is rejected as a whole.
pub(crate) struct Rejection {
    /// `MsgId`, where it could be read.
    pub(crate) message_id: Option<String>,
    /// The version that the content claims, or the file type.
    pub(crate) message_name: String,
    /// ISO 20022 external status reason code.
    pub(crate) reason: &'static str,
    /// What is wrong, at most 105 characters.
    pub(crate) text: &'static str,
}

impl Payment {
    /// The rejection of a payment whose balance could not be held.
    pub(crate) fn unbookable(&self) -> Rejection {
        Rejection {
            message_id: Some(self.message_id.clone()),
            message_name: self.message_name.to_owned(),
            reason: AMOUNT,
            text: "The balance after the payment cannot be held.",
        }
    }
}

/// Invalid file format.
const FORMAT: &str = "FF01";
/// Invalid control sum.
const CONTROL_SUM: &str = "AM10";
/// Invalid number of transactions.
const NUMBER_OF_TRANSACTIONS: &str = "AM18";
/// Not allowed currency.
const CURRENCY: &str = "AM03";
/// Zero or wrong amount.
const AMOUNT: &str = "AM12";

/// Reads a payment file that is uploaded as `file_type`, and holds it to its schema.
pub(crate) fn accept(content: &[u8], file_type: &str) -> Result<Payment, Box<Rejection>> {
    let payment = read(content, file_type)?;
    if follows_schema(content, &payment) {
        return Ok(payment);
    }
    Err(Box::new(Rejection {
        message_id: Some(payment.message_id),
        message_name: payment.message_name.to_owned(),
        reason: FORMAT,
        text: "The content does not follow the schema of its version.",
    }))
}

/// Reads a payment file that was uploaded as `file_type`.
pub(crate) fn read(content: &[u8], file_type: &str) -> Result<Payment, Box<Rejection>> {
    let mut rejection = Box::new(Rejection {
        message_id: None,
        message_name: file_type.to_owned(),
        reason: FORMAT,
        text: "The content is not well-formed XML.",
    });
    let Ok(document) = Document::parse(content) else { return Err(rejection) };
    read_document(document.root(), file_type, &mut rejection).map_err(|(reason, text)| {
        rejection.reason = reason;
        rejection.text = text;
        rejection
    })
}

/// Signatures in the business content at most (brief 2.3).
const MOST_SIGNATURES: usize = 3;
const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// ISO 20022's schema of one version; of the other there is none to be had. It is read in the tests, so it is there.
static SCHEMA: LazyLock<Option<XsdValidator>> = LazyLock::new(|| {
    let schema = uppsala::parse(include_str!("../schemas/pain.001.001.03.xsd")).ok()?;
    XsdValidator::from_schema(&schema).ok()
});

/// Whether a payment of a version with a schema is as the schema says.
fn follows_schema(content: &[u8], payment: &Payment) -> bool {
    if payment.message_name != VERSIONS[0] {
        return true;
    }
    let document = std::str::from_utf8(content).ok().and_then(|text| uppsala::parse(text).ok());
    document.zip(SCHEMA.as_ref()).is_some_and(|(mut document, schema)| {
        without_signatures(&mut document);
        with_short_characters(&mut document);
        schema.validate(&document).is_empty()
    })
}

/// Enveloped signatures are taken out before the content is held to its schema (brief 2.3).
fn without_signatures(document: &mut uppsala::Document<'_>) {
    let Some(root) = document.document_element() else { return };
    let is_signature = |id: &uppsala::NodeId| match document.node_kind(*id) {
        Some(NodeKind::Element(element)) => {
            element.name.local_name == "Signature" && element.name.namespace_uri.as_deref() == Some(SIGNATURE_NAMESPACE)
        }
        _ => false,
    };
    let signatures: Vec<_> = document.children(root).into_iter().filter(is_signature).take(MOST_SIGNATURES).collect();
    for signature in signatures {
        document.remove_child(root, signature);
    }
}

/// The validator measures texts in bytes: what is longer than one becomes a character that no pattern of the schema allows either.
fn with_short_characters(document: &mut uppsala::Document<'_>) {
    for id in document.descendants(document.root()) {
        if let Some(NodeKind::Text(text) | NodeKind::CData(text)) = document.node_kind_mut(id)
            && !text.is_ascii()
        {
            *text = text.replace(|character: char| !character.is_ascii(), "~").into();
        }
    }
}

type Fault = (&'static str, &'static str);

fn read_document(root: Element<'_>, file_type: &str, seen: &mut Rejection) -> Result<Payment, Fault> {
    let version = VERSIONS.into_iter().find(|version| {
        root.local_name() == "Document"
            && root.namespace().strip_prefix("urn:iso:std:iso:20022:tech:xsd:") == Some(version)
            && (file_type == *version || !file_type.starts_with("pain."))
    });
    let message_name = version.ok_or((FORMAT, "The document is not of the file type."))?;
    message_name.clone_into(&mut seen.message_name);
    let reader = Reader { namespace: root.namespace() };
    let initiation = reader.child(root, "CstmrCdtTrfInitn")?;
    let header = reader.child(initiation, "GrpHdr")?;
    let message_id = reader.id(header, "MsgId")?;
    seen.message_id = Some(message_id.clone());
    reader.child(header, "CreDtTm")?;
    reader.child(header, "InitgPty")?;

    let batches: Vec<(Element<'_>, Batch)> = reader
        .all(initiation, "PmtInf")
        .map(|element| Ok((element, reader.batch(element)?)))
        .collect::<Result<_, Fault>>()?;
    if batches.is_empty() {
        return Err((FORMAT, "There is no payment information."));
    }
    for (element, batch) in &batches {
        if reader.all(*element, "NbOfTxs").next().is_some() {
            reader.check_count(*element, batch.transfers.len())?;
        }
        reader.check_sum(*element, sum(&batch.transfers)?)?;
    }
    let batches: Vec<Batch> = batches.into_iter().map(|(_, batch)| batch).collect();
    let count = batches.iter().map(|batch| batch.transfers.len()).sum();
    reader.check_count(header, count)?;
    let total = sum(batches.iter().flat_map(|batch| &batch.transfers))?;
    reader.check_sum(header, total)?;
    Ok(Payment { message_id, message_name, total, count, batches })
}

fn sum<'a>(transfers: impl IntoIterator<Item = &'a Transfer>) -> Result<Cents, Fault> {
    transfers
        .into_iter()
        .try_fold(Cents::ZERO, |sum, transfer| sum.plus(transfer.amount))
        .ok_or((AMOUNT, "The sum of the amounts is too large."))
}

struct Reader<'n> {
    namespace: &'n str,
}

impl Reader<'_> {
    fn batch(&self, element: Element<'_>) -> Result<Batch, Fault> {
        let id = self.id(element, "PmtInfId")?;
        if self.child(element, "PmtMtd")?.text().trim() != "TRF" {
            return Err((FORMAT, "The payment method is not TRF."));
        }
        for name in ["ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt"] {
            self.child(element, name)?;
        }
        let transfers: Vec<Transfer> =
            self.all(element, "CdtTrfTxInf").map(|transfer| self.transfer(transfer)).collect::<Result<_, Fault>>()?;
        if transfers.is_empty() {
            return Err((FORMAT, "There is no credit transfer."));
        }
        Ok(Batch { id, transfers })
    }

    fn transfer(&self, element: Element<'_>) -> Result<Transfer, Fault> {
        let ids = self.child(element, "PmtId")?;
        let end_to_end_id = self.id(ids, "EndToEndId")?;
        let instruction_id = match self.all(ids, "InstrId").next() {
            Some(_) => self.id(ids, "InstrId")?,
            None => end_to_end_id.clone(),
        };
        let amount = self.child(self.child(element, "Amt")?, "InstdAmt")?;
        if amount.attribute("", "Ccy") != Some("EUR") {
            return Err((CURRENCY, "The currency of an amount is not EUR."));
        }
        let amount = Cents::parse(amount.text().trim())
            .filter(|amount| *amount > Cents::ZERO)
            .ok_or((AMOUNT, "An amount is not a positive number of euros and cents."))?;
        let creditor = self.child(self.child(element, "Cdtr")?, "Nm")?.text();
        if !(1..=140).contains(&creditor.chars().count()) {
            return Err((FORMAT, "A creditor's name is not 1 to 140 characters long."));
        }
        let account = self.child(self.child(element, "CdtrAcct")?, "Id")?;
        let text = |parent: Option<Element<'_>>, name| {
            parent.and_then(|parent| parent.child(self.namespace, name)).map(|child| child.text())
        };
        let creditor_iban = text(Some(account), "IBAN");
        if !creditor_iban.as_deref().is_none_or(is_iban) {
            return Err((FORMAT, "A creditor's account number is not an IBAN."));
        }
        let remittance = text(element.child(self.namespace, "RmtInf"), "Ustrd");
        if remittance.as_ref().is_some_and(|text| text.chars().count() > 140) {
            return Err((FORMAT, "A message to the creditor is longer than 140 characters."));
        }
        Ok(Transfer { instruction_id, end_to_end_id, amount, creditor, creditor_iban, remittance })
    }

    fn check_count(&self, parent: Element<'_>, count: usize) -> Result<(), Fault> {
        let stated = self.child(parent, "NbOfTxs")?.text().trim().parse();
        if stated == Ok(count) { Ok(()) } else { Err((NUMBER_OF_TRANSACTIONS, "The number of transactions is wrong.")) }
    }

    fn check_sum(&self, parent: Element<'_>, sum: Cents) -> Result<(), Fault> {
        let mut stated = self.all(parent, "CtrlSum");
        match (stated.next(), stated.next()) {
            (None, _) => Ok(()),
            (Some(stated), None) if Cents::parse(stated.text().trim()) == Some(sum) => Ok(()),
            _ => Err((CONTROL_SUM, "The control sum is wrong.")),
        }
    }

    /// An identifier: 1 to 35 characters.
    fn id(&self, parent: Element<'_>, name: &'static str) -> Result<String, Fault> {
        let text = self.child(parent, name)?.text();
        if (1..=35).contains(&text.chars().count()) && !text.trim().is_empty() {
            Ok(text)
        } else {
            Err((FORMAT, "An identifier is not 1 to 35 characters long."))
        }
    }

    fn child<'d>(&self, parent: Element<'d>, name: &'static str) -> Result<Element<'d>, Fault> {
        parent.child(self.namespace, name).ok_or((FORMAT, "A mandatory element is missing or stands twice."))
    }

    fn all<'d>(&self, parent: Element<'d>, name: &'static str) -> impl Iterator<Item = Element<'d>> {
        parent.children().filter(move |child| child.is(self.namespace, name))
    }
}

/// The form of an IBAN; its check digits are not the bank's to check in a file.
fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    (5..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes[4..].iter().all(u8::is_ascii_alphanumeric)
}
