//! How long a service of AWS is waited for, and how often a call is made again.
//!
//! The SDK's own settings wait for ever for an answer. These bound each call, so that an operation answers within API
//! Gateway's 29 s and its function's own time (template.yaml):
//!
//! | service | one try | one call, all tries | why |
//! |---|---|---|---|
//! | DynamoDB, KMS | 1.2 s | 2 s | they answer in milliseconds; a sandbox's first connection takes some tenths of a second |
//! | Cognito | 3 s | 3.5 s | it sends SMS and e-mail before it answers |
//! | API Gateway | 2 s | 2 s | management calls, which are slow and are not done twice |
//! | SES | 2 s | 3 s | what it sends is told after the deed, and the caller waits |
//! | S3 | 3 s | 4 s | a file of 5 MB goes with the try |
//!
//! An operation ends with the first call that fails. So while one service is silent, it answers after what it usually takes
//! and that service's one call: 2 to 4 s, and 25 s more where a bank is slow at the same time (design, limits): 25 s and the
//! 2 s of the journal's last write are 27 s. Where every call takes all of its time and yet succeeds:
//!
//! | operation | calls | seconds |
//! |---|---|---|
//! | Register, over a left-over | 4 DynamoDB, 3 API Gateway, 4 Cognito | 28 |
//! | Register | 4 DynamoDB, 3 API Gateway, 1 Cognito | 17.5 |
//! | Login, admin, the first time | 2 DynamoDB, 3 Cognito | 14.5 |
//! | Logout, VerifyEmail | 2 DynamoDB, 1 Cognito, the pool's keys (5 s) | 12.5 |
//! | UploadFile but for the bank | 4 DynamoDB, 1 KMS, the pool's keys | 15 |
//! | DownloadFile but for the bank | 3 DynamoDB, 2 KMS, 1 S3, the pool's keys | 19 |
//!
//! With a bank at its 25 s these last two are over the limit: the gateway answers for the function, whose journal then says
//! `sending`, which is never sent again.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// How long a connection may take: within a region it takes milliseconds, and a second try must fit into the call.
const CONNECT: Duration = Duration::from_millis(700);
/// How often a call is made, the first time included.
const TRIES: u32 = 3;
/// The longest wait before the second try; before the third it may be twice as long. The wait is any part of it, by chance.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest of such waits.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// The patience with one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one try.
    pub one_try: Duration,
    /// For a call, all its tries and the waits between them.
    pub call: Duration,
}

/// With DynamoDB.
pub const DYNAMODB: Patience = Patience::milliseconds(1200, 2000);
/// With KMS.
pub const KMS: Patience = Patience::milliseconds(1200, 2000);
/// With Cognito.
pub const COGNITO: Patience = Patience::milliseconds(3000, 3500);
/// With API Gateway.
pub const API_GATEWAY: Patience = Patience::milliseconds(2000, 2000);
/// With SES.
pub const SES: Patience = Patience::milliseconds(2000, 3000);
/// With S3. Of an answer's body that stops coming the SDK's own protection takes care, after 5 s.
pub const S3: Patience = Patience::milliseconds(3000, 4000);

impl Patience {
    const fn milliseconds(one_try: u64, call: u64) -> Self {
        Self { one_try: Duration::from_millis(one_try), call: Duration::from_millis(call) }
    }

    /// As the SDK takes it.
    #[must_use]
    pub fn timeouts(self) -> TimeoutConfig {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(self.call);
        // A try that has all of the call's time ends with the call: of two equal limits either could be met first, and
        // there would now and then be a second try.
        if self.one_try < self.call {
            timeouts.operation_attempt_timeout(self.one_try).build()
        } else {
            timeouts.build()
        }
    }
}

/// A call is made again where the service throttled or failed, or no answer came, after a wait by chance (standard mode: never
/// more than the SDK's own budget of retries, so that an outage is not made worse). What may be done twice, and how it is told
/// that it was done, is each adapter's word.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(FIRST_WAIT).with_max_backoff(LONGEST_WAIT)
}
