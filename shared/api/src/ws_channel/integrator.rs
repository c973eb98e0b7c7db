//! What the owner of an API key sees of the accounts under it (brief 1.5).

use avain_domain::members::{self, Described};
use serde_json::{Value, json};

use super::certs::{descriptor, retired};
use super::success;
use crate::call::{Call, Running};

/// ListAccounts.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let accounts = members::list(call.deps().store()?, call.deps().banks()?, &caller).await?;
        let accounts: Vec<Value> = accounts.iter().map(account).collect();
        Ok(success("OK", json!({ "Accounts": accounts })))
    })
}

fn account(it: &Described) -> Value {
    let registered = |is: bool| if is { "registered" } else { "unregistered" };
    let phone = it.admin.as_ref().or(it.data.as_ref()).map_or("", |mode| mode.phone.as_str());
    json!({
        "Name": it.account.name,
        "Email": it.account.email.as_str(),
        "Phone": phone,
        "Export": it.account.export.as_str(),
        "Certs": it.certificates.iter().map(descriptor).collect::<Vec<Value>>(),
        "AdminMode": registered(it.admin.is_some()),
        "DataMode": registered(it.data.is_some()),
        "AccountType": if it.account.owner { "integrator" } else { "customer" },
        "LinkedTo": it.linked_to.as_ref().map_or("", |email| email.as_str()),
        "Retired": it.retired.iter().map(retired).collect::<Vec<Value>>(),
    })
}
