//! What is measured: the one table of metrics, and the events that carry them. The functions' log makes CloudWatch's metrics
//! of such events; alarms and dashboard name the same table (docs/logging.md).

use std::time::Duration;

use avain_domain::Failure;
use avain_domain::names::Bank;
use avain_domain::watch::Watch;
use bytes::Bytes;

use crate::operations::Operation;
use crate::path;
use crate::ws_channel::errors;

/// Target of the events that measure. A field of the name of a metric is its value.
pub const TARGET: &str = "avain::metrics";

/// The metrics of one dimension, each by its name and CloudWatch's unit. An event counts in those of its fields that are here,
/// once for each dimension that it has: an operation and a bank are fields of the event, a service is on every line.
pub struct Dimension {
    /// Name of the dimension, and of the field with its value.
    pub name: &'static str,
    /// Names and units.
    pub metrics: &'static [(&'static str, &'static str)],
}

/// Every metric. Each value of a dimension is one more to pay for: there is none by organisation, account or code.
pub const DIMENSIONS: [Dimension; 3] = [
    Dimension {
        name: OPERATION,
        metrics: &[
            ("Latency", "Milliseconds"),
            ("Success", COUNT),
            ("Refused", COUNT),
            ("Failed", COUNT),
            ("BankRefused", COUNT),
        ],
    },
    Dimension {
        name: SERVICE,
        metrics: &[
            ("VaultFailed", COUNT),
            ("BankFailed", COUNT),
            ("Lockouts", COUNT),
            ("NoticesNotSent", COUNT),
            ("CertificateDaysLeft", NONE),
            ("CertificatesExpiring", COUNT),
            ("CertificatesExpired", COUNT),
        ],
    },
    Dimension { name: BANK, metrics: &[("BankFailed", COUNT), ("CertificateDaysLeft", NONE)] },
];

/// The dimension of an operation's own metrics.
pub const OPERATION: &str = "operation";
/// The dimension of the whole deployment's; its one value is [`NAME`].
pub const SERVICE: &str = "service";
/// The dimension of a bank's.
pub const BANK: &str = "bank";
/// The service's name on every line of the log.
pub const NAME: &str = "avain";

const COUNT: &str = "Count";
const NONE: &str = "None";

/// One event for each request: milliseconds, which of the three outcomes it had, and what the bank said no with. Failed is
/// what is answered 5xx: ours, or the bank's.
pub(crate) fn measure(operation: &Operation, path: &str, latency: Duration, outcome: &Result<Bytes, Failure>) {
    let failure = outcome.as_ref().err();
    let failed = failure.is_some_and(|failure| errors::reply(operation, failure).status >= 500);
    let bank_code = match failure {
        Some(Failure::BankRefused { code, .. }) => Some(code.as_str()),
        _ => None,
    };
    tracing::info!(
        target: TARGET,
        operation = operation.name,
        bank = bank(operation, path).map(Bank::as_str),
        Latency = (latency.as_secs_f64() * 1e6).round() / 1e3,
        Success = u8::from(outcome.is_ok()),
        Refused = u8::from(outcome.is_err() && !failed),
        Failed = u8::from(failed),
        BankRefused = u8::from(bank_code.is_some()),
        VaultFailed = u8::from(matches!(failure, Some(Failure::Vault(_)))),
        BankFailed = u8::from(failure.is_some_and(is_the_banks)),
        Lockouts = u8::from(matches!(failure, Some(Failure::AttemptLimit { .. }))),
        bank_code,
        "measured"
    );
}

/// One event for a function that did not start because the vault did not open the service's keys.
pub fn vault_failed_at_start() {
    tracing::info!(target: TARGET, VaultFailed = 1_u8, "measured");
}

/// One event for a notice that nobody gets.
pub(crate) fn notice_not_sent() {
    tracing::info!(target: TARGET, NoticesNotSent = 1_u8, "measured");
}

/// One event for each bank whose certificates were looked at.
pub fn watched(watch: &Watch) {
    for of in &watch.banks {
        tracing::info!(
            target: TARGET,
            bank = of.bank.as_str(),
            CertificateDaysLeft = of.days_left,
            CertificatesExpiring = of.expiring,
            CertificatesExpired = of.expired,
            "measured"
        );
    }
}

/// The bank did not do its part: down, late, or with an answer that cannot be verified. Its verified no is none of these.
fn is_the_banks(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::BankUnreachable | Failure::BankTimeout | Failure::BankUnreadable(_) | Failure::BankSignature(_)
    )
}

/// The bank that the path names, where it is one that the service knows: whoever calls cannot make values of a dimension.
fn bank(operation: &Operation, path: &str) -> Option<Bank> {
    let parameters = path::parameters(operation.path, path)?;
    let (_, name) = parameters.into_iter().find(|(name, _)| *name == "Bank")?;
    Bank::parse(&path::percent_decode(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{LIST_FILES, LOGIN};

    #[test]
    fn a_bank_is_one_that_the_service_knows() {
        for (path, expected) in [
            ("/v2/files/nordea", Some("nordea")),
            ("/v2/files/%6eordea/", Some("nordea")),
            ("/v2/files/nobank", None),
            ("/v2/files/%", None),
            ("/v2/files", None),
        ] {
            assert_eq!(bank(&LIST_FILES, path).map(Bank::as_str), expected, "{path}");
        }
        assert_eq!(bank(&LOGIN, "/v2/session/nordea/data"), None);
    }

    #[test]
    fn what_is_the_banks_fault_is_not_its_no() {
        for failure in [Failure::BankUnreachable, Failure::BankTimeout, Failure::BankSignature(String::new())] {
            assert!(is_the_banks(&failure));
        }
        for failure in [Failure::BankRefused { code: String::new(), text: String::new() }, Failure::NoCertificate] {
            assert!(!is_the_banks(&failure));
        }
    }
}
