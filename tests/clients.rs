//! The clients that there are, as they behave on the wire: each plays a company from its registration to a downloaded file, with
//! its own paths, headers, bodies, encryption, and its own way of going by an answer (brief 2.3 to 2.6).

mod dialects;
mod steer;
mod texts;
mod wire;

use std::collections::BTreeSet;

use avain::story::{Company, payment};
use avain_api::route::{Route, find};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Map, Value, json};

use self::dialects::Dialect;
use self::steer::Step;
use crate::support::gpg::Gpg;
use crate::support::{Answer, OutboxCodes, Service, node};

const CAMT: &str = "camt.053.001.02";
const PAIN: &str = "pain.001.001.09";
const BANK: &str = "simulator";
/// Transitions after which a login is given up: the vendor's example takes five.
const MOST_STEPS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_in_php() {
    play(&dialects::PHP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_in_typescript() {
    play(&dialects::TYPESCRIPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_in_python() {
    play(&dialects::PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_client_in_c_sharp_and_generated_ones() {
    play(&dialects::C_SHARP).await;
}

/// From nothing to a downloaded file, in one client's way.
async fn play(dialect: &Dialect) {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    if (dialect.oaep)(&service.server.machine.password_key, "text").is_none() {
        return;
    }
    let company = Company::example("aino+avain@example.com");
    let mut client = Client { service: &service, codes: service.codes(), dialect, company, session: None };
    let api_key = client.open("admin", "0").await;
    let admin = client.session.take();
    client.open("data", &api_key).await;
    let data = std::mem::replace(&mut client.session, admin);

    let key = gpg.key("payments@example.com", &["ed25519", "sign", "never"]);
    client.ask("PUT", &["pgp"], &json!({ "PgpKey": key, "PgpKeyPurpose": "authorize" })).succeeds(
        201,
        "PGP key registered",
        &[],
    );
    let keys = client.get(&["pgp"], "").succeeded(200)["PgpKeys"].clone();
    assert_eq!(keys[0]["PgpKeyPurpose"], "authorize");
    let enrolment = json!({ "Code": "Demo-Code-2026-0001", "Company": client.company.name, "WsUserId": "1000038023" });
    client.ask("POST", &["certs", BANK], &enrolment).succeeded(201);
    client.takes_the_certificate_out(&gpg);
    client.whatever_else_it_asks_in_admin_mode();

    let admin = std::mem::replace(&mut client.session, data);
    let certs = client.get(dialect.certs, "");
    assert!(certs.succeeded(200)["Certs"][0]["CertName"].as_str().unwrap().contains(BANK));
    let statement = client.newest(CAMT);
    assert!(client.content(&statement).contains("<?xml") || client.content(&statement).contains(CAMT));

    let file = payment("CLIENT-1", &client.company.name, time::OffsetDateTime::UNIX_EPOCH);
    let signature = gpg.sign("payments@example.com", dialect.signing, file.as_bytes());
    let mut upload = json!({ "FileContents": STANDARD.encode(&file), "FileType": PAIN, "FileName": "payment.xml" });
    upload[dialect.signature_field] = signature.into();
    client.ask("PUT", &["files", BANK], &upload).succeeded(201);
    let report = client.newest("pain.002.001.10");
    let (first, again) = (client.content(&report), client.content(&report));
    assert!(first.contains("CLIENT-1") && first == again);

    let path = ["files", BANK, "pain.002.001.10", report["FileReference"].as_str().unwrap()];
    client.empty("DELETE", &path).is(400, "01", "Not offered by this bank");
    let path = ["session", &client.company.email.clone(), "data"];
    client.empty("DELETE", &path).succeeds(200, "Logout OK", &[]);
    client.get(&["pgp"], "").is(401, "01", "Unauthorized");
    client.session = admin;
    client.get(&["pgp"], "").succeeded(200);
}

/// A client at work.
struct Client<'s> {
    service: &'s Service,
    codes: OutboxCodes,
    dialect: &'s Dialect,
    company: Company,
    /// What authenticated calls carry: IdToken and API key.
    session: Option<(String, String)>,
}

impl Client<'_> {
    /// Registers a mode and logs in until there is a session; gives the API key.
    async fn open(&mut self, mode: &str, api_key: &str) -> String {
        let email = self.company.email.clone();
        let mut body = self.answer_challenge(self.dialect.challenge_from, mode);
        body["Name"] = self.company.person.clone().into();
        body["Phone"] = self.company.phone.clone().into();
        body["Company"] = self.company.name.clone().into();
        body["ApiKey"] = api_key.into();
        let registered = self.send("PUT", &["account", &email, mode], "", Some(&body), false);
        registered.succeeds(201, "Sign up successful. Verify phone number.", &["ApiKey"]);
        let api_key = registered.text("ApiKey");
        for _ in 0..MOST_STEPS {
            if let Some((id_token, returned)) = self.log_in(mode).await {
                assert_eq!(returned, api_key, "the API key of the login is another one");
                self.session = Some((id_token, returned));
                return api_key;
            }
        }
        panic!("{}: no session after {MOST_STEPS} logins", self.dialect.name);
    }

    /// One login, as far as it goes: a session, or `None` where it must begin again.
    async fn log_in(&mut self, mode: &str) -> Option<(String, String)> {
        let email = self.company.email.clone();
        let body = self.answer_challenge("session", mode);
        let mut answer = self.send("POST", &["session", &email, mode], "", Some(&body), false);
        loop {
            match (self.dialect.steer)(&answer) {
                Step::VerifyPhone => {
                    let phone = self.company.phone.clone();
                    let path = ["account", email.as_str(), mode, &phone];
                    let verified = self.with_code("POST", &path, mode, "phone", &json!({})).await;
                    verified.succeeds(200, "Phone confirmation successful.", &[]);
                    return None;
                }
                Step::VerifyEmail(token) => {
                    let body = json!({ "AccessToken": token });
                    let verified = self.with_code("POST", &["account", &email, mode], mode, "email", &body).await;
                    verified.succeeds(200, "Email verification successful.", &[]);
                    return None;
                }
                Step::Code(session) => {
                    let path = ["session", email.as_str(), mode, "mfacode"];
                    answer = self.with_code("PUT", &path, mode, "mfa", &json!({ "Session": session })).await;
                }
                Step::Done(id_token, api_key) => return Some((id_token, api_key)),
                Step::Failed => panic!("{} cannot go on after {answer:?}", self.dialect.name),
            }
        }
    }

    /// A call with the code that was sent; the kit in Python is given a wrong one first, and tries again as it does.
    async fn with_code(&self, method: &str, path: &[&str], mode: &str, kind: &str, body: &Value) -> Answer {
        use avain::story::Codes as _;
        let code = self.codes.newest(&self.company.email, mode, kind).await.unwrap();
        assert_eq!(code.chars().count(), 6, "the command line asks until it has six characters");
        let send = |code: &str| {
            let mut body = body.clone();
            body["Code"] = code.into();
            self.send(method, path, "", Some(&body), false)
        };
        // A wrong code of the second factor ends its session.
        if self.dialect.retries_codes && kind != "mfa" {
            let wrong = send(&crate::support::person::wrong(&code));
            assert!(texts::python_tries_again(wrong.status, &wrong.text("ResponseCode"), &wrong.text("ResponseText")));
        }
        send(&code)
    }

    /// ChResp and Encrypted for a fresh challenge.
    fn answer_challenge(&self, from: &str, mode: &str) -> Value {
        let challenge = self.send("GET", &[from, &self.company.email, mode], "", None, false).text("Challenge");
        let timestamp = (self.dialect.timestamp)(&challenge);
        let password = if mode == "admin" { &self.company.admin_password } else { &self.company.data_password };
        let text = format!("{password}||{timestamp}");
        let encrypted = (self.dialect.oaep)(&self.service.server.machine.password_key, &text).unwrap();
        json!({ "ChResp": challenge, "Encrypted": encrypted })
    }

    /// ExportCert to a key of gpg's: certificate and private key belong together, as node sees it.
    fn takes_the_certificate_out(&self, gpg: &Gpg) {
        let key = gpg.key("export@example.com", &["rsa2048", "sign,cert,encr", "never"]);
        self.ask("PUT", &["pgp"], &json!({ "PgpKey": key, "PgpKeyPurpose": "export" })).succeeded(201);
        let keys = self.get(&["pgp"], "").succeeded(200)["PgpKeys"].clone();
        let export = keys.as_array().unwrap().iter().find(|it| it["PgpKeyPurpose"] == "export").unwrap();
        let query = format!("?PgpKeyId={}", export["PgpKeyId"].as_str().unwrap());
        let exported = self.get(&["certs", BANK], &query);
        let pair = &exported.succeeded(200)["CertsAndKeys"][0];
        let private_key = gpg.decrypt(pair["EncryptedPrivateKey"].as_str().unwrap());
        if let Some(fits) = node::pair_fits(pair["Certificate"].as_str().unwrap(), &private_key) {
            assert!(fits, "node: the exported key is not the certificate's");
        }
    }

    fn whatever_else_it_asks_in_admin_mode(&self) {
        let nobody = self.empty("PUT", &["certs", "shared", "nobody@example.com"]);
        nobody.is(404, "01", "Not found");
        let nobody = self.empty("DELETE", &["certs", "shared", "nobody@example.com"]);
        nobody.is(404, "01", "Not found");
        // The key of an encryption certificate under the name that the command line gives it: it is the certificate that lacks.
        let import = json!({
            "Company": self.company.name, "WsUserId": "1000038023", "PrivateKey": "x", "Certificate": "x",
            "EncPrivateKey": "x",
        });
        self.ask("PUT", &["certs", BANK], &import).is(400, "01", "Missing parameter(s)");
        let configured = self.ask("POST", self.dialect.certs, &json!({ "Export": "allowed" }));
        configured.succeeded(200);
        if let Route::Found(_) = find(&Method::DELETE, "/v2/pgp") {
            self.ask("DELETE", &["pgp"], &json!({ "PgpKeyId": "00000000" })).is(404, "01", "Not found");
        }
    }

    /// The newest file of a type that was not downloaded yet.
    fn newest(&self, file_type: &str) -> Value {
        let listed = self.get(&["files", BANK], self.dialect.query);
        let files = listed.succeeded(200)["FileDescriptors"].as_array().unwrap().clone();
        let file = files.into_iter().find(|it| it["FileType"] == file_type).unwrap();
        let text = |name: &str| file[name].as_str().unwrap();
        // The command line names the file that it writes after these: YYYYMMDD__TYPE_REF.dat.
        let day: Vec<&str> = text("FileTimestamp")[..10].split('-').collect();
        assert_eq!(day.iter().map(|it| it.len()).collect::<Vec<_>>(), [4, 2, 2]);
        assert!(text("FileReference").chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it)));
        file
    }

    /// A file's text.
    fn content(&self, file: &Value) -> String {
        let path = ["files", BANK, file["FileType"].as_str().unwrap(), file["FileReference"].as_str().unwrap()];
        let content = self.get(&path, "").text("Content");
        String::from_utf8(STANDARD.decode(content).unwrap()).unwrap()
    }

    fn get(&self, path: &[&str], query: &str) -> Answer {
        self.send("GET", path, query, None, true)
    }

    fn ask(&self, method: &str, path: &[&str], body: &Value) -> Answer {
        self.send(method, path, "", Some(body), true)
    }

    /// Without a body, which some methods say.
    fn empty(&self, method: &str, path: &[&str]) -> Answer {
        self.send(method, path, "", None, true)
    }

    fn send(&self, method: &str, path: &[&str], query: &str, body: Option<&Value>, authenticated: bool) -> Answer {
        let segments: Vec<String> = path.iter().map(|it| (self.dialect.encode)(it)).collect();
        let target = format!("/v2/{}{query}", segments.join("/"));
        let mut headers: Vec<(&str, String)> =
            self.dialect.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let credentials = match (&self.session, authenticated) {
            (Some((token, key)), true) => Some((token.clone(), key.clone())),
            (None, true) => panic!("no session"),
            (_, false) => self.dialect.stale.map(|(token, key)| (token.to_owned(), key.to_owned())),
        };
        if let Some((token, key)) = credentials {
            headers.extend([("Authorization", token), ("x-api-key", key)].into_iter().filter(|(_, it)| !it.is_empty()));
        }
        let body = body.map(|body| self.all_it_knows(body).to_string());
        if body.is_some() || self.dialect.type_without_body {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        match &body {
            Some(body) => headers.push(("Content-Length", body.len().to_string())),
            None if method != "GET" => headers.push(("Content-Length", "0".to_owned())),
            None => {}
        }
        let answer = wire::exchange(self.service, method, &target, &headers, body.as_deref().unwrap_or_default());
        steer::strict(&answer, self.session.as_ref().map(|(_, key)| key.as_str()));
        answer
    }

    /// The command line sends every field that it has with every body.
    fn all_it_knows(&self, body: &Value) -> Value {
        if !self.dialect.sends_everything {
            return body.clone();
        }
        let everything = json!({
            "Email": self.company.email, "Mode": "admin", "Name": self.company.person, "Phone": self.company.phone,
            "Company": self.company.name, "FileType": PAIN, "FileName": "", "Status": "NEW", "Bank": BANK,
            "Code": null, "EncCertificate": "", "PgpKeyPurpose": "", "Settings": { "a": [1, null, true] },
        });
        let mut fields: Map<String, Value> = everything.as_object().unwrap().clone();
        fields.extend(body.as_object().unwrap().clone());
        fields.into()
    }
}

/// All four are other clients in what they send.
#[test]
fn no_two_clients_are_alike() {
    let agents: BTreeSet<&str> = dialects::ALL.iter().map(|it| it.headers[0].1).collect();
    assert_eq!(agents.len(), dialects::ALL.len());
}
