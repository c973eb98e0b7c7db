//! The vault on KMS: what it asks, and what it makes of every answer. On replayed answers, through the real SDK client; the
//! port's own suite runs on ministack.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod replay;

use avain_adapters_aws::kms::KmsVault;
use avain_domain::names::OrganisationId;
use avain_domain::ports::{KeyContext, Vault};
use avain_domain::records::KeyKind;
use replay::{Answer, Asked, REQUEST_ID, config, replay};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-north-1:111122223333:key/1";
/// A data key of 32 bytes that would be seen in any text, and how it looks on the wire.
const CANARY: &str = "CANARY-data-key-CANARY-data-key-";
const CANARY_BASE64: &str = "Q0FOQVJZLWRhdGEta2V5LUNBTkFSWS1kYXRhLWtleS0=";

fn vault(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (KmsVault, Asked) {
    let (http, asked) = replay(answer);
    let config = config!(aws_sdk_kms, http).build();
    (KmsVault::new(aws_sdk_kms::Client::from_conf(config), KEY.to_owned()), asked)
}

fn context() -> KeyContext {
    KeyContext { kind: KeyKind::Bank, organisation: OrganisationId("org-1".to_owned()) }
}

fn generated() -> Answer {
    let body = json!({"CiphertextBlob": "d3JhcHBlZA==", "Plaintext": CANARY_BASE64, "KeyId": KEY});
    Answer::new(200, body.to_string())
}

fn opened() -> Answer {
    Answer::new(200, json!({"Plaintext": CANARY_BASE64, "KeyId": KEY}).to_string())
}

fn refusal(status: u16, code: &str) -> Answer {
    // No service would do it, so it is the worst case: its message tells the key.
    let body = json!({"__type": code, "message": format!("{CANARY} {CANARY_BASE64}")});
    Answer::new(status, body.to_string())
}

/// The text of both calls' failures.
async fn failures(answer: &Answer) -> [(String, usize); 2] {
    let replayed = |answer: Answer| vault(move |_| answer.clone());
    let (generating, asked) = replayed(answer.clone());
    let generate = (generating.generate(&context()).await.err().unwrap().to_string(), asked.count());
    let (opening, asked) = replayed(answer.clone());
    let open = (opening.open(&context(), b"wrapped").await.err().unwrap().to_string(), asked.count());
    for (text, _) in [&generate, &open] {
        assert!(!text.contains("CANARY") && !text.contains(&CANARY_BASE64[..8]), "{text}");
        assert!(text.starts_with("KMS "), "{text}");
    }
    [generate, open]
}

/// R27: the context goes with every call, and the key is named when opening too.
#[tokio::test]
async fn each_call_is_one_request_with_key_and_context() {
    let (vault, asked) = vault(|number| if number == 0 { generated() } else { opened() });
    let key = vault.generate(&context()).await.unwrap();
    assert_eq!((key.plaintext.expose(), key.wrapped.as_slice()), (CANARY.as_bytes(), b"wrapped".as_slice()));
    assert_eq!(vault.open(&context(), &key.wrapped).await.unwrap().expose(), CANARY.as_bytes());

    let context = json!({"service": "avain", "kind": "bank-key", "organisation": "org-1"});
    let expected = [
        ("GenerateDataKey", json!({"KeyId": KEY, "KeySpec": "AES_256", "EncryptionContext": context})),
        ("Decrypt", json!({"KeyId": KEY, "CiphertextBlob": "d3JhcHBlZA==", "EncryptionContext": context})),
    ];
    let requests = asked.take();
    assert_eq!(requests.len(), 2);
    for (request, (operation, body)) in requests.iter().zip(expected) {
        assert_eq!(request.headers().get("x-amz-target").unwrap(), format!("TrentService.{operation}"));
        assert_eq!(serde_json::from_slice::<Value>(request.body().bytes().unwrap()).unwrap(), body);
        assert!(request.uri().starts_with("https://kms.eu-north-1.amazonaws.com"), "{}", request.uri());
    }
}

/// R50: what KMS refuses is `Unavailable`, with its code and the request's id, and nothing of its message. What may pass
/// is tried three times.
#[tokio::test(start_paused = true)]
async fn refusals_are_unavailable_with_code_and_request_id() {
    for (status, code, tries) in [
        (400, "AccessDeniedException", 1),
        (400, "DisabledException", 1),
        (400, "KMSInvalidStateException", 1),
        (400, "NotFoundException", 1),
        (400, "InvalidKeyUsageException", 1),
        (400, "UnrecognizedClientException", 1),
        (400, "InvalidCiphertextException", 1),
        (400, "IncorrectKeyException", 1),
        (400, "ThrottlingException", 3),
        (500, "KMSInternalException", 3),
        (500, "DependencyTimeoutException", 3),
        (503, "KeyUnavailableException", 3),
    ] {
        for (text, asked) in failures(&refusal(status, code)).await {
            assert!(text.contains(&format!("{code} (status {status}, request {REQUEST_ID})")), "{text}");
            assert_eq!(asked, tries, "{code}");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_context_is_named_as_the_reason() {
    for (code, reason) in
        [("InvalidCiphertextException", "another context"), ("IncorrectKeyException", "another root key")]
    {
        let [_, (text, _)] = failures(&refusal(400, code)).await;
        assert!(text.contains(reason), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_that_passes_is_not_seen() {
    let (vault, asked) = vault(|number| if number < 2 { refusal(400, "ThrottlingException") } else { generated() });
    vault.generate(&context()).await.unwrap();
    assert_eq!(asked.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_is_not_reached_or_silent_is_unavailable() {
    for (answer, reason) in [
        (Answer::NotConnected, "not reached"),
        (Answer::TimedOut, "not reached"),
        (Answer::Silence, "no answer in time"),
    ] {
        for (text, asked) in failures(&answer).await {
            assert!(text.contains(reason), "{text}");
            assert_eq!(asked, 3, "{reason}");
        }
    }
}

/// An answer that cannot be read, or has no whole data key, is none; nothing of it is told.
#[tokio::test(start_paused = true)]
async fn malformed_answers_are_unavailable_and_not_told() {
    let wrapped = "d3JhcHBlZA==";
    let answers = [
        (200, String::new()),
        (200, "{}".to_owned()),
        (200, "[]".to_owned()),
        (200, CANARY.to_owned()),
        (200, format!("<html>{CANARY}</html>")),
        (200, format!(r#"{{"Plaintext":"{CANARY_BASE64}""#)),
        (200, json!({"Plaintext": CANARY, "CiphertextBlob": wrapped}).to_string()),
        (200, json!({"Plaintext": [CANARY_BASE64], "CiphertextBlob": wrapped}).to_string()),
        (200, json!({"Plaintext": &CANARY_BASE64[..40], "CiphertextBlob": wrapped}).to_string()),
        (200, json!({"Plaintext": CANARY_BASE64.replace('=', "A"), "CiphertextBlob": wrapped}).to_string()),
        (200, json!({"Plaintext": "", "CiphertextBlob": wrapped}).to_string()),
        (200, json!({"CiphertextBlob": wrapped}).to_string()),
        (302, CANARY.to_owned()),
        (400, CANARY.to_owned()),
        (400, json!({"__type": format!("{CANARY} {CANARY}")}).to_string()),
        (400, json!({"__type": CANARY_BASE64.repeat(4)}).to_string()),
        (502, format!("<html>{CANARY}</html>")),
    ];
    for (status, body) in answers {
        failures(&Answer::new(status, body)).await;
    }
    for wrapped in [None, Some("")] {
        let body = json!({"Plaintext": CANARY_BASE64, "CiphertextBlob": wrapped});
        let (vault, _) = vault(move |_| Answer::new(200, body.to_string()));
        let text = vault.generate(&context()).await.err().unwrap().to_string();
        assert!(text.contains("has no data key") && !text.contains("CANARY"), "{text}");
    }
}
