//! A running simulator with a clock that tests set, an HTTP client, and the reading of answers.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use avain_bank_simulator::{BankKey, Clock, Config, Simulator};
use avain_xml_security::certificate::{self, Roots};
use avain_xml_security::encryption::{self, Cipher, DecryptionKey};
use avain_xml_security::{Document, Element, Hash, Policy, enveloped, soap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::net::{TcpListener, TcpStream};

/// 2027-01-15T10:00:30Z, at which the reference data is judged.
pub(crate) const NOW: i64 = 1_800_007_230;

const MODEL: &str = "http://model.bxd.fi";
const CERT: &str = "http://bxd.fi/CertificateService";
const OP_CERT: &str = "http://mlp.op.fi/OPCertificateService";
const PKI: &str = "http://danskebank.dk/PKI/PKIFactoryService";
const FILES: &str = "http://bxd.fi/CorporateFileService";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Answers to requests with SHA-1 are SHA-1 too, where a bank takes it.
const POLICY: Policy = Policy { hashes: &[Hash::Sha1, Hash::Sha256], min_rsa_bits: 2048 };

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) address: String,
    clock: Arc<AtomicI64>,
    /// Issuing authorities that the bank has told, DER: a strict client learns them below the root that it pins.
    learned: Mutex<Vec<Vec<u8>>>,
    /// The customer's decryption key, PKCS#8, where answers are encrypted.
    pub(crate) decrypts_with: Mutex<Option<Vec<u8>>>,
    /// Kept until the end, where the banks have a folder of their own making.
    _folder: Option<TempDir>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let shown = Arc::clone(&clock);
        let mut config = Config::in_memory(Arc::new(move || {
            OffsetDateTime::from_unix_timestamp(shown.load(Ordering::SeqCst)).unwrap()
        }));
        let folder = tempfile::tempdir().unwrap();
        copy_keys(folder.path());
        config.folder = Some(folder.path().to_owned());
        configure(&mut config);
        let folder = (config.folder.as_deref() == Some(folder.path())).then_some(folder);
        let simulator = Simulator::open(&config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = simulator.clone();
        tokio::spawn(async move { served.serve(listener).await });
        Self { simulator, address, clock, learned: Mutex::default(), decrypts_with: Mutex::default(), _folder: folder }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.whole_seconds(), Ordering::SeqCst);
    }

    /// Posts to a bank's service and gives status and body, or what broke the connection.
    pub(crate) async fn post(&self, bank: BankKey, service: &str, body: &str) -> Result<(u16, String), String> {
        self.post_to(&format!("/{}/{service}", bank.as_str()), body).await
    }

    /// The same at any address.
    pub(crate) async fn post_to(&self, path: &str, body: &str) -> Result<(u16, String), String> {
        let request = hyper::Request::post(path)
            .header("content-type", "text/xml; charset=UTF-8")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let (parts, body) = self.send(request).await?;
        Ok((parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap()))
    }

    pub(crate) async fn send(
        &self,
        mut request: hyper::Request<Full<Bytes>>,
    ) -> Result<(hyper::http::response::Parts, Bytes), String> {
        request.headers_mut().insert("host", self.address.parse().unwrap());
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok((parts, body.to_bytes()))
    }

    /// Posts to the file service and reads the answer, which must be signed rightly.
    pub(crate) async fn files(&self, bank: BankKey, request: &str) -> Answer {
        let (status, body) = self.post(bank, "CorporateFileService", request).await.unwrap();
        self.read(bank, status, &body)
    }

    /// Posts to the certificate service and reads the answer, which must be signed rightly.
    pub(crate) async fn certificates(&self, bank: BankKey, request: &str) -> Answer {
        let (status, body) = self.post(bank, "CertificateService", request).await.unwrap();
        self.read(bank, status, &body)
    }

    /// Reads an answer as a strict client does; an answer that such a client would not believe is a failure here.
    pub(crate) fn read(&self, bank: BankKey, status: u16, body: &str) -> Answer {
        self.try_read(bank, status, body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    pub(crate) fn try_read(&self, bank: BankKey, status: u16, body: &str) -> Result<Answer, String> {
        let text = |error: avain_xml_security::Error| error.to_string();
        let document = Document::parse(body.as_bytes()).map_err(text)?;
        if let Some(fault) = document.root().child(SOAP, "Body").and_then(|body| body.child(SOAP, "Fault")) {
            assert_eq!(status, 500);
            let detail = fault.child("", "detail").unwrap().children().next().unwrap();
            let model = match detail.namespace() {
                FILES => MODEL,
                namespace => namespace,
            };
            assert!(matches!(model, MODEL | CERT | OP_CERT | PKI), "{model}");
            if model != PKI {
                crate::wsdl::check_body(body);
            }
            let code = detail.child(model, "code").unwrap().text();
            let text = fault.child("", "faultstring").unwrap().text();
            return Ok(Answer { fault: true, code, text, ..Answer::default() });
        }
        assert_eq!(status, 200);
        let mut signer = Vec::new();
        let roots = Roots::from_pem(&self.simulator.root_pem(bank).unwrap()).unwrap();
        let out = soap::unsigned_body(&document).map_err(text)?.children().next().unwrap();
        // OP's certificate service never signs its envelopes.
        if bank != BankKey::Osuuspankki || out.namespace() == FILES {
            let verified = soap::verify(&document, &POLICY, Some(self.now()), Duration::ZERO).map_err(text)?;
            signer = verified.signer;
            self.trust(&signer, &roots).map_err(text)?;
        }
        let model = if out.namespace() == FILES { MODEL } else { out.namespace() };
        let header = out.child(model, "ResponseHeader").unwrap();
        let field = |name| header.child(model, name).unwrap().text();
        let payload = STANDARD.decode(out.child(model, "ApplicationResponse").unwrap().text()).unwrap();
        let application = String::from_utf8(self.decrypted(&payload)?).unwrap();
        let inner = Document::parse(application.as_bytes()).map_err(text)?;
        let inner_signer = enveloped::verify(&inner, &POLICY).map_err(text)?.signer;
        if out.local_name() == "getServiceCertificatesout" {
            let told = texts(&application, "Certificate");
            *self.learned.lock().unwrap() = told.iter().map(|text| STANDARD.decode(text).unwrap()).collect();
        }
        self.trust(&inner_signer, &roots).map_err(text)?;
        Ok(Answer {
            fault: false,
            bank: Some(bank),
            operation: out.local_name().to_owned(),
            sender_id: field("SenderId"),
            request_id: field("RequestId"),
            header_code: field("ResponseCode"),
            code: inner_text(inner.root(), "ResponseCode").unwrap(),
            text: inner_text(inner.root(), "ResponseText").unwrap(),
            signer,
            inner_signer,
            envelope: body.to_owned(),
            application: application.clone(),
        })
    }

    fn trust(&self, signer: &[u8], roots: &Roots) -> Result<(), avain_xml_security::Error> {
        let learned = self.learned.lock().unwrap().clone();
        certificate::verify_chain(signer, &learned, roots, self.now(), &Policy::STRICT).map(|_| ())
    }

    fn decrypted(&self, payload: &[u8]) -> Result<Vec<u8>, String> {
        let document = Document::parse(payload).map_err(|error| error.to_string())?;
        if !document.root().is("http://www.w3.org/2001/04/xmlenc#", "EncryptedData") {
            return Ok(payload.to_vec());
        }
        let key = self.decrypts_with.lock().unwrap().clone().ok_or("no key")?;
        let key = DecryptionKey::new(&key).unwrap();
        let ciphers = [Cipher::Aes256Cbc, Cipher::TripleDesCbc];
        let plaintext = encryption::decrypt(document.root(), &key, &ciphers).map_err(|error| error.to_string())?;
        Ok(plaintext.to_vec())
    }
}

/// Gives banks the keys that were made once for all tests: making them takes a second.
fn copy_keys(folder: &Path) {
    static KEYS: OnceLock<TempDir> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let clock: Clock = Arc::new(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap());
        let simulator = Simulator::open(&Config::in_folder(folder.path(), clock)).unwrap();
        for bank in BankKey::ALL {
            simulator.root_pem(bank).unwrap();
        }
        folder
    });
    for entry in std::fs::read_dir(keys.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let from = keys.path().join(&name).join("authority.json");
        if from.exists() {
            std::fs::create_dir(folder.join(&name)).unwrap();
            std::fs::copy(from, folder.join(&name).join("authority.json")).unwrap();
        }
    }
}

