//! What is told about a call that AWS did not do.

use std::error::Error;
use std::fmt::Write as _;

use avain_domain::ports::Unavailable;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Longest code or request id that goes into the log: AWS's own are shorter.
const LONGEST_WORD: usize = 80;

/// Which call failed, and AWS's code and request id, or what happened on the way. Nothing else of an answer: one that
/// cannot be read may hold a key.
pub(crate) fn unavailable<E: ProvideErrorMetadata>(call: &str, error: &SdkError<E, HttpResponse>) -> Unavailable {
    let mut text = format!("{call}: ");
    match error {
        SdkError::ServiceError(failed) => text += failed.err().code().map_or("no code", |code| word(code, ".")),
        SdkError::ResponseError(_) => text += "the answer cannot be read",
        SdkError::TimeoutError(_) => text += "no answer in time",
        // The connection's own words: no answer has come.
        SdkError::DispatchFailure(failure) => {
            text += "not reached";
            let mut cause: Option<&dyn Error> = failure.as_connector_error().map(|error| error as &dyn Error);
            while let Some(error) = cause {
                let _ = write!(text, ": {error}");
                cause = error.source();
            }
        }
        _ => text += "the request could not be made",
    }
    if let Some(answer) = error.raw_response() {
        let id = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| answer.headers().get(name));
        let _ = write!(
            text,
            " (status {}, request {})",
            answer.status().as_u16(),
            id.map_or("unknown", |id| word(id, "-=/+"))
        );
    }
    Unavailable(text)
}

/// A code or an id as it came, if it is short and has letters, digits and these only.
fn word<'a>(text: &'a str, further: &str) -> &'a str {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || further.contains(letter);
    if text.len() <= LONGEST_WORD && text.chars().all(fits) { text } else { "unreadable" }
}
