//! A function on table and user pools.

use avain_start_cost::{Failed, Pools, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, pools) = (&Table::new(&config), &Pools::new(&config));
    pools.secrets().await?;
    serve(async || {
        table.all().await?;
        pools.all().await
    })
    .await
}
