//! Answers of ShareCerts and UnshareCerts, what a share is good for, and what ends it (decision 12).

use avain::client::Credentials;
use avain_bank_simulator::{BankKey, Operation};
use avain_domain::names::Bank;
use avain_domain::records::{BankCertificate, Key, KeyId, Record, SealedKey, Share, Stored, Write};
use http::Method;
use serde_json::json;

use crate::support::firm::Firm;
use crate::support::{Answer, Service};

const NO_CERTIFICATE: &str = "No certificate(s) for this bank,";

#[track_caller]
fn shares(answer: &Answer, status: u16, to: &[&Firm<'_>], from: &[&Firm<'_>]) {
    let body = answer.succeeded(status);
    let addresses = |firms: &[&Firm<'_>]| firms.iter().map(|it| it.address().to_owned()).collect::<Vec<_>>();
    assert_eq!((&body["SharedTo"], &body["SharedFrom"]), (&json!(addresses(to)), &json!(addresses(from))));
}

#[tokio::test]
async fn a_share_is_used_shown_and_taken_back() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    user.list().await.is(404, "01", NO_CERTIFICATE);
    shares(&owner.share_with("USER%40example.com").await, 201, &[&user], &[]);
    consistent(&[&owner, &user]).await;

    let own = owner.get("/v2/certs").await;
    let expires = own.succeeded(200)["Certs"][0]["Expires"].clone();
    let connection = json!({
        "Bank": "simulator", "Access": "shared", "Certificates": [{ "Purpose": "signing", "Expires": expires }],
    });
    let seen = json!({
        "ResponseCode": "00", "ResponseText": "OK", "Certs": [], "Connections": [connection], "Retired": [],
    });
    assert_eq!(user.get("/v2/certs").await.body, seen);
    user.list().await.succeeded(200);
    user.upload(&user.payment("SHARED").body()).await.succeeded(201);
    let file = user.first_file().await;
    let content = user.get(&file).await.succeeded(200)["Content"].clone();
    assert_eq!(user.get(&file).await.succeeded(200)["Content"], content);
    assert_eq!(owner.calls(Operation::UploadFile), 1);

    let before = (owner.records().await, user.records().await);
    shares(&owner.share_with(user.address()).await, 201, &[&user], &[]);
    user.ask(Method::GET, "/v2/certs/simulator?PgpKeyId=00000000").await.is(404, "01", NO_CERTIFICATE);
    user.retire().await.is(404, "01", NO_CERTIFICATE);
    user.share_with(owner.address()).await.is(404, "01", NO_CERTIFICATE);
    user.unshare_with(owner.address()).await.is(404, "01", "Not found");
    assert_eq!((owner.records().await, user.records().await), before);

    shares(&owner.unshare_with(user.address()).await, 200, &[], &[]);
    consistent(&[&owner, &user]).await;
    user.list().await.is(404, "01", NO_CERTIFICATE);
    user.upload(&user.payment("AFTER").body()).await.is(404, "01", NO_CERTIFICATE);
    assert_eq!(user.get("/v2/certs").await.body["Connections"], json!([]));
    // What was fetched is the account's.
    assert_eq!(user.get(&file).await.succeeded(200)["Content"], content);
    owner.unshare_with(user.address()).await.is(404, "01", "Not found");
    owner.list().await.succeeded(200);
    let told = owner.actions("certificate.").await;
    assert_eq!(told, ["certificate.enrol", "certificate.share", "certificate.unshare"]);
}

#[tokio::test]
async fn what_sharing_is_refused_for_changes_nothing() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::open(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    let stranger = Firm::open(&service, &codes, "stranger").await;
    owner.share_with(user.address()).await.is(404, "01", NO_CERTIFICATE);
    owner.enrol().await.succeeded(201);
    let before = (owner.records().await, user.records().await, stranger.records().await);
    for method in [Method::PUT, Method::DELETE] {
        let send = async |email: &str| owner.ask(method.clone(), &format!("/v2/certs/shared/{email}")).await;
        // Another organisation's account answers as one that nobody has registered.
        let absent = send("nobody@example.com").await;
        absent.is(404, "01", "Not found");
        assert_eq!(send(stranger.address()).await.but_for_its_id(), absent.but_for_its_id());
        for wrong in ["nobody", "a@b@c", "%zz", "a%00@b"] {
            send(wrong).await.is(400, "01", "Invalid parameter(s): ExtEmail");
        }
        let path = format!("/v2/certs/shared/{}", user.address());
        let data = service.send(method.clone(), &path, Some(&owner.data), "").await;
        data.is(403, "01", "Cert sharing allowed for admin user only");
        let wrong = service.send(method.clone(), "/v2/certs/shared/nobody", Some(&owner.data), "").await;
        wrong.is(403, "01", "Cert sharing allowed for admin user only");
        let stranger = Credentials { api_key: stranger.admin.api_key.clone(), ..owner.admin.clone() };
        service.send(method.clone(), &path, Some(&stranger), "").await.is(403, "01", "Invalid API key");
        service.send(method, &path, None, "").await.is(401, "01", "Unauthorized");
    }
    let own = "Invalid parameter(s): ExtEmail (your own account)";
    owner.share_with(owner.address()).await.is(400, "01", own);
    owner.unshare_with(owner.address()).await.is(404, "01", "Not found");
    assert_eq!((owner.records().await, user.records().await, stranger.records().await), before);
}

