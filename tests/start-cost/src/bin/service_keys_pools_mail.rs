//! A function on table and user pools that has opened two keys before it answers, and writes mail.

use avain_start_cost::{Failed, Key, Mail, Pools, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, key) = (&Table::new(&config), &Key::new(&config));
    let (pools, mail) = (&Pools::new(&config), &Mail::new(&config));
    pools.secrets().await?;
    for _ in 0..2 {
        table.read().await?;
        key.open().await?;
    }
    serve(async || {
        table.all().await?;
        key.all().await?;
        pools.all().await?;
        mail.all().await
    })
    .await
}
