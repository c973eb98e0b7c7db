//! End-to-end tests over HTTP: the whole service, the real store, the simulated banks.

mod calls;
mod support;
mod whole_story;
