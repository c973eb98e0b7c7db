//! Calls that are not made again when an answer was lost: if the first was done, Cognito refuses the second, and the refusal
//! would be told to the caller for the truth ("the account exists", "the code has expired"). So he is told that nothing is
//! known, and asks again. A throttled call was not done, and is made again like any other.

use aws_sdk_cognitoidentityprovider::Config;
use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::ErrorKind;

/// For the calls of which this is so.
pub(super) fn not_twice() -> Builder {
    Config::builder().retry_classifier(NotTwice)
}

/// Forbids the SDK another try, but for throttling.
#[derive(Debug)]
struct NotTwice;

impl ClassifyRetry for NotTwice {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::RetryForbidden
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind: ErrorKind::ThrottlingError, .. }) => {
                RetryAction::NoActionIndicated
            }
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "not twice"
    }

    /// After all others, whose verdict it looks at.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
