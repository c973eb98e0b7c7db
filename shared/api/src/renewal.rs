//! Renewing the bank certificates that end soon, with a line in the log for each: what the function Renew does, and `avain serve`.

use avain_domain::certificates::{Renewed, renew_due};
use avain_domain::{Context, Failure};
use time::Duration;

use crate::Deps;

/// One round, of which no renewal begins later than `within`.
///
/// A certificate that the bank does not renew keeps no other from it, and is in the log, the trail and what the watch tells of: it
/// does not fail the round, which would only ask the bank again.
pub async fn renew(deps: &Deps, within: Duration) -> Result<(), Failure> {
    let context = Context { clock: deps.clock(), random: deps.random(), request_id: "certificate-renewal" };
    for renewed in renew_due(context, deps.store()?, deps.sealer()?, deps.banks()?, within).await? {
        tell(&renewed);
    }
    Ok(())
}

fn tell(Renewed { certificate, outcome }: &Renewed) {
    let (organisation, bank) = (certificate.organisation.0.as_str(), certificate.bank.as_str());
    match outcome {
        Ok(()) => tracing::info!(organisation, bank, "certificate renewed"),
        Err(cause) => tracing::error!(organisation, bank, %cause, "certificate not renewed"),
    }
}
