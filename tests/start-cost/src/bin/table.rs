//! A function that reads and writes the table.

use avain_start_cost::{Failed, Table, config, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let table = &Table::new(&config().await);
    serve(async || table.all().await).await
}
