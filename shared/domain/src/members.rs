//! The accounts of an organisation, as the owner of its API key sees them (brief 1.5, 1.6).

mod delete;

use futures_util::future::join_all;

use crate::certificates::{self, Descriptor};
use crate::names::{Email, Mode, OrganisationId};
use crate::ports::{BankChannel, Store};
use crate::records::{Account, LAST_ID, ModeRecord, Record, Shelf, Stored, Stretch};
use crate::session::{Caller, Holdings};
use crate::{Failure, names::Login};

pub use delete::{Deleted, Deletion, delete};

/// Accounts read at the same time.
const AT_ONCE: usize = 8;

/// The addresses of an organisation's accounts, in their order.
pub async fn of(store: &dyn Store, organisation: &OrganisationId) -> Result<Vec<Email>, Failure> {
    let all = Stretch { after: "", before: LAST_ID, newest_first: false, most: usize::MAX };
    let found = store.stretch(&Shelf::Members(organisation.clone()), all).await?;
    let emails = found.into_iter().filter_map(|stored| match stored.record {
        Record::Member(member) => Some(member.email),
        _ => None,
    });
    Ok(emails.collect())
}

/// An account with all that it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The account.
    pub account: Account,
    /// Admin mode, if it is registered.
    pub admin: Option<ModeRecord>,
    /// Data mode, if it is registered.
    pub data: Option<ModeRecord>,
    /// Its own certificates, by bank.
    pub certificates: Vec<Descriptor>,
    /// Certificates that it used to have.
    pub retired: Vec<Descriptor>,
    /// The account whose certificate it uses; where there are several, the one that shared first.
    pub linked_to: Option<Email>,
}

/// Every account of the caller's organisation; for the owner of the API key. One read for the list, and one for each account.
pub async fn list(store: &dyn Store, banks: &dyn BankChannel, caller: &Caller) -> Result<Vec<Described>, Failure> {
    if !caller.account.owner {
        return Err(Failure::NotOwner);
    }
    let mut described = Vec::new();
    for some in of(store, caller.organisation()).await?.chunks(AT_ONCE) {
        let partitions = join_all(some.iter().map(|email| store.account(email))).await;
        for (email, records) in some.iter().zip(partitions) {
            described.extend(describe(banks, caller.organisation(), email, records?)?);
        }
    }
    Ok(described)
}

/// One account, if it is still there and the organisation's.
fn describe(
    banks: &dyn BankChannel,
    organisation: &OrganisationId,
    email: &Email,
    records: Vec<Stored>,
) -> Result<Option<Described>, Failure> {
    let data = records.iter().find_map(|stored| match &stored.record {
        Record::Mode(mode) if mode.login.mode == Mode::Data => Some(mode.clone()),
        _ => None,
    });
    let mut holdings = Holdings::of(records, &Login { email: email.clone(), mode: Mode::Admin });
    let Some(account) = holdings.account.filter(|it| it.organisation == *organisation) else { return Ok(None) };
    holdings.shares.sort_by_key(|it| it.record.since);
    Ok(Some(Described {
        account,
        admin: holdings.mode.map(|it| it.record),
        data,
        certificates: certificates::own(banks, &holdings.certificates)?,
        retired: certificates::retired(banks, &holdings.retired)?,
        linked_to: holdings.shares.into_iter().next().map(|it| it.record.owner),
    }))
}
