//! The API as a client reaches it: over HTTP, at the emulator's API Gateway.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use avain::client::{ClientError, Http, Transport};
use avain_api::route::{Route, find};
use bytes::Bytes;
use http::{Request, Response};

pub(crate) struct Gateway {
    http: Http,
    used: Mutex<BTreeSet<&'static str>>,
    held: Mutex<Held>,
}

/// An operation whose next request is kept instead of sent.
enum Held {
    Nothing,
    Wanted(&'static str),
    Request(Box<Request<Bytes>>),
}

impl Gateway {
    pub(crate) fn new(base: String) -> Self {
        Self { http: Http::new(base), used: Mutex::default(), held: Mutex::new(Held::Nothing) }
    }

    /// Operations that were called.
    pub(crate) fn used(&self) -> BTreeSet<&'static str> {
        self.used.lock().unwrap().clone()
    }

    /// Keeps the next request of this operation, for whoever [takes](Gateway::take) it; its sender gets an error.
    pub(crate) fn hold(&self, operation: &'static str) {
        *self.held.lock().unwrap() = Held::Wanted(operation);
    }

    pub(crate) fn take(&self) -> Request<Bytes> {
        match std::mem::replace(&mut *self.held.lock().unwrap(), Held::Nothing) {
            Held::Request(request) => *request,
            Held::Wanted(operation) => panic!("{operation} was not called"),
            Held::Nothing => panic!("nothing was held"),
        }
    }
}

#[async_trait]
impl Transport for Gateway {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        if let Route::Found(operation) = find(request.method(), request.uri().path()) {
            let mut held = self.held.lock().unwrap();
            if matches!(*held, Held::Wanted(wanted) if wanted == operation.name) {
                *held = Held::Request(Box::new(request));
                return Err(ClientError::Transport("held".to_owned()));
            }
            self.used.lock().unwrap().insert(operation.name);
        }
        self.http.send(request).await
    }
}
