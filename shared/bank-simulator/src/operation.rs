//! The operations of the services, by their names on the wire.

use crate::bank::Family;

/// An operation of a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Issue or renew the customer's certificate.
    GetCertificate,
    /// Hand out the bank's own authorities' certificates.
    GetServiceCertificates,
    /// Name the customer's targets and file types.
    GetUserInfo,
    /// List the files for the customer.
    DownloadFileList,
    /// Hand one file out.
    DownloadFile,
    /// Take a file from the customer.
    UploadFile,
    /// Take an uploaded file back that has not been processed yet.
    DeleteFile,
    /// PKI Factory: hand out the bank's certificates.
    GetBankCertificate,
    /// PKI Factory: issue a pair of certificates for a PIN.
    CreateCertificate,
    /// PKI Factory: issue a pair of certificates for the pair in force.
    RenewCertificate,
    /// PKI Factory: revoke certificates.
    RevokeCertificate,
    /// PKI Factory: tell what certificates are worth.
    CertificateStatus,
    /// PKI Factory: tell all of the customer's certificates.
    GetOwnCertificateList,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 13] = [
        Self::GetCertificate,
        Self::GetServiceCertificates,
        Self::GetUserInfo,
        Self::DownloadFileList,
        Self::DownloadFile,
        Self::UploadFile,
        Self::DeleteFile,
        Self::GetBankCertificate,
        Self::CreateCertificate,
        Self::RenewCertificate,
        Self::RevokeCertificate,
        Self::CertificateStatus,
        Self::GetOwnCertificateList,
    ];

    /// The element name without `in` and `out` (`In` and `Out`): `uploadFile`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GetCertificate => "getCertificate",
            Self::GetServiceCertificates => "getServiceCertificates",
            Self::GetUserInfo => "getUserInfo",
            Self::DownloadFileList => "downloadFileList",
            Self::DownloadFile => "downloadFile",
            Self::UploadFile => "uploadFile",
            Self::DeleteFile => "deleteFile",
            Self::GetBankCertificate => "GetBankCertificate",
            Self::CreateCertificate => "CreateCertificate",
            Self::RenewCertificate => "RenewCertificate",
            Self::RevokeCertificate => "RevokeCertificate",
            Self::CertificateStatus => "CertificateStatus",
            Self::GetOwnCertificateList => "GetOwnCertificateList",
        }
    }

    /// What the Command element must say: the name with a capital, case-sensitive at Nordea (brief 2.3).
    pub(crate) fn is_command(self, text: &str) -> bool {
        let (given, own) = (text.as_bytes(), self.name().as_bytes());
        given.len() == own.len() && given[0] == own[0].to_ascii_uppercase() && given[1..] == own[1..]
    }

    /// The service that offers it.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::GetCertificate | Self::GetServiceCertificates => Service::Certificates,
            Self::GetUserInfo | Self::DownloadFileList | Self::DownloadFile | Self::UploadFile | Self::DeleteFile => {
                Service::Files
            }
            _ => Service::PkiFactory,
        }
    }
}

/// The services of a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Files,
    Certificates,
    PkiFactory,
}

pub(crate) const PKI_FACTORY: &str = "http://danskebank.dk/PKI/PKIFactoryService";

impl Service {
    /// Namespace of the operations.
    pub(crate) fn namespace(self, family: Family) -> &'static str {
        match self {
            Self::Files => "http://bxd.fi/CorporateFileService",
            Self::Certificates if family == Family::Nordea => "http://bxd.fi/CertificateService",
            Self::Certificates => "http://mlp.op.fi/OPCertificateService",
            Self::PkiFactory => PKI_FACTORY,
        }
    }

    /// Namespace of headers and payload elements.
    pub(crate) fn model_namespace(self, family: Family) -> &'static str {
        match self {
            Self::Files => "http://model.bxd.fi",
            _ => self.namespace(family),
        }
    }
}
