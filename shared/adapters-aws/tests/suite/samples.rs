//! Records of every kind, in every state, with empty and odd values.

use avain_domain::names::{Bank, Email, Login, Mode};
use avain_domain::records::{
    Account, Agreement, ApiKey, Attempts, AuditEvent, BankCertificate, CertificateState, KeyId, KeyKind, ModeRecord,
    Organisation, PgpKey, PgpPurpose, Record, SealedKey, SpentChallenge, Upload, UploadState,
};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{download, organisation};

/// An address that only this tag has.
pub(crate) fn email(tag: &str, name: &str) -> Email {
    Email::parse(&format!("{name}@{tag}.example")).unwrap()
}

/// The account that a record belongs to by its key.
pub(crate) fn account_of(record: &Record) -> Option<&Email> {
    match record {
        Record::Account(it) => Some(&it.email),
        Record::Mode(it) => Some(&it.login.email),
        Record::Certificate(it) => Some(&it.email),
        Record::PgpKey(it) => Some(&it.email),
        _ => None,
    }
}

const WHOLE: OffsetDateTime = datetime!(2026-11-21 10:00 UTC);
const FINE: OffsetDateTime = datetime!(2026-11-21 12:00:00.123456789 +02:00);
const FAR: OffsetDateTime = datetime!(9999-12-31 23:59:59.999999999 UTC);
const LONG_AGO: OffsetDateTime = datetime!(1969-12-31 00:00:01 -23:59:59);
const NAME: &str = "Äyräs & Söner \"Oy\" #1 %23 €😀\n\u{0}";

/// No two have one key.
pub(crate) fn records(tag: &str) -> Vec<Record> {
    [people(tag), keys(tag), files(tag)].concat()
}

fn people(tag: &str) -> Vec<Record> {
    let owner = email(tag, "owner");
    let logins = [Mode::Admin, Mode::Data].map(|mode| Login { email: owner.clone(), mode });
    let mut records = Vec::new();
    for (number, agreement) in [Agreement::Test, Agreement::Active, Agreement::Suspended].into_iter().enumerate() {
        let mut id = organisation(tag);
        id.0 += &number.to_string();
        records.push(Record::Organisation(Organisation {
            id: id.clone(),
            name: NAME.to_owned(),
            owner: owner.clone(),
            agreement,
            created: FINE,
        }));
        records.push(Record::Account(Account {
            email: if number == 0 { owner.clone() } else { email(tag, &format!("account{number}")) },
            organisation: id,
            api_key_hash: "ab".repeat(32),
            owner: number == 0,
            agreement,
            name: String::new(),
            company: NAME.to_owned(),
            created: FAR,
        }));
    }
    records.push(Record::ApiKey(ApiKey { hash: format!("{tag}-hash"), organisation: organisation(tag) }));
    for (login, tokens_valid_from) in logins.into_iter().zip([None, Some(FINE)]) {
        records.push(Record::Mode(ModeRecord {
            login: login.clone(),
            phone: "+358401234567".to_owned(),
            created: WHOLE,
            tokens_valid_from,
        }));
        records.push(Record::Attempts(Attempts { login, failures: u32::MAX, last: LONG_AGO }));
    }
    records
}

fn keys(tag: &str) -> Vec<Record> {
    let owner = email(tag, "owner");
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut records = Vec::new();
    let states = [
        CertificateState::Pending,
        CertificateState::Active { certificate: every_byte.clone(), expires: WHOLE, target_ids: Vec::new() },
        CertificateState::Active {
            certificate: Vec::new(),
            expires: FINE,
            target_ids: vec!["B".to_owned(), "A".to_owned(), "A".to_owned(), String::new()],
        },
    ];
    for (bank, state) in Bank::NAMES.into_iter().filter_map(Bank::parse).zip(states) {
        records.push(Record::Certificate(BankCertificate {
            email: owner.clone(),
            bank,
            company: NAME.to_owned(),
            user_id: "11111111".to_owned(),
            key: key_id(tag, KeyKind::Bank, &format!("{}/1", bank.as_str())),
            state,
            started: WHOLE,
        }));
    }
    for purpose in [PgpPurpose::Export, PgpPurpose::Authorize] {
        records.push(Record::PgpKey(PgpKey {
            email: owner.clone(),
            fingerprint: purpose.as_str().to_owned(),
            purpose,
            public_key: every_byte.clone(),
            created: WHOLE,
        }));
    }
    for kind in [KeyKind::Bank, KeyKind::File, KeyKind::Service] {
        records.push(Record::SealedKey(SealedKey { id: key_id(tag, kind, "a#b/%"), sealed: every_byte.clone() }));
    }
    records
}

fn files(tag: &str) -> Vec<Record> {
    let owner = email(tag, "owner");
    let mut records = Vec::new();
    records.push(Record::SpentChallenge(SpentChallenge { id: format!("{tag}-challenge"), expires: FINE }));
    let states = [
        UploadState::Sending,
        UploadState::NotSent,
        UploadState::Sent,
        UploadState::Refused { code: "12".to_owned(), text: NAME.to_owned() },
        UploadState::Unknown,
    ];
    for (number, state) in states.into_iter().enumerate() {
        records.push(Record::Upload(Upload {
            email: owner.clone(),
            bank: Bank::SIMULATOR,
            digest: number.to_string(),
            id: "id".to_owned(),
            file_type: "pain.001.001.03".to_owned(),
            file_name: NAME.to_owned(),
            size: u64::MAX,
            signers: if number == 0 { Vec::new() } else { vec!["F2".to_owned(), "F1".to_owned()] },
            state,
            at: FINE,
        }));
    }
    records.push(download(tag, "TL#", "#1"));
    for (number, bank_code) in [None, Some("00".to_owned())].into_iter().enumerate() {
        records.push(Record::AuditEvent(AuditEvent {
            organisation: organisation(tag),
            id: format!("1795255200000-{number}"),
            at: FINE,
            action: "file.upload".to_owned(),
            outcome: "completed".to_owned(),
            actor: owner.clone(),
            mode: Mode::Data,
            request_id: String::new(),
            object: NAME.to_owned(),
            bank_code,
        }));
    }
    records
}

fn key_id(tag: &str, kind: KeyKind, id: &str) -> KeyId {
    KeyId { organisation: organisation(tag), holder: email(tag, "owner").as_str().to_owned(), kind, id: id.to_owned() }
}
