//! Certificates that end soon are renewed by the banks' own protocols, and what happens when the bank does not do its part.

use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::Context;
use avain_domain::certificates::{Renewed, renew_due};
use avain_domain::names::Bank;
use avain_domain::records::{Agreement, BankCertificate, CertificateState, Key, Record};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::support::Service;
use crate::support::firm::{CODE, Firm};

/// Certificates live for two years: some days before their end.
const NEARLY: Duration = Duration::days(710);

/// A customer of a bank, with its certificate's record at the moment.
struct Customer<'a> {
    service: &'a Service,
    firm: Firm<'a>,
    bank: &'static str,
}

impl Customer<'_> {
    async fn record(&self) -> BankCertificate {
        let found = self.firm.records().await.into_iter().find_map(|stored| match stored.record {
            Record::Certificate(it) if it.bank.as_str() == self.bank => Some(it),
            _ => None,
        });
        found.unwrap()
    }

    async fn renew(&self) -> Vec<Renewed> {
        let deps = &self.service.server.machine.deps;
        let context = Context { clock: deps.clock(), random: deps.random(), request_id: "renewal" };
        let (store, sealer, banks) = (deps.store().unwrap(), deps.sealer().unwrap(), deps.banks().unwrap());
        renew_due(context, store, sealer, banks, Duration::minutes(1)).await.unwrap()
    }

    async fn keys(&self, record: &BankCertificate) -> usize {
        let ids = [Some(&record.key), record.encryption.as_ref().map(|it| &it.key)];
        let names: Vec<Key> = ids.into_iter().flatten().map(|id| Key::SealedKey(id.clone())).collect();
        self.firm.store().get(&names).await.unwrap().len()
    }

    /// The bank takes the certificate that is in use.
    async fn works(&mut self) {
        self.firm.log_in_again().await;
        self.firm.get(&format!("/v2/files/{}?Status=ALL", self.bank)).await.succeeded(200);
    }
}

async fn enrolled<'a>(
    service: &'a Service,
    firm: Firm<'a>,
    bank: &'static str,
    user_id: &str,
    code: &str,
) -> Customer<'a> {
    service.agree(&firm.organisation().await, Agreement::Active).await;
    let body = json!({ "Code": code, "Company": firm.story.company.name, "WsUserId": user_id });
    firm.enrol_at(bank, &body).await.succeeded(201);
    Customer { service, firm, bank }
}

fn end(record: &BankCertificate) -> OffsetDateTime {
    match record.state {
        CertificateState::Active { expires, .. } => expires,
        CertificateState::Pending => panic!("pending"),
    }
}

#[tokio::test]
async fn every_bank_renews() {
    for (bank, user_id, code) in [
        ("simulator", "1000038023", CODE),
        ("nordea", "11111111", "1234567890"),
        ("osuuspankki", "1000000000", "2251401483958635"),
        ("danskebank", "360817", "1234"),
        ("pop", "12345678", "1234567812345670"),
    ] {
        let service = Service::start().await;
        let codes = service.codes();
        let firm = Firm::open(&service, &codes, "renewed").await;
        let mut customer = enrolled(&service, firm, bank, user_id, code).await;
        let before = customer.record().await;
        assert_eq!(customer.renew().await.len(), 0, "{bank}: too early");

        service.clock.advance(NEARLY);
        let renewed = customer.renew().await;
        assert!(matches!(renewed.as_slice(), [Renewed { outcome: Ok(()), .. }]), "{bank}: {renewed:?}");
        let after = customer.record().await;
        assert!(end(&after) > end(&before) + Duration::days(600), "{bank}: {}", end(&after));
        assert_ne!(after.key, before.key);
        assert_eq!((after.renewal.as_ref(), &after.shared_to), (None, &before.shared_to));
        let pairs = 1 + usize::from(bank == "danskebank");
        assert_eq!((customer.keys(&before).await, customer.keys(&after).await), (0, pairs), "{bank}");
        assert_eq!(customer.renew().await.len(), 0);
        customer.works().await;
        assert_eq!(customer.firm.actions("certificate.renew").await, ["certificate.renew"]);
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_with_the_same_key() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "lost").await;
    let mut customer = enrolled(&service, firm, "osuuspankki", "1000000000", "2251401483958635").await;
    service.clock.advance(NEARLY);
    let simulator = &service.server.machine.banks.simulator;
    simulator.script_operation(BankKey::Osuuspankki, Operation::GetCertificate, Fault::DropAfterProcessing);
    assert!(matches!(customer.renew().await.as_slice(), [Renewed { outcome: Err(_), .. }]));
    let kept = customer.record().await.renewal.unwrap().key.unwrap();
    assert_eq!(customer.renew().await.len(), 0, "not asked again so soon");

    // A refusal after it says nothing of what the bank did before.
    service.clock.advance(Duration::hours(21));
    let refusal = Fault::Answer { code: "26".to_owned(), text: "Technical error.".to_owned() };
    simulator.script_operation(BankKey::Osuuspankki, Operation::GetCertificate, refusal);
    assert!(matches!(customer.renew().await.as_slice(), [Renewed { outcome: Err(_), .. }]));
    assert_eq!(customer.record().await.renewal.unwrap().key.as_ref(), Some(&kept));

    service.clock.advance(Duration::hours(21));
    let renewed = customer.renew().await;
    assert!(matches!(renewed.as_slice(), [Renewed { outcome: Ok(()), .. }]), "{renewed:?}");
    assert_eq!(customer.record().await.key, kept);
    customer.works().await;
}

#[tokio::test]
async fn a_refusal_leaves_the_certificate_and_no_key() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "refused").await;
    let mut customer = enrolled(&service, firm, "simulator", "1000038023", CODE).await;
    service.clock.advance(NEARLY);
    let before = customer.record().await;
    let refusal = Fault::Answer { code: "35".to_owned(), text: "Authorization failed".to_owned() };
    let simulator = &service.server.machine.banks.simulator;
    simulator.script_operation(BankKey::Simulator, Operation::GetCertificate, refusal);
    assert!(matches!(customer.renew().await.as_slice(), [Renewed { outcome: Err(_), .. }]));
    let after = customer.record().await;
    let renewal = after.renewal.clone().unwrap();
    assert_eq!((renewal.key, renewal.tried), (None, before.started + NEARLY));
    assert_eq!((&after.key, &after.state), (&before.key, &before.state));
    customer.works().await;

    // Suspended organisations are not renewed.
    service.agree(&customer.firm.organisation().await, Agreement::Suspended).await;
    service.clock.advance(Duration::hours(21));
    assert_eq!(customer.renew().await.len(), 0);
    service.agree(&customer.firm.organisation().await, Agreement::Active).await;
    assert!(matches!(customer.renew().await.as_slice(), [Renewed { outcome: Ok(()), .. }]));
    assert_eq!(Bank::SIMULATOR, customer.record().await.bank);
}
