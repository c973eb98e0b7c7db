//! The user pools on Cognito, with replayed answers in the shapes of its API reference (version 2016-04-18), each to
//! the exact request that must have been sent; and its tokens, with keys made here.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod authenticators;
mod exceptions;
mod keys;
mod names;
mod removal;
mod replay;
mod resets;
mod secrets;
mod shapes;
mod sign_in;
mod sign_up;
mod tokens;
mod trust;
mod verification;
