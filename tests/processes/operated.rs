//! `avain org` as a process: what the operator sees and changes.

use std::path::Path;
use std::process::Output;

use avain::client::Http;
use avain::demo::DevOutbox;
use serde_json::json;
use tempfile::TempDir;

use super::served::{Served, avain};
use super::{client, texts};

fn org(data: &Path, words: &[&str]) -> Output {
    avain().arg("org").args(words).arg("--data").arg(data).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_lists_shows_and_agrees() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let refusal = texts(&org(&data, &["list"])).1;
    assert!(refusal.ends_with("is no data directory: it has no store.sqlite and root.key\n"), "{refusal}");
    assert!(!data.exists());

    let mut served = Served::start(&data, &["--dev"]);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let owner = client(&http, &codes, &served, "owner@example.com");
    let admin = owner.open("admin", "0").await.unwrap();
    owner.set_policy(&admin, &json!({ "CallsPerMinute": 600 })).await.unwrap();
    let customer = client(&http, &codes, &served, "customer@example.com");
    let customers = customer.open("admin", &admin.api_key).await.unwrap();
    let refused = customer.enrol(&customers, "nordea", "11111111", "1234567890").await.unwrap_err().to_string();
    assert!(refused.contains("No service agreement"), "{refused}");
    let refusal = texts(&org(&data, &["list"])).1;
    assert_eq!(refusal, format!("avain: another process uses this data directory: {}\n", data.display()));
    served.kill();

    let (listed, errors) = texts(&org(&data, &["list"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}{errors}");
    let words: Vec<&str> = lines[1].split_whitespace().collect();
    let id = words[0];
    assert_eq!((words[1], words[2], &words[4..]), ("test", "2", &["owner@example.com,", "Esimerkki", "Oy"][..]));

    let shown = texts(&org(&data, &["show", id])).0;
    let expected = [
        "agreement     test\n",
        "policy        SkipPhoneVerification false, SkipEmailVerification false, CallsPerMinute 600\n",
        "accounts      2\n  customer@example.com\n  owner@example.com\n",
    ];
    for part in expected {
        assert!(shown.contains(part), "{shown}");
    }
    for words in [&["show", "nobody"][..], &["agree", "nobody", "active"]] {
        let output = org(&data, words);
        assert!(!output.status.success());
        let said = "avain: nobody: there is no such organisation here; `avain org list` shows them\n";
        assert_eq!(texts(&output).1, said);
    }
    let output = org(&data, &["agree", id, "always"]);
    assert!(!output.status.success() && texts(&output).1.contains("test, active, suspended"), "{output:?}");

    for _ in 0..2 {
        let (said, errors) = texts(&org(&data, &["agree", id, "active"]));
        assert_eq!(said, format!("{id}: active (Esimerkki Oy)\n"), "{errors}");
    }
    assert!(texts(&org(&data, &["list"])).0.contains(" active "), "shown from now on");

    let served = Served::start(&data, &["--dev"]);
    let http = Http::new(&served.base);
    let codes = DevOutbox(&http);
    let customer = client(&http, &codes, &served, "customer@example.com");
    let customers = avain::story::credentials(&customer.log_in("admin").await.unwrap()).unwrap();
    customer.enrol(&customers, "nordea", "11111111", "1234567890").await.unwrap();
}
