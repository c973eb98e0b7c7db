//! For each action of each role the one call that needs it: everything before it is played, the call itself is kept until
//! the role has changed.

use avain::client::{Call, ClientError, Credentials, Transport, request};
use avain::story::{Listed, Signer, Story, payment};
use avain_adapters_local::clock::SystemClock;
use avain_api::operations::{INIT_LOGIN, INIT_REGISTER, VERIFY_EMAIL};
use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::ports::Clock;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::world::{ACTIVATION_CODE, BANK, World};

/// The partition of the service's keys.
const SERVICE_KEYS: &str = "KEY#service#service";
/// When a registration that broke off counts as left over (avain-adapters-aws, cognito).
const LEFT_OVER: Duration = Duration::seconds(61);

/// The call of a scene.
pub(super) enum Act {
    /// A request to the API, and the status that it has when nothing lacks; `None`: whatever is there, none is needed.
    Request(Request<Bytes>, Option<u16>),
    /// An event for a task.
    Event(serde_json::Value),
}

impl Act {
    pub(super) async fn play(&self, world: &World, function: &str) -> (StatusCode, String) {
        match self {
            Self::Request(request, _) => {
                let answer = world.gateway.send(request.clone()).await.unwrap();
                (answer.status(), String::from_utf8_lossy(answer.body()).into_owned())
            }
            Self::Event(event) => {
                let answer = world.stack.account.invoke(world.stack.id(function), event).await;
                let status = if answer.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
                (status, answer.unwrap_or_else(|error| error))
            }
        }
    }

    pub(super) fn wants(&self, status: StatusCode) -> bool {
        match self {
            Self::Request(_, wanted) => wanted.is_none_or(|wanted| status.as_u16() == wanted),
            Self::Event(_) => status.is_success(),
        }
    }
}

/// A company with both modes, a certificate and a signing key, for scenes that leave it as it is.
pub(super) struct Scenes<'w> {
    world: &'w World,
    house: Story<'w>,
    admin: Credentials,
    data: Credentials,
    signer: Signer,
    /// Of registrations that broke off at the beginning.
    left_over: Vec<Story<'w>>,
    begun: OffsetDateTime,
    /// The service's keys, while there are none in the table.
    service_keys: Vec<std::collections::HashMap<String, AttributeValue>>,
}

impl<'w> Scenes<'w> {
    pub(super) async fn begin(world: &'w World) -> Self {
        let house = world.new_story();
        let admin = world.open(&house, "admin", "0").await;
        let signer = Signer::generate("Payments <payments@esimerkki.fi>").unwrap();
        house.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
        house.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
        let data = world.open(&house, "data", &admin.api_key).await;
        let left_over = vec![world.new_story(), world.new_story()];
        for story in &left_over {
            world.people.leave_over(&story.company).await;
        }
        let begun = SystemClock.now();
        Self { world, house, admin, data, signer, left_over, begun, service_keys: Vec::new() }
    }

    /// Plays up to the call of this function that needs this action. `None` if no scene is known to.
    pub(super) async fn prepare(&mut self, function: &str, action: &str) -> Option<Act> {
        let world = self.world;
        // An action that makes what is there already.
        if matches!(function, "InitRegister" | "InitLogin" | "ServiceKeys") && action == "dynamodb:PutItem"
            || matches!(function, "InitRegister" | "InitLogin" | "ServiceKeys" | "Register" | "Login")
                && action == "kms:GenerateDataKey"
        {
            let call = self.request(function, action).await?;
            self.take_service_keys().await;
            return Some(match call {
                // The challenge in it was signed with the keys that are gone.
                Act::Request(request, _) if matches!(function, "Register" | "Login") => {
                    Act::Request(request, Some(400))
                }
                call => call,
            });
        }
        if (function, action) == ("Register", "cognito-idp:AdminDeleteUser") {
            let age = SystemClock.now() - self.begun;
            tokio::time::sleep((LEFT_OVER - age).try_into().unwrap_or_default()).await;
            let story = self.left_over.pop()?;
            return Some(Act::Request(world.held("Register", story.register("admin", "0")).await, Some(201)));
        }
        self.request(function, action).await
    }

