//! PGP keys (brief 1.5).

use avain_domain::records::{PgpKey, PgpPurpose};
use avain_domain::{Failure, keys, pgp};
use serde_json::{Value, json};

use super::success;
use crate::call::{Call, Running};

/// ListKeys.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let keys: Vec<Value> = caller.pgp_keys.iter().map(|it| descriptor(&it.record)).collect();
        Ok(success("OK", json!({ "PgpKeys": keys })))
    })
}

/// DeleteKey.
pub(crate) fn delete<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let body = call.body()?;
        let left = keys::delete(call.context(), call.deps().store()?, &caller, body.text("PgpKeyId")?).await?;
        let keys: Vec<Value> = left.into_iter().map(descriptor).collect();
        Ok(success("PGP key deleted", json!({ "PgpKeys": keys })))
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

fn descriptor(key: &PgpKey) -> Value {
    json!({ "PgpKeyId": pgp::short_id(&key.fingerprint), "PgpKeyPurpose": key.purpose.as_str() })
}
