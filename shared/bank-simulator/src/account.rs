//! What happens on a customer's account: opened with a balance, debited by payments (isecure brief 2.9).

use time::OffsetDateTime;

use crate::answer_parts::FileDescriptor;
use crate::ledger::{Ledger, StoredFile, Upload};
use crate::money::Cents;
use crate::office::Office;
use crate::payment::{self, Payment, Rejection};
use crate::report::{self, Booking, Frame, Report};

/// What a new customer's account holds.
const OPENING_BALANCE: Cents = Cents(1_000_000_000);

/// A new customer; its account's first statement is ready to be fetched. The customer's index.
pub(crate) fn open(ledger: &mut Ledger, office: &Office, user_id: &str, name: &str, now: OffsetDateTime) -> usize {
    let contract = office.contracts.find(user_id);
    let targets = contract.map(|contract| contract.target_ids.clone()).filter(|targets| !targets.is_empty());
    let targets = targets.unwrap_or_else(|| vec![format!("{user_id}A1")]);
    let customer = ledger.add_customer(user_id, name, targets, OPENING_BALANCE);
    lay_out(ledger, office, customer, office.ways.reports.statement, None, now, |frame| {
        report::statement(frame, OPENING_BALANCE, OPENING_BALANCE, None)
    });
    customer
}

/// Takes a payment that is right: booked at once, or kept until the bank's next round; then its file. The rejection if the
/// balance cannot be held.
pub(crate) fn take(
    ledger: &mut Ledger,
    office: &Office,
    customer: usize,
    payment: &Payment,
    (file_type, content): (&str, Vec<u8>),
    now: OffsetDateTime,
) -> Result<Option<FileDescriptor>, Rejection> {
    let ways = office.ways;
    if ledger.customers[customer].balance.minus(payment.total).is_none() {
        return Err(payment.unbookable());
    }
    if ways.reports.answers_upload_without_reference {
        book(ledger, office, customer, payment, None, now);
        return Ok(None);
    }
    let reference = office.authority().reference(office.bank, ways.references, ledger.next_number(), now);
    let mut file = StoredFile::new(reference.clone(), file_type, content, now.unix_timestamp());
    file.upload = Some(if ways.uploads_wait { Upload::Waiting } else { Upload::Forwarded(now.unix_timestamp()) });
    let descriptor = FileDescriptor::of(&file, &ledger.customers[customer].target_ids[0], ways);
    ledger.add_file(customer, file);
    if ways.uploads_wait {
        // That the file is right is said at once; that it is booked, when it is.
        lay_out(ledger, office, customer, ways.reports.status, Some(&reference), now, |frame| {
            report::accepted(frame, payment, "ACTC")
        });
    } else {
        book(ledger, office, customer, payment, Some(&reference), now);
    }
    Ok(Some(descriptor))
}

/// Forwards and books what has waited for the bank's round.
pub(crate) fn forward(ledger: &mut Ledger, office: &Office, now: OffsetDateTime) {
    let due = (now - office.rules.round).unix_timestamp();
    for customer in 0..ledger.customers.len() {
        let waiting = |file: &&StoredFile| file.upload == Some(Upload::Waiting) && file.created <= due;
        let references: Vec<String> = ledger.customers[customer].files.iter().filter(waiting).map(reference).collect();
        for reference in references {
            let Some(file) = ledger.file_mut(customer, &reference) else { continue };
            file.upload = Some(Upload::Forwarded(now.unix_timestamp()));
            let (content, file_type) = (file.content.clone(), file.file_type.clone());
            if let Ok(payment) = payment::read(&content, &file_type) {
                book(ledger, office, customer, &payment, Some(&reference), now);
            }
        }
    }
}

fn reference(file: &StoredFile) -> String {
    file.reference.clone()
}

/// Books a payment: status report (unless the upload has had one), debit notification and statement. A balance that can no
/// longer be held is reported as a rejection.
fn book(
    ledger: &mut Ledger,
    office: &Office,
    customer: usize,
    payment: &Payment,
    upload: Option<&str>,
    now: OffsetDateTime,
) {
    let reports = &office.ways.reports;
    let opening = ledger.customers[customer].balance;
    let Some(closing) = opening.minus(payment.total) else {
        return reject(ledger, office, customer, &payment.unbookable(), now);
    };
    ledger.customers[customer].balance = closing;
    let number = ledger.next_number();
    let reference = office.authority().reference(office.bank, office.ways.references, number, now);
    let booking = Booking { payment, reference };
    if !office.ways.uploads_wait {
        lay_out(ledger, office, customer, reports.status, upload, now, |frame| {
            report::accepted(frame, payment, "ACSC")
        });
    }
    if let Some(notification) = reports.notification {
        lay_out(ledger, office, customer, notification, upload, now, |frame| {
            report::debit_notification(frame, &booking)
        });
    }
    lay_out(ledger, office, customer, reports.statement, upload, now, |frame| {
        report::statement(frame, opening, closing, Some(&booking))
    });
}

/// Lays out the status report of a rejected payment file.
pub(crate) fn reject(
    ledger: &mut Ledger,
    office: &Office,
    customer: usize,
    rejection: &Rejection,
    now: OffsetDateTime,
) {
    lay_out(ledger, office, customer, office.ways.reports.status, None, now, |frame| {
        report::rejected(frame, rejection)
    });
}

/// The status report of a rejected payment file, which is kept nowhere.
pub(crate) fn rejection_report(
    ledger: &mut Ledger,
    office: &Office,
    customer: usize,
    rejection: &Rejection,
    now: OffsetDateTime,
) -> String {
    let id = office.authority().reference(office.bank, office.ways.references, ledger.next_number(), now);
    let message = office.ways.reports.status.message;
    let owner = &ledger.customers[customer].name;
    report::rejected(&Frame { id: &id, owner, number: 1, now, message }, rejection)
}

fn lay_out(
    ledger: &mut Ledger,
    office: &Office,
    customer: usize,
    report: Report,
    upload: Option<&str>,
    now: OffsetDateTime,
    write: impl FnOnce(&Frame<'_>) -> String,
) {
    let reference = office.authority().reference(office.bank, office.ways.references, ledger.next_number(), now);
    let account = &ledger.customers[customer];
    let number = 1 + account.files.iter().filter(|file| file.file_type == report.file_type).count();
    let frame = Frame { id: &reference, owner: &account.name, number, now, message: report.message };
    let content = write(&frame).into_bytes();
    let mut file = StoredFile::new(reference, report.file_type, content, now.unix_timestamp());
    file.parent = upload.map(str::to_owned);
    ledger.add_file(customer, file);
}
