//! Making requests, by hand.

use std::sync::atomic::{AtomicU64, Ordering};

use avain_bank_simulator::BankKey;
use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use time::Duration;

use crate::world::{Answer, World};

pub(crate) const CODE: &str = "Correct-Horse-16";
pub(crate) const NORDEA_CODE: &str = "1234567890";

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A request id that no other request of this run has.
pub(crate) fn fresh_id() -> String {
    format!("T{:08}", NEXT.fetch_add(1, Ordering::SeqCst))
}

pub(crate) fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// A PKCS#10 request, DER.
pub(crate) fn signing_request(key: &KeyPair, name: &str, user_id: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "FI");
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), user_id);
    params.serialize_request(key).unwrap().der().to_vec()
}

pub(crate) fn mac(code: &str, der: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, code.as_bytes());
    STANDARD.encode(hmac::sign(&key, der))
}

/// A request for a certificate; each part can be changed before it is sent.
pub(crate) struct Enrolment {
    pub(crate) sender_id: String,
    pub(crate) request_id: String,
    pub(crate) customer_id: String,
    pub(crate) environment: &'static str,
    pub(crate) command: Option<&'static str>,
    pub(crate) content: Vec<u8>,
    pub(crate) transfer_key: Option<String>,
    pub(crate) hmac: Option<String>,
}

impl Enrolment {
    pub(crate) fn new(bank: BankKey, user_id: &str, code: &str, content: Vec<u8>) -> Self {
        Self {
            sender_id: user_id.to_owned(),
            request_id: fresh_id(),
            customer_id: user_id.to_owned(),
            environment: "PRODUCTION",
            command: Some("GetCertificate"),
            transfer_key: (bank == BankKey::Simulator).then(|| code.to_owned()),
            hmac: Some(mac(code, &content)),
            content,
        }
    }

    pub(crate) fn envelope(&self) -> String {
        self.wrap(&self.application())
    }

    /// Signed by the certificate in force, as a renewal is.
    pub(crate) fn envelope_signed(&self, key: &SigningKey) -> String {
        self.wrap(&enveloped::sign(&self.application(), key, &enveloped::Form::INCLUSIVE).unwrap())
    }

    pub(crate) fn application(&self) -> String {
        let optional = |name: &str, value: Option<&str>| {
            value.map(|value| format!("<{name}>{value}</{name}>")).unwrap_or_default()
        };
        format!(
            "<CertApplicationRequest xmlns=\"http://filetransfer.nordea.com/xmldata/\"><CustomerId>{}</CustomerId>\
             <Timestamp>2027-01-15T10:00:00Z</Timestamp><Environment>{}</Environment><SoftwareId>tests 1</SoftwareId>\
             {}<Service>service</Service><Content>{}</Content>{}{}</CertApplicationRequest>",
            self.customer_id,
            self.environment,
            optional("Command", self.command),
            STANDARD.encode(&self.content),
            optional("TransferKey", self.transfer_key.as_deref()),
            optional("HMAC", self.hmac.as_deref()),
        )
    }

    pub(crate) fn wrap(&self, application: &str) -> String {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header/><e:Body>\
             <getCertificatein xmlns=\"http://bxd.fi/CertificateService\"><RequestHeader><SenderId>{}</SenderId>\
             <RequestId>{}</RequestId><Timestamp>2027-01-15T10:00:00Z</Timestamp></RequestHeader>\
             <ApplicationRequest>{}</ApplicationRequest></getCertificatein></e:Body></e:Envelope>",
            self.sender_id,
            self.request_id,
            STANDARD.encode(application)
        )
    }
}

/// A customer with its certificate.
pub(crate) struct Customer {
    pub(crate) bank: BankKey,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) key: SigningKey,
    /// The same, PKCS#8, for other implementations.
    pub(crate) private_key: Vec<u8>,
}

impl Customer {
    pub(crate) async fn enrol(world: &World, bank: BankKey, user_id: &str, name: &str) -> Self {
        let key = rsa_key();
        let code = if bank == BankKey::Nordea { NORDEA_CODE } else { CODE };
        let enrolment = Enrolment::new(bank, user_id, code, signing_request(&key, name, user_id));
        let answer = world.certificates(bank, &enrolment.envelope()).await;
        answer.is("00", "OK.");
        Self::from_answer(bank, user_id, name, &key, &answer)
    }

    pub(crate) fn from_answer(bank: BankKey, user_id: &str, name: &str, key: &KeyPair, answer: &Answer) -> Self {
        Self::new(bank, user_id, name, key.serialized_der(), &answer.bytes("Certificate"))
    }

    pub(crate) fn new(bank: BankKey, user_id: &str, name: &str, private_key: &[u8], certificate: &[u8]) -> Self {
        let key = SigningKey::new(private_key, certificate).unwrap();
        let private_key = private_key.to_vec();
        Self { bank, user_id: user_id.to_owned(), name: name.to_owned(), key, private_key }
    }

    /// Sends a request of this customer.
    pub(crate) async fn call(&self, world: &World, request: &Call) -> Answer {
        world.files(self.bank, &request.envelope(world, self)).await
    }

    pub(crate) async fn list(&self, world: &World, status: &str) -> Answer {
        self.call(world, &Call::list(status)).await
    }

    /// Downloads a file; the answer must be 00.
    pub(crate) async fn download(&self, world: &World, reference: &str) -> String {
        let answer = self.call(world, &Call::download(reference)).await;
        answer.is("00", "OK.");
        String::from_utf8(answer.bytes("Content")).unwrap()
    }

    /// Downloads the only new file of this type.
    pub(crate) async fn new_file(&self, world: &World, file_type: &str) -> String {
        let answer = self.call(world, &Call::list("NEW").with("FileType", file_type)).await;
        let references = answer.all("FileReference");
        assert_eq!(references.len(), 1, "{answer:?}");
        self.download(world, &references[0]).await
    }
}

