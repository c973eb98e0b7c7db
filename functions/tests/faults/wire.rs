//! The wire between the SDK's clients and what answers them, with a hand on it: each request may be answered otherwise, lose
//! its answer, or never get there.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use crate::cognito::Sms;
use crate::time::Time;

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    ApiGateway,
    Cognito,
    DynamoDb,
    Kms,
    S3,
    Ses,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service's own answer to too many calls, to every one.
    Throttled,
    /// The same, to one.
    ThrottledOnce,
    /// No answer, to anyone; nothing is done.
    Silent,
    /// Not allowed.
    Denied,
    /// No connection.
    Unconnected,
    /// The service does it, and its answer is lost; every time.
    Lost,
    /// The same, once.
    LostOnce,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::Throttled,
        Self::ThrottledOnce,
        Self::Silent,
        Self::Denied,
        Self::Unconnected,
        Self::Lost,
        Self::LostOnce,
    ];

    /// Whether the next try meets it too.
    pub(crate) fn lasts(self) -> bool {
        !matches!(self, Self::ThrottledOnce | Self::LostOnce)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::ThrottledOnce => "throttled once",
            Self::Silent => "silent",
            Self::Denied => "denied",
            Self::Unconnected => "unconnected",
            Self::Lost => "answer lost",
            Self::LostOnce => "answer lost once",
        }
    }
}

/// A call as the service names it, and which one of that name it is, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) name: String,
    pub(crate) nth: usize,
}

/// What was asked so far, and what goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) time: Time,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<Call>,
    fault: Option<(Call, Fault)>,
    /// E-mails that SES took.
    notices: u64,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self { time: Time::default(), state: Arc::default() }
    }

    /// From now on this goes wrong at this call, and at later ones of the name if it lasts.
    pub(crate) fn cut(&self, call: &Call, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        state.asked.clear();
        state.fault = Some((call.clone(), fault));
    }

    /// All is well. Gives the requests since the last time, tries included.
    pub(crate) fn mend(&self) -> Vec<Call> {
        let mut state = self.state.lock().unwrap();
        state.fault = None;
        std::mem::take(&mut state.asked)
    }

    /// How many notices have been sent so far.
    pub(crate) fn notices(&self) -> u64 {
        self.state.lock().unwrap().notices
    }

    fn fate(&self, service: Service, name: &str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let nth = state.asked.iter().filter(|it| it.service == service && it.name == name).count();
        state.asked.push(Call { service, name: name.to_owned(), nth });
        let (call, fault) = state.fault.as_ref()?;
        let meant = call.service == service && call.name == name;
        (meant && (nth == call.nth || nth > call.nth && fault.lasts())).then_some(*fault)
    }

    /// A client's HTTP side: to this service, which answers there.
    pub(crate) fn to(&self, service: Service, answers: SharedHttpClient, sms: Option<Arc<Sms>>) -> SharedHttpClient {
        let wire = self.clone();
        SharedHttpClient::new(http_client_fn(move |settings, components| {
            let answers = answers.http_connector(settings, components);
            SharedHttpConnector::new(End { wire: wire.clone(), service, answers, sms: sms.clone() })
        }))
    }
}

#[derive(Debug, Clone)]
struct End {
    wire: Wire,
    service: Service,
    answers: SharedHttpConnector,
    sms: Option<Arc<Sms>>,
}

impl HttpConnector for End {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let end = self.clone();
        let name = name(self.service, &request);
        check(&name, &request);
        let fate = self.wire.fate(self.service, &name);
        let open = self.wire.time.request();
        HttpConnectorFuture::new(async move {
            let answer = match fate {
                None => end.answer(&name, request).await,
                Some(Fault::Throttled | Fault::ThrottledOnce) => Ok(throttled(end.service)),
                Some(Fault::Denied) => Ok(denied(end.service)),
                Some(Fault::Unconnected) => Err(ConnectorError::io("connection refused".into())),
                Some(Fault::Silent) => {
                    end.wire.time.silence().await;
                    unreachable!("silence does not end")
                }
                Some(Fault::Lost | Fault::LostOnce) => {
                    let _ = end.answer(&name, request).await?;
                    end.wire.time.silence().await;
                    unreachable!("silence does not end")
                }
            };
            drop(open);
            answer
        })
    }
}

