//! The channel from outside: requests against schemas and xmlsec1, answers recorded, generated and made here.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod accounts;
mod answers;
mod bank;
mod checked;
mod checks;
mod codes;
mod danske;
mod every_bank;
mod gem;
mod op;
mod profiles;
mod properties;
mod recorded;
mod requests;
mod roots;
mod samlink;
mod schemas;