/// A request to the file service.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) sender_id: Option<String>,
    pub(crate) request_id: String,
    /// The `ApplicationRequest`'s elements, in the order in which they are written.
    pub(crate) elements: Vec<(&'static str, String)>,
    /// Wrong on purpose: changes the `ApplicationRequest` after its signature.
    pub(crate) tamper: bool,
}

/// The order of `application_request.xsd`.
const ORDER: [&str; 16] = [
    "CustomerId",
    "Command",
    "Timestamp",
    "StartDate",
    "EndDate",
    "Status",
    "Environment",
    "FileReferences",
    "TargetId",
    "ExecutionSerial",
    "Encryption",
    "Compression",
    "CompressionMethod",
    "SoftwareId",
    "FileType",
    "Content",
];

impl Call {
    pub(crate) fn new(operation: &'static str, command: &str) -> Self {
        let call = Self { operation, sender_id: None, request_id: fresh_id(), elements: Vec::new(), tamper: false };
        call.with("Command", command)
            .with("Timestamp", "2027-01-15T10:00:00Z")
            .with("Environment", "PRODUCTION")
            .with("SoftwareId", "tests 1")
    }

    pub(crate) fn list(status: &str) -> Self {
        Self::new("downloadFileList", "DownloadFileList").with("Status", status)
    }

    pub(crate) fn download(reference: &str) -> Self {
        Self::new("downloadFile", "DownloadFile")
            .with("FileReferences", &format!("<FileReference>{reference}</FileReference>"))
    }

    pub(crate) fn upload(file_type: &str, content: &[u8]) -> Self {
        Self::new("uploadFile", "UploadFile").with("FileType", file_type).with("Content", &STANDARD.encode(content))
    }

    pub(crate) fn delete(reference: &str) -> Self {
        Self::new("deleteFile", "DeleteFile")
            .with("FileReferences", &format!("<FileReference>{reference}</FileReference>"))
    }

    pub(crate) fn user_info() -> Self {
        Self::new("getUserInfo", "GetUserInfo")
    }

    /// Sets an element, at its place.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap();
        self.elements.retain(|(known, _)| *known != name);
        self.elements.push((name, value.to_owned()));
        self.elements.sort_by_key(|(name, _)| place(name));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        // A value that is never written marks an element that is left out although it has a default.
        self.elements.retain(|(known, _)| *known != name);
        match name {
            "TargetId" => self.with("TargetId", ""),
            "Status" => self.with("Status", ""),
            "FileType" => self.with("FileType", ""),
            _ => self,
        }
    }

    /// With what goes without saying: customer, target, a time of its own.
    pub(crate) fn for_customer(self, customer: &Customer) -> Self {
        let mut call = self;
        let is_nordea = matches!(customer.bank, BankKey::Nordea | BankKey::Simulator);
        if !is_nordea && call.is_at("2027-01-15T10:00:00Z") {
            // Only Nordea lets two application requests have one time.
            let number = NEXT.fetch_add(1, Ordering::SeqCst);
            call = call.with("Timestamp", &format!("2027-01-15T10:00:00.{number:06}Z"));
        }
        let is_download = call.operation == "downloadFile";
        for (name, default, wanted) in [
            ("CustomerId", customer.user_id.clone(), true),
            ("TargetId", format!("{}A1", customer.user_id), is_nordea),
            ("Status", "ALL".to_owned(), is_nordea && is_download),
            ("FileType", "TITO".to_owned(), is_nordea && is_download),
        ] {
            if wanted && !call.elements.iter().any(|(known, _)| *known == name) {
                call = call.with(name, &default);
            }
        }
        call
    }

    /// The signed envelope.
    pub(crate) fn envelope(&self, world: &World, customer: &Customer) -> String {
        let call = self.clone().for_customer(customer);
        let application = call.application();
        let mut application = enveloped::sign(&application, &customer.key, &enveloped::Form::INCLUSIVE).unwrap();
        if self.tamper {
            application = application.replace("tests 1", "tests 2");
        }
        let sender = self.sender_id.as_deref().unwrap_or(&customer.user_id);
        let envelope = self.unsigned_envelope(sender, &application);
        soap::sign(&envelope, &customer.key, Hash::Sha256, &self.request_id, world.now(), Duration::minutes(5)).unwrap()
    }

    fn is_at(&self, time: &str) -> bool {
        self.elements.iter().any(|(name, value)| *name == "Timestamp" && value == time)
    }

    pub(crate) fn application(&self) -> String {
        let elements: Vec<String> = self
            .elements
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("<{name}>{value}</{name}>"))
            .collect();
        format!("<ApplicationRequest xmlns=\"http://bxd.fi/xmldata/\">{}</ApplicationRequest>", elements.concat())
    }

    pub(crate) fn unsigned_envelope(&self, sender: &str, application: &str) -> String {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header></e:Header><e:Body>\
             <o:{operation}in xmlns:o=\"http://bxd.fi/CorporateFileService\"><RequestHeader xmlns=\"http://model.bxd.fi\">\
             <SenderId>{sender}</SenderId><RequestId>{}</RequestId><Timestamp>2027-01-15T10:00:00Z</Timestamp>\
             <Language>EN</Language><UserAgent>tests</UserAgent><ReceiverId>BANK</ReceiverId></RequestHeader>\
             <ApplicationRequest xmlns=\"http://model.bxd.fi\">{}</ApplicationRequest></o:{operation}in></e:Body></e:Envelope>",
            self.request_id,
            STANDARD.encode(application),
            operation = self.operation,
        )
    }
}
