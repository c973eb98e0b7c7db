//! A function that opens sealed keys.

use avain_start_cost::{Failed, Key, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, key) = (&Table::new(&config), &Key::new(&config));
    serve(async || {
        table.all().await?;
        key.all().await
    })
    .await
}
