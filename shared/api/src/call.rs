//! One request, read the way the families need it.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::notices::Notice;
use avain_domain::session::{Caller, Modes, Visitor};
use avain_domain::{Context, Failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use crate::deps::Deps;
use crate::metrics;
use crate::path;

/// A running operation: the answer's body, or why there is none.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// Who may call an operation.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Anyone: credentials are not looked at.
    Anyone,
    /// The bearer of an id token, with the account's API key, in one of these modes.
    Token {
        /// Modes.
        modes: Modes,
        /// What another mode is told.
        otherwise: &'static str,
    },
}

/// A request on its way through an operation.
pub struct Call<'a> {
    path: &'static str,
    access: Access,
    deps: &'a Deps,
    request_id: &'a str,
    request: &'a Request<Bytes>,
    bearer: OnceLock<(Login, OrganisationId)>,
}

impl<'a> Call<'a> {
    /// A request for the operation with this path template, which these may call. Nothing is read yet.
    #[must_use]
    pub fn new(
        path: &'static str,
        access: Access,
        deps: &'a Deps,
        request_id: &'a str,
        request: &'a Request<Bytes>,
    ) -> Self {
        Self { path, access, deps, request_id, request, bearer: OnceLock::new() }
    }

    /// The ports.
    #[must_use]
    pub fn deps(&self) -> &'a Deps {
        self.deps
    }

    /// What the rules get.
    #[must_use]
    pub fn context(&self) -> Context<'a> {
        Context { clock: self.deps.clock(), random: self.deps.random(), request_id: self.request_id }
    }

    /// A path parameter, decoded.
    pub fn path(&self, name: &str) -> Result<String, Failure> {
        let invalid = || Failure::Invalid(name.to_owned());
        let parameters = path::parameters(self.path, self.request.uri().path()).ok_or_else(invalid)?;
        let (_, raw) = parameters.into_iter().find(|(it, _)| *it == name).ok_or_else(invalid)?;
        path::percent_decode(raw).ok_or_else(invalid)
    }

    /// A query parameter, decoded; empty counts as absent.
    pub fn query(&self, name: &str) -> Result<Option<String>, Failure> {
        let pairs = self.request.uri().query().unwrap_or_default().split('&');
        let raw = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value);
        let Some(raw) = raw.filter(|it| !it.is_empty()) else { return Ok(None) };
        path::percent_decode(raw).map(Some).ok_or_else(|| Failure::Invalid(name.to_owned()))
    }

    /// Account and mode from the path.
    pub fn login(&self) -> Result<Login, Failure> {
        let email = self.email("Email")?;
        let mode = Mode::parse(&self.path("Mode")?).ok_or_else(|| Failure::Invalid("Mode".to_owned()))?;
        Ok(Login { email, mode })
    }

    /// An e-mail address in the path.
    pub fn email(&self, name: &str) -> Result<Email, Failure> {
        Email::parse(&self.path(name)?).ok_or_else(|| Failure::Invalid(name.to_owned()))
    }

    /// The body, a JSON object; fields that are not asked for are not looked at (decision 1).
    pub fn body(&self) -> Result<Body, Failure> {
        match serde_json::from_slice(self.request.body()) {
            Ok(Value::Object(fields)) => Ok(Body(fields)),
            Ok(_) | Err(_) => Err(Failure::Invalid("Body (a JSON object)".to_owned())),
        }
    }

    /// The bearer of the token, its account not yet read.
    pub async fn visitor(&self) -> Result<Visitor, Failure> {
        let modes = match self.access {
            Access::Token { modes, .. } => modes,
            Access::Anyone => Modes::Both,
        };
        let header = |name| self.request.headers().get(name).and_then(|value| value.to_str().ok());
        let (token, api_key) = (header("authorization"), header("x-api-key"));
        let visitor = Visitor::identify(self.context(), self.deps.tokens()?, token, api_key, modes).await?;
        self.bearer.get_or_init(|| (visitor.login().clone(), visitor.organisation().clone()));
        Ok(visitor)
    }

    /// Whose genuine token it was, once that was found out, whatever became of the call.
    pub(crate) fn bearer(&self) -> Option<&(Login, OrganisationId)> {
        self.bearer.get()
    }

    /// What the path names besides the caller: its other parameters, decoded, with `/` between them.
    pub(crate) fn object(&self) -> String {
        let parameters = path::parameters(self.path, self.request.uri().path()).unwrap_or_default();
        let others = parameters.into_iter().filter(|(name, _)| !["Email", "Mode", "Phone"].contains(name));
        others.filter_map(|(_, raw)| path::percent_decode(raw)).collect::<Vec<_>>().join("/")
    }

    /// Tells a login what has happened to it. What cannot be told has happened all the same: the log says so.
    pub(crate) async fn notify(&self, login: &Login, notice: Notice) -> Result<(), Failure> {
        if let Err(cause) = self.deps.notifier()?.notify(login, notice).await {
            tracing::warn!(request_id = self.request_id, %cause, "notice not sent");
            metrics::notice_not_sent();
        }
        Ok(())
    }

    /// The caller, admitted by its account's records.
    pub async fn caller(&self) -> Result<Caller, Failure> {
        self.visitor().await?.enter(self.deps.store()?).await
    }
}

/// A body's fields.
pub struct Body(Map<String, Value>);

impl Body {
    /// A text that must be there and not empty.
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.optional(name)?.ok_or(Failure::Missing)
    }

    /// A text under its name or the name that an old client gives it.
    pub fn text_or(&self, name: &str, alias: &str) -> Result<&str, Failure> {
        match self.optional(name)? {
            Some(text) => Ok(text),
            None => self.text(alias),
        }
    }

    /// A value of any kind; null counts as absent.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|it| !it.is_null())
    }

    /// A text that may be absent; null and empty count as absent.
    pub fn optional(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|it| !it.is_empty())),
            Some(_) => Err(Failure::Invalid(name.to_owned())),
        }
    }

    /// A text that may be absent, under its name or the name that an old client gives it.
    pub fn optional_or(&self, name: &str, alias: &str) -> Result<Option<&str>, Failure> {
        match self.optional(name)? {
            Some(text) => Ok(Some(text)),
            None => self.optional(alias),
        }
    }

    /// A yes or no, also as a text; no where it is absent, null or empty.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            _ => match self.optional(name)? {
                None | Some("false") => Ok(false),
                Some("true") => Ok(true),
                Some(_) => Err(Failure::Invalid(name.to_owned())),
            },
        }
    }

    /// Bytes in standard base64; white space in it does not matter (shell pipes wrap lines).
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        decode_base64(self.text(name)?).ok_or_else(|| Failure::Invalid(name.to_owned()))
    }
}

/// Standard base64 with padding, white space ignored.
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return STANDARD.decode(dense).ok();
    }
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_base64_or_not(text in "[A-Za-z0-9+/= \\n]*|.*") {
            if let Some(bytes) = decode_base64(&text) {
                let dense: String = text.chars().filter(|it| !it.is_ascii_whitespace()).collect();
                prop_assert_eq!(STANDARD.encode(bytes), dense);
            }
        }

        #[test]
        fn lines_of_any_length_do_not_matter(bytes in any::<Vec<u8>>(), width in 1_usize..80, end in "\n|\r\n|\t| ") {
            let lines: String = STANDARD
                .encode(&bytes)
                .chars()
                .enumerate()
                .flat_map(|(at, it)| [it.to_string(), if at % width == 0 { end.clone() } else { String::new() }])
                .collect();
            prop_assert_eq!(decode_base64(&lines), Some(bytes));
        }
    }
}
