//! The order of the PKI Factory's checks: of two faults in one request, the earlier check answers. The files' is in
//! `order_elsewhere.rs`.

use avain_bank_simulator::BankKey;
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{SigningKey, enveloped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pki::{FORM, PIN, Pair, USER, element, encrypted, enrol, envelope, post, serial};
use crate::request::{Customer, rsa_key};
use crate::transfer_key::plain_csr;
use crate::world::{World, texts};

/// What can be wrong with a request, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Header,
    Environment,
    Encryption,
    Form,
    /// Of the header and of the element: each has one.
    OwnEnvironment,
    Customer,
    /// The PIN, or a field that is changed after the signature.
    Proof,
    Signer,
    /// What the operation is about.
    Content,
}

use Wrong::{Content, Customer as CustomerId, Encryption, Environment, Form, Header, OwnEnvironment, Proof, Signer};

/// An operation, in their order what can be wrong with it, and what is said of its own content.
struct Case {
    operation: &'static str,
    faults: &'static [Wrong],
    content: (&'static str, &'static str),
}

const NO_SERIAL: (&str, &str) = ("07", "No such CertificateSerialNo");
const PKCS10: (&str, &str) = ("10", "SigningCertPKCS10");

/// The one that ends the pair comes last.
const CASES: [Case; 6] = [
    Case {
        operation: "GetBankCertificate",
        faults: &[Header, Environment, Form, Content],
        content: ("07", "BankRootCertificateSerialNo"),
    },
    Case {
        operation: "CreateCertificate",
        faults: &[Header, Environment, Encryption, Form, OwnEnvironment, CustomerId, Proof, Content],
        content: PKCS10,
    },
    Case {
        operation: "RenewCertificate",
        faults: &[Header, Environment, Encryption, Form, OwnEnvironment, CustomerId, Proof, Signer, Content],
        content: PKCS10,
    },
    Case {
        operation: "CertificateStatus",
        faults: &[Header, Environment, Form, CustomerId, Proof, Signer, Content],
        content: NO_SERIAL,
    },
    Case {
        operation: "GetOwnCertificateList",
        faults: &[Header, Environment, Form, CustomerId, Proof, Signer],
        content: NO_SERIAL,
    },
    Case {
        operation: "RevokeCertificate",
        faults: &[Header, Environment, Form, OwnEnvironment, CustomerId, Proof, Signer, Content],
        content: NO_SERIAL,
    },
];

impl Case {
    fn is_encrypted(&self) -> bool {
        self.faults.contains(&Encryption)
    }

    fn is_signed(&self) -> bool {
        self.faults.contains(&Signer)
    }

    /// Another customer asks for certificates than the one who has some, as a PIN works once.
    fn customer(&self) -> (&'static str, &'static str) {
        if self.operation == "CreateCertificate" { ("360818", "2345") } else { (USER, PIN) }
    }

    /// Code, and what `AdditionalReturnText` tells.
    fn answer(&self, wrong: Wrong) -> (&'static str, &'static str) {
        match wrong {
            Header => ("07", "SenderId"),
            Environment | OwnEnvironment => ("07", "Environment mismatch"),
            Encryption => ("22", ""),
            Form => ("07", "RequestId"),
            CustomerId | Proof | Signer => ("20", ""),
            Content => self.content,
        }
    }
}

struct Scene {
    world: World,
    pair: Pair,
    stranger: SigningKey,
    csr: String,
    /// Of a certificate in force, in decimal.
    serial: String,
}

impl Scene {
    async fn open() -> Self {
        let world = World::start().await;
        let pair = enrol(&world).await;
        let stranger = Customer::enrol(&world, BankKey::Nordea, "11111111", "Vieras Oy").await.key;
        let csr = STANDARD.encode(plain_csr(&rsa_key(), "Esimerkki Oy"));
        let serial = serial(&pair.encryption);
        Self { world, pair, stranger, csr, serial }
    }

    async fn check(&self, case: &Case, faults: &[Wrong], (code, told): (&str, &str)) {
        let reply = post(&self.world, &self.request(case, faults)).await;
        let more = texts(&reply.body, "AdditionalReturnText").concat();
        let place = format!("{}: {faults:?}: {}", case.operation, reply.body);
        assert_eq!(reply.code, code, "{place}");
        assert!(more.contains(told) && more.is_empty() == told.is_empty(), "{place}");
    }

    fn request(&self, case: &Case, faults: &[Wrong]) -> String {
        let has = |wrong| faults.contains(&wrong);
        let (customer, _) = case.customer();
        let mut content = element(case.operation, &self.fields(case, faults));
        if case.is_signed() {
            let signer = if has(Signer) { &self.stranger } else { &self.pair.customer.key };
            content = enveloped::sign_element(&content, "request", signer, &FORM).unwrap();
            if has(Proof) {
                content = content.replace("10:00:00Z", "10:00:01Z");
            }
        }
        if case.is_encrypted() {
            let to = if has(Encryption) { &self.pair.encryption } else { &self.pair.bank };
            content = encrypted(&content, to, Cipher::Aes256Cbc);
        }
        let mut request = envelope(case.operation, customer, &content);
        if has(Environment) {
            request = request.replace("<p:Environment>production", "<p:Environment>customertest");
        }
        if has(Header) {
            request = request.replace(&format!("<p:SenderId>{customer}"), "<p:SenderId>^");
        }
        request
    }

    fn fields<'a>(&'a self, case: &Case, faults: &[Wrong]) -> Vec<(&'static str, &'a str)> {
        let has = |wrong| faults.contains(&wrong);
        let (user_id, pin) = case.customer();
        let customer = ("CustomerId", if has(CustomerId) { "360819" } else { user_id });
        let id = ("RequestId", if has(Form) { "12345678901" } else { "1" });
        let at = ("Timestamp", "2027-01-15T10:00:00Z");
        let by = ("KeyGeneratorType", "software");
        let serial = ("CertificateSerialNo", if has(Content) { "99" } else { &self.serial });
        let root = ("BankRootCertificateSerialNo", if has(Content) { "99" } else { "1111110003" });
        let encryption = ("EncryptionCertPKCS10", &*self.csr);
        let signing = ("SigningCertPKCS10", if has(Content) { "cm90dGVu" } else { &self.csr });
        let environment = ("Environment", if has(OwnEnvironment) { "test" } else { "production" });
        let pin = ("PIN", if has(Proof) { "4321" } else { pin });
        match case.operation {
            "GetBankCertificate" => vec![root, at, id],
            "CreateCertificate" => vec![customer, by, encryption, signing, at, id, environment, pin],
            "RenewCertificate" => vec![customer, by, encryption, signing, at, id, environment],
            "RevokeCertificate" => vec![by, customer, serial, at, id, environment],
            "CertificateStatus" => vec![by, serial, customer, at, id],
            _ => vec![by, customer, at, id],
        }
    }
}

#[tokio::test]
async fn of_two_faults_the_earlier_answers_at_the_pki_factory() {
    let scene = Scene::open().await;
    let mut pairs = 0;
    for case in &CASES {
        for (at, wrong) in case.faults.iter().enumerate() {
            for later in &case.faults[at..] {
                scene.check(case, &[*wrong, *later], case.answer(*wrong)).await;
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 10 + 36 + 45 + 28 + 21 + 36);
    // Nothing was changed by any of them: two wrong PINs are counted and the right one works, and the pair is in force.
    for case in &CASES {
        scene.check(case, &[], ("00", "")).await;
    }
}
