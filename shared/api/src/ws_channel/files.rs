//! Files (brief 1.4).

use avain_domain::Failure;
use avain_domain::files::{self, Desk, DownloadRequest, DownloadVisit, UploadRequest};
use avain_domain::ports::{FileDescriptor, FileStatus};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{success, uploads};
use crate::call::{Body, Call, Running};

/// ListFiles.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, status, file_type) = (call.path("Bank")?, call.query("Status")?, call.query("FileType")?);
        let status = status.map_or(Ok(FileStatus::All), |word| parse_status(&word))?;
        if let Some(file_type) = &file_type {
            check("FileType", file_type, 40)?;
        }
        let listed = files::list(desk(call)?, &caller, &bank, status, file_type.as_deref()).await?;
        let descriptors: Vec<Value> = listed.iter().map(descriptor).collect();
        Ok(success("OK", json!({ "FileDescriptors": descriptors })))
    })
}

/// UploadFile.
pub(crate) fn upload<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, body) = (call.path("Bank")?, call.body()?);
        let bytes = body.bytes("FileContents")?;
        // White space alone decodes to nothing.
        if bytes.is_empty() {
            return Err(Failure::Missing);
        }
        let request = UploadRequest {
            bank: &bank,
            file_type: checked(&body, "FileType", 40)?,
            file_name: checked(&body, "FileName", 80)?,
            bytes: &bytes,
            signatures: signatures(&body)?,
        };
        let uploaded = files::upload(desk(call)?, call.deps().blobs()?, &caller, request).await?;
        Ok(uploads::answer(&uploaded))
    })
}

/// DownloadFile.
pub(crate) fn download<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let (bank, file_type, reference) = (call.path("Bank")?, call.path("FileType")?, call.path("FileReference")?);
        let request = DownloadRequest { bank: &bank, file_type: &file_type, reference: &reference };
        let (store, visitor) = (call.deps().store()?, call.visitor().await?);
        if let Err(invalid) = check("FileType", &file_type, 40).and_then(|()| check("FileReference", &reference, 32)) {
            // Not asked for in the store, whose keys have a limit too; who may not call is told that first.
            visitor.enter(store).await?;
            return Err(invalid);
        }
        let visit = DownloadVisit::enter(store, visitor, &request).await?;
        let bytes = files::download(desk(call)?, call.deps().blobs()?, visit, &request).await?;
        Ok(success("OK", json!({ "Content": STANDARD.encode(bytes.expose()) })))
    })
}

/// DeleteFile.
pub(crate) fn delete<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let (bank, file_type, reference) = (call.path("Bank")?, call.path("FileType")?, call.path("FileReference")?);
        check("FileType", &file_type, 40)?;
        check("FileReference", &reference, 32)?;
        files::delete(desk(call)?, &caller, &bank, &file_type, &reference).await?;
        Ok(success("File deleted", json!({})))
    })
}

pub(super) fn desk<'a>(call: &Call<'a>) -> Result<Desk<'a>, Failure> {
    let deps = call.deps();
    Ok(Desk { context: call.context(), store: deps.store()?, sealer: deps.sealer()?, banks: deps.banks()? })
}

fn parse_status(word: &str) -> Result<FileStatus, Failure> {
    match word {
        "NEW" => Ok(FileStatus::New),
        "DLD" => Ok(FileStatus::Downloaded),
        "ALL" => Ok(FileStatus::All),
        _ => Err(Failure::Invalid("Status".to_owned())),
    }
}

/// An upload without any signature has an answer of its own.
pub(super) fn signatures(body: &Body) -> Result<&str, Failure> {
    body.text_or("Signature", "Signatures").map_err(|failure| match failure {
        Failure::Missing => Failure::NoSignature,
        other => other,
    })
}

fn checked<'b>(body: &'b Body, name: &str, most: usize) -> Result<&'b str, Failure> {
    let text = body.text(name)?;
    check(name, text, most)?;
    Ok(text)
}

/// Printable, of at most so many characters (schema of ApplicationRequest); `ALL` is a filter's word, no file's.
fn check(name: &str, text: &str, most: usize) -> Result<(), Failure> {
    let fits = text.chars().count() <= most && !text.chars().any(char::is_control) && text != "ALL";
    if fits { Ok(()) } else { Err(Failure::Invalid(name.to_owned())) }
}

fn descriptor(file: &FileDescriptor) -> Value {
    json!({
        "FileType": file.file_type,
        "Status": file.status,
        "FileTimestamp": file.timestamp,
        "FileReference": file.reference,
        "ServiceId": file.service_id,
        "TargetId": file.target_id,
    })
}
