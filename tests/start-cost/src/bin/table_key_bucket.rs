//! A function that keeps files.

use avain_start_cost::{Bucket, Failed, Key, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let config = config().await;
    let (table, key, bucket) = (&Table::new(&config), &Key::new(&config), &Bucket::new(&config));
    serve(async || {
        table.all().await?;
        key.all().await?;
        bucket.all().await
    })
    .await
}
