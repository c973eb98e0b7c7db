//! Renewing bank certificates on one machine: what the function Renew does when deployed.

use avain_api::Deps;
use avain_domain::certificates::{Renewed, renew_due};
use avain_domain::{Context, Failure};
use time::Duration;
use tokio::sync::mpsc;

/// No renewal of a round begins later than this.
const WITHIN: Duration = Duration::minutes(30);

/// Renews the certificates that end soon at each tick, until there are no more ticks.
pub async fn keep_renewing(deps: Deps, mut ticks: mpsc::Receiver<()>) {
    while ticks.recv().await.is_some() {
        match renew(&deps).await {
            Ok(renewed) => renewed.iter().for_each(tell),
            Err(cause) => tracing::error!(%cause, "certificates not renewed"),
        }
    }
}

async fn renew(deps: &Deps) -> Result<Vec<Renewed>, Failure> {
    let context = Context { clock: deps.clock(), random: deps.random(), request_id: "certificate-renewal" };
    renew_due(context, deps.store()?, deps.sealer()?, deps.banks()?, WITHIN).await
}

fn tell(Renewed { certificate, outcome }: &Renewed) {
    let (organisation, bank) = (certificate.organisation.0.as_str(), certificate.bank.as_str());
    match outcome {
        Ok(()) => tracing::info!(organisation, bank, "certificate renewed"),
        Err(cause) => tracing::error!(organisation, bank, %cause, "certificate not renewed"),
    }
}
