//! Blobs in S3: what is asked, and what is made of every answer. On replayed answers, through the real SDK client; the
//! port's own suite runs on ministack.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod replay;

use avain_adapters_aws::s3::{MAX_BYTES, S3Blobs};
use avain_domain::ports::Blobs;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use replay::{Answer, Asked, REQUEST_ID, config, replay};

const NAME: &str = "org-1/file/0a1b2c";
/// Bytes of a blob that would be seen in any text.
const CANARY: &[u8] = b"CANARY-sealed-bytes";
/// SHA-256 of "sealed", by OpenSSL.
const SEALED_SHA256: &str = "ydADa+1nRLzfaS/JgNhxfX5fWk9Ogma0qEmCYC+xzQk=";

fn blobs(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (S3Blobs, Asked) {
    let (http, asked) = replay(answer);
    let config = config!(aws_sdk_s3, http)
        // The checksums are the adapter's own doing.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    (S3Blobs::new(client, "bucket".to_owned(), "blobs/".to_owned()), asked)
}

fn refusal(status: u16, code: &str) -> Answer {
    let body =
        format!("<Error><Code>{code}</Code><Message>CANARY</Message><RequestId>{REQUEST_ID}</RequestId></Error>");
    Answer::new(status, body)
}

/// The text of both calls' failures, and how often each was asked.
async fn failures(answer: &Answer) -> [(String, usize); 2] {
    let replayed = |answer: Answer| blobs(move |_| answer.clone());
    let (putting, asked) = replayed(answer.clone());
    let put = (putting.put(NAME, CANARY).await.unwrap_err().to_string(), asked.count());
    let (getting, asked) = replayed(answer.clone());
    let get = (getting.get(NAME).await.unwrap_err().to_string(), asked.count());
    for (text, _) in [&put, &get] {
        assert!(!text.contains("CANARY"), "{text}");
        assert!(text.starts_with("S3 "), "{text}");
    }
    [put, get]
}

#[tokio::test]
async fn a_blob_is_written_once_with_its_checksum() {
    let (blobs, asked) = blobs(|_| Answer::new(200, ""));
    blobs.put(NAME, b"sealed").await.unwrap();
    let [request] = asked.take().try_into().unwrap();
    assert_eq!(request.method(), "PUT");
    assert!(request.uri().starts_with("https://bucket.s3.eu-north-1.amazonaws.com/blobs/org-1/file/0a1b2c"));
    assert_eq!(request.headers().get("if-none-match"), Some("*"));
    assert_eq!(request.headers().get("x-amz-checksum-sha256"), Some(SEALED_SHA256));
    assert_eq!(request.body().bytes(), Some(b"sealed".as_slice()));
}

#[tokio::test]
async fn a_name_that_is_there_is_kept() {
    let (blobs, asked) = blobs(|_| refusal(412, "PreconditionFailed"));
    blobs.put(NAME, CANARY).await.unwrap();
    assert_eq!(asked.count(), 1);
}

/// Another write of the same name under way: S3 asks to try again.
#[tokio::test(start_paused = true)]
async fn a_write_under_way_is_tried_again_within_bounds() {
    for (conflicts, last) in [(3, Answer::new(200, "")), (3, refusal(412, "PreconditionFailed"))] {
        let (blobs, asked) =
            blobs(
                move |number| {
                    if number < conflicts { refusal(409, "ConditionalRequestConflict") } else { last.clone() }
                },
            );
        blobs.put(NAME, CANARY).await.unwrap();
        assert_eq!(asked.count(), 4);
    }
    let [(text, asked), _] = failures(&refusal(409, "ConditionalRequestConflict")).await;
    assert!(text.contains("ConditionalRequestConflict"), "{text}");
    assert_eq!(asked, 4);
}

#[tokio::test]
async fn only_an_absent_name_is_none() {
    let (absent, asked) = blobs(|_| refusal(404, "NoSuchKey"));
    assert_eq!(absent.get(NAME).await.unwrap(), None);
    let [request] = asked.take().try_into().unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(request.headers().get("x-amz-checksum-mode"), Some("ENABLED"));
    for answer in
        [refusal(404, "NoSuchBucket"), refusal(403, "AccessDenied"), Answer::new(404, ""), Answer::new(404, "?")]
    {
        let (blobs, _) = blobs(move |_| answer.clone());
        blobs.get(NAME).await.unwrap_err();
    }
}

/// R50: what S3 refuses is `Unavailable`, with its code and the request's id. What may pass is tried three times.
#[tokio::test(start_paused = true)]
async fn refusals_are_unavailable_with_code_and_request_id() {
    for (status, code, tries) in [
        (403, "AccessDenied", 1),
        (403, "SignatureDoesNotMatch", 1),
        (404, "NoSuchBucket", 1),
        (400, "BadDigest", 1),
        (503, "SlowDown", 3),
        (500, "InternalError", 3),
    ] {
        for (text, asked) in failures(&refusal(status, code)).await {
            assert!(text.contains(&format!("{code} (status {status}, request {REQUEST_ID})")), "{text}");
            assert_eq!(asked, tries, "{code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_s3_that_is_not_reached_or_silent_is_unavailable() {
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

#[tokio::test(start_paused = true)]
async fn malformed_answers_are_unavailable_and_not_told() {
    for (status, body) in [
        (302, "CANARY"),
        (400, ""),
        (400, "CANARY"),
        (400, "<Error><Code>CANARY CANARY</Code></Error>"),
        (400, "<Error><Code>CANARY-sealed"),
        (502, "<html>CANARY</html>"),
    ] {
        failures(&Answer::new(status, body)).await;
    }
}

/// Bytes that are not those that were written are never given out.
#[tokio::test(start_paused = true)]
async fn changed_bytes_are_not_given_out() {
    for (body, intact) in [("sealed", true), ("sealEd", false), ("seale", false), ("sealed ", false), ("", false)] {
        let headers = vec![("x-amz-checksum-sha256", SEALED_SHA256.to_owned())];
        let (blobs, _) = blobs(move |_| Answer::Http(200, headers.clone(), body.into()));
        assert_eq!(
            blobs.get(NAME).await.is_ok_and(|bytes| bytes.as_deref() == Some(body.as_bytes())),
            intact,
            "{body:?}"
        );
        assert_eq!(blobs.get(NAME).await.is_ok(), intact, "{body:?}");
    }
}

#[tokio::test]
async fn a_blob_has_a_largest_size() {
    let (small, asked) = blobs(|_| Answer::new(200, ""));
    let text = small.put(NAME, &vec![0; MAX_BYTES + 1]).await.unwrap_err().to_string();
    assert!(text.contains("at most"), "{text}");
    assert_eq!(asked.count(), 0);
    for (size, fits) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
        let (blobs, _) = blobs(move |_| Answer::new(200, vec![0; size]));
        assert_eq!(blobs.get(NAME).await.is_ok(), fits);
    }
}
