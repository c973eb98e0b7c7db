//! The operations by their names on the wire (brief 2.1, 3).

/// Which of a bank's two addresses a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// File operations.
    Files,
    /// Certificates.
    Certificates,
}

/// One operation: the Body's child is `{name}in` in requests and `{name}out` in answers.
pub(crate) struct Operation {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
}

pub(crate) const GET_CERTIFICATE: Operation =
    Operation { service: Service::Certificates, name: "getCertificate", command: "GetCertificate" };
pub(crate) const GET_USER_INFO: Operation = files("getUserInfo", "GetUserInfo");
pub(crate) const DOWNLOAD_FILE_LIST: Operation = files("downloadFileList", "DownloadFileList");
pub(crate) const DOWNLOAD_FILE: Operation = files("downloadFile", "DownloadFile");
pub(crate) const UPLOAD_FILE: Operation = files("uploadFile", "UploadFile");

const fn files(name: &'static str, command: &'static str) -> Operation {
    Operation { service: Service::Files, name, command }
}

/// SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// `ApplicationRequest` and `ApplicationResponse`.
pub(crate) const APPLICATION: &str = "http://bxd.fi/xmldata/";

impl Operation {
    /// Namespace of the Body's child.
    pub(crate) fn namespace(&self) -> &'static str {
        match self.service {
            Service::Files => "http://bxd.fi/CorporateFileService",
            Service::Certificates => "http://bxd.fi/CertificateService",
        }
    }

    /// Namespace of the header and payload elements in it.
    pub(crate) fn model(&self) -> &'static str {
        match self.service {
            Service::Files => "http://model.bxd.fi",
            Service::Certificates => self.namespace(),
        }
    }
}
