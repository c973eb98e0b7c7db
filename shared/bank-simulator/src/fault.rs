//! Faults that a test scripts: each applies to one call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::Operation;
use crate::reply::{Body, Reply};

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// HTTP 500 without a SOAP message; the request is not processed.
    ServerError,
    /// The connection is dropped without an answer; the request is not processed. Without an operation to match, its body
    /// is not even read.
    DropBeforeReading,
    /// The request is processed, then the connection is dropped without an answer.
    DropAfterProcessing,
    /// The request is processed; the answer is held back until `notify_one` is called (before or after the request came).
    Hold(Arc<Notify>),
    /// The request is processed; the answer is not XML.
    Rubbish,
    /// The request is processed; a character of the signed Body is changed after signing.
    BrokenOuterSignature,
    /// The request is processed; the application answer is changed after its signature, then the envelope is signed.
    BrokenInnerSignature,
    /// The request is processed; both signatures are made by another authority with the same names.
    UntrustedSigner,
    /// The request is processed; the answer is signed by the bank, whose signer's certificate ended a day ago.
    ExpiredSigner,
    /// From now on the bank signs with new certificates below the same root, at OP those of a new issuing authority; then
    /// the request is processed.
    RotatedAuthority,
    /// The request is processed; the answer ends in the middle, as the status and length say that it should.
    Truncated,
    /// The request is processed; the answer is that of the call before, byte for byte.
    AnswerBefore,
    /// The request is processed; the answer's header names another `RequestId`.
    AnotherRequest,
    /// The request is processed; the signed Timestamp of the answer lies one day back.
    StaleTimestamp,
    /// The request is processed; the answer's header carries this code, the application answer the true one.
    HeaderCode {
        /// Response code.
        code: String,
        /// Response text.
        text: String,
    },
    /// The request is not processed; the answer, rightly signed, carries this code in both places.
    Answer {
        /// Response code, 1 to 16 characters.
        code: String,
        /// Response text, 1 to 80 characters.
        text: String,
    },
    /// HTTP 307 to this address; the request is not processed.
    Redirect(String),
    /// The request is processed; the answer is followed by blanks until it has this many bytes.
    Oversize(usize),
}

/// Faults that wait for their calls, in order.
#[derive(Default)]
pub(crate) struct Script {
    waiting: Mutex<VecDeque<(Option<Operation>, Fault)>>,
}

impl Script {
    pub(crate) fn push(&self, operation: Option<Operation>, fault: Fault) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((operation, fault));
    }

    /// Takes the first fault for this operation.
    pub(crate) fn take(&self, operation: Operation) -> Option<Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|(wanted, _)| wanted.is_none_or(|wanted| wanted == operation))?;
        waiting.remove(at).map(|(_, fault)| fault)
    }

    /// Takes the first fault if it drops any connection unread.
    pub(crate) fn take_drop(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front_if(|(wanted, fault)| wanted.is_none() && matches!(fault, Fault::DropBeforeReading)).is_some()
    }
}

/// What a fault does to a reply that is ready.
pub(crate) fn spoil(reply: Reply, scripted: Option<Fault>, before: Option<Vec<u8>>) -> Reply {
    match (scripted, reply.body) {
        (Some(Fault::DropAfterProcessing), _) => Reply::new(500, Body::Dropped),
        (Some(Fault::Rubbish), _) => Reply::new(200, Body::Xml(b"<html><body>Service unavailable<br></body>".to_vec())),
        (Some(Fault::Hold(release)), body) => Reply { hold: Some(release), body, ..reply },
        (Some(Fault::Oversize(length)), Body::Xml(mut text)) => {
            text.resize(text.len().max(length), b' ');
            Reply::new(reply.status, Body::Xml(text))
        }
        (Some(Fault::Truncated), Body::Xml(mut text)) => {
            text.truncate(text.len() / 2);
            Reply::new(reply.status, Body::Xml(text))
        }
        (Some(Fault::AnswerBefore), body) => Reply::new(200, before.map_or(body, Body::Xml)),
        (_, body) => Reply { status: reply.status, body, hold: reply.hold },
    }
}
