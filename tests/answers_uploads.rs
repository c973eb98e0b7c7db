//! ListUploads: the journal as its account reads it.

use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::ports::Clock;
use aws_lc_rs::digest;
use http::Method;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::support::Service;
use crate::support::firm::{Firm, PAYMENT};

#[tokio::test]
async fn every_upload_is_listed_with_what_became_of_it() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "journal").await;
    assert_eq!(firm.uploads().await, Vec::<Value>::new());
    let script = |fault| firm.simulator().script_operation(BankKey::Simulator, Operation::UploadFile, fault);
    let refusal = Fault::Answer { code: "26".to_owned(), text: "Technical error.".to_owned() };
    let mut states = Vec::new();
    for (name, fault) in [("sent", None), ("refused", Some(refusal)), ("unknown", Some(Fault::DropAfterProcessing))] {
        if let Some(fault) = fault {
            script(fault);
        }
        firm.upload(&firm.payment(name).body()).await;
        states.push(name);
        service.clock.advance(time::Duration::milliseconds(1));
    }
    firm.ask_for(2).await;
    let waiting = firm.payment("waiting");
    let id = firm.upload(&waiting.body()).await.text("UploadId");
    states.push("waiting");

    let listed = firm.uploads().await;
    states.reverse();
    assert_eq!(listed.iter().map(|it| it["State"].as_str().unwrap()).collect::<Vec<_>>(), states);
    let hash = digest::digest(&digest::SHA256, &waiting.bytes);
    let hash = hash.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let signer = firm.journal(PAYMENT, &waiting.bytes).await.unwrap().signers[0].clone();
    let now = service.clock.now();
    let expected = json!({
        "UploadId": id, "FileType": PAYMENT, "FileName": "payment.xml", "Size": waiting.bytes.len(), "Sha256": hash,
        "State": "waiting", "Signers": [signer], "SignaturesRequired": 2, "At": now.format(&Rfc3339).unwrap(),
    });
    assert_eq!(listed[0], expected);
    assert!(id.starts_with(&format!("{:013}-", now.unix_timestamp_nanos() / 1_000_000)) && id.len() == 50, "{id}");
    let told = |at: usize| ["BankCode", "BankText"].map(|name| listed[at][name].as_str());
    assert_eq!((told(2), told(3)), ([Some("26"), Some("Technical error.")], [None, None]));

    // The same bytes again are the same upload.
    firm.upload(&firm.payment("sent").body()).await.succeeded(201);
    assert_eq!(firm.uploads().await.len(), 4);

    // Both modes read it; nobody else does, and each bank has its own.
    let admin = firm.ask(Method::GET, "/v2/uploads/simulator").await;
    assert_eq!(admin.succeeded(200)["Uploads"], json!(listed));
    assert_eq!(firm.get("/v2/uploads/nordea").await.succeeded(200)["Uploads"], json!([]));
    let colleague = Firm::open_under(&service, &codes, "colleague", &firm.admin.api_key).await;
    let stranger = Firm::open(&service, &codes, "stranger").await;
    for other in [&colleague, &stranger] {
        assert_eq!(other.uploads().await, Vec::<Value>::new());
    }
    service.send(Method::GET, "/v2/uploads/simulator", None, "").await.is(401, "01", "Unauthorized");
    firm.get("/v2/uploads/nosuchbank").await.is(400, "01", "Invalid parameter bank");
}

#[tokio::test]
async fn the_journal_is_read_in_pages() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "pages").await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(firm.upload(&firm.payment(&format!("PAGE-{number}")).body()).await.text("UploadId"));
        service.clock.advance(time::Duration::milliseconds(1));
    }
    ids.reverse();
    let page = async |query: &str| {
        let answer = firm.get(&format!("/v2/uploads/simulator{query}")).await;
        let uploads = answer.succeeded(200)["Uploads"].as_array().unwrap();
        let ids: Vec<String> = uploads.iter().map(|it| it["UploadId"].as_str().unwrap().to_owned()).collect();
        (ids, answer.body["NextToken"].as_str().map(str::to_owned))
    };
    for limit in 1..=6 {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = page(&format!("?Limit={limit}&NextToken={token}")).await;
            assert!(!page.is_empty() && page.len() <= limit);
            found.extend(page);
            match next {
                Some(next) => token = next,
                None => break,
            }
        }
        assert_eq!(found, ids, "{limit}");
    }
    assert_eq!(page("").await, (ids.clone(), None));
    assert_eq!(page("?Limit=100").await.0, ids);

    for limit in ["0", "101", "-1", "x", "1.0"] {
        let answer = firm.get(&format!("/v2/uploads/simulator?Limit={limit}")).await;
        answer.is(400, "01", "Invalid parameter(s): Limit");
    }
    let token = page("?Limit=2").await.1.unwrap();
    // What came between is on no page that is asked for with it.
    service.clock.advance(time::Duration::milliseconds(1));
    firm.upload(&firm.payment("NEWER").body()).await.succeeded(201);
    assert_eq!(page(&format!("?NextToken={token}")).await.0, ids[2..]);
    let other = Firm::open(&service, &codes, "elsewhere").await;
    let refused = "Invalid parameter(s): NextToken";
    other.get(&format!("/v2/uploads/simulator?NextToken={token}")).await.is(400, "01", refused);
    firm.get(&format!("/v2/uploads/nordea?NextToken={token}")).await.is(400, "01", refused);
    let mut changed = token.clone().into_bytes();
    changed[20] ^= 1;
    for rubbish in [
        String::from_utf8(changed).unwrap(),
        "x".to_owned(),
        "AAAA".to_owned(),
        token[..token.len() - 4].to_owned(),
        "%25".to_owned(),
    ] {
        firm.get(&format!("/v2/uploads/simulator?NextToken={rubbish}")).await.is(400, "01", refused);
    }
}
