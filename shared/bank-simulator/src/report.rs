//! Writing what a bank reports: pain.002 (in three versions), camt.053.001.02 and camt.054.001.02 (isecure brief 2.9).
//!
//! Each document declares one default namespace, which contains its file type, and holds nothing but elements and text.

use time::OffsetDateTime;

use crate::money::Cents;
use crate::payment::{Batch, Payment, Rejection, Transfer};
use crate::reply::timestamp;
use crate::xml::{Writer, document};

/// A report's file type and the message in it.
#[derive(Clone, Copy)]
pub(crate) struct Report {
    pub(crate) file_type: &'static str,
    pub(crate) message: &'static str,
}

/// What a bank reports, under its own names.
pub(crate) struct Reports {
    pub(crate) status: Report,
    pub(crate) statement: Report,
    pub(crate) notification: Option<Report>,
    /// Nordea tells no reference of an upload (brief 3).
    pub(crate) answers_upload_without_reference: bool,
}

const fn iso(name: &'static str) -> Report {
    Report { file_type: name, message: name }
}

const STATEMENT: Report = iso("camt.053.001.02");
const NOTIFICATION: Option<Report> = Some(iso("camt.054.001.02"));

impl Reports {
    /// Nordea.
    pub(crate) const ISO_10: Self = Self {
        status: iso("pain.002.001.10"),
        statement: STATEMENT,
        notification: NOTIFICATION,
        answers_upload_without_reference: true,
    };
    /// Danske Bank, and what nothing is known of.
    pub(crate) const ISO_3: Self = Self {
        status: iso("pain.002.001.03"),
        statement: STATEMENT,
        notification: NOTIFICATION,
        answers_upload_without_reference: false,
    };
    /// OP (brief 4: FileType pain.002.001.02).
    pub(crate) const ISO_2: Self = Self {
        status: iso("pain.002.001.02"),
        statement: STATEMENT,
        notification: NOTIFICATION,
        answers_upload_without_reference: false,
    };
    /// Samlink (brief 6): XP and XT; no name of a notification is known.
    pub(crate) const SAMLINK: Self = Self {
        status: Report { file_type: "XP", message: "pain.002.001.03" },
        statement: Report { file_type: "XT", message: "camt.053.001.02" },
        notification: None,
        answers_upload_without_reference: false,
    };
}

/// The account that every customer has.
pub(crate) const ACCOUNT: &str = "FI2112345600000785";

/// What a report is about beside its content.
pub(crate) struct Frame<'a> {
    /// The file's reference, which serves as `MsgId` and as Id of the statement.
    pub(crate) id: &'a str,
    /// Name of the account's owner.
    pub(crate) owner: &'a str,
    /// Number of the report among those of its type, from 1 without gaps.
    pub(crate) number: usize,
    pub(crate) now: OffsetDateTime,
    /// The message and its version: pain.002.001.10.
    pub(crate) message: &'static str,
}

/// A payment that has been booked.
pub(crate) struct Booking<'a> {
    pub(crate) payment: &'a Payment,
    /// The bank's reference: the same in notification and statement.
    pub(crate) reference: String,
}

/// Status report of an accepted payment: `status` for the whole and for every transfer.
pub(crate) fn accepted(frame: &Frame<'_>, payment: &Payment, status: &str) -> String {
    status_report(frame, |report| {
        report.element("OrgnlGrpInfAndSts", |group| {
            group
                .leaf("OrgnlMsgId", &payment.message_id)
                .leaf("OrgnlMsgNmId", payment.message_name)
                .leaf("OrgnlNbOfTxs", &payment.count.to_string())
                .leaf("OrgnlCtrlSum", &payment.total.to_string())
                .leaf("GrpSts", status);
        });
        for batch in &payment.batches {
            if frame.is_version_2() {
                transfers(report, batch, status, Some(&batch.id));
            } else {
                report.element("OrgnlPmtInfAndSts", |information| {
                    information.leaf("OrgnlPmtInfId", &batch.id).leaf("PmtInfSts", status);
                    transfers(information, batch, status, None);
                });
            }
        }
    })
}

fn transfers(report: &mut Writer, batch: &Batch, status: &str, batch_id: Option<&str>) {
    for transfer in &batch.transfers {
        report.element("TxInfAndSts", |entry| {
            entry
                .optional("OrgnlPmtInfId", batch_id)
                .leaf("OrgnlInstrId", &transfer.instruction_id)
                .leaf("OrgnlEndToEndId", &transfer.end_to_end_id)
                .leaf("TxSts", status);
        });
    }
}

/// Status report of a payment file that is rejected as a whole.
pub(crate) fn rejected(frame: &Frame<'_>, rejection: &Rejection) -> String {
    let (reason_name, text_name) =
        if frame.is_version_2() { ("StsRsn", "AddtlStsRsnInf") } else { ("Rsn", "AddtlInf") };
    status_report(frame, |report| {
        report.element("OrgnlGrpInfAndSts", |group| {
            group
                .leaf("OrgnlMsgId", rejection.message_id.as_deref().unwrap_or("NOTPROVIDED"))
                .leaf("OrgnlMsgNmId", &rejection.message_name)
                .leaf("GrpSts", "RJCT")
                .element("StsRsnInf", |reason| {
                    reason.element(reason_name, |code| {
                        code.leaf("Cd", rejection.reason);
                    });
                    reason.leaf(text_name, rejection.text);
                });
        });
    })
}

impl Frame<'_> {
    /// pain.002.001.02, whose elements have other names and no level of batches.
    fn is_version_2(&self) -> bool {
        self.message == "pain.002.001.02"
    }
}

