//! The ports on AWS services: one module and one feature per service, so that a function links what its operation needs.

#[cfg(feature = "banks")]
pub mod banks;
#[cfg(feature = "cognito")]
pub mod cognito;
#[cfg(feature = "apigateway")]
pub mod gateway;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(any(
    feature = "apigateway",
    feature = "cognito",
    feature = "dynamodb",
    feature = "kms",
    feature = "s3",
    feature = "ses"
))]
pub mod patience;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(any(feature = "apigateway", feature = "cognito", feature = "kms", feature = "s3", feature = "ses"))]
mod sdk;
#[cfg(feature = "ses")]
pub mod ses;
#[cfg(feature = "stack")]
pub mod stack;
#[cfg(feature = "dynamodb")]
pub mod store;
pub mod system;
