//! End-to-end tests over HTTP: the whole service, the real store, the simulated banks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

mod calls;
mod support;
mod whole_story;
