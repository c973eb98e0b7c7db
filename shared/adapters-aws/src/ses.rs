//! Notices by e-mail through SES.

use async_trait::async_trait;
use avain_domain::names::Login;
use avain_domain::notices::Notice;
use avain_domain::ports::{Notifier, Unavailable};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};

use crate::sdk::unavailable;

const SEND: &str = "SES SendEmail";

/// Sends from one address.
pub struct SesNotifier {
    client: Client,
    sender: Option<String>,
}

impl SesNotifier {
    /// From this address, which SES must know as verified. A role needs `ses:SendEmail` on its identity. Without a sender
    /// every notice fails.
    #[must_use]
    pub fn new(client: Client, sender: Option<String>) -> Self {
        Self { client, sender }
    }
}

#[async_trait]
impl Notifier for SesNotifier {
    /// A lost answer makes the SDK send again: somebody may be told twice.
    async fn notify(&self, login: &Login, notice: Notice) -> Result<(), Unavailable> {
        let sender = self.sender.as_ref().ok_or_else(|| failed("no sender is set (AVAIN_NOTICE_SENDER)"))?;
        let content = content(notice).map_err(|_| failed("the message could not be made"))?;
        let to = Destination::builder().to_addresses(login.email.as_str()).build();
        let request = self.client.send_email().from_email_address(sender).destination(to).content(content);
        request.send().await.map_err(|error| unavailable(SEND, &error))?;
        Ok(())
    }
}

fn content(notice: Notice) -> Result<EmailContent, BuildError> {
    let text = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder().text(text(&notice.text())?).build();
    let message = Message::builder().subject(text(notice.subject())?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}

fn failed(what: &str) -> Unavailable {
    Unavailable(format!("{SEND}: {what}"))
}
