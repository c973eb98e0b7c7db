//! PGP keys (brief 1.5).

use avain_domain::records::PgpPurpose;
use avain_domain::{Failure, keys, pgp};
use serde_json::{Value, json};

use super::success;
use crate::call::{Call, Running};

/// ListKeys.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let keys: Vec<Value> = caller
            .pgp_keys
            .iter()
            .map(|it| {
                json!({
                    "PgpKeyId": pgp::short_id(&it.record.fingerprint),
                    "PgpKeyPurpose": it.record.purpose.as_str(),
                })
            })
            .collect();
        Ok(success("OK", json!({ "PgpKeys": keys })))
    })
}

/// UploadKey.
pub(crate) fn upload<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let body = call.body()?;
        let armored = body.text("PgpKey")?;
        let purpose = PgpPurpose::parse(body.text("PgpKeyPurpose")?)
            .ok_or_else(|| Failure::Invalid("PgpKeyPurpose".to_owned()))?;
        keys::upload(call.context(), call.deps().store()?, &caller, armored, purpose).await?;
        Ok(success("PGP key registered", json!({})))
    })
}
