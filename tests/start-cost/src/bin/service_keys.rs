//! A function that has opened two keys before it answers.

use avain_start_cost::{Failed, Key, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, key) = (&Table::new(&config), &Key::new(&config));
    for _ in 0..2 {
        table.read().await?;
        key.open().await?;
    }
    serve(async || {
        table.all().await?;
        key.all().await
    })
    .await
}
