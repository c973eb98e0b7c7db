//! What happens on a customer's account: opened with a balance, debited by payments (isecure brief 2.9).

use time::OffsetDateTime;

use crate::authority::Authority;
use crate::ledger::Ledger;
use crate::money::Cents;
use crate::payment::{Payment, Rejection};
use crate::report::{self, Booking, Frame};

/// What a new customer's account holds.
const OPENING_BALANCE: Cents = Cents(1_000_000_000);

/// A new customer; its account's first statement is ready to be fetched. The customer's index.
pub(crate) fn open(
    ledger: &mut Ledger,
    authority: &Authority,
    user_id: &str,
    name: &str,
    certificate: &[u8],
    now: OffsetDateTime,
) -> usize {
    let customer = ledger.add_customer(user_id, name, certificate, OPENING_BALANCE);
    lay_out(ledger, authority, customer, report::STATEMENT, now, |frame| {
        report::statement(frame, OPENING_BALANCE, OPENING_BALANCE, None)
    });
    customer
}

/// Books an accepted payment: status report, debit notification and statement; none, and nothing done, if the balance
/// cannot be held.
pub(crate) fn book(
    ledger: &mut Ledger,
    authority: &Authority,
    customer: usize,
    payment: &Payment,
    now: OffsetDateTime,
) -> Option<()> {
    let opening = ledger.customers[customer].balance;
    let closing = opening.minus(payment.total)?;
    ledger.customers[customer].balance = closing;
    let booking = Booking { payment, reference: authority.reference(ledger.next_number()) };
    lay_out(ledger, authority, customer, report::STATUS_REPORT, now, |frame| report::accepted(frame, payment));
    lay_out(ledger, authority, customer, report::DEBIT_NOTIFICATION, now, |frame| {
        report::debit_notification(frame, &booking)
    });
    lay_out(ledger, authority, customer, report::STATEMENT, now, |frame| {
        report::statement(frame, opening, closing, Some(&booking))
    });
    Some(())
}

/// Lays out the status report of a rejected payment file.
pub(crate) fn reject(
    ledger: &mut Ledger,
    authority: &Authority,
    customer: usize,
    rejection: &Rejection,
    now: OffsetDateTime,
) {
    lay_out(ledger, authority, customer, report::STATUS_REPORT, now, |frame| report::rejected(frame, rejection));
}

fn lay_out(
    ledger: &mut Ledger,
    authority: &Authority,
    customer: usize,
    file_type: &str,
    now: OffsetDateTime,
    write: impl FnOnce(&Frame<'_>) -> String,
) {
    let reference = authority.reference(ledger.next_number());
    let account = &ledger.customers[customer];
    let number = 1 + account.files.iter().filter(|file| file.file_type == file_type).count();
    let frame = Frame { id: &reference, owner: &account.name, number, now };
    let content = write(&frame);
    ledger.add_file(customer, reference, file_type, content, now.unix_timestamp());
}
