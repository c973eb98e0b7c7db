//! The daily look at the bank certificates: a line for each that ends soon or has ended, and metrics.

use avain_api::{Deps, metrics};
use avain_domain::watch::watch;
use serde_json::Value;

use super::Running;

pub(super) fn run<'a>(deps: &'a Deps, _: &'a Value) -> Running<'a> {
    Box::pin(async move {
        let found = watch(deps.store()?, deps.clock().now()).await?;
        for (certificate, days_left) in &found.told {
            let (organisation, bank) = (certificate.organisation.0.as_str(), certificate.bank.as_str());
            if *days_left < 0 {
                tracing::warn!(organisation, bank, days_left, "certificate has ended");
            } else {
                tracing::warn!(organisation, bank, days_left, "certificate ends soon");
            }
        }
        metrics::watched(&found);
        Ok(())
    })
}
