//! The call of a scene, and how it ends.

use avain::client::Transport;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;

use crate::world::World;

/// The call of a scene.
pub(super) enum Act {
    /// A request to the API, and the status that it has when nothing lacks; `None`: whatever is there, none is needed.
    Request(Request<Bytes>, Option<u16>),
    /// A request that has this status, lack what may: then the trail lacks a refusal, or somebody a notice, and the log says so.
    AllTheSame(Request<Bytes>, u16),
    /// An event for a task.
    Event(serde_json::Value),
    /// An event for the renewal, which tells in its log how it went.
    Renewal,
}

impl Act {
    pub(super) async fn play(&self, world: &World, function: &str) -> (StatusCode, String) {
        match self {
            Self::Request(request, _) | Self::AllTheSame(request, _) => {
                let answer = world.gateway.send(request.clone()).await.unwrap();
                (answer.status(), String::from_utf8_lossy(answer.body()).into_owned())
            }
            Self::Event(_) | Self::Renewal => {
                let nothing = json!({});
                let event = if let Self::Event(event) = self { event } else { &nothing };
                let answer = world.stack.account.invoke(world.stack.id(function), event).await;
                let status = if answer.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
                (status, answer.unwrap_or_else(|error| error))
            }
        }
    }

    pub(super) fn wants(&self, status: StatusCode, told: &str) -> bool {
        match self {
            Self::Request(_, wanted) => wanted.is_none_or(|wanted| status.as_u16() == wanted),
            Self::AllTheSame(_, wanted) => status.as_u16() == *wanted,
            Self::Event(_) => status.is_success(),
            Self::Renewal => status.is_success() && told.contains("certificate renewed"),
        }
    }

    /// How it ends for want of something.
    pub(super) fn fails(&self, status: StatusCode, told: &str) -> bool {
        match self {
            Self::AllTheSame(..) => self.wants(status, told),
            Self::Renewal => status.is_server_error() || told.contains("certificate not renewed"),
            _ => status.is_server_error(),
        }
    }
}
