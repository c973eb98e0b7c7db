//! Notices on one machine: lines of the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::names::Login;
use avain_domain::notices::Notice;
use avain_domain::ports::{Clock, Notifier, Unavailable};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::outbox::{CodeKind, Message, Outbox};

/// Writes notices where the codes go.
pub struct OutboxNotifier {
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
}

impl OutboxNotifier {
    /// To this outbox.
    #[must_use]
    pub fn new(outbox: Arc<Outbox>, clock: Arc<dyn Clock>) -> Self {
        Self { outbox, clock }
    }
}

#[async_trait]
impl Notifier for OutboxNotifier {
    async fn notify(&self, login: &Login, notice: Notice) -> Result<(), Unavailable> {
        let message = Message {
            at: self.clock.now(),
            kind: CodeKind::Notice,
            login: login.clone(),
            to: login.email.as_str().to_owned(),
            code: Zeroizing::new(notice.text()),
        };
        let outbox = Arc::clone(&self.outbox);
        let sent = spawn_blocking(move || outbox.send(message)).await;
        sent.unwrap_or_else(|_| Err(Unavailable("writing to the outbox broke off".to_owned())))
    }
}
