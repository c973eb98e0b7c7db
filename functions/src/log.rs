//! The log: a JSON object on a line for each event, with the keys of AWS Lambda Powertools, secrets redacted. The event that
//! measures a request becomes metrics too (docs/logging.md).

mod redact;

use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use avain_api::metrics::{self, DIMENSIONS, TARGET};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber, field};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What the spans around a request say about it, and the keys under which its lines say so. The first two are
/// lambda_runtime's.
const REQUEST: [(&str, &str); 3] =
    [("requestId", REQUEST_ID), ("xrayTraceId", "xray_trace_id"), ("correlation_id", "correlation_id")];
const REQUEST_ID: &str = "function_request_id";

/// Where CloudWatch keeps the metrics; with the stack's name after it where there is one, so that two stacks keep apart.
const NAMESPACE: &str = "Avain";

/// RFC 3339 in UTC, with milliseconds.
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Writes this process's log to standard output from now on.
pub(crate) fn start() {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let stack = std::env::var("AVAIN_STACK").ok().filter(|stack| !stack.is_empty());
    let namespace = stack.map_or_else(|| NAMESPACE.to_owned(), |stack| format!("{NAMESPACE}/{stack}"));
    // The level is fixed: below it the libraries log what they are sent, and that holds secrets.
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(Log::new(function, namespace, now, std::io::stdout))
        .init();
    std::panic::set_hook(Box::new(panicked));
}

#[expect(clippy::disallowed_methods, reason = "the log has the machine's time whatever the rules go by")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Where, and not what: a panic's text may quote what it stumbled over.
fn panicked(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "panicked");
}

struct Log<W> {
    function: String,
    namespace: String,
    now: fn() -> OffsetDateTime,
    writer: W,
    /// A request has come.
    warm: AtomicBool,
}

/// What a span says about a request, kept with the span.
struct Request(Map<String, Value>);

impl<W> Log<W> {
    fn new(function: String, namespace: String, now: fn() -> OffsetDateTime, writer: W) -> Self {
        Self { function, namespace, now, writer, warm: AtomicBool::new(false) }
    }

    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Map<String, Value>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let (now, metadata) = ((self.now)().to_offset(time::UtcOffset::UTC), event.metadata());
        let Fields(mut line) = Fields::of(|fields| event.record(fields));
        // The log's own keys come last: no event writes another's.
        let message = line.remove("message").unwrap_or_default();
        let cold_start = !self.warm.load(Ordering::Relaxed);
        line.extend(object(json!({
            "level": metadata.level().as_str(),
            "message": message,
            "timestamp": now.format(TIMESTAMP).unwrap_or_default(),
            "service": metrics::NAME,
            "cold_start": cold_start,
            "function_name": self.function,
            "target": metadata.target(),
        })));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Request(request)) = span.extensions().get() {
                line.extend(request.clone());
            }
        }
        if metadata.target() == TARGET {
            line.insert("_aws".to_owned(), directives(&self.namespace, &line, now));
        }
        line
    }
}

