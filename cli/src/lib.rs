//! The `avain` command's parts: the whole service on one machine, a client of its API, and the story that the demo tells.

pub mod audit;
pub mod bank;
pub mod client;
pub mod demo;
pub mod machine;
mod opened;
pub mod org;
pub mod renewal;
pub mod rewrap;
pub mod server;
pub mod story;
