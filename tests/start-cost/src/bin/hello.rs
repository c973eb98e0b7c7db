//! Nothing but the runtime.

use avain_start_cost::{Failed, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    serve(async || Ok(())).await
}
