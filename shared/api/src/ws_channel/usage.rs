//! Use of bank accounts by the month (brief 1.6).

use avain_domain::Failure;
use avain_domain::names::Email;
use avain_domain::usage::{self, BASIS, Day, Issue, LICENSE_BASIS, Question, Usage};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::success;
use crate::call::{Call, Running};

/// ListAccountUsage.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let account = call.query("Account")?.map(|it| Email::parse(&it).ok_or_else(|| invalid("Account")));
        let question =
            Question { month: call.query("Month")?, tenant: call.query("Tenant")?, account: account.transpose()? };
        let usage = usage::report(call.context(), call.deps().store()?, &caller, &question).await?;
        Ok(success("OK", json!({ "Usage": shape(&usage) })))
    })
}

fn invalid(name: &str) -> Failure {
    Failure::Invalid(name.to_owned())
}

fn shape(usage: &Usage) -> Value {
    let (year, month) = usage.month;
    let users: Vec<Value> =
        usage.users.iter().map(|(email, count)| json!({ "Email": email.as_str(), "UniqueAccounts": count })).collect();
    let days: Vec<Value> = usage.days.iter().map(day).collect();
    let issues: Vec<Value> = usage.days.iter().flat_map(|day| day.issues.iter().map(|it| issue(day, it))).collect();
    let last = usage.days.last().map(|day| day.date.to_string()).unwrap_or_default();
    json!({
        "Tenant": usage.organisation.0,
        "Month": format!("{year:04}-{:02}", u8::from(month)),
        "Timezone": "Europe/Helsinki",
        "Basis": BASIS,
        "UniqueAccounts": usage.accounts,
        "Accounts": users,
        "Daily": days,
        // Accounts are counted in the transaction that moves a file: no day can be missed.
        "MissingDays": [],
        "Issues": issues,
        "Collection": { "Date": last, "State": if usage.over { "completed" } else { "in_progress" } },
        "Licenses": licenses(usage),
    })
}

fn day(day: &Day) -> Value {
    let issues: Vec<Value> = day.issues.iter().map(|it| issue(day, it)).collect();
    json!({ "Date": day.date.to_string(), "UniqueAccounts": day.accounts, "Issues": issues })
}

fn issue(day: &Day, issue: &Issue) -> Value {
    json!({
        "Date": day.date.to_string(),
        "Email": issue.email.as_str(),
        "Sha256": issue.file,
        "Reason": if issue.too_many { "too_many_accounts" } else { "unreadable" },
    })
}

fn licenses(usage: &Usage) -> Value {
    let scope = if usage.of_tenant { "tenant" } else { "user" };
    let Some(licenses) = &usage.licenses else {
        return json!({ "Basis": LICENSE_BASIS, "Scope": scope, "State": "historical_unavailable" });
    };
    json!({
        "Basis": LICENSE_BASIS,
        "Scope": scope,
        "State": "provisional",
        "Count": licenses.count,
        "BillableUsers": licenses.billable,
        "RetiredUsers": licenses.retired,
        "AsOf": usage.at.format(&Rfc3339).unwrap_or_default(),
    })
}
