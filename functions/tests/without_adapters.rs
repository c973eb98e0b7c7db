//! Without adapters no function starts.

use avain_api::operations::ALL;

use crate::process::{Function, Outcome};

#[tokio::test]
async fn every_function_says_that_there_are_no_adapters() {
    for operation in ALL {
        let Outcome::Ended { code, stderr } = Function::start(operation.binary(), &[]).ready().await else {
            panic!("{} started", operation.binary());
        };
        assert_eq!(code, Some(1));
        assert!(stderr.contains("the adapters for AWS do not exist yet"), "{stderr}");
    }
}
