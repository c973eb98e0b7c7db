//! Asking the PKI Factory, by hand; and Danske Bank's encrypted file requests.

use avain_bank_simulator::BankKey;
use avain_test_support::xmlsec;
use avain_xml_security::certificate::{self, Roots};
use avain_xml_security::encryption::{self, Cipher};
use avain_xml_security::{C14n, Document, Element, Hash, Policy, enveloped, soap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use time::Duration;

use crate::payments::validate;
use crate::request::{Call, Customer, fresh_id, rsa_key};
use crate::transfer_key::plain_csr;
use crate::world::{Answer, World, texts};

pub(crate) const BANK: BankKey = BankKey::Danskebank;
pub(crate) const USER: &str = "360817";
pub(crate) const PIN: &str = "1234";
const ELEMENTS: &str = "http://danskebank.dk/PKI/PKIFactoryService/elements";

pub(crate) const FORM: enveloped::Form =
    enveloped::Form { hash: Hash::Sha256, signed_info: C14n::Exclusive, second_transform: Some(C14n::Exclusive) };

/// What came back.
#[derive(Debug)]
pub(crate) struct PkiReply {
    pub(crate) fault: bool,
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) request_id: String,
    pub(crate) signer: Vec<u8>,
    pub(crate) body: String,
}

impl PkiReply {
    #[track_caller]
    pub(crate) fn is(&self, code: &str, text: &str) {
        assert_eq!((self.code.as_str(), self.text.as_str()), (code, text), "{}", self.body);
        assert_eq!(self.fault, code != "00");
    }

    pub(crate) fn der(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(&texts(&self.body, name)[0]).unwrap()
    }
}

/// A request element with this content after the start tag.
pub(crate) fn element(operation: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("<e:{name}>{value}</e:{name}>")).collect();
    let fields = fields.concat();
    format!("<e:{operation}Request xmlns:e=\"{ELEMENTS}\" xml:id=\"request\">{fields}</e:{operation}Request>")
}

pub(crate) fn envelope(operation: &str, user_id: &str, content: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body>\
         <p:{operation}In xmlns:p=\"http://danskebank.dk/PKI/PKIFactoryService\"><p:RequestHeader>\
         <p:SenderId>{user_id}</p:SenderId><p:CustomerId>{user_id}</p:CustomerId><p:RequestId>{}</p:RequestId>\
         <p:Timestamp>2027-01-15T10:00:00Z</p:Timestamp><p:InterfaceVersion>1</p:InterfaceVersion>\
         <p:Environment>production</p:Environment></p:RequestHeader>{content}</p:{operation}In></s:Body></s:Envelope>",
        fresh_id()
    )
}

pub(crate) async fn post(world: &World, envelope: &str) -> PkiReply {
    let (status, body) = world.post(BANK, "CertificateService", envelope).await.unwrap();
    assert_eq!(status, 200, "{body}");
    read(world, &body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Reads an answer as a strict client does: signed over the response, by a certificate that the root issued directly.
pub(crate) fn read(world: &World, body: &str) -> Result<PkiReply, String> {
    let text = |error: avain_xml_security::Error| error.to_string();
    let document = Document::parse(body.as_bytes()).map_err(text)?;
    let out = soap::unsigned_body(&document).map_err(text)?.children().next().unwrap();
    // What is wrong in a header is copied, as the bank does.
    if !body.contains(">^<") {
        crate::wsdl::check_body(body);
    }
    let field = |element: Element<'_>, name: &str| {
        element.children().find(|child| child.local_name() == name).map(|child| child.text()).unwrap_or_default()
    };
    if out.local_name() == "PKIFactoryServiceFault" {
        return Ok(PkiReply {
            fault: true,
            code: field(out, "ReturnCode"),
            text: field(out, "ReturnText"),
            request_id: field(out, "RequestId"),
            signer: Vec::new(),
            body: body.to_owned(),
        });
    }
    let mut parts = out.children();
    let (header, response) = (parts.next().unwrap(), parts.next().unwrap());
    let policy = Policy { hashes: &[Hash::Sha1, Hash::Sha256], min_rsa_bits: 2048 };
    let signer = enveloped::verify_element(response, &policy).map_err(text)?.signer;
    let roots = Roots::from_pem(&world.simulator.root_pem(BANK).unwrap()).unwrap();
    certificate::verify_chain(&signer, &[], &roots, world.now(), &Policy::STRICT).map_err(text)?;
    if let Some(verdict) = xmlsec::verify(body, &signer) {
        assert!(verdict, "{body}");
    }
    let response_text = &body[body.find("<elem:").unwrap()..body.rfind("</pkif:").unwrap()];
    validate(response_text, "danske/PKIFactory.xsd");
    Ok(PkiReply {
        fault: false,
        code: field(response, "ReturnCode"),
        text: field(response, "ReturnText"),
        request_id: field(header, "RequestId"),
        signer,
        body: body.to_owned(),
    })
}

/// The bank's encryption certificate.
pub(crate) async fn bank_certificate(world: &World) -> Vec<u8> {
    let fields =
        [("BankRootCertificateSerialNo", "1111110003"), ("Timestamp", "2027-01-15T10:00:00Z"), ("RequestId", "1")];
    let reply = post(world, &envelope("GetBankCertificate", USER, &element("GetBankCertificate", &fields))).await;
    reply.is("00", "OK");
    reply.der("BankEncryptionCert")
}

/// A customer with its pair of certificates.
pub(crate) struct Pair {
    pub(crate) customer: Customer,
    pub(crate) encryption: Vec<u8>,
    /// The bank's, to which requests are encrypted.
    pub(crate) bank: Vec<u8>,
}

pub(crate) fn create_fields<'a>(encryption: &'a str, signing: &'a str, pin: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("CustomerId", USER),
        ("KeyGeneratorType", "software"),
        ("EncryptionCertPKCS10", encryption),
        ("SigningCertPKCS10", signing),
        ("Timestamp", "2027-01-15T10:00:00Z"),
        ("RequestId", "1"),
        ("Environment", "production"),
        ("PIN", pin),
    ]
}

