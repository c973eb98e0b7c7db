//! Attributes of the upload journal, and of what was observed in moved files.

use avain_domain::names::{Bank, OrganisationId};
use avain_domain::records::{Observation, Observed, Upload, UploadEntry, UploadState};
use time::Date;
use time::format_description::well_known::Iso8601;

use super::{Fault, Fields, Reader};

pub(super) fn upload(it: &Upload) -> Result<Fields, Fault> {
    let mut fields = Fields::of("upload")
        .text("organisation", &it.organisation.0)
        .text("email", it.email.as_str())
        .text("bank", it.bank.as_str())
        .text("digest", &it.digest)
        .text("id", &it.id)
        .text("file_type", &it.file_type)
        .text("file_name", &it.file_name)
        .number("size", it.size)
        .text("sha256", &it.sha256)
        .texts("signers", &it.signers)
        .number("required", it.required.into())
        .time("at", it.at)?;
    if let Some(blob) = &it.blob {
        fields = fields.text("blob", blob);
    }
    Ok(match &it.state {
        UploadState::Waiting => fields.text("state", "waiting"),
        UploadState::Sending => fields.text("state", "sending"),
        UploadState::NotSent => fields.text("state", "not-sent"),
        UploadState::Sent => fields.text("state", "sent"),
        UploadState::Refused { code, text } => {
            fields.text("state", "refused").text("bank_code", code).text("bank_text", text)
        }
        UploadState::Unknown => fields.text("state", "unknown"),
    })
}

pub(super) fn read_upload(from: &Reader<'_>) -> Result<Upload, Fault> {
    Ok(Upload {
        organisation: OrganisationId(from.text("organisation")?),
        email: from.email("email")?,
        bank: from.word("bank", Bank::parse)?,
        digest: from.text("digest")?,
        id: from.text("id")?,
        file_type: from.text("file_type")?,
        file_name: from.text("file_name")?,
        size: from.number("size")?,
        sha256: from.text("sha256")?,
        signers: from.texts("signers")?,
        required: from.number("required")?,
        blob: from.if_there("blob", Reader::text)?,
        state: match from.text("state")?.as_str() {
            "waiting" => UploadState::Waiting,
            "sending" => UploadState::Sending,
            "not-sent" => UploadState::NotSent,
            "sent" => UploadState::Sent,
            "refused" => UploadState::Refused { code: from.text("bank_code")?, text: from.text("bank_text")? },
            "unknown" => UploadState::Unknown,
            _ => return Err(Fault("state is not known".to_owned())),
        },
        at: from.time("at")?,
    })
}

pub(super) fn entry(it: &UploadEntry) -> Fields {
    Fields::of("upload-entry")
        .text("organisation", &it.organisation.0)
        .text("email", it.email.as_str())
        .text("bank", it.bank.as_str())
        .text("id", &it.id)
        .text("digest", &it.digest)
}

pub(super) fn read_entry(from: &Reader<'_>) -> Result<UploadEntry, Fault> {
    Ok(UploadEntry {
        organisation: OrganisationId(from.text("organisation")?),
        email: from.email("email")?,
        bank: from.word("bank", Bank::parse)?,
        id: from.text("id")?,
        digest: from.text("digest")?,
    })
}

pub(super) fn observation(it: &Observation) -> Result<Fields, Fault> {
    let date = it.date.format(&Iso8601::DATE).map_err(|_| Fault("date is no day of years 0 to 9999".to_owned()))?;
    let (what, hash) = match &it.observed {
        Observed::Account(hash) => ("account", hash),
        Observed::Unreadable(hash) => ("unreadable", hash),
        Observed::TooMany(hash) => ("too-many", hash),
    };
    Ok(Fields::of("observation")
        .text("organisation", &it.organisation.0)
        .text("date", &date)
        .text("email", it.email.as_str())
        .text("observed", what)
        .text("hash", hash)
        .number("part", it.part.into()))
}

pub(super) fn read_observation(from: &Reader<'_>) -> Result<Observation, Fault> {
    let hash = from.text("hash")?;
    Ok(Observation {
        organisation: OrganisationId(from.text("organisation")?),
        date: from.word("date", |text| Date::parse(text, &Iso8601::DATE).ok())?,
        email: from.email("email")?,
        observed: match from.text("observed")?.as_str() {
            "account" => Observed::Account(hash),
            "unreadable" => Observed::Unreadable(hash),
            "too-many" => Observed::TooMany(hash),
            _ => return Err(Fault("observed is not known".to_owned())),
        },
        part: from.number("part")?,
    })
}
