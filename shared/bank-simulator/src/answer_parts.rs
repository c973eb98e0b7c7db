//! What an application answer carries beside its code, and how each family writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use crate::authority::pem;
use crate::bank::Family;
use crate::file_types::FileType;
use crate::ledger::{StoredFile, Upload};
use crate::money::Cents;
use crate::reply::{local_timestamp, timestamp};
use crate::ways::{Target, Ways};
use crate::xml::Writer;

/// What an application answer carries beside its code.
pub(crate) enum Details {
    Nothing,
    /// Certificates with their names, DER.
    Certificates(Vec<(String, Vec<u8>)>),
    /// What was counted in an upload, and the file as it is kept. Nordea gives no file reference (brief 3).
    Uploaded {
        total: Cents,
        count: usize,
        file: Option<FileDescriptor>,
    },
    Files(Vec<FileDescriptor>),
    Content {
        bytes: Vec<u8>,
        compressed: bool,
        file_type: String,
        file: Option<FileDescriptor>,
    },
    UserFileTypes {
        target_id: String,
        types: &'static [FileType],
    },
}

/// One file in a list.
pub(crate) struct FileDescriptor {
    reference: String,
    target_id: String,
    file_type: String,
    created: OffsetDateTime,
    status: &'static str,
    downloaded: Option<OffsetDateTime>,
    forwarded: Option<OffsetDateTime>,
    parent: Option<String>,
    deletable: bool,
}

impl FileDescriptor {
    /// How a file stands in a list. `own_target` is the customer's.
    pub(crate) fn of(file: &StoredFile, own_target: &str, ways: &Ways) -> Self {
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let created = time(file.created);
        let target_id = match ways.target {
            Target::Own => own_target.to_owned(),
            Target::Fixed(target) | Target::Free(target) => target.to_owned(),
            Target::Day => created.date().to_string().replace('-', ""),
        };
        Self {
            reference: file.reference.clone(),
            target_id,
            file_type: file.file_type.clone(),
            created,
            status: status(file, ways),
            downloaded: file.downloaded.map(time),
            forwarded: match file.upload {
                Some(Upload::Forwarded(at)) => Some(time(at)),
                _ => None,
            },
            parent: file.parent.clone(),
            deletable: file.upload == Some(Upload::Waiting),
        }
    }

    fn write(&self, entry: &mut Writer, family: Family) {
        let time = if family == Family::Danske { local_timestamp } else { timestamp };
        let short = |reference: &String| reference.chars().count() <= 16;
        // OP names the file itself (seen), Samlink the upload that the file tells about.
        let parent = if family == Family::Op { Some(&self.reference) } else { self.parent.as_ref() };
        entry.leaf("c2b:FileReference", &self.reference).leaf("c2b:TargetId", &self.target_id);
        if family == Family::Samlink {
            entry.leaf("c2b:UserFilename", &format!("{}.palaute", self.target_id));
        }
        entry
            .optional("c2b:ParentFileReference", parent.filter(|parent| short(parent)).map(String::as_str))
            .leaf("c2b:FileType", &self.file_type)
            .leaf("c2b:FileTimestamp", &time(self.created))
            .leaf("c2b:Status", self.status)
            .optional("c2b:LastDownloadTimestamp", self.downloaded.map(time).as_deref());
        match family {
            Family::Nordea => {}
            Family::Samlink => {
                entry.leaf("c2b:ForwardedTimestamp", &time(self.created)).leaf("c2b:Deletable", "false");
            }
            _ => {
                entry
                    .optional("c2b:ForwardedTimestamp", self.forwarded.map(time).as_deref())
                    .leaf("c2b:Deletable", if self.deletable { "true" } else { "false" });
                entry.optional("c2b:SubType", (family == Family::Danske).then_some("ACK"));
            }
        }
    }
}

/// A file's status as the bank says it.
pub(crate) fn status(file: &StoredFile, ways: &Ways) -> &'static str {
    match (file.upload, file.downloaded) {
        (Some(Upload::Waiting), _) => "WFP",
        (Some(Upload::Forwarded(_)), _) => "FWD",
        (Some(Upload::Deleted), _) => "DEL",
        (None, Some(_)) => ways.downloaded,
        (None, None) => "NEW",
    }
}

/// In the order of `application_response.xsd`. Nordea always says that nothing is encrypted (brief 3); Danske Bank says that
/// what it answers is compressed even where there is no Content (brief 5.1).
pub(crate) fn write_files(response: &mut Writer, details: &Details, family: Family, ways: &Ways) {
    let compressed = family == Family::Danske || matches!(details, Details::Content { compressed: true, .. });
    response.leaf("c2b:Encrypted", "false").leaf("c2b:Compressed", if compressed { "true" } else { "false" });
    response.optional("c2b:CompressionMethod", compressed.then_some(ways.compression));
    match details {
        Details::Nothing | Details::Certificates(_) => {}
        Details::Uploaded { total, count, file } => {
            response.leaf("c2b:AmountTotal", &total.to_string()).leaf("c2b:TransactionCount", &count.to_string());
            if let Some(file) = file {
                write_descriptors(response, std::slice::from_ref(file), family);
            }
        }
        Details::Files(files) => {
            if !files.is_empty() {
                write_descriptors(response, files, family);
            }
        }
        Details::Content { bytes, file_type, file, .. } => {
            if let Some(file) = file {
                write_descriptors(response, std::slice::from_ref(file), family);
            }
            response.optional("c2b:FileType", (family != Family::Nordea).then_some(file_type));
            response.leaf("c2b:Content", &STANDARD.encode(bytes));
        }
        Details::UserFileTypes { target_id, types } => {
            response.element("c2b:UserFileTypes", |list| {
                for file_type in *types {
                    list.element("c2b:UserFileType", |entry| {
                        entry
                            .leaf("c2b:TargetId", target_id)
                            .leaf("c2b:FileType", file_type.name)
                            .leaf("c2b:FileTypeName", file_type.description)
                            .leaf("c2b:Country", "FI")
                            .leaf("c2b:Direction", if file_type.upload { "Upload" } else { "Download" });
                    });
                }
            });
        }
    }
}

fn write_descriptors(response: &mut Writer, files: &[FileDescriptor], family: Family) {
    response.element("c2b:FileDescriptors", |list| {
        for file in files {
            list.element("c2b:FileDescriptor", |entry| file.write(entry, family));
        }
    });
}

/// Samlink's certificates are PEM text in base64, so that they are decoded twice (brief 6).
pub(crate) fn write_certificates(response: &mut Writer, details: &Details, ways: &Ways) {
    let Details::Certificates(certificates) = details else { return };
    response.element("c2b:Certificates", |list| {
        for (name, certificate) in certificates {
            let text = ways.certificates_as_pem.then(|| pem(certificate).unwrap_or_default());
            let bytes = text.as_ref().map_or(certificate.as_slice(), String::as_bytes);
            list.element("c2b:Certificate", |entry| {
                entry
                    .leaf("c2b:Name", name)
                    .leaf("c2b:Certificate", &STANDARD.encode(bytes))
                    .leaf("c2b:CertificateFormat", if ways.certificates_as_pem { "X509" } else { "X509v3" });
            });
        }
    });
}
