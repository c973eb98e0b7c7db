//! The same, and it makes API keys.

use avain_start_cost::{Failed, Gateway, Key, Pools, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, key) = (&Table::new(&config), &Key::new(&config));
    let (pools, gateway) = (&Pools::new(&config), &Gateway::new(&config));
    pools.secrets().await?;
    for _ in 0..2 {
        table.read().await?;
        key.open().await?;
    }
    serve(async || {
        table.all().await?;
        key.all().await?;
        pools.all().await?;
        gateway.all().await
    })
    .await
}
