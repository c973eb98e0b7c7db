//! Renewing bank certificates on one machine: what the function Renew does when deployed.

use avain_api::{Deps, renewal};
use time::Duration;
use tokio::sync::mpsc;

/// No renewal of a round begins later than this.
const WITHIN: Duration = Duration::minutes(30);

/// Renews the certificates that end soon at each tick, until there are no more ticks.
pub async fn keep_renewing(deps: Deps, mut ticks: mpsc::Receiver<()>) {
    while ticks.recv().await.is_some() {
        if let Err(cause) = renewal::renew(&deps, WITHIN).await {
            tracing::error!(%cause, "certificates not renewed");
        }
    }
}