/// A certificate's serial number, in decimal as the PKI Factory writes it.
pub(crate) fn serial(der: &[u8]) -> String {
    u128::from_str_radix(&certificate::summary(der).unwrap().serial, 16).unwrap().to_string()
}

pub(crate) fn encrypted(request: &str, bank: &[u8], cipher: Cipher) -> String {
    encryption::encrypt(request, bank, cipher, Some("name:DanskeBankCryptCERT")).unwrap()
}

pub(crate) async fn enrol(world: &World) -> Pair {
    enrol_as(world, USER, PIN).await
}

pub(crate) async fn enrol_as(world: &World, user_id: &str, pin: &str) -> Pair {
    let bank = bank_certificate(world).await;
    let (encryption_key, signing_key) = (rsa_key(), rsa_key());
    let reply = create_with(world, &bank, user_id, pin, [&encryption_key, &signing_key]).await;
    reply.is("00", "OK");
    pair(world, &encryption_key, &signing_key, &reply, bank)
}

/// Asks for a pair with keys that are forgotten.
pub(crate) async fn create(world: &World, bank: &[u8], user_id: &str, pin: &str) -> PkiReply {
    let key = rsa_key();
    create_with(world, bank, user_id, pin, [&key, &key]).await
}

async fn create_with(world: &World, bank: &[u8], user_id: &str, pin: &str, keys: [&KeyPair; 2]) -> PkiReply {
    let [encryption, signing] = keys.map(|key| STANDARD.encode(plain_csr(key, "Esimerkki Oy")));
    let mut fields = create_fields(&encryption, &signing, pin);
    fields[0].1 = user_id;
    let content = encrypted(&element("CreateCertificate", &fields), bank, Cipher::Aes256Cbc);
    post(world, &envelope("CreateCertificate", user_id, &content)).await
}

pub(crate) fn pair(
    world: &World,
    encryption_key: &KeyPair,
    signing_key: &KeyPair,
    reply: &PkiReply,
    bank: Vec<u8>,
) -> Pair {
    *world.decrypts_with.lock().unwrap() = Some(encryption_key.serialized_der().to_vec());
    let customer = Customer::new(BANK, USER, "Esimerkki Oy", signing_key.serialized_der(), &reply.der("SigningCert"));
    Pair { customer, encryption: reply.der("EncryptionCert"), bank }
}

impl Pair {
    /// A file request, encrypted.
    pub(crate) async fn call(&self, world: &World, call: &Call) -> Answer {
        world.files(BANK, &self.request(world, call, Cipher::Aes256Cbc, Hash::Sha256)).await
    }

    pub(crate) fn request(&self, world: &World, call: &Call, cipher: Cipher, hash: Hash) -> String {
        let call = call.clone().for_customer(&self.customer);
        let form = enveloped::Form { hash, ..FORM };
        let application = enveloped::sign(&call.application(), &self.customer.key, &form).unwrap();
        self.wrap(world, &call, &encrypted(&application, &self.bank, cipher), hash)
    }

    pub(crate) fn wrap(&self, world: &World, call: &Call, application: &str, hash: Hash) -> String {
        let unsigned = call.unsigned_envelope(USER, application);
        soap::sign(&unsigned, &self.customer.key, hash, "id", world.now(), Duration::minutes(5)).unwrap()
    }

    /// A signed request to the PKI Factory.
    pub(crate) fn signed(&self, operation: &str, fields: &[(&str, &str)]) -> String {
        enveloped::sign_element(&element(operation, fields), "request", &self.customer.key, &FORM).unwrap()
    }

    pub(crate) async fn ask(&self, world: &World, operation: &str, fields: &[(&str, &str)]) -> PkiReply {
        post(world, &envelope(operation, USER, &self.signed(operation, fields))).await
    }
}
