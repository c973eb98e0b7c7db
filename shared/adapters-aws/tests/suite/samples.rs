//! Records of every kind, in every state, with empty and odd values.

use avain_domain::names::{Bank, Email, Login, Mode};
use avain_domain::records::{
    Account, Actor, Agreement, ApiKey, Attempts, AuditBatch, AuditEvent, AuditHead, Audited, BankCertificate,
    CertificateState, Count, Counter, EncryptionPair, Export, KeyId, KeyKind, Member, ModeRecord, Observation,
    Observed, Organisation, PgpKey, PgpPurpose, Policy, Record, RecoveryCodes, Refusal, Renewal, RetiredCertificate,
    SHARDS, SealedKey, Share, SignatureRule, SpentChallenge, Trail, Upload, UploadEntry, UploadState,
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
        Record::Share(it) => Some(&it.email),
        Record::Retired(it) => Some(&it.email),
        Record::PgpKey(it) => Some(&it.email),
        Record::RecoveryCodes(it) => Some(&it.login.email),
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
    [people(tag), keys(tag), files(tag), audit(tag)].concat()
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
            policy: policy(number),
            created: FINE,
        }));
        records.push(Record::Account(Account {
            email: if number == 0 { owner.clone() } else { email(tag, &format!("account{number}")) },
            organisation: id,
            api_key_hash: "ab".repeat(32),
            owner: number == 0,
            agreement,
            policy: policy(number),
            terms: number as u64,
            name: String::new(),
            company: NAME.to_owned(),
            export: if number == 0 { Export::Allowed } else { Export::Disabled },
            created: FAR,
        }));
    }
    for name in ["owner", "~%23"] {
        records.push(Record::Member(Member { organisation: organisation(tag), email: email(tag, name) }));
    }
    records.push(Record::ApiKey(ApiKey { hash: format!("{tag}-hash"), organisation: organisation(tag) }));
    for (login, tokens_valid_from) in logins.into_iter().zip([None, Some(FINE)]) {
        records.push(Record::Mode(ModeRecord {
            login: login.clone(),
            phone: "+358401234567".to_owned(),
            created: WHOLE,
            tokens_valid_from,
        }));
        records.push(Record::RecoveryCodes(RecoveryCodes {
            login: login.clone(),
            hashes: if login.mode == Mode::Data { Vec::new() } else { vec!["ab".repeat(32), "cd".repeat(32)] },
            created: FINE,
        }));
        records.push(Record::Attempts(Attempts { login, failures: u32::MAX, last: LONG_AGO }));
    }
    records
}

