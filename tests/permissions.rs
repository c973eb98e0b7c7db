//! Who may do what: every operation of the API's document as every caller, each call from a state in which the right caller's
//! would succeed. The golden file is the matrix; `AVAIN_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use avain::client::{Call, Credentials, request};
use avain::story::Recipient;
use avain_api::Operation;
use avain_api::call::Access;
use avain_api::operations::ALL;
use avain_domain::names::Mode;
use avain_domain::session::Modes;
use avain_test_support::totp;
use http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::support::document::document;
use crate::support::firm::{Firm, PAYMENT};
use crate::support::openssl::{Pair, pair};
use crate::support::person::Person;
use crate::support::{Answer, Service};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/permissions.txt");

/// Who is right for an operation, besides what its row says of modes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Anyone: credentials are not looked at.
    Anyone,
    /// Whoever the row lets in.
    Row,
    /// The owner of the API key.
    Owner,
    /// The account itself.
    Itself,
}

/// What a call says of objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Nothing: it is about the caller's own things, also another organisation's.
    Nothing,
    /// One of the first organisation's things.
    Object,
}

use Names::{Nothing, Object};
use Who::{Anyone, Itself, Owner, Row};

/// The operations in the order in which they are called: what ends something comes last.
const LINES: &[(&str, Who, Names)] = &[
    ("GetOpenApi", Anyone, Nothing),
    ("InitRegister", Anyone, Nothing),
    ("Register", Anyone, Nothing),
    ("VerifyPhone", Anyone, Nothing),
    ("VerifyEmail", Anyone, Nothing),
    ("InitLogin", Anyone, Nothing),
    ("Login", Anyone, Nothing),
    ("SelectMFA", Anyone, Nothing),
    ("LoginMFA", Anyone, Nothing),
    ("VerifyTOTP", Anyone, Nothing),
    ("InitPasswordReset", Anyone, Nothing),
    ("PasswordReset", Anyone, Nothing),
    ("ListCerts", Row, Nothing),
    ("ListKeys", Row, Nothing),
    ("ListAccounts", Owner, Nothing),
    ("ListAuditEvents", Row, Object),
    ("ListAccountUsage", Row, Object),
    ("GetPolicy", Row, Nothing),
    ("PutPolicy", Owner, Nothing),
    ("ListFiles", Row, Nothing),
    ("DownloadFile", Row, Object),
    ("DeleteFile", Row, Nothing),
    ("UploadFile", Row, Nothing),
    ("ListUploads", Row, Nothing),
    ("AddSignatures", Row, Object),
    ("UploadKey", Row, Nothing),
    ("DeleteKey", Row, Object),
    ("ExportCert", Row, Object),
    ("ShareCerts", Row, Object),
    ("UnshareCerts", Row, Object),
    ("RetireCert", Row, Object),
    ("ImportCert", Row, Nothing),
    ("EnrollCert", Row, Nothing),
    ("ConfigCerts", Row, Nothing),
    ("DeleteAccount", Owner, Object),
    ("Logout", Itself, Object),
];

/// What no bank served here offers is refused to the right caller too.
const NOT_OFFERED: (&str, u16) = ("DeleteFile", 400);

