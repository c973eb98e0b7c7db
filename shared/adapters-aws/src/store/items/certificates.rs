//! Bank certificates as items.

use avain_domain::records::{BankCertificate, CertificateState, EncryptionPair, Renewal, RetiredCertificate, Share};

use super::{Bank, Fault, Fields, Item, Reader};

pub(super) fn certificate(it: &BankCertificate) -> Result<Fields, Fault> {
    let shared_to: Vec<String> = it.shared_to.iter().map(|email| email.as_str().to_owned()).collect();
    let fields = Fields::of("certificate")
        .text("email", it.email.as_str())
        .text("bank", it.bank.as_str())
        .text("company", &it.company)
        .text("user_id", &it.user_id)
        .key("key", &it.key)
        .texts("shared_to", &shared_to)
        .time("started", it.started)?;
    let fields = match &it.state {
        CertificateState::Pending => fields.text("state", "pending"),
        CertificateState::Active { certificate, expires, target_ids } => fields
            .text("state", "active")
            .bytes("certificate", certificate)
            .time("expires", *expires)?
            .texts("target_ids", target_ids),
    };
    let fields = match &it.encryption {
        Some(pair) => {
            let of_pair = Fields(Item::new()).bytes("certificate", &pair.certificate).key("key", &pair.key);
            fields.map("encryption", of_pair)
        }
        None => fields,
    };
    Ok(match &it.renewal {
        Some(Renewal { tried, key }) => {
            let renewal = Fields(Item::new()).time("tried", *tried)?;
            fields.map("renewal", key.iter().fold(renewal, |fields, key| fields.key("key", key)))
        }
        None => fields,
    })
}

pub(super) fn read_certificate(from: &Reader<'_>) -> Result<BankCertificate, Fault> {
    Ok(BankCertificate {
        email: from.email("email")?,
        bank: from.word("bank", Bank::parse)?,
        company: from.text("company")?,
        user_id: from.text("user_id")?,
        key: from.key("key")?,
        state: state(from)?,
        encryption: from.if_there("encryption", encryption_pair)?,
        renewal: from.if_there("renewal", renewal)?,
        shared_to: from.emails("shared_to")?,
        started: from.time("started")?,
    })
}

fn state(from: &Reader<'_>) -> Result<CertificateState, Fault> {
    Ok(match from.text("state")?.as_str() {
        "pending" => CertificateState::Pending,
        "active" => CertificateState::Active {
            certificate: from.bytes("certificate")?,
            expires: from.time("expires")?,
            target_ids: from.texts("target_ids")?,
        },
        _ => return Err(Fault("state is not known".to_owned())),
    })
}

fn encryption_pair(from: &Reader<'_>, name: &str) -> Result<EncryptionPair, Fault> {
    let pair = Reader(from.map(name)?);
    Ok(EncryptionPair { certificate: pair.bytes("certificate")?, key: pair.key("key")? })
}

fn renewal(from: &Reader<'_>, name: &str) -> Result<Renewal, Fault> {
    let renewal = Reader(from.map(name)?);
    Ok(Renewal { tried: renewal.time("tried")?, key: renewal.if_there("key", Reader::key)? })
}

pub(super) fn share(it: &Share) -> Result<Fields, Fault> {
    Fields::of("share")
        .text("email", it.email.as_str())
        .text("bank", it.bank.as_str())
        .text("owner", it.owner.as_str())
        .key("key", &it.key)
        .time("since", it.since)
}

pub(super) fn read_share(from: &Reader<'_>) -> Result<Share, Fault> {
    Ok(Share {
        email: from.email("email")?,
        bank: from.word("bank", Bank::parse)?,
        owner: from.email("owner")?,
        key: from.key("key")?,
        since: from.time("since")?,
    })
}

pub(super) fn retired(it: &RetiredCertificate) -> Result<Fields, Fault> {
    let fields = Fields::of("retired-certificate")
        .text("email", it.email.as_str())
        .text("bank", it.bank.as_str())
        .text("mark", &it.mark)
        .text("user_id", &it.user_id)
        .bytes("certificate", &it.certificate)
        .time("at", it.at)?;
    Ok(match &it.encryption {
        Some(certificate) => fields.bytes("encryption", certificate),
        None => fields,
    })
}

pub(super) fn read_retired(from: &Reader<'_>) -> Result<RetiredCertificate, Fault> {
    Ok(RetiredCertificate {
        email: from.email("email")?,
        bank: from.word("bank", Bank::parse)?,
        mark: from.text("mark")?,
        user_id: from.text("user_id")?,
        certificate: from.bytes("certificate")?,
        encryption: from.if_there("encryption", Reader::bytes)?,
        at: from.time("at")?,
    })
}