    async fn request(&self, function: &str, action: &str) -> Option<Act> {
        let (world, house) = (self.world, &self.house);
        let act = match (function, action) {
            ("InitRegister", _) => {
                let challenge = house.answer_challenge(&INIT_REGISTER, "admin");
                Act::Request(world.held("InitRegister", challenge).await, Some(200))
            }
            ("Register", "dynamodb:ConditionCheckItem") => {
                let join = world.new_story();
                Act::Request(world.held("Register", join.register("admin", &self.admin.api_key)).await, Some(201))
            }
            ("Register", "cognito-idp:AdminGetUser") => {
                let story = world.new_story();
                world.people.leave_over(&story.company).await;
                Act::Request(world.held("Register", story.register("admin", "0")).await, Some(409))
            }
            ("Register", _) => {
                let story = world.new_story();
                Act::Request(world.held("Register", story.register("admin", "0")).await, Some(201))
            }
            ("VerifyPhone", _) => {
                let story = world.new_story();
                story.register("admin", "0").await.unwrap();
                Act::Request(world.held("VerifyPhone", story.verify_phone("admin")).await, Some(200))
            }
            ("VerifyEmail", _) => {
                let body = Some(json!({ "Code": "123456", "AccessToken": "none" }));
                let path = &[house.company.email.as_str(), "admin"];
                let call = Call { operation: &VERIFY_EMAIL, path, query: "", credentials: None, body };
                Act::Request(request(call).unwrap(), Some(400))
            }
            ("InitLogin", _) => {
                let challenge = house.answer_challenge(&INIT_LOGIN, "data");
                Act::Request(world.held("InitLogin", challenge).await, Some(200))
            }
            ("Login", "cognito-idp:AdminSetUserMFAPreference") => {
                let story = world.new_story();
                story.register("admin", "0").await.unwrap();
                story.verify_phone("admin").await.unwrap();
                world.people.verify(&story.company.email, "admin").await;
                // The emulator lets the admin in without a second factor, and the service does not.
                Act::Request(world.held("Login", story.password("admin")).await, Some(503))
            }
            ("Login", _) => Act::Request(world.held("Login", house.password("data")).await, Some(200)),
            ("LoginMFA", _) => {
                let answer = house.password("admin").await.unwrap();
                let session = answer["Session"].as_str().unwrap();
                Act::Request(world.held("LoginMFA", house.second_factor(session)).await, Some(200))
            }
            ("Logout", _) => {
                let story = world.new_story();
                let admin = world.open(&story, "admin", "0").await;
                Act::Request(world.held("Logout", story.log_out("admin", &admin)).await, Some(200))
            }
            ("ListCerts", _) => Act::Request(world.held("ListCerts", house.certificates(&self.admin)).await, Some(200)),
            ("EnrollCert", _) => {
                let story = world.new_story();
                let admin = world.open(&story, "admin", "0").await;
                if action == "dynamodb:DeleteItem" {
                    let refusal = Fault::Answer { code: "30".to_owned(), text: "Authentication failed.".to_owned() };
                    self.script(Operation::GetCertificate, refusal);
                }
                let user_id = world.user_id();
                let enrol = story.enrol(&admin, BANK, &user_id, ACTIVATION_CODE);
                let wanted = if action == "dynamodb:DeleteItem" { 400 } else { 201 };
                Act::Request(world.held("EnrollCert", enrol).await, Some(wanted))
            }
            ("ListFiles", "dynamodb:PutItem") => {
                let story = world.new_story();
                let admin = world.open(&story, "admin", "0").await;
                // The bank does not tell its folders at the enrolment: the first use asks again.
                self.script(Operation::GetUserInfo, Fault::ServerError);
                story.enrol(&admin, BANK, &world.user_id(), ACTIVATION_CODE).await.unwrap();
                let data = world.open(&story, "data", &admin.api_key).await;
                Act::Request(world.held("ListFiles", story.files(&data, BANK, "ALL")).await, Some(200))
            }
            ("ListFiles", _) => {
                Act::Request(world.held("ListFiles", house.files(&self.data, BANK, "ALL")).await, Some(200))
            }
            ("UploadFile", _) => {
                let (file, signature) = self.new_payment();
                let upload = house.upload(&self.data, BANK, "pain.001.001.09", file.as_bytes(), &signature);
                Act::Request(world.held("UploadFile", upload).await, Some(201))
            }
            ("DownloadFile", "dynamodb:Query") => {
                // What is no reference at all is in no record: then the account alone is read.
                let none = Listed {
                    file_type: "pain.002.001.10".to_owned(),
                    reference: "x".repeat(40),
                    status: String::new(),
                };
                let download = house.download(&self.data, BANK, &none);
                Act::Request(world.held("DownloadFile", download).await, Some(400))
            }
            ("DownloadFile", _) => {
                let report = self.new_report().await;
                if action == "s3:GetObject" {
                    house.download(&self.data, BANK, &report).await.unwrap();
                }
                let download = house.download(&self.data, BANK, &report);
                Act::Request(world.held("DownloadFile", download).await, Some(200))
            }
            ("ListKeys", _) => Act::Request(world.held("ListKeys", house.keys(&self.admin)).await, Some(200)),
            ("UploadKey", _) => {
                let key = Signer::generate("Another <another@esimerkki.fi>").unwrap().public_key().unwrap();
                Act::Request(world.held("UploadKey", house.upload_key(&self.admin, &key, "authorize")).await, Some(201))
            }
            ("Watch", _) => Act::Event(json!({})),
            _ => return None,
        };
        Some(act)
    }

