//! Uploads on their way: the journal, and signatures for those that wait (design, decision 16).

use avain_domain::Failure;
use avain_domain::files::{self, Journalled, Uploaded};
use avain_domain::records::UploadState;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use super::files::{desk, signatures};
use super::success;
use crate::call::{Call, Running};

/// Most uploads of a page.
const MOST: usize = 100;
/// How many they are where nothing is said.
const USUAL: usize = 50;

/// ListUploads.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, token) = (call.path("Bank")?, call.query("NextToken")?);
        let limit = call.query("Limit")?.map_or(Ok(USUAL), |it| {
            let limit = it.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| Failure::Invalid("Limit".to_owned()))
        })?;
        let page =
            files::uploads(call.context(), call.deps().store()?, &caller, &bank, limit, token.as_deref()).await?;
        let mut fields = Map::new();
        fields.insert("Uploads".to_owned(), page.uploads.iter().map(descriptor).collect());
        if let Some(next) = page.next {
            fields.insert("NextToken".to_owned(), Value::String(next));
        }
        Ok(success("OK", Value::Object(fields)))
    })
}

/// AddSignatures.
pub(crate) fn sign<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, id, body) = (call.path("Bank")?, call.path("UploadId")?, call.body()?);
        let signatures = signatures(&body)?;
        let uploaded = files::sign(desk(call)?, call.deps().blobs()?, &caller, &bank, &id, signatures).await?;
        Ok(answer(&uploaded))
    })
}

/// What UploadFile answers, and AddSignatures.
pub(super) fn answer(uploaded: &Uploaded) -> Value {
    match uploaded {
        Uploaded::Sent { id } => success("File uploaded", json!({ "UploadId": id })),
        Uploaded::Waiting { id, given, required } => success(
            &format!("Waiting for signatures: {given} of {required}"),
            json!({ "UploadId": id, "SignaturesGiven": given, "SignaturesRequired": required }),
        ),
    }
}

fn descriptor(journalled: &Journalled) -> Value {
    let Journalled { upload, expired } = journalled;
    let state = match &upload.state {
        UploadState::Waiting if *expired => "expired",
        UploadState::Waiting => "waiting",
        UploadState::Sending => "sending",
        UploadState::NotSent => "not-sent",
        UploadState::Sent => "sent",
        UploadState::Refused { .. } => "refused",
        UploadState::Unknown => "unknown",
    };
    let mut fields = json!({
        "UploadId": upload.id,
        "FileType": upload.file_type,
        "FileName": upload.file_name,
        "Size": upload.size,
        "Sha256": upload.sha256,
        "State": state,
        "Signers": upload.signers,
        "SignaturesRequired": upload.required,
        "At": upload.at.format(&Rfc3339).unwrap_or_default(),
    });
    if let UploadState::Refused { code, text } = &upload.state {
        (fields["BankCode"], fields["BankText"]) = (json!(code), json!(text));
    }
    fields
}