impl<S, W> Layer<S> for Log<W>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Fields(mut fields) = Fields::of(|fields| attributes.record(fields));
        let known = REQUEST.iter().filter_map(|(name, key)| Some(((*key).to_owned(), fields.remove(*name)?)));
        let mut request: Map<String, Value> = known.collect();
        if request.contains_key(REQUEST_ID) {
            request.insert("cold_start".to_owned(), (!self.warm.swap(true, Ordering::Relaxed)).into());
        }
        if let Some(span) = context.span(id).filter(|_| !request.is_empty()) {
            span.extensions_mut().insert(Request(request));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Value::Object(self.line(event, &context)).to_string();
        line.push('\n');
        // There is nobody to tell that the log cannot be written.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

/// What makes CloudWatch read metrics from a line (embedded metric format): of each dimension that the line has, the metrics
/// that it has.
fn directives(namespace: &str, line: &Map<String, Value>, now: OffsetDateTime) -> Value {
    let mut directives = Vec::new();
    for dimension in DIMENSIONS.iter().filter(|it| line.contains_key(it.name)) {
        let there = dimension.metrics.iter().filter(|(name, _)| line.contains_key(*name));
        let metrics: Vec<Value> = there.map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
        if !metrics.is_empty() {
            directives.push(json!({ "Namespace": namespace, "Dimensions": [[dimension.name]], "Metrics": metrics }));
        }
    }
    json!({
        "Timestamp": now.unix_timestamp() * 1000 + i64::from(now.millisecond()),
        "CloudWatchMetrics": directives,
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// An event's or a span's fields, redacted: nothing comes to the log but through here.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(record: impl FnOnce(&mut Self)) -> Self {
        let mut fields = Self(Map::new());
        record(&mut fields);
        fields
    }

    fn insert(&mut self, field: &field::Field, value: Value) {
        self.0.insert(field.name().to_owned(), redact::field(field.name(), value));
    }
}

impl field::Visit for Fields {
    fn record_f64(&mut self, field: &field::Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &field::Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &field::Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &field::Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &field::Field, value: &dyn std::fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Seek as _};
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "for its Debug text")]
    struct Answer {
        id_token: &'static str,
        expires: u32,
    }

    #[test]
    fn a_line_has_powertools_keys_and_the_events_own_fields_redacted() {
        let lines = logged(|| {
            tracing::info!("starting");
            let runtime = tracing::info_span!("Lambda runtime invoke", requestId = "r-1", xrayTraceId = "Root=1-5bef");
            let request = tracing::info_span!(parent: &runtime, "request", correlation_id = "c-1", email = "a@b.fi");
            request.in_scope(|| {
                let answer = Answer { id_token: "eyJ", expires: 3600 };
                tracing::warn!(
                    Email = "a@b.fi",
                    code = 123_456,
                    ?answer,
                    answered = true,
                    service = "x",
                    "odd: {answer:?}"
                );
            });
            tracing::info_span!("Lambda runtime invoke", requestId = "r-2").in_scope(|| tracing::error!("again"));
        });
        let [first, second, third] = lines.as_slice() else { panic!("{lines:?}") };
        let common = json!({
            "timestamp": "2026-06-01T12:00:00.123Z", "service": "avain", "function_name": "login",
            "target": module_path!(),
        });
        let with = |own: Value| Value::Object(object(common.clone()).into_iter().chain(object(own)).collect());
        assert_eq!(*first, with(json!({ "level": "INFO", "message": "starting", "cold_start": true })));
        let expected = json!({
            "level": "WARN", "message": "odd: Answer { id_token: [redacted], expires: 3600 }", "cold_start": true,
            "function_request_id": "r-1", "xray_trace_id": "Root=1-5bef", "correlation_id": "c-1",
            "Email": "[redacted]", "code": "[redacted]", "answered": true,
            "answer": "Answer { id_token: [redacted], expires: 3600 }",
        });
        assert_eq!(*second, with(expected));
        let expected =
            json!({ "level": "ERROR", "message": "again", "cold_start": false, "function_request_id": "r-2" });
        assert_eq!(*third, with(expected));
    }

    #[test]
    fn a_line_that_measures_names_the_metrics_and_dimensions_that_it_has() {
        let lines = logged(|| {
            let bank: Option<&str> = None;
            tracing::info!(target: TARGET, operation = "Login", bank, Latency = 1.5, BankFailed = 0, other = 7, "measured");
            tracing::info!(target: TARGET, bank = "nordea", CertificateDaysLeft = -3, "measured");
            tracing::info!(target: TARGET, operation = "Login", "nothing measured");
        });
        let directive = |dimension: &str, metrics: &[(&str, &str)]| {
            let metrics: Vec<Value> =
                metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
            json!({ "Namespace": "Avain/live", "Dimensions": [[dimension]], "Metrics": metrics })
        };
        let days = [("CertificateDaysLeft", "None")];
        let expected = [
            json!([
                directive("operation", &[("Latency", "Milliseconds")]),
                directive("service", &[("BankFailed", "Count")])
            ]),
            json!([directive("service", &days), directive("bank", &days)]),
            json!([]),
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(line["_aws"]["CloudWatchMetrics"], expected, "{line}");
            assert_eq!(line["_aws"]["Timestamp"], 1_780_315_200_123_i64);
        }
    }

    /// The lines of a log, some time past noon, by a clock that is not set to UTC.
    fn logged(events: impl FnOnce()) -> Vec<Value> {
        let now = || time::macros::datetime!(2026-06-01 15:00:00.123_456 +3);
        let file = Arc::new(tempfile::tempfile().unwrap());
        let log = Log::new("login".to_owned(), "Avain/live".to_owned(), now, Arc::clone(&file));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), events);
        let (mut file, mut text): (&File, _) = (&file, String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
