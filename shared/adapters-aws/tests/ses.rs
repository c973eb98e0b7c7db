//! Notices through SES: what is asked, and what is made of every answer. On replayed answers, through the real SDK client.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod replay;

use avain_adapters_aws::ses::SesNotifier;
use avain_domain::names::{Email, Login, Mode};
use avain_domain::notices::Notice;
use avain_domain::ports::Notifier;
use replay::{Answer, Asked, REQUEST_ID, config, replay};
use serde_json::{Value, json};

const SENDER: &str = "avain@example.com";

fn notifier(sender: Option<&str>, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (SesNotifier, Asked) {
    let (http, asked) = replay(answer);
    let config = config!(aws_sdk_sesv2, http).build();
    (SesNotifier::new(aws_sdk_sesv2::Client::from_conf(config), sender.map(str::to_owned)), asked)
}

fn anna() -> Login {
    Login { email: Email::parse("anna@example.com").unwrap(), mode: Mode::Admin }
}

fn sent() -> Answer {
    Answer::new(200, json!({ "MessageId": "0100018f-example" }).to_string())
}

fn refusal(status: u16, code: &str) -> Answer {
    // The worst case: AWS's message repeats what was sent.
    let body = json!({ "message": "anna@example.com is not good" }).to_string();
    Answer::Http(status, vec![("x-amzn-errortype", code.to_owned())], body.into())
}

#[tokio::test]
async fn a_notice_is_one_plain_text_to_the_logins_address() {
    let (notifier, asked) = notifier(Some(SENDER), |_| sent());
    let notices = [Notice::RecoveryCode { left: 9 }, Notice::PasswordReset, Notice::OnlyPasswordReset];
    for notice in notices {
        notifier.notify(&anna(), notice).await.unwrap();
    }
    let requests = asked.take();
    assert_eq!(requests.len(), notices.len());
    for (request, notice) in requests.iter().zip(notices) {
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "https://email.eu-north-1.amazonaws.com/v2/email/outbound-emails");
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let text = |text: &str| json!({ "Data": text, "Charset": "UTF-8" });
        let simple = json!({ "Subject": text(notice.subject()), "Body": { "Text": text(&notice.text()) } });
        let expected = json!({
            "FromEmailAddress": SENDER,
            "Destination": { "ToAddresses": ["anna@example.com"] },
            "Content": { "Simple": simple },
        });
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn without_a_sender_nothing_is_sent() {
    let (notifier, asked) = notifier(None, |_| sent());
    let text = notifier.notify(&anna(), Notice::PasswordReset).await.unwrap_err().to_string();
    assert_eq!((text.as_str(), asked.count()), ("SES SendEmail: no sender is set (AVAIN_NOTICE_SENDER)", 0));
}

/// R50: what SES refuses is `Unavailable`, with its code and the request's id, and nothing of its message.
#[tokio::test(start_paused = true)]
async fn refusals_are_unavailable_with_code_and_request_id() {
    for (status, code, tries) in [
        (400, "MessageRejected", 1),
        (400, "MailFromDomainNotVerifiedException", 1),
        (400, "SendingPausedException", 1),
        (400, "AccountSuspendedException", 1),
        (403, "AccessDeniedException", 1),
        (404, "NotFoundException", 1),
        (400, "LimitExceededException", 3),
        (429, "TooManyRequestsException", 3),
        (500, "InternalServerError", 3),
    ] {
        let (notifier, asked) = notifier(Some(SENDER), move |_| refusal(status, code));
        let text = notifier.notify(&anna(), Notice::PasswordReset).await.unwrap_err().to_string();
        assert_eq!(text, format!("SES SendEmail: {code} (status {status}, request {REQUEST_ID})"));
        assert_eq!(asked.count(), tries, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_unavailable() {
    for (answer, reason) in [
        (Answer::NotConnected, "not reached"),
        (Answer::TimedOut, "not reached"),
        (Answer::Silence, "no answer in time"),
    ] {
        let (notifier, asked) = notifier(Some(SENDER), move |_| answer.clone());
        let text = notifier.notify(&anna(), Notice::PasswordReset).await.unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
        assert_eq!(asked.count(), 3, "{text}");
    }
}
