//! How many bank accounts an organisation uses the service for (brief 1.6, ListAccountUsage), counted from the files that the
//! service itself moved (decision 0018).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use time::{Date, Month, OffsetDateTime};

use crate::names::{Email, Mode, OrganisationId};
use crate::ports::{BankChannel, Store};
use crate::records::{LAST_ID, OBSERVATION_PARTS, Observation, Observed, Record, Shelf, Stretch, Write};
use crate::session::Caller;
use crate::{Context, Failure, helsinki, members};

/// How the accounts of [`Usage`] are counted: those of moved statements, reports, notifications and payments; first version.
pub const BASIS: &str = "avain-moved-camt-accounts@1";
/// How licences are counted: for each user that is not retired its own accounts, and one at least.
pub const LICENSE_BASIS: &str = "non-retired-user-own-accounts@1";
/// Accounts that are counted of one file: what it takes is written in the transaction of the file's own record.
const MOST_ACCOUNTS: usize = 60;

/// What a moved file says of bank accounts, to be written in the transaction that says that it was moved. Nothing about the
/// file makes this fail: what cannot be counted is an issue.
pub(crate) fn observe(
    context: Context<'_>,
    banks: &dyn BankChannel,
    caller: &Caller,
    file_type: &str,
    bytes: &[u8],
) -> Vec<Write> {
    let accounts = banks.accounts_in(file_type, bytes);
    if accounts.as_ref().is_ok_and(Vec::is_empty) {
        return Vec::new();
    }
    let name = Sha256::digest(bytes);
    let observed = match accounts {
        Ok(accounts) => {
            let cut = accounts.len() > MOST_ACCOUNTS;
            let counted = accounts.iter().take(MOST_ACCOUNTS);
            let mut observed: Vec<Observed> =
                counted.map(|account| Observed::Account(account_hash(caller.organisation(), account))).collect();
            observed.extend(cut.then(|| Observed::TooMany(format!("{name:x}"))));
            observed
        }
        Err(_) => vec![Observed::Unreadable(format!("{name:x}"))],
    };
    let (date, part) = (helsinki::date(context.now()), name[0] % OBSERVATION_PARTS);
    let record = |observed| Observation {
        organisation: caller.organisation().clone(),
        date,
        email: caller.login.email.clone(),
        observed,
        part,
    };
    observed.into_iter().map(|observed| Write::Keep(Record::Observation(record(observed)))).collect()
}

fn account_hash(organisation: &OrganisationId, account: &str) -> String {
    format!("{:x}", Sha256::new().chain_update(&organisation.0).chain_update([0]).chain_update(account).finalize())
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// `YYYY-MM` in Helsinki; none: the current month.
    pub month: Option<String>,
    /// An organisation: only the caller's own is there.
    pub tenant: Option<String>,
    /// An account: but for the owner of the API key in admin mode only the caller's own is there.
    pub account: Option<Email>,
}

/// A month's use. Each total counts an account once, however many days, users or files it was seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Year, and the month.
    pub month: (i32, Month),
    /// Accounts of each user, by address.
    pub users: Vec<(Email, usize)>,
    /// Every day of the month until today.
    pub days: Vec<Day>,
    /// Accounts in all.
    pub accounts: usize,
    /// Whether the month is over.
    pub over: bool,
    /// Licences; none where the month is over, since who was a user then is not known any more.
    pub licenses: Option<Licenses>,
    /// Whether licences are those of the whole organisation.
    pub of_tenant: bool,
    /// The moment.
    pub at: OffsetDateTime,
}

/// A day's use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The day in Helsinki.
    pub date: Date,
    /// Accounts.
    pub accounts: usize,
    /// Files that were moved and not counted, or not wholly.
    pub issues: Vec<Issue>,
}

/// A file that was not counted, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issue {
    /// Who moved it.
    pub email: Email,
    /// SHA-256 of the file, lower-case hex.
    pub file: String,
    /// Whether it names too many accounts; else it cannot be read.
    pub too_many: bool,
}

/// What is to be paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licenses {
    /// The sum over users of their own accounts, one at least.
    pub count: usize,
    /// Users.
    pub billable: usize,
    /// Users that moved something this month and are none any more.
    pub retired: usize,
}

