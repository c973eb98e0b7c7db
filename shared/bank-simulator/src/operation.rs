//! The operations of the two services, by their names on the wire.

/// An operation that the banks offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Issue or renew the customer's certificate.
    GetCertificate,
    /// Name the customer's targets and file types.
    GetUserInfo,
    /// List the files for the customer.
    DownloadFileList,
    /// Hand one file out.
    DownloadFile,
    /// Take a file from the customer.
    UploadFile,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 5] =
        [Self::GetCertificate, Self::GetUserInfo, Self::DownloadFileList, Self::DownloadFile, Self::UploadFile];

    /// The element name without `in` and `out`: `uploadFile`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetCertificate => "getCertificate",
            Self::GetUserInfo => "getUserInfo",
            Self::DownloadFileList => "downloadFileList",
            Self::DownloadFile => "downloadFile",
            Self::UploadFile => "uploadFile",
        }
    }

    /// What the Command element must say: `UploadFile`, case-sensitive at Nordea (brief 2.3).
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::GetCertificate => "GetCertificate",
            Self::GetUserInfo => "GetUserInfo",
            Self::DownloadFileList => "DownloadFileList",
            Self::DownloadFile => "DownloadFile",
            Self::UploadFile => "UploadFile",
        }
    }

    /// The service that offers it.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::GetCertificate => Service::Certificates,
            _ => Service::Files,
        }
    }
}

/// The two services of a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Files,
    Certificates,
}

impl Service {
    /// Namespace of the operations.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Files => "http://bxd.fi/CorporateFileService",
            Self::Certificates => "http://bxd.fi/CertificateService",
        }
    }

    /// Namespace of headers and payload elements.
    pub(crate) fn model_namespace(self) -> &'static str {
        match self {
            Self::Files => "http://model.bxd.fi",
            Self::Certificates => "http://bxd.fi/CertificateService",
        }
    }

    /// Operations that the WSDL names and Nordea does not offer, or whose content no source tells (brief 3): refused, 06.
    pub(crate) fn restricted(self) -> &'static [&'static str] {
        match self {
            Self::Files => &["deleteFilein"],
            Self::Certificates => &["getServiceCertificatesin", "revokeCertificatein"],
        }
    }
}
