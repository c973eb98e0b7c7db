//! The emulated account as its root user has it: AWS's own calls over plain HTTP. The emulator checks no signature of the
//! root user.

use avain::client::{Http, Transport};
use avain_api::path::percent_decode;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The account in which the emulator looks when a call is not signed, as Cognito's SignUp is not; also its root user's
/// access key.
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "eu-north-1";

pub(crate) struct Account {
    http: Http,
}

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) kind: String,
}

impl Account {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self { http: Http::new(endpoint) }
    }

    /// An access key of a user who may do anything: whoever deploys.
    pub(crate) async fn deployer(&self) -> (String, String) {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        self.iam(&[("Action", "CreateUser"), ("UserName", "deployer")]).await;
        let put = [("Action", "PutUserPolicy"), ("UserName", "deployer"), ("PolicyName", "all")];
        self.iam(&[&put[..], &[("PolicyDocument", policy)]].concat()).await;
        let answer = self.iam(&[("Action", "CreateAccessKey"), ("UserName", "deployer")]).await;
        (one(&answer, "AccessKeyId"), one(&answer, "SecretAccessKey"))
    }

    pub(crate) async fn make_bucket(&self, name: &str) {
        let place = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.send("s3", Method::PUT, &format!("/{name}"), &[], place).await;
    }

    pub(crate) async fn outputs(&self, stack: &str) -> Vec<(String, String)> {
        let answer = self.cloudformation(&[("Action", "DescribeStacks"), ("StackName", stack)]).await;
        all(&answer, "OutputKey").into_iter().zip(all(&answer, "OutputValue")).collect()
    }

    pub(crate) async fn resources(&self, stack: &str) -> Vec<Resource> {
        let answer = self.cloudformation(&[("Action", "DescribeStackResources"), ("StackName", stack)]).await;
        let (names, ids) = (all(&answer, "LogicalResourceId"), all(&answer, "PhysicalResourceId"));
        let ids_and_kinds = ids.into_iter().zip(all(&answer, "ResourceType"));
        names.into_iter().zip(ids_and_kinds).map(|(name, (id, kind))| Resource { name, id, kind }).collect()
    }

    /// A role's policies, each with its name.
    pub(crate) async fn policies(&self, role: &str) -> Vec<(String, Value)> {
        let names = all(&self.iam(&[("Action", "ListRolePolicies"), ("RoleName", role)]).await, "member");
        let mut policies = Vec::new();
        for name in names {
            let answer = self.iam(&[("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", &name)]).await;
            let document = percent_decode(&one(&answer, "PolicyDocument")).unwrap();
            policies.push((name, serde_json::from_str(&document).unwrap_or_else(|_| panic!("{document}"))));
        }
        policies
    }

    pub(crate) async fn put_policy(&self, role: &str, name: &str, document: &Value) {
        let document = document.to_string();
        let put = [("Action", "PutRolePolicy"), ("RoleName", role), ("PolicyName", name)];
        self.iam(&[&put[..], &[("PolicyDocument", &document)]].concat()).await;
    }

    /// Ends the function's sandboxes: its next call is a cold start. A change of its settings does that.
    pub(crate) async fn restart(&self, function: &str, round: usize) {
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let body = json!({ "MemorySize": 512 + round % 2 });
        self.send("lambda", Method::PUT, &path, &[], body.to_string()).await;
    }

    /// Gives a function an event, and waits; what it reports as an error is an error here.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<String, String> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.answer("lambda", Method::POST, &path, &[], event.to_string()).await;
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        if answer.headers().contains_key("x-amz-function-error") { Err(body) } else { Ok(body) }
    }

    /// An address that mail may come from.
    pub(crate) async fn verify_sender(&self, address: &str) {
        let body = json!({ "EmailIdentity": address });
        self.send("ses", Method::POST, "/v2/email/identities", &[], body.to_string()).await;
    }

    /// Subjects of the mails from one address to another, in their order.
    pub(crate) async fn mails(&self, from: &str, to: &str) -> Vec<String> {
        let answer = self.send("ses", Method::GET, "/_ministack/ses/messages", &[], "").await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let mails = answer["messages"][ACCOUNT].as_array().unwrap().iter();
        let wanted = mails.filter(|mail| mail["Source"] == from && mail["To"] == json!([to]));
        wanted.map(|mail| mail["Subject"].as_str().unwrap().to_owned()).collect()
    }

    /// All that was written to a log so far.
    pub(crate) async fn log(&self, group: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut wanted = json!({ "logGroupName": group });
            if next.is_string() {
                wanted["nextToken"] = next;
            }
            let target = ("x-amz-target", "Logs_20140328.FilterLogEvents");
            let json_11 = ("content-type", "application/x-amz-json-1.1");
            let answer = self.send("logs", Method::POST, "/", &[target, json_11], wanted.to_string()).await;
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            let events = answer["events"].as_array().unwrap();
            lines.extend(events.iter().map(|event| event["message"].as_str().unwrap().to_owned()));
            next = answer["nextToken"].clone();
            if !next.is_string() {
                return lines;
            }
        }
    }

    async fn iam(&self, parameters: &[(&str, &str)]) -> String {
        self.query("iam", "2010-05-08", parameters).await
    }

    async fn cloudformation(&self, parameters: &[(&str, &str)]) -> String {
        self.query("cloudformation", "2010-05-15", parameters).await
    }

    async fn query(&self, service: &str, version: &str, parameters: &[(&str, &str)]) -> String {
        let mut body = format!("Version={version}");
        for (name, value) in parameters {
            let _ = write!(body, "&{name}=");
            for byte in value.bytes() {
                let _ = write!(body, "%{byte:02X}");
            }
        }
        let form = ("content-type", "application/x-www-form-urlencoded");
        let answer = self.send(service, Method::POST, "/", &[form], body).await;
        String::from_utf8(answer.to_vec()).unwrap()
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Bytes {
        self.answer(service, method, path, headers, body).await.into_body()
    }

    async fn answer(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let scope = format!("Credential={ACCOUNT}/20200101/{REGION}/{service}/aws4_request");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.send(request.body(body.into()).unwrap()).await.unwrap();
        assert!(answer.status().is_success(), "{service} {path}: {} {:?}", answer.status(), answer.body());
        answer
    }
}

/// The text of each such element, in order.
fn all(xml: &str, name: &str) -> Vec<String> {
    let begin = format!("<{name}>");
    xml.split(&begin).skip(1).map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
}

fn one(xml: &str, name: &str) -> String {
    all(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name}: {xml}"))
}
