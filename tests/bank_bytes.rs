//! What is on the line between the bank's client and the simulated bank, changed on the way: two hundred single bytes of a
//! signed request, and of a signed answer.

use avain::client::{Http, Transport};
use avain_bank_channel::answer::{self, FileDescriptor};
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{
    Channel, Environment, Error, FileList, Judge, Request, Service as Address, Stamp, Status, Trust, profile,
};
use avain_bank_simulator::BankKey;
use avain_domain::ports::Clock;
use avain_xml_security::SigningKey;
use bytes::Bytes;
use time::{Duration, OffsetDateTime};

use crate::support::Service;
use crate::support::firm::CODE;

fn channel() -> Channel<'static> {
    let profile = profile("simulator").unwrap();
    let environment = Environment::Test;
    Channel { profile, user_id: "bytes", environment, software: "Avain tests", bank_certificate: None }
}

const PLACES: usize = 200;

/// A customer of the simulated bank, by the client's own messages.
struct Customer {
    service: Service,
    http: Http,
    trust: Trust,
    key: SigningKey,
}

impl Customer {
    async fn enrolled() -> Self {
        let service = Service::start().await;
        let banks = &service.server.machine.banks;
        let http = Http::new(banks.base.clone());
        let trust = Trust::from_pem(&banks.simulator.root_pem(BankKey::Simulator).unwrap()).unwrap();
        let private_key = PrivateKey::generate().unwrap();
        let wanted = CertificateRequest::new(&channel(), &private_key, "Bytes Oy").unwrap();
        let stamp = Stamp { request_id: "enrol", at: service.clock.now() };
        let request = channel().certificate(&stamp, CODE, &wanted).unwrap();
        let answer = post(&http, request.service, request.body).await;
        let judge = Judge::live(&trust, service.clock.now(), Duration::ZERO);
        let certificate = answer::certificate(&answer, &request.expected, &judge, wanted.public_key()).unwrap();
        let key = SigningKey::new(private_key.pkcs8(), &certificate).unwrap();
        Self { service, http, trust, key }
    }

    fn now(&self) -> OffsetDateTime {
        self.service.clock.now()
    }

    /// A list of all files, as it is asked for.
    fn request(&self) -> Request {
        let list = FileList { status: Status::All, target_id: Some("bytesA1"), file_type: None, from: None, to: None };
        let stamp = Stamp { request_id: "list", at: self.now() };
        channel().file_list(&stamp, &self.key, &list).unwrap()
    }

    async fn post(&self, body: Vec<u8>) -> Bytes {
        post(&self.http, Address::Files, body).await
    }

    fn read(&self, request: &Request, answer: &[u8]) -> Result<Vec<FileDescriptor>, Error> {
        answer::file_list(answer, &request.expected, &Judge::live(&self.trust, self.now(), Duration::ZERO))
    }
}

async fn post(http: &Http, address: Address, body: Vec<u8>) -> Bytes {
    let service = if address == Address::Files { "CorporateFileService" } else { "CertificateService" };
    let request = http::Request::post(format!("/simulator/{service}"))
        .header("content-type", "text/xml; charset=UTF-8")
        .header("soapaction", "\"\"")
        .body(body.into())
        .unwrap();
    http.send(request).await.unwrap().into_body()
}

/// Where the first element with this local name begins and ends, tags and all: of Timestamps, that is WS-Security's.
fn element(text: &str, name: &str) -> std::ops::Range<usize> {
    let named = |at: usize| text[at..].find([' ', '>']).map(|length| &text[at..at + length]);
    let is = |at: &usize| named(*at).is_some_and(|it| it.rsplit(['<', '/', ':']).next() == Some(name));
    let mut tags = text.match_indices('<').map(|(at, _)| at).filter(is);
    let (begin, end) = (tags.next().unwrap(), tags.next().unwrap());
    begin..end + text[end..].find('>').unwrap() + 1
}

/// The message with one byte changed, at each of so many places spread evenly over what is signed: Timestamp, `SignedInfo`
/// and Body. A letter or digit stays one, so that most changes are well-formed.
fn changes(message: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let text = std::str::from_utf8(message).unwrap();
    let signed: Vec<usize> =
        ["Timestamp", "SignedInfo", "Body"].into_iter().flat_map(|name| element(text, name)).collect();
    let change = |place: usize| {
        let at = signed[place * signed.len() / PLACES];
        let mut changed = message.to_vec();
        changed[at] = match changed[at] {
            byte @ (b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y') => byte + 1,
            b'9' => b'0',
            b'z' => b'a',
            b'Z' => b'A',
            _ => b'x',
        };
        (at, changed)
    };
    (0..PLACES).map(change).collect()
}

#[tokio::test]
async fn a_request_of_which_a_byte_was_changed_is_refused() {
    let customer = Customer::enrolled().await;
    let request = customer.request();
    let mut by_signature = 0;
    for (at, changed) in changes(&request.body) {
        let answer = customer.post(changed).await;
        let told = std::str::from_utf8(&answer).unwrap();
        let fault = told.contains("faultstring");
        let code = last(told, if fault { "code" } else { "ResponseCode" });
        // What is no envelope, no operation or no header any more is noticed before the signature (brief 11).
        assert!(matches!((fault, code), (false, "02" | "12") | (true, "04" | "05" | "12")), "byte {at}: {told}");
        by_signature += usize::from(code == "02");
    }
    assert!(by_signature > PLACES * 3 / 4, "only {by_signature} of {PLACES} for the signature");
    // None of them spent the request's id, and none was carried out.
    let answer = customer.post(request.body.clone()).await;
    assert_eq!(customer.read(&request, &answer).unwrap().len(), 1);
}

/// The text of the last element whose name ends so.
fn last<'t>(text: &'t str, name: &str) -> &'t str {
    let close = text.rfind(&format!("{name}>")).unwrap();
    let end = text[..close].rfind("</").unwrap();
    text[..end].rsplit('>').next().unwrap()
}

#[tokio::test]
async fn an_answer_of_which_a_byte_was_changed_says_nothing_else() {
    let customer = Customer::enrolled().await;
    let request = customer.request();
    let answer = customer.post(request.body.clone()).await;
    let good = customer.read(&request, &answer).unwrap();
    assert_eq!(good.len(), 1);
    let payload = element(std::str::from_utf8(&answer).unwrap(), "ApplicationResponse");
    let mut accepted = 0;
    for (at, changed) in changes(&answer) {
        // A change that canonicalisation takes back is none; whatever is read is what the bank said.
        if let Ok(read) = customer.read(&request, &changed) {
            assert_eq!(read, good, "byte {at}");
            assert!(!payload.contains(&at), "byte {at} of the signed response was changed, and it was accepted");
            accepted += 1;
        }
    }
    assert!(accepted <= PLACES / 100, "{accepted} of {PLACES} changes were accepted");
}
