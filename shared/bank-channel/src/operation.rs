//! The operations by their names on the wire (bank-channel brief 2.1, 3, 4).

use crate::Profile;

/// Which of a bank's two addresses a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// File operations.
    Files,
    /// Certificates.
    Certificates,
}

/// One operation of the common envelope: the Body's child is `{name}in` in requests and `{name}out` in answers.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    /// The element Command, where the operation has one word for all banks.
    pub(crate) command: &'static str,
}

pub(crate) const GET_CERTIFICATE: Operation = certificates("getCertificate");
pub(crate) const GET_SERVICE_CERTIFICATES: Operation = certificates("getServiceCertificates");
pub(crate) const GET_USER_INFO: Operation = files("getUserInfo", "GetUserInfo");
pub(crate) const DOWNLOAD_FILE_LIST: Operation = files("downloadFileList", "DownloadFileList");
pub(crate) const DOWNLOAD_FILE: Operation = files("downloadFile", "DownloadFile");
pub(crate) const UPLOAD_FILE: Operation = files("uploadFile", "UploadFile");
pub(crate) const DELETE_FILE: Operation = files("deleteFile", "DeleteFile");

/// All of them.
pub(crate) const OPERATIONS: [&Operation; 7] = [
    &GET_CERTIFICATE,
    &GET_SERVICE_CERTIFICATES,
    &GET_USER_INFO,
    &DOWNLOAD_FILE_LIST,
    &DOWNLOAD_FILE,
    &UPLOAD_FILE,
    &DELETE_FILE,
];

const fn files(name: &'static str, command: &'static str) -> Operation {
    Operation { service: Service::Files, name, command }
}

const fn certificates(name: &'static str) -> Operation {
    Operation { service: Service::Certificates, name, command: "" }
}

/// SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// `ApplicationRequest` and `ApplicationResponse`.
pub(crate) const APPLICATION: &str = "http://bxd.fi/xmldata/";

impl Operation {
    /// Namespace of the Body's child; "" for a certificate operation at a bank that has another certificate service.
    pub(crate) fn namespace<'p>(&self, profile: &'p Profile) -> &'p str {
        match self.service {
            Service::Files => "http://bxd.fi/CorporateFileService",
            Service::Certificates => profile.certificate_service.as_ref().map_or("", |it| &it.operations),
        }
    }

    /// Namespace of the header and payload elements in it.
    pub(crate) fn model<'p>(&self, profile: &'p Profile) -> &'p str {
        match self.service {
            Service::Files => "http://model.bxd.fi",
            Service::Certificates => self.namespace(profile),
        }
    }

    /// Namespace and name of the application response.
    pub(crate) fn response<'p>(&self, profile: &'p Profile) -> (&'p str, &'static str) {
        match self.service {
            Service::Files => (APPLICATION, "ApplicationResponse"),
            Service::Certificates => {
                let namespace = profile.certificate_service.as_ref().map_or("", |it| it.documents.as_str());
                (namespace, "CertApplicationResponse")
            }
        }
    }

    /// Whether the envelope of an answer is signed.
    pub(crate) fn answer_is_signed(&self, profile: &Profile) -> bool {
        self.service == Service::Files || profile.certificate_service.as_ref().is_some_and(|it| it.envelope_signed)
    }
}