#[tokio::test]
async fn the_first_share_wins_and_nothing_takes_its_place_by_itself() {
    let service = Service::start().await;
    let codes = service.codes();
    let first = Firm::enrolled(&service, &codes, "first").await;
    let second = Firm::open_under(&service, &codes, "second", &first.admin.api_key).await;
    second.enrol().await.succeeded(201);
    let user = Firm::open_under(&service, &codes, "user", &first.admin.api_key).await;
    shares(&first.share_with(user.address()).await, 201, &[&user], &[]);
    shares(&second.share_with(user.address()).await, 201, &[], &[]);
    // One who has a certificate needs none.
    shares(&first.share_with(second.address()).await, 201, &[&user], &[]);
    second.unshare_with(user.address()).await.is(404, "01", "Not found");
    assert_eq!(share_of(&user).await.unwrap().owner, first.email());
    consistent(&[&first, &second, &user]).await;

    shares(&first.unshare_with(user.address()).await, 200, &[], &[]);
    user.list().await.is(404, "01", NO_CERTIFICATE);
    shares(&second.share_with(user.address()).await, 201, &[&user], &[]);
    user.list().await.succeeded(200);
    assert_eq!(share_of(&user).await.unwrap().owner, second.email());
    consistent(&[&first, &second, &user]).await;
}

#[tokio::test]
async fn an_own_certificate_takes_the_place_of_a_share() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    let third = Firm::open_under(&service, &codes, "third", &owner.admin.api_key).await;
    shares(&owner.share_with(third.address()).await, 201, &[&third], &[]);
    shares(&owner.share_with(user.address()).await, 201, &[&third, &user], &[]);

    // While the bank refuses, the share stays.
    let refused = avain_bank_simulator::Fault::Answer { code: "34".to_owned(), text: "No.".to_owned() };
    service.server.machine.banks.simulator.script_operation(BankKey::Simulator, Operation::GetCertificate, refused);
    user.enrol().await.is(400, "34", "No.");
    user.list().await.succeeded(200);
    consistent(&[&owner, &user, &third]).await;

    user.enrol().await.succeeded(201);
    consistent(&[&owner, &user, &third]).await;
    assert_eq!(share_of(&user).await, None);
    let certs = user.get("/v2/certs").await;
    assert_eq!(certs.body["Certs"][0]["Subject"], "user");
    assert_eq!(certs.body["Connections"][0]["Access"], "direct");
    assert_eq!(certs.body["Connections"].as_array().unwrap().len(), 1);
    user.list().await.succeeded(200);
    // Now it shares in turn, and what the owner has is what is left.
    shares(&owner.share_with(user.address()).await, 201, &[&third], &[]);
    shares(&user.share_with(third.address()).await, 201, &[], &[]);

    // Gone again, the share does not come back.
    user.retire().await.succeeded(200);
    user.list().await.is(404, "01", NO_CERTIFICATE);
    shares(&owner.share_with(user.address()).await, 201, &[&third, &user], &[]);
    user.list().await.succeeded(200);
    consistent(&[&owner, &user, &third]).await;
}

#[tokio::test]
async fn a_share_ends_with_its_certificate_and_outlives_its_key() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let user = Firm::open_under(&service, &codes, "user", &owner.admin.api_key).await;
    owner.share_with(user.address()).await.succeeded(201);

    // A renewal gives the certificate another key under another name.
    let renewed = another_key(&owner).await;
    user.list().await.succeeded(200);
    user.upload(&user.payment("RENEWED").body()).await.succeeded(201);
    assert_eq!(user.get("/v2/certs").await.body["Connections"][0]["Access"], "shared");
    assert_ne!(share_of(&user).await.unwrap().key, renewed);

    owner.retire().await.succeeded(200);
    consistent(&[&owner, &user]).await;
    assert_eq!(share_of(&user).await, None);
    user.list().await.is(404, "01", NO_CERTIFICATE);
    assert_eq!(user.get("/v2/certs").await.body["Connections"], json!([]));
    // A new certificate is not shared because an old one was.
    owner.enrol().await.succeeded(201);
    user.list().await.is(404, "01", NO_CERTIFICATE);
    shares(&owner.share_with(user.address()).await, 201, &[&user], &[]);
    user.list().await.succeeded(200);
}

