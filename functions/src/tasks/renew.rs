//! The renewal of bank certificates that end soon.

use avain_api::{Deps, renewal};
use serde_json::Value;
use time::Duration;

use super::Running;

/// No renewal begins later than this: what is under way has a minute left of the function's time.
const WITHIN: Duration = Duration::minutes(4);

pub(super) fn run<'a>(deps: &'a Deps, _: &'a Value) -> Running<'a> {
    Box::pin(renewal::renew(deps, WITHIN))
}
