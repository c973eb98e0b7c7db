//! The functions as a whole: in step with the table of operations, depending on what they may, and run as processes
//! under a Lambda runtime API of the test's own.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod architecture;
#[cfg(feature = "local")]
mod certificates;
mod event;
mod in_step;
#[cfg(all(feature = "aws", not(feature = "local")))]
mod linked;
#[cfg(feature = "local")]
mod log;
#[cfg(feature = "local")]
mod office;
#[cfg(feature = "local")]
mod process;
mod row;
#[cfg(feature = "local")]
mod runtime;
#[cfg(feature = "local")]
mod story;
#[cfg(feature = "local")]
mod tasks;
mod template;
#[cfg(not(feature = "local"))]
mod without_adapters;