/// Counts a month in one read, and one more for the owner of the API key, who sees the organisation in admin mode; others see
/// themselves.
pub async fn report(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    question: &Question,
) -> Result<Usage, Failure> {
    let organisation = caller.organisation();
    if question.tenant.as_ref().is_some_and(|tenant| *tenant != organisation.0) {
        return Err(Failure::NotFound);
    }
    // In data mode a machine asks: it sees its own, whoever's it is.
    let owner = caller.account.owner && caller.login.mode == Mode::Admin;
    let own = &caller.login.email;
    if !owner && question.account.as_ref().is_some_and(|account| account != own) {
        return Err(Failure::NotFound);
    }
    let today = helsinki::date(context.now());
    let month = match &question.month {
        Some(text) => {
            parse(text).filter(|month| *month <= of(today)).ok_or_else(|| Failure::Invalid("Month".to_owned()))?
        }
        None => of(today),
    };
    let wanted = if owner { question.account.as_ref() } else { Some(own) };
    let mut seen = seen_in(store, organisation, month).await?;
    let members: BTreeSet<Email> = if owner {
        members::of(store, organisation).await?.into_iter().collect()
    } else {
        BTreeSet::from([own.clone()])
    };
    if let Some(account) = wanted {
        seen.retain(|it| it.email == *account);
        // Of a user that is none any more there is what it moved.
        if seen.is_empty() && !members.contains(account) {
            return Err(Failure::NotFound);
        }
    }
    let users = users(&seen, &members, wanted);
    let over = month < of(today);
    let licenses = (!over).then(|| licenses(&users, &members));
    Ok(Usage {
        organisation: organisation.clone(),
        month,
        days: days(&seen, month, today),
        accounts: distinct(seen.iter()),
        users,
        over,
        licenses,
        of_tenant: owner && wanted.is_none(),
        at: context.now(),
    })
}

fn users(seen: &[Observation], members: &BTreeSet<Email>, wanted: Option<&Email>) -> Vec<(Email, usize)> {
    let moved: BTreeSet<&Email> = seen.iter().map(|it| &it.email).collect();
    let all: BTreeSet<&Email> = moved.into_iter().chain(members).collect();
    all.into_iter()
        .filter(|email| wanted.is_none_or(|wanted| wanted == *email))
        .map(|email| (email.clone(), distinct(seen.iter().filter(|it| it.email == *email))))
        .collect()
}

fn days(seen: &[Observation], (year, month): (i32, Month), today: Date) -> Vec<Day> {
    let dates = (1..=month.length(year)).filter_map(|day| Date::from_calendar_date(year, month, day).ok());
    dates
        .take_while(|date| *date <= today)
        .map(|date| {
            let of_day = || seen.iter().filter(move |it| it.date == date);
            let issues: BTreeSet<Issue> = of_day().filter_map(issue).collect();
            Day { date, accounts: distinct(of_day()), issues: issues.into_iter().collect() }
        })
        .collect()
}

fn licenses(users: &[(Email, usize)], members: &BTreeSet<Email>) -> Licenses {
    let (billable, retired): (Vec<_>, Vec<_>) = users.iter().partition(|(email, _)| members.contains(email));
    let count = billable.iter().map(|(_, accounts)| (*accounts).max(1)).sum();
    Licenses { count, billable: billable.len(), retired: retired.len() }
}

fn distinct<'a>(seen: impl Iterator<Item = &'a Observation>) -> usize {
    let accounts = seen.filter_map(|it| match &it.observed {
        Observed::Account(hash) => Some(hash),
        Observed::Unreadable(_) | Observed::TooMany(_) => None,
    });
    accounts.collect::<BTreeSet<_>>().len()
}

fn issue(seen: &Observation) -> Option<Issue> {
    let (file, too_many) = match &seen.observed {
        Observed::Unreadable(file) => (file, false),
        Observed::TooMany(file) => (file, true),
        Observed::Account(_) => return None,
    };
    Some(Issue { email: seen.email.clone(), file: file.clone(), too_many })
}

fn of(date: Date) -> (i32, Month) {
    (date.year(), date.month())
}

/// `YYYY-MM`.
fn parse(text: &str) -> Option<(i32, Month)> {
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str, many: usize| text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return None;
    }
    Some((year.parse().ok()?, month.parse::<u8>().ok()?.try_into().ok()?))
}

/// What was observed in a month, in one query for each megabyte.
async fn seen_in(
    store: &dyn Store,
    organisation: &OrganisationId,
    (year, month): (i32, Month),
) -> Result<Vec<Observation>, Failure> {
    let everything = Stretch { after: "", before: LAST_ID, newest_first: false, most: usize::MAX };
    let shelf = Shelf::Observations(organisation.clone(), year, month.into());
    let found = store.stretch(&shelf, everything).await?;
    let observations = found.into_iter().filter_map(|stored| match stored.record {
        Record::Observation(it) => Some(it),
        _ => None,
    });
    Ok(observations.collect())
}
