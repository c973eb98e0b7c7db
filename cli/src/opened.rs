//! What the operator's commands work on.

use std::path::Path;

/// Refuses what is no data directory: opening makes what is not there, and that would hide a wrong path.
pub(crate) fn is_data_directory(data: &Path) -> Result<(), String> {
    if data.join("store.sqlite").is_file() && data.join("root.key").is_file() {
        return Ok(());
    }
    Err(format!("{} is no data directory: it has no store.sqlite and root.key", data.display()))
}

/// The settings of AWS's clients: the environment's, but for the region, if one is given.
#[cfg(feature = "aws")]
pub(crate) async fn aws(region: Option<String>) -> aws_config::SdkConfig {
    use aws_config::{BehaviorVersion, Region};

    let mut config = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = region {
        config = config.region(Region::new(region));
    }
    config.load().await
}
