//! API keys on API Gateway: what is asked, and what is made of every answer. On replayed answers, through the real SDK
//! client; the port runs against ministack in `ministack`.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod replay;

use avain_adapters_aws::gateway::ApiGateway;
use avain_domain::names::OrganisationId;
use avain_domain::ports::Gateway;
use replay::{Answer, Asked, REQUEST_ID, config, replay};
use serde_json::{Value, json};

const PLAN: &str = "avain-test";
/// An API key that would be seen in any text.
const CANARY: &str = "CANARYc4n4ryCANARYc4n4ryCANARYc4n4ryCANA";

/// The calls, in their order.
const CALLS: [&str; 3] = ["API Gateway GetUsagePlans", "API Gateway CreateApiKey", "API Gateway CreateUsagePlanKey"];

fn gateway(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (ApiGateway, Asked) {
    let (http, asked) = replay(answer);
    let config = config!(aws_sdk_apigateway, http).build();
    (ApiGateway::new(aws_sdk_apigateway::Client::from_conf(config), PLAN.to_owned()), asked)
}

fn organisation() -> OrganisationId {
    OrganisationId("0a1b2c3d-0000-4000-8000-000000000001".to_owned())
}

/// The good answer to one of the calls.
fn good(call: usize) -> Answer {
    match call {
        0 => plans(&json!({"item": [{"id": "other1", "name": "another"}, {"id": "plan01", "name": PLAN}]})),
        // As API Gateway answers: with the value.
        1 => Answer::new(201, json!({"id": "key001", "name": organisation().0, "value": CANARY}).to_string()),
        _ => Answer::new(201, json!({"id": "key001", "type": "API_KEY", "value": CANARY}).to_string()),
    }
}

fn plans(page: &Value) -> Answer {
    Answer::new(200, page.to_string())
}

fn refusal(status: u16, code: &str) -> Answer {
    // The worst case: AWS's message repeats what was sent.
    let body = json!({"message": format!("{CANARY} is not good")}).to_string();
    Answer::Http(status, vec![("x-amzn-errortype", code.to_owned())], body.into())
}

/// The text of the failure, and how often it was asked, where the call with this number is answered so, and those before well.
async fn failure(call: usize, answer: &Answer) -> (String, usize) {
    let answer = answer.clone();
    let (gateway, asked) = gateway(move |number| if number < call { good(number) } else { answer.clone() });
    let text = gateway.admit(&organisation(), CANARY).await.unwrap_err().to_string();
    assert!(!text.contains("CANARY") && text.starts_with(CALLS[call]), "{text}");
    (text, asked.count() - call)
}

/// The key has the organisation's id for a name and tells nothing about people; the plan is asked for once.
#[tokio::test]
async fn a_key_is_made_enabled_and_bound_to_the_plan() {
    let (gateway, asked) = gateway(|number| if number < 3 { good(number) } else { good(number - 2) });
    gateway.admit(&organisation(), CANARY).await.unwrap();
    gateway.admit(&organisation(), CANARY).await.unwrap();

    let create = ("POST", "/apikeys", json!({"name": organisation().0, "value": CANARY, "enabled": true}));
    let bind = ("POST", "/usageplans/plan01/keys", json!({"keyId": "key001", "keyType": "API_KEY"}));
    let expected = [("GET", "/usageplans?limit=500", Value::Null), create.clone(), bind.clone(), create, bind];
    let requests = asked.take();
    assert_eq!(requests.len(), expected.len());
    for (request, (method, path, body)) in requests.iter().zip(expected) {
        assert_eq!(request.method(), method);
        assert_eq!(request.uri(), format!("https://apigateway.eu-north-1.amazonaws.com{path}"));
        let sent = request.body().bytes().unwrap();
        assert_eq!(if sent.is_empty() { Value::Null } else { serde_json::from_slice(sent).unwrap() }, body);
    }
}

/// The plan may be on any page of the list; it must be the only one of its name, and nothing is made without it.
#[tokio::test]
async fn the_plan_is_the_one_of_its_name() {
    let (found, asked) = gateway(|number| match number {
        0 => plans(&json!({"item": [{"id": "other1", "name": "another"}], "position": "next"})),
        1 => plans(&json!({"item": [{"id": "plan01", "name": PLAN}]})),
        _ => good(number - 1),
    });
    found.admit(&organisation(), CANARY).await.unwrap();
    let requests = asked.take();
    assert!(requests[1].uri().ends_with("/usageplans?position=next&limit=500"), "{}", requests[1].uri());
    assert!(requests[3].uri().ends_with("/usageplans/plan01/keys"));

    let twice = json!({"item": [{"id": "plan01", "name": PLAN}, {"id": "plan02", "name": PLAN}]});
    let pages = [
        (json!({}), 0),
        (json!({"item": []}), 0),
        (json!({"item": [{"id": "plan01"}, {"name": PLAN}, {"id": "plan02", "name": "AVAIN-TEST"}]}), 0),
        (twice, 2),
    ];
    for (page, count) in pages {
        let (text, asked) = failure(0, &plans(&page)).await;
        assert_eq!(text, format!("API Gateway GetUsagePlans: {count} usage plans are named {PLAN}"));
        assert_eq!(asked, 1);
    }
}

/// A plan that was not found is looked for again.
#[tokio::test]
async fn a_failed_search_is_repeated() {
    let (gateway, _) = gateway(|number| if number == 0 { plans(&json!({})) } else { good(number - 1) });
    gateway.admit(&organisation(), CANARY).await.unwrap_err();
    gateway.admit(&organisation(), CANARY).await.unwrap();
}

/// R50: what API Gateway refuses is `Unavailable`, with its code and the request's id, and nothing of its message. What may
/// pass, throttling first of all, is tried three times.
#[tokio::test(start_paused = true)]
async fn refusals_are_unavailable_with_code_and_request_id() {
    for (status, code, tries) in [
        (400, "BadRequestException", 1),
        (401, "UnauthorizedException", 1),
        (403, "AccessDeniedException", 1),
        (403, "UnrecognizedClientException", 1),
        (404, "NotFoundException", 1),
        (409, "ConflictException", 1),
        (429, "LimitExceededException", 3),
        (429, "TooManyRequestsException", 3),
        (503, "ServiceUnavailableException", 3),
        (500, "InternalServerError", 3),
    ] {
        for (number, call) in CALLS.into_iter().enumerate() {
            let (text, asked) = failure(number, &refusal(status, code)).await;
            let expected = format!("{call}: {code} (status {status}, request {REQUEST_ID})");
            assert!(text.starts_with(&expected), "{text}");
            assert_eq!(asked, tries, "{text}");
        }
    }
}

/// The answer to CreateApiKey may be lost, and its repetition meets the key that was made: nobody knows that key's id, so
/// this one is given up.
#[tokio::test(start_paused = true)]
async fn a_key_made_by_a_lost_try_is_given_up() {
    let (gateway, asked) = gateway(|number| match number {
        0 => good(0),
        1 => Answer::TimedOut,
        2 => refusal(409, "ConflictException"),
        _ => good(number - 2),
    });
    let text = gateway.admit(&organisation(), CANARY).await.unwrap_err().to_string();
    assert!(text.ends_with("made the key; the next registration makes another") && !text.contains("CANARY"), "{text}");
    assert_eq!(asked.count(), 3);
    gateway.admit(&organisation(), CANARY).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn throttled_once_is_not_failed() {
    for throttled in 0..CALLS.len() {
        let (gateway, asked) = gateway(move |number| match number {
            _ if number < throttled => good(number),
            _ if number == throttled => refusal(429, "TooManyRequestsException"),
            _ => good(number - 1),
        });
        gateway.admit(&organisation(), CANARY).await.unwrap();
        assert_eq!(asked.count(), CALLS.len() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_unavailable() {
    for (answer, reason) in [
        (Answer::NotConnected, "not reached"),
        (Answer::TimedOut, "not reached"),
        (Answer::Silence, "no answer in time"),
    ] {
        for call in 0..CALLS.len() {
            let (text, asked) = failure(call, &answer).await;
            assert!(text.contains(reason), "{text}");
            assert_eq!(asked, 3, "{text}");
        }
    }
}

/// An answer that cannot be read is none; nothing of it is told, and a key without an id is not bound.
#[tokio::test(start_paused = true)]
async fn malformed_answers_are_unavailable_and_not_told() {
    for (status, body) in [
        (200, CANARY.to_owned()),
        (200, format!("<html>{CANARY}</html>")),
        (200, format!(r#"{{"value":"{CANARY}""#)),
        (302, CANARY.to_owned()),
        (400, CANARY.to_owned()),
        (502, format!("<html>{CANARY}</html>")),
    ] {
        for call in 0..CALLS.len() {
            failure(call, &Answer::new(status, body.clone())).await;
        }
    }
    for body in [json!({"value": CANARY}), json!({"id": "", "value": CANARY}), json!({"id": null, "value": CANARY})] {
        let (text, asked) = failure(1, &Answer::new(201, body.to_string())).await;
        assert_eq!((text.as_str(), asked), ("API Gateway CreateApiKey: the answer has no id", 1));
    }
}