/// The default, then one with so many rules.
fn policy(rules: usize) -> Policy {
    let rule = |number: usize| SignatureRule {
        bank: (number == 0).then_some(Bank::SIMULATOR),
        file_type: (number == 1).then(|| NAME.to_owned()),
        required: 2,
    };
    Policy {
        skip_phone_verification: rules == 1,
        skip_email_verification: rules == 2,
        calls_per_minute: (rules > 0).then_some(u32::MAX),
        signatures: (0..rules).map(rule).collect(),
    }
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
    for (number, (bank, state)) in Bank::NAMES.into_iter().filter_map(Bank::parse).zip(states).enumerate() {
        let key = key_id(tag, KeyKind::Bank, &format!("{}/2", bank.as_str()));
        records.push(Record::Certificate(BankCertificate {
            email: owner.clone(),
            bank,
            company: NAME.to_owned(),
            user_id: "11111111".to_owned(),
            key: key_id(tag, KeyKind::Bank, &format!("{}/1", bank.as_str())),
            state,
            encryption: (number == 2).then(|| EncryptionPair { certificate: every_byte.clone(), key: key.clone() }),
            renewal: (number > 0).then(|| Renewal { tried: FINE, key: (number == 2).then_some(key) }),
            shared_to: (0..number).map(|number| email(tag, &format!("account{number}"))).collect(),
            started: WHOLE,
        }));
    }
    records.push(Record::Share(Share {
        email: owner.clone(),
        bank: Bank::SIMULATOR,
        owner: email(tag, "other"),
        key: key_id(tag, KeyKind::Bank, "simulator/1"),
        since: FINE,
    }));
    for (mark, encryption) in [("00000000", None), ("1a2b3c4d", Some(every_byte.clone()))] {
        records.push(Record::Retired(RetiredCertificate {
            email: owner.clone(),
            bank: Bank::SIMULATOR,
            mark: mark.to_owned(),
            user_id: NAME.to_owned(),
            certificate: every_byte.clone(),
            encryption,
            at: FINE,
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
        UploadState::Waiting,
    ];
    for (number, state) in states.into_iter().enumerate() {
        records.push(Record::Upload(Upload {
            organisation: organisation(tag),
            email: owner.clone(),
            bank: Bank::SIMULATOR,
            digest: number.to_string(),
            id: "id".to_owned(),
            file_type: "pain.001.001.03".to_owned(),
            file_name: NAME.to_owned(),
            size: u64::MAX,
            sha256: "ab".repeat(32),
            signers: if number == 0 { Vec::new() } else { vec!["F2".to_owned(), "F1".to_owned()] },
            required: u8::try_from(number).unwrap() + 1,
            blob: (number == 5).then(|| "blob".to_owned()),
            state,
            at: FINE,
        }));
    }
    records.push(Record::UploadEntry(UploadEntry {
        organisation: organisation(tag),
        email: owner.clone(),
        bank: Bank::SIMULATOR,
        id: "1795255200000-1".to_owned(),
        digest: "0".to_owned(),
    }));
    let odd = Email::parse(&format!("%a%23@{tag}.example")).unwrap();
    for (number, observed) in [Observed::Account, Observed::Unreadable, Observed::TooMany].into_iter().enumerate() {
        records.push(Record::Observation(Observation {
            organisation: organisation(tag),
            date: time::macros::date!(2026 - 02 - 03),
            email: if number == 0 { odd.clone() } else { owner.clone() },
            observed: observed("cd".repeat(32)),
            part: u8::try_from(number).unwrap() * 7,
        }));
    }
    records.push(download(tag, "TL#", "#1"));
    records
}

fn audit(tag: &str) -> Vec<Record> {
    let login = Login { email: email(tag, "owner"), mode: Mode::Data };
    let trails = [Trail::Organisation(organisation(tag)), Trail::Nobody(tag.bytes().last().unwrap_or_default())];
    let counters = [
        (Counter::Events(organisation(tag), 3), None),
        (Counter::Refusals(format!("account/{}", login.email), -1), Some(WHOLE)),
        (Counter::Calls(organisation(tag), -1), Some(WHOLE)),
    ];
    let actors = [Actor::Account(login.clone()), Actor::Operator, Actor::System];
    let mut records = vec![Record::Audited(Audited { organisation: organisation(tag) })];
    for (number, actor) in actors.into_iter().enumerate() {
        records.push(Record::AuditEvent(AuditEvent {
            organisation: organisation(tag),
            id: format!("1795255200000-{number}"),
            shard: 15,
            at: FINE,
            action: "file.upload".to_owned(),
            outcome: "completed".to_owned(),
            sequence: u32::MAX,
            actor,
            request_id: String::new(),
            object: NAME.to_owned(),
            bank_code: (number == 0).then(|| "00".to_owned()),
            bank_text: (number == 0).then(|| NAME.to_owned()),
        }));
    }
    for (trail, who) in trails.into_iter().zip([Some(login.clone()), None]) {
        records.push(Record::Refusal(Refusal {
            trail,
            id: "1795255200000-1".to_owned(),
            at: FINE,
            action: "session.login".to_owned(),
            phase: "authorization".to_owned(),
            outcome: "rejected".to_owned(),
            actor: who.clone(),
            target: who.clone(),
            request_id: String::new(),
            object: NAME.to_owned(),
            reason: NAME.to_owned(),
            bank_code: who.map(|_| "12".to_owned()),
            expires: WHOLE,
        }));
    }
    for (counter, expires) in counters {
        records.push(Record::Count(Count { counter, count: u64::MAX, expires }));
    }
    records.push(Record::AuditBatch(AuditBatch {
        organisation: organisation(tag),
        number: 7,
        previous: "0".repeat(64),
        first_sequence: 3001,
        first: "1795255200000-1".to_owned(),
        last: "1795255200000-2".to_owned(),
        root: "ab".repeat(32),
        totals: [u64::MAX; SHARDS],
        sealed_at: FINE,
        key: "0123456789abcdef".to_owned(),
        leaves: vec![[0; 32], [255; 32]],
        signature: (0..=63).collect(),
    }));
    records.push(Record::AuditHead(AuditHead {
        organisation: organisation(tag),
        number: 7,
        hash: "cd".repeat(32),
        until: String::new(),
        totals: [0; SHARDS],
        sealed_at: FINE,
    }));
    records
}

fn key_id(tag: &str, kind: KeyKind, id: &str) -> KeyId {
    KeyId { organisation: organisation(tag), holder: email(tag, "owner").as_str().to_owned(), kind, id: id.to_owned() }
}