    /// Undoes what a scene did to others.
    pub(super) async fn clear(&mut self, function: &str) {
        if self.service_keys.is_empty() {
            return;
        }
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.world.sdk);
        for item in self.service_keys.drain(..) {
            let put = dynamodb.put_item().table_name(self.world.stack.id("Table"));
            put.set_item(Some(item)).send().await.unwrap();
        }
        self.world.stack.account.restart(self.world.stack.id(function), self.world.number()).await;
    }

    async fn take_service_keys(&mut self) {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.world.sdk);
        let table = self.world.stack.id("Table");
        let query = dynamodb.query().table_name(table).key_condition_expression("PK = :keys");
        let query = query.expression_attribute_values(":keys", AttributeValue::S(SERVICE_KEYS.to_owned()));
        self.service_keys = query.send().await.unwrap().items.unwrap();
        assert_eq!(self.service_keys.len(), 2, "the service's keys are not in {SERVICE_KEYS}");
        for item in &self.service_keys {
            let delete = dynamodb.delete_item().table_name(table);
            delete.key("PK", item["PK"].clone()).key("SK", item["SK"].clone()).send().await.unwrap();
        }
    }

    fn script(&self, operation: Operation, fault: Fault) {
        self.world.banks.simulator.script_operation(BankKey::Simulator, operation, fault);
    }

    fn new_payment(&self) -> (String, String) {
        let file = payment(&format!("MSG-{}", self.world.number()), &self.house.company.name, SystemClock.now());
        let signature = self.signer.sign(file.as_bytes()).unwrap();
        (file, signature)
    }

    /// The bank's report on a payment of its own.
    async fn new_report(&self) -> Listed {
        let (file, signature) = self.new_payment();
        self.house.upload(&self.data, BANK, "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
        let listed = self.house.files(&self.data, BANK, "NEW").await.unwrap();
        listed.into_iter().rfind(|it| it.file_type == "pain.002.001.10").unwrap()
    }
}

impl World {
    /// The request that a step of the story makes to this operation, instead of sending it.
    async fn held<T>(
        &self,
        operation: &'static str,
        step: impl Future<Output = Result<T, ClientError>>,
    ) -> Request<Bytes> {
        self.gateway.hold(operation);
        let _ = step.await;
        self.gateway.take()
    }
}