impl End {
    /// The answer, whole: what is read of it later takes no time.
    async fn answer(&self, name: &str, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let asked = request.body().bytes().unwrap_or_default().to_vec();
        if let Some(answer) = self.sms.as_ref().and_then(|sms| sms.instead(name, &asked)) {
            return Ok(json(answer.0, &answer.1));
        }
        let following = self.sms.as_ref().and_then(|sms| sms.following(name, &request));
        let request = match &self.sms {
            Some(sms) => sms.translated(name, request),
            None => request,
        };
        let mut response = self.answers.call(request).await?;
        if let Some(request) = following.filter(|_| response.status().is_success()) {
            assert!(self.answers.call(request).await?.status().is_success());
        }
        let body = ByteStream::new(response.take_body()).collect().await;
        let mut body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
        if response.status().is_success() {
            if let Some(sms) = &self.sms {
                body = sms.changed(name, &asked, body);
            }
            self.wire.state.lock().unwrap().notices += u64::from(self.service == Service::Ses);
        }
        *response.body_mut() = SdkBody::from(body);
        response.headers_mut().remove("content-length");
        Ok(response)
    }
}

/// The call's name, as AWS's own reference and policies have it.
fn name(service: Service, request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let path = request.uri().split("://").last().unwrap().split_once('/').unwrap().1;
    let path: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    match (service, request.method(), path.as_slice()) {
        (Service::S3, "PUT", _) => "PutObject",
        (Service::S3, "GET", _) => "GetObject",
        (Service::ApiGateway, "GET", ["usageplans"]) => "GetUsagePlans",
        (Service::ApiGateway, "POST", ["apikeys"]) => "CreateApiKey",
        (Service::ApiGateway, "POST", ["usageplans", _, "keys"]) => "CreateUsagePlanKey",
        (Service::Ses, "POST", ["v2", "email", "outbound-emails"]) => "SendEmail",
        other => panic!("{other:?}"),
    }
    .to_owned()
}

/// A transaction has its token, whatever happens to it.
fn check(name: &str, request: &HttpRequest) {
    if name == "TransactWriteItems" {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        assert_eq!(body["ClientRequestToken"].as_str().map(str::len), Some(32), "{body}");
    }
}

/// The answers of each service's reference ("Common errors", "Error responses").
fn throttled(service: Service) -> HttpResponse {
    match service {
        Service::DynamoDb => exception(400, "com.amazonaws.dynamodb.v20120810#ThrottlingException"),
        Service::Kms => exception(400, "ThrottlingException"),
        Service::Cognito => exception(400, "TooManyRequestsException"),
        Service::ApiGateway | Service::Ses => exception(429, "TooManyRequestsException"),
        Service::S3 => xml(503, "SlowDown"),
    }
}

fn denied(service: Service) -> HttpResponse {
    match service {
        Service::DynamoDb => exception(400, "com.amazon.coral.service#AccessDeniedException"),
        Service::Kms | Service::Cognito => exception(400, "AccessDeniedException"),
        Service::ApiGateway | Service::Ses => exception(403, "AccessDeniedException"),
        Service::S3 => xml(403, "AccessDenied"),
    }
}

fn exception(status: u16, kind: &str) -> HttpResponse {
    let mut answer = json(status, &serde_json::json!({ "__type": kind, "message": "told by the test" }));
    answer.headers_mut().insert("x-amzn-errortype", kind.rsplit('#').next().unwrap().to_owned());
    answer
}

fn json(status: u16, body: &Value) -> HttpResponse {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
    answer.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    answer
}

fn xml(status: u16, code: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>told by the test</Message></Error>"
    );
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}