#[tokio::test]
async fn who_may_do_what_is_the_golden_matrix() {
    // Without them nobody can take part in two of the calls.
    let Some(certificate) = pair(&["rsa:2048"], 30) else { return };
    if totp::code("JBSWY3DPEHPK3PXP", 0).is_none() {
        return;
    }
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let under = |name: &'static str, firm: &Firm<'_>| {
        let api_key = firm.admin.api_key.clone();
        let (service, codes) = (&service, &codes);
        async move { Firm::open_under(service, codes, name, &api_key).await }
    };
    let customer = under("customer", &owner).await;
    let other_owner = Firm::enrolled(&service, &codes, "other-owner").await;
    let other_customer = under("other-customer", &other_owner).await;
    for firm in [&customer, &other_customer] {
        firm.enrol().await.succeeded(201);
    }
    let target = under("target", &owner).await;
    let gone = under("gone", &owner).await;
    service.clock.advance(Duration::seconds(1));
    gone.story.log_out("admin", &gone.admin).await.unwrap();
    gone.story.log_out("data", &gone.data).await.unwrap();

    let export_key = Recipient::generate("Export <export@example.com>").unwrap();
    for firm in [&owner, &customer] {
        firm.story.upload_key(&firm.admin, &export_key.public_key().unwrap(), "export").await.unwrap();
    }
    let further_key = Recipient::generate("Further <further@example.com>").unwrap();
    let fresh = AtomicU32::new(0);
    let world = World { service: &service, owner: &owner, customer: &customer, target: &target, certificate };
    let world = Play { world, export_key, further_key, fresh };

    let wrong = |right: &Credentials| Credentials { api_key: other_owner.admin.api_key.clone(), ..right.clone() };
    let (wrong_admin, wrong_data) = (wrong(&owner.admin), wrong(&owner.data));
    let caller = |name, firm, home, kind| Caller { name, firm, home, kind };
    let callers = [
        caller("none", &customer, true, Kind::None),
        caller("data", &customer, true, Kind::Known { who: &customer.data, mode: Mode::Data, owner: false }),
        caller("admin", &customer, true, Kind::Known { who: &customer.admin, mode: Mode::Admin, owner: false }),
        caller("owner", &owner, true, Kind::Known { who: &owner.admin, mode: Mode::Admin, owner: true }),
        caller(
            "other's data",
            &other_customer,
            false,
            Kind::Known { who: &other_customer.data, mode: Mode::Data, owner: false },
        ),
        caller(
            "other's admin",
            &other_customer,
            false,
            Kind::Known { who: &other_customer.admin, mode: Mode::Admin, owner: false },
        ),
        caller(
            "other's owner",
            &other_owner,
            false,
            Kind::Known { who: &other_owner.admin, mode: Mode::Admin, owner: true },
        ),
        caller("revoked token", &gone, true, Kind::Bad { admin: &gone.admin, data: &gone.data, status: 401 }),
        caller("wrong API key", &owner, true, Kind::Bad { admin: &wrong_admin, data: &wrong_data, status: 403 }),
    ];
    let mut matrix = String::from("# operation, caller: status, ResponseCode, ResponseText\n");
    let mut faults = String::new();
    for (name, who, names) in LINES {
        let Some(operation) = ALL.iter().find(|it| it.name == *name) else { continue };
        for caller in &callers {
            let answer = world.call(operation, caller, false).await;
            let text = |field: &str| answer.body[field].as_str().unwrap_or("-");
            writeln!(
                matrix,
                "{name}, {}: {}, {}, {}",
                caller.name,
                answer.status,
                text("ResponseCode"),
                text("ResponseText")
            )
            .unwrap();
            let expected = expected(operation, *who, *names, caller);
            if answer.status != expected {
                writeln!(faults, "{name}, {}: {expected} is right, not {answer:?}", caller.name).unwrap();
            }
            if *names == Object && !caller.home {
                let absent = world.call(operation, caller, true).await;
                if absent.status < 400 || answer.but_for_its_id() != absent.but_for_its_id() {
                    writeln!(faults, "{name}, {}: {answer:?}, and for what is absent {absent:?}", caller.name).unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    if std::env::var("AVAIN_BLESS").is_ok() {
        std::fs::write(GOLDEN, &matrix).unwrap();
    }
    assert_eq!(matrix, std::fs::read_to_string(GOLDEN).unwrap(), "AVAIN_BLESS=1 writes the golden file anew");
}

#[test]
fn every_operation_of_the_document_is_in_the_matrix() {
    let golden = std::fs::read_to_string(GOLDEN).unwrap();
    let methods = document()["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values());
    let names: Vec<&str> = methods.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert!(names.len() >= 24);
    for name in names {
        assert!(LINES.iter().any(|(it, ..)| *it == name), "tests/permissions.rs: LINES has no line for {name}");
        let cells = golden.lines().filter(|line| line.starts_with(&format!("{name}, "))).count();
        assert_eq!(cells, 9, "tests/golden/permissions.txt: {name}");
    }
}

/// What an operation must answer a caller.
fn expected(operation: &Operation, who: Who, names: Names, caller: &Caller<'_>) -> u16 {
    let right = if operation.name == NOT_OFFERED.0 { NOT_OFFERED.1 } else { operation.success };
    match (operation.access, &caller.kind) {
        (Access::Anyone, _) => right,
        (_, Kind::None) => 401,
        (_, Kind::Bad { status, .. }) => *status,
        (Access::Token { modes: Modes::Only(wanted), .. }, Kind::Known { mode, .. }) if wanted != *mode => 403,
        (_, Kind::Known { owner: false, .. }) if who == Owner => 403,
        (_, Kind::Known { .. }) if who == Itself && caller.name != "admin" => 403,
        // Another account's certificate is for the owner to retire.
        (_, Kind::Known { owner: false, .. }) if operation.name == "RetireCert" && !caller.home => 403,
        (_, Kind::Known { .. }) if names == Object && !caller.home => 404,
        (_, Kind::Known { .. }) => right,
    }
}

/// Who calls.
struct Caller<'a> {
    name: &'static str,
    firm: &'a Firm<'a>,
    /// Whether of the organisation whose things are named.
    home: bool,
    kind: Kind<'a>,
}

enum Kind<'a> {
    None,
    Known { who: &'a Credentials, mode: Mode, owner: bool },
    Bad { admin: &'a Credentials, data: &'a Credentials, status: u16 },
}

impl Caller<'_> {
    fn credentials(&self, operation: &Operation) -> Option<&Credentials> {
        let data = matches!(operation.access, Access::Token { modes: Modes::Only(Mode::Data), .. });
        match &self.kind {
            Kind::None => None,
            Kind::Known { who, .. } => Some(who),
            Kind::Bad { data: of_data, .. } if data => Some(of_data),
            Kind::Bad { admin, .. } => Some(admin),
        }
    }
}

struct World<'a> {
    service: &'a Service,
    owner: &'a Firm<'a>,
    customer: &'a Firm<'a>,
    target: &'a Firm<'a>,
    certificate: Pair,
}

struct Play<'a> {
    world: World<'a>,
    export_key: Recipient,
    further_key: Recipient,
    fresh: AtomicU32,
}

/// What a call names and carries.
#[derive(Default)]
struct Asked {
    path: Vec<String>,
    query: String,
    body: Option<Value>,
}

impl Asked {
    fn path(of: &[&str]) -> Self {
        Self { path: of.iter().map(|it| (*it).to_owned()).collect(), ..Self::default() }
    }

    fn query(self, query: String) -> Self {
        Self { query, ..self }
    }

    fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl<'a> Play<'a> {
    async fn call(&self, operation: &'static Operation, caller: &Caller<'a>, absent: bool) -> Answer {
        let asked = match operation.access {
            Access::Anyone => self.asked_by_anyone(operation.name).await,
            Access::Token { .. } => self.asked_by_a_member(operation.name, caller, absent).await,
        };
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let call = Call {
            operation,
            path: &path,
            query: &asked.query,
            credentials: caller.credentials(operation),
            body: asked.body,
        };
        self.world.service.exchange(request(call).unwrap()).await
    }

    /// Brings it about that the call would succeed, with somebody of its own, and says what it has.
    async fn asked_by_anyone(&self, operation: &str) -> Asked {
        match operation {
            "GetOpenApi" => Asked::default(),
            "InitRegister" | "InitLogin" => Asked::path(&[self.world.customer.address(), "admin"]),
            "Register" => {
                let person = self.person();
                let body = person.registration("admin", "0", person.password("admin")).await;
                Asked::path(&[person.email(), "admin"]).body(body)
            }
            "VerifyPhone" => {
                let person = self.registered().await;
                let code = person.code("admin", "phone").await;
                Asked::path(&[person.email(), "admin", &person.company.phone]).body(json!({ "Code": code }))
            }
            "VerifyEmail" => {
                let person = self.registered().await;
                person.story().verify_phone("admin").await.unwrap();
                let token = person.story().log_in("admin").await.unwrap()["AccessToken"].clone();
                let body = json!({ "Code": person.code("admin", "email").await, "AccessToken": token });
                Asked::path(&[person.email(), "admin"]).body(body)
            }
            "Login" => {
                let person = self.opened().await;
                let challenge = person.challenge("admin").await;
                let encrypted = person.encrypted(person.password("admin"), &challenge);
                Asked::path(&[person.email(), "admin"]).body(json!({ "ChResp": challenge, "Encrypted": encrypted }))
            }
            "SelectMFA" => {
                let person = self.opened().await;
                person.authenticator(None).await.unwrap();
                let session = person.log_in("admin").await.text("Session");
                Asked::path(&[person.email(), "admin"]).body(json!({ "MfaType": "SMS_MFA", "Session": session }))
            }
            "LoginMFA" => {
                let person = self.opened().await;
                let session = person.log_in("admin").await.text("Session");
                let body = json!({ "Session": session, "Code": person.code("admin", "mfa").await });
                Asked::path(&[person.email(), "admin"]).body(body)
            }
            "VerifyTOTP" => {
                let person = self.opened().await;
                let session = person.log_in("admin").await.text("Session");
                let code = person.code("admin", "mfa").await;
                let body = json!({ "Session": session, "Code": code, "SetupTOTP": true });
                let path = format!("{}/mfacode", person.session("admin"));
                let begun = person.send(Method::PUT, &path, &body).await;
                let code = totp::code(&begun.text("SecretCode"), self.seconds()).unwrap();
                let body = json!({ "Code": code, "AccessToken": begun.text("AccessToken") });
                Asked::path(&[person.email(), "admin"]).body(body)
            }
            "InitPasswordReset" => Asked::path(&[self.opened().await.email(), "admin"]),
            "PasswordReset" => {
                let person = self.opened().await;
                let path = format!("{}/password", person.account("admin"));
                self.world.service.send(Method::GET, &path, None, "").await.succeeded(200);
                let challenge = person.challenge("admin").await;
                let encrypted = person.encrypted("Another-password-2026!", &challenge);
                let code = person.code("admin", "reset").await;
                let body = json!({ "Code": code, "ChResp": challenge, "Encrypted": encrypted });
                Asked::path(&[person.email(), "admin"]).body(body)
            }
            other => panic!("tests/permissions.rs does not know how to call {other}"),
        }
    }

    /// Brings it about that the right caller's call would succeed, and says what the call has.
    async fn asked_by_a_member(&self, operation: &str, caller: &Caller<'a>, absent: bool) -> Asked {
        let World { owner, customer, target, certificate, .. } = &self.world;
        // The caller's own things, and whose things are named.
        let known_here = caller.home && matches!(caller.kind, Kind::Known { .. });
        let (own, of) = (caller.firm, if known_here { caller.firm } else { customer });
        let nobody = "nobody@example.com";
        match operation {
            "ListCerts" | "ListKeys" | "ListAccounts" | "GetPolicy" => Asked::default(),
            "ListAuditEvents" | "ListAccountUsage" => {
                let tenant = if absent { "absent".to_owned() } else { owner.organisation().await.0 };
                Asked::default().query(format!("?Tenant={tenant}&Account={}", customer.address()))
            }
            "PutPolicy" => Asked::default().body(json!({})),
            "ListFiles" | "ListUploads" => Asked::path(&["simulator"]),
            "DownloadFile" | "DeleteFile" => {
                let path = of.first_file().await;
                let reference = if absent { "absent" } else { path.rsplit('/').next().unwrap() };
                Asked::path(&["simulator", "camt.053.001.02", reference])
            }
            "UploadFile" => {
                let id = self.fresh.fetch_add(1, Ordering::Relaxed);
                Asked::path(&["simulator"]).body(own.payment(&format!("FILE-{id}")).body())
            }
            "AddSignatures" => {
                let id = self.fresh.fetch_add(1, Ordering::Relaxed);
                let payment = of.payment(&format!("SIGNED-{id}"));
                let two = json!({ "Signatures": [{ "FileType": PAYMENT, "Required": 2 }] });
                owner.as_admin(Method::PUT, "/v2/policy", &two).await.succeeded(200);
                let waiting = of.upload(&payment.body()).await.text("UploadId");
                owner.as_admin(Method::PUT, "/v2/policy", &json!({})).await.succeeded(200);
                let id = if absent { "absent" } else { &waiting };
                Asked::path(&["simulator", id]).body(json!({ "Signature": payment.signature }))
            }
            "UploadKey" => {
                let key = self.further_key.public_key().unwrap();
                Asked::default().body(json!({ "PgpKey": key, "PgpKeyPurpose": "authorize" }))
            }
            "DeleteKey" => {
                let key = self.further_key.public_key().unwrap();
                if !absent {
                    of.story.upload_key(&of.admin, &key, "authorize").await.unwrap();
                }
                if !caller.home {
                    // So that it is there, and another's.
                    let theirs = json!({ "PgpKeyId": short(&self.further_key) });
                    own.as_admin(Method::DELETE, "/v2/pgp", &theirs).await;
                }
                let id = if absent { "00000000".to_owned() } else { short(&self.further_key) };
                Asked::default().body(json!({ "PgpKeyId": id }))
            }
            "ExportCert" => {
                let id = if absent { "00000000".to_owned() } else { short(&self.export_key) };
                Asked::path(&["simulator"]).query(format!("?PgpKeyId={id}"))
            }
            "ShareCerts" => Asked::path(&[if absent { nobody } else { target.address() }]),
            "UnshareCerts" => {
                for firm in [owner, customer] {
                    firm.unshare_with(target.address()).await;
                }
                of.share_with(target.address()).await.succeeded(201);
                Asked::path(&[if absent { nobody } else { target.address() }])
            }
            "RetireCert" => {
                self.with_certificate(customer).await;
                let account = if absent { nobody } else { customer.address() };
                Asked::path(&["simulator"]).query(format!("?Account={account}"))
            }
            "ImportCert" => {
                own.retire().await;
                Asked::path(&["simulator"]).body(json!({
                    "Company": own.story.company.name, "WsUserId": "1000038023",
                    "Certificate": certificate.certificate, "PrivateKey": certificate.key,
                }))
            }
            "EnrollCert" => {
                own.retire().await;
                Asked::path(&["simulator"]).body(own.enrolment())
            }
            "ConfigCerts" => Asked::default().body(json!({ "Export": "disabled" })),
            "DeleteAccount" => {
                let person = self.person();
                person.register("admin", &owner.admin.api_key).await.succeeded(201);
                let email = if absent { nobody } else { person.email() };
                Asked::path(&[email]).body(json!({ "Confirm": email }))
            }
            "Logout" => Asked::path(&[if absent { nobody } else { customer.address() }, "admin"]),
            other => panic!("tests/permissions.rs does not know how to call {other}"),
        }
    }

    fn seconds(&self) -> i64 {
        use avain_domain::ports::Clock as _;
        self.world.service.clock.now().unix_timestamp()
    }

    /// Somebody whom nobody knows yet.
    fn person(&self) -> Person<'a> {
        let number = self.fresh.fetch_add(1, Ordering::Relaxed);
        Person::new(self.world.service, &format!("fresh-{number}@example.com"))
    }

    async fn registered(&self) -> Person<'a> {
        let person = self.person();
        person.register("admin", "0").await.succeeded(201);
        person
    }

    /// Registered and verified in admin mode.
    async fn opened(&self) -> Person<'a> {
        let person = self.person();
        person.story().open("admin", "0").await.unwrap();
        person
    }

    async fn with_certificate(&self, firm: &Firm<'_>) {
        if firm.certificate().await.is_none() {
            firm.enrol().await.succeeded(201);
        }
    }
}

/// A key's short id.
fn short(key: &Recipient) -> String {
    let fingerprint = key.fingerprint();
    fingerprint[fingerprint.len() - 8..].to_owned()
}
