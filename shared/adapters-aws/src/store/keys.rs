//! Where each record lives: its partition and its sort key.

use std::collections::HashMap;

use avain_domain::names::{Email, OrganisationId};
use avain_domain::records::{AUDITED_PARTS, Counter, Key, KeyId, Shelf, Trail, batch_id, observation_id};
use aws_sdk_dynamodb::types::AttributeValue;

use super::items::Item;

/// Name of the partition key.
pub(super) const PARTITION: &str = "PK";
/// Name of the sort key.
pub(super) const SORT: &str = "SK";

/// A record's place in the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) partition: String,
    pub(super) sort: String,
}

impl Place {
    pub(super) fn of(key: &Key) -> Self {
        match key {
            Key::Organisation(id) => Self::new(&["ORG", &id.0], &["ORG"]),
            Key::ApiKey(hash) => Self::new(&["APIKEY", hash], &["APIKEY"]),
            Key::Account(email) => Self::new(&["ACCOUNT", email.as_str()], &["ACCOUNT"]),
            Key::Member(organisation, email) => Self::on(&Shelf::Members(organisation.clone()), email.as_str()),
            Key::Mode(login) => Self::new(&["ACCOUNT", login.email.as_str()], &["MODE", login.mode.as_str()]),
            Key::Certificate(email, bank) => Self::new(&["ACCOUNT", email.as_str()], &["CERT", bank.as_str()]),
            Key::Share(email, bank) => Self::new(&["ACCOUNT", email.as_str()], &["SHARE", bank.as_str()]),
            Key::Retired(email, bank, mark) => {
                Self::new(&["ACCOUNT", email.as_str()], &["RETIRED", bank.as_str(), mark])
            }
            Key::PgpKey(email, fingerprint) => Self::new(&["ACCOUNT", email.as_str()], &["PGP", fingerprint]),
            Key::RecoveryCodes(login) => {
                Self::new(&["ACCOUNT", login.email.as_str()], &["RECOVERY", login.mode.as_str()])
            }
            Key::SealedKey(KeyId { organisation, holder, kind, id }) => {
                Self::new(&["KEY", &organisation.0, holder], &[kind.as_str(), id])
            }
            Key::SpentChallenge(id) => Self::new(&["CHALLENGE", id], &["CHALLENGE"]),
            Key::Attempts(login) => Self::new(&["ATTEMPTS", login.email.as_str(), login.mode.as_str()], &["ATTEMPTS"]),
            Key::Upload(organisation, email, bank, digest) => {
                Self::new(&["UPLOADS", &organisation.0, email.as_str(), bank.as_str()], &[digest])
            }
            Key::UploadEntry(organisation, email, bank, id) => {
                Self::on(&Shelf::UploadEntries(organisation.clone(), email.clone(), *bank), id)
            }
            Key::Download(organisation, email, bank, file_type, reference) => {
                Self::new(&["DOWNLOADS", &organisation.0, email.as_str(), bank.as_str()], &[file_type, reference])
            }
            Key::AuditEvent(organisation, id) => Self::on(&Shelf::AuditEvents(organisation.clone()), id),
            Key::AuditBatch(organisation, number) => {
                Self::on(&Shelf::AuditBatches(organisation.clone()), &batch_id(*number))
            }
            Key::AuditHead(organisation) => Self::new(&["AUDITHEAD", &organisation.0], &["HEAD"]),
            Key::Audited(organisation) => Self::on(&Shelf::Audited(audited_part(organisation)), &organisation.0),
            Key::Refusal(trail, id) => Self::on(&Shelf::Refusals(trail.clone()), id),
            Key::Count(Counter::Events(organisation, shard)) => {
                Self::new(&["AUDITCOUNT", &organisation.0], &[&format!("{shard:02}")])
            }
            Key::Count(Counter::Refusals(whose, hour)) => Self::new(&["REFUSED", whose], &[&hour.to_string()]),
            Key::Observation(organisation, date, email, observed, part) => Self::on(
                &Shelf::Observations(organisation.clone(), date.year(), date.month().into()),
                &observation_id(*date, email, observed, *part),
            ),
            Key::Count(Counter::Calls(organisation, minute)) => {
                Self::new(&["CALLS", &organisation.0], &[&minute.to_string()])
            }
        }
    }

    fn on(shelf: &Shelf, id: &str) -> Self {
        Self { partition: shelf_partition(shelf), sort: joined(&[id]) }
    }

    fn new(partition: &[&str], sort: &[&str]) -> Self {
        Self { partition: joined(partition), sort: joined(sort) }
    }

    /// The place as the key of a request.
    pub(super) fn attributes(&self) -> Item {
        HashMap::from([
            (PARTITION.to_owned(), AttributeValue::S(self.partition.clone())),
            (SORT.to_owned(), AttributeValue::S(self.sort.clone())),
        ])
    }
}

/// The partition of an account.
pub(super) fn account_partition(email: &Email) -> String {
    joined(&["ACCOUNT", email.as_str()])
}

/// Whose partition it is, if it is an account's.
pub(super) fn account_of(partition: &str) -> Option<Email> {
    match parts(partition).as_slice() {
        [kind, email] if kind == "ACCOUNT" => Email::parse(email),
        _ => None,
    }
}

/// The partition of a shelf; sort keys in it are ids. An address may hold `%`, so members and observations are read as a whole
/// only.
pub(super) fn shelf_partition(shelf: &Shelf) -> String {
    match shelf {
        Shelf::AuditEvents(organisation) => joined(&["AUDIT", &organisation.0]),
        Shelf::AuditBatches(organisation) => joined(&["AUDITBATCH", &organisation.0]),
        Shelf::Refusals(Trail::Organisation(organisation)) => joined(&["REFUSALS", &organisation.0]),
        Shelf::Refusals(Trail::Nobody(part)) => joined(&["REFUSALS", "", &format!("{part:02x}")]),
        Shelf::Audited(part) => joined(&["AUDITED", &format!("{part:x}")]),
        Shelf::UploadEntries(organisation, email, bank) => {
            joined(&["UPLOADIDS", &organisation.0, email.as_str(), bank.as_str()])
        }
        Shelf::Observations(organisation, year, month) => {
            joined(&["USAGE", &organisation.0, &format!("{year:04}-{month:02}")])
        }
        Shelf::Members(organisation) => joined(&["MEMBERS", &organisation.0]),
    }
}

fn audited_part(organisation: &OrganisationId) -> u8 {
    organisation.0.bytes().fold(0_u8, u8::wrapping_add) % AUDITED_PARTS
}

/// The parts with `#` between them. Some come from a bank and may hold any character: `#` and `%` are percent-encoded
/// in each, so that different parts never make the same text.
pub(super) fn joined(parts: &[&str]) -> String {
    parts.iter().map(|part| part.replace('%', "%25").replace('#', "%23")).collect::<Vec<_>>().join("#")
}

/// What [`joined`] was given.
pub(super) fn parts(text: &str) -> Vec<String> {
    text.split('#').map(|part| part.replace("%23", "#").replace("%25", "%")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_separators_stay_apart() {
        assert_eq!(joined(&["TL#A", "1"]), "TL%23A#1");
        assert_eq!(joined(&["TL", "A#1"]), "TL#A%231");
        assert_eq!(joined(&["TL%23A", "1"]), "TL%2523A#1");
        assert_eq!(joined(&["TL", ""]), "TL#");
        for given in [["TL#A", "1"], ["TL%23A", "%"], ["", "%2523#"]] {
            assert_eq!(parts(&joined(&given)), given);
        }
    }
}
