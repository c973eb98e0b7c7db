//! A function on table and user pools that writes mail.

use avain_start_cost::{Failed, Mail, Pools, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, pools, mail) = (&Table::new(&config), &Pools::new(&config), &Mail::new(&config));
    pools.secrets().await?;
    serve(async || {
        table.all().await?;
        pools.all().await?;
        mail.all().await
    })
    .await
}