/// Whatever happens at the same moment, both sides of every share agree.
#[tokio::test]
async fn sharing_while_the_other_side_changes() {
    let service = Service::start().await;
    let codes = service.codes();
    let first = Firm::enrolled(&service, &codes, "first").await;
    let api_key = &first.admin.api_key;
    let second = Firm::open_under(&service, &codes, "second", api_key).await;
    second.enrol().await.succeeded(201);
    let firms = {
        let third = Firm::open_under(&service, &codes, "third", api_key).await;
        let fourth = Firm::open_under(&service, &codes, "fourth", api_key).await;
        [third, fourth]
    };
    let [user, other] = &firms;
    let all = [&first, &second, user, other];
    for round in 0..4 {
        let (a, b, c) = tokio::join!(
            first.share_with(user.address()),
            second.share_with(user.address()),
            second.share_with(other.address()),
        );
        assert!([&a, &b, &c].iter().all(|it| [201, 503].contains(&it.status)), "{a:?} {b:?} {c:?}");
        consistent(&all).await;
        let (enrolled, shared, _) =
            tokio::join!(user.enrol(), first.share_with(user.address()), second.unshare_with(other.address()));
        assert_eq!(enrolled.status, 201, "{enrolled:?}");
        assert!([201, 503].contains(&shared.status), "{shared:?}");
        consistent(&all).await;
        user.list().await.succeeded(200);
        let (retired, _) = tokio::join!(user.retire(), first.share_with(user.address()));
        assert_eq!(retired.status, 200, "{retired:?}");
        consistent(&all).await;
        if round % 2 == 0 {
            first.unshare_with(user.address()).await;
            second.unshare_with(other.address()).await;
        }
    }
}

/// Each share is known on both sides, and nobody has both a certificate and a share.
async fn consistent(firms: &[&Firm<'_>]) {
    let mut certificates: Vec<BankCertificate> = Vec::new();
    let mut shares: Vec<Share> = Vec::new();
    for firm in firms {
        for stored in firm.records().await {
            match stored.record {
                Record::Certificate(it) => certificates.push(it),
                Record::Share(it) => shares.push(it),
                _ => {}
            }
        }
    }
    let mut given: Vec<_> = certificates
        .iter()
        .flat_map(|it| it.shared_to.iter().map(move |to| (to.as_str(), it.bank.as_str(), it.email.as_str())))
        .collect();
    let mut taken: Vec<_> = shares.iter().map(|it| (it.email.as_str(), it.bank.as_str(), it.owner.as_str())).collect();
    given.sort_unstable();
    taken.sort_unstable();
    assert_eq!(given, taken);
    let both = shares.iter().find(|share| {
        certificates.iter().any(|it| it.email == share.email && it.bank == share.bank && it.issued().is_some())
    });
    assert_eq!(both, None);
}

async fn share_of(firm: &Firm<'_>) -> Option<Share> {
    firm.records().await.into_iter().find_map(|stored| match stored.record {
        Record::Share(it) if it.bank == Bank::SIMULATOR => Some(it),
        _ => None,
    })
}

/// Seals the same private key under another name, as a renewal does with a new one.
async fn another_key(firm: &Firm<'_>) -> KeyId {
    let Some(Stored { record: Record::Certificate(certificate), version }) =
        firm.records().await.into_iter().find(|it| matches!(it.record, Record::Certificate(_)))
    else {
        panic!("no certificate")
    };
    let sealer = firm.service.server.machine.deps.sealer().unwrap();
    let Some(Record::SealedKey(old)) = firm.service.record(Key::SealedKey(certificate.key.clone())).await else {
        panic!("no key")
    };
    let key = KeyId { id: "simulator/renewed".to_owned(), ..certificate.key.clone() };
    let opened = sealer.open(&old.id, &old.sealed).await.unwrap();
    let kept = SealedKey { id: key.clone(), sealed: sealer.seal(&key, opened.expose()).await.unwrap() };
    let renewed = BankCertificate { key: key.clone(), ..certificate };
    let writes = vec![
        Write::Replace(Record::Certificate(renewed), version),
        Write::Insert(Record::SealedKey(kept)),
        Write::Forget(Key::SealedKey(old.id)),
    ];
    firm.store().commit(writes).await.unwrap();
    key
}