fn status_report(frame: &Frame<'_>, content: impl FnOnce(&mut Writer)) -> String {
    let name = if frame.is_version_2() { frame.message } else { "CstmrPmtStsRpt" };
    iso_document(name, frame, content)
}

/// Account statement: a payment's entries between opening and closing balance; without a payment no entries.
pub(crate) fn statement(frame: &Frame<'_>, opening: Cents, closing: Cents, booking: Option<&Booking<'_>>) -> String {
    iso_document("BkToCstmrStmt", frame, |message| {
        message.element("Stmt", |statement| {
            head(statement, frame);
            balance(statement, "OPBD", opening, frame);
            balance(statement, "CLBD", closing, frame);
            if let Some(booking) = booking {
                entries(statement, booking, frame);
            }
        });
    })
}

/// Notification of a payment's debits.
pub(crate) fn debit_notification(frame: &Frame<'_>, booking: &Booking<'_>) -> String {
    iso_document("BkToCstmrDbtCdtNtfctn", frame, |message| {
        message.element("Ntfctn", |notification| {
            head(notification, frame);
            entries(notification, booking, frame);
        });
    })
}

fn iso_document(message: &str, frame: &Frame<'_>, content: impl FnOnce(&mut Writer)) -> String {
    let name = frame.message;
    document(|writer| {
        writer.element(&format!("Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{name}\""), |writer| {
            writer.element(message, |message| {
                message.element("GrpHdr", |header| {
                    header.leaf("MsgId", frame.id).leaf("CreDtTm", &timestamp(frame.now));
                });
                content(message);
            });
        });
    })
}

fn head(writer: &mut Writer, frame: &Frame<'_>) {
    let day = frame.now.date();
    writer
        .leaf("Id", frame.id)
        .leaf("ElctrncSeqNb", &frame.number.to_string())
        .leaf("CreDtTm", &timestamp(frame.now))
        .element("FrToDt", |period| {
            period.leaf("FrDtTm", &format!("{day}T00:00:00Z")).leaf("ToDtTm", &timestamp(frame.now));
        })
        .element("Acct", |account| {
            account
                .element("Id", |id| {
                    id.leaf("IBAN", ACCOUNT);
                })
                .leaf("Ccy", "EUR")
                .element("Ownr", |owner| {
                    owner.leaf("Nm", frame.owner);
                });
        });
}

fn balance(writer: &mut Writer, code: &str, amount: Cents, frame: &Frame<'_>) {
    writer.element("Bal", |balance| {
        balance
            .element("Tp", |kind| {
                kind.element("CdOrPrtry", |kind| {
                    kind.leaf("Cd", code);
                });
            })
            .leaf("Amt Ccy=\"EUR\"", &amount.magnitude())
            .leaf("CdtDbtInd", if amount < Cents::ZERO { "DBIT" } else { "CRDT" })
            .element("Dt", |date| {
                date.leaf("Dt", &frame.now.date().to_string());
            });
    });
}

fn entries(writer: &mut Writer, booking: &Booking<'_>, frame: &Frame<'_>) {
    let transfers =
        booking.payment.batches.iter().flat_map(|batch| batch.transfers.iter().map(move |transfer| (batch, transfer)));
    for (number, (batch, transfer)) in transfers.enumerate() {
        entry(writer, number + 1, booking, batch, transfer, frame);
    }
}

fn entry(
    writer: &mut Writer,
    number: usize,
    booking: &Booking<'_>,
    batch: &Batch,
    transfer: &Transfer,
    frame: &Frame<'_>,
) {
    let day = frame.now.date().to_string();
    let date = |writer: &mut Writer| {
        writer.leaf("Dt", &day);
    };
    writer.element("Ntry", |entry| {
        entry
            .leaf("NtryRef", &number.to_string())
            .leaf("Amt Ccy=\"EUR\"", &transfer.amount.to_string())
            .leaf("CdtDbtInd", "DBIT")
            .leaf("Sts", "BOOK")
            .element("BookgDt", date)
            .element("ValDt", date)
            .leaf("AcctSvcrRef", &format!("{}-{number}", booking.reference))
            .element("BkTxCd", |code| {
                code.element("Domn", |domain| {
                    domain.leaf("Cd", "PMNT").element("Fmly", |family| {
                        family.leaf("Cd", "ICDT").leaf("SubFmlyCd", "ESCT");
                    });
                });
            })
            .element("NtryDtls", |details| {
                details.element("TxDtls", |details| transaction(details, booking.payment, batch, transfer));
            });
    });
}

fn transaction(details: &mut Writer, payment: &Payment, batch: &Batch, transfer: &Transfer) {
    details
        .element("Refs", |references| {
            references
                .leaf("MsgId", &payment.message_id)
                .leaf("PmtInfId", &batch.id)
                .leaf("InstrId", &transfer.instruction_id)
                .leaf("EndToEndId", &transfer.end_to_end_id);
        })
        .element("AmtDtls", |amounts| {
            amounts.element("TxAmt", |amount| {
                amount.leaf("Amt Ccy=\"EUR\"", &transfer.amount.to_string());
            });
        })
        .element("RltdPties", |parties| {
            parties.element("Cdtr", |creditor| {
                creditor.leaf("Nm", &transfer.creditor);
            });
            if let Some(iban) = &transfer.creditor_iban {
                parties.element("CdtrAcct", |account| {
                    account.element("Id", |id| {
                        id.leaf("IBAN", iban);
                    });
                });
            }
        });
    if let Some(remittance) = &transfer.remittance {
        details.element("RmtInf", |information| {
            information.leaf("Ustrd", remittance);
        });
    }
}