fn inner_text(root: Element<'_>, name: &str) -> Option<String> {
    root.child(root.namespace(), name).map(|element| element.text())
}

/// An answer whose signatures and signer have been verified, or a SOAP Fault.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) fault: bool,
    pub(crate) bank: Option<BankKey>,
    pub(crate) operation: String,
    pub(crate) sender_id: String,
    pub(crate) request_id: String,
    pub(crate) header_code: String,
    pub(crate) code: String,
    pub(crate) text: String,
    /// Empty where the envelope is not signed.
    pub(crate) signer: Vec<u8>,
    pub(crate) inner_signer: Vec<u8>,
    pub(crate) envelope: String,
    pub(crate) application: String,
}

impl Answer {
    /// A field of the application answer, or every one where it repeats, at any depth.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        texts(&self.application, name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(&self.all(name)[0]).unwrap()
    }

    #[track_caller]
    pub(crate) fn is(&self, code: &str, text: &str) {
        assert_eq!((self.code.as_str(), self.text.as_str()), (code, text));
        if !self.fault {
            assert_eq!(self.header_code, code);
        }
    }

    #[track_caller]
    pub(crate) fn is_fault(&self, code: &str) {
        assert!(self.fault, "{self:?}");
        assert_eq!(self.code, code);
    }
}

/// Texts of the elements with this local name, in document order. The outermost only.
pub(crate) fn texts(xml: &str, name: &str) -> Vec<String> {
    let document = Document::parse(xml.as_bytes()).unwrap();
    let mut found = Vec::new();
    collect(document.root(), name, &mut found);
    found
}

fn collect(element: Element<'_>, name: &str, found: &mut Vec<String>) {
    if element.local_name() == name && element.children().next().is_none() {
        found.push(element.text());
    }
    for child in element.children() {
        collect(child, name, found);
    }
}
