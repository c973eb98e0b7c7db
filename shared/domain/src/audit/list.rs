//! Reading the trail (brief 1.6, ListAuditEvents): events and refusals together, newest first, in pages.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{OUTCOMES, moment};
use crate::names::{Email, OrganisationId};
use crate::ports::Store;
use crate::records::{Actor, AuditEvent, Record, Refusal, Shelf, Stretch, Trail};
use crate::service_keys::ServiceKeys;
use crate::session::Caller;
use crate::{Context, Failure};

/// Longest period of one question.
const LONGEST: Duration = Duration::days(31);
/// The period of a question that names none.
const USUAL: Duration = Duration::days(7);
/// Nothing is asked for before.
const EARLIEST: OffsetDateTime = datetime!(2024-01-01 0:00 UTC);
/// How long a page's token is good for.
const TOKEN_LIFE: Duration = Duration::hours(24);
/// How many events, and how many refusals, one page looks at: a filter that fits few of them gives short pages.
const LOOKED_AT: usize = 400;
/// HMAC-SHA-256.
const MAC: usize = 32;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// An organisation: only the caller's own is there.
    pub tenant: Option<String>,
    /// An account: for others than the owner of the API key, the caller's own only.
    pub account: Option<Email>,
    /// The first moment.
    pub from: Option<OffsetDateTime>,
    /// The last moment.
    pub to: Option<OffsetDateTime>,
    /// Only this action.
    pub action: Option<String>,
    /// Only this outcome.
    pub outcome: Option<String>,
    /// 1 to 100.
    pub limit: usize,
    /// From the page before.
    pub token: Option<String>,
}

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Something was done.
    Event(AuditEvent),
    /// Something was not.
    Refusal(Refusal),
}

/// Some entries, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The entries; there may be none though there are further pages.
    pub entries: Vec<Entry>,
    /// Opens the next page, if there may be one.
    pub next: Option<String>,
}

/// Answers a question in two reads. A customer sees what its own account did and what was refused to it, the owner of the API
/// key everything in the organisation.
pub async fn list(
    context: Context<'_>,
    store: &dyn Store,
    keys: &ServiceKeys,
    caller: &Caller,
    question: &Question,
) -> Result<Page, Failure> {
    let organisation = caller.organisation();
    if question.tenant.as_ref().is_some_and(|tenant| *tenant != organisation.0) {
        return Err(Failure::NotFound);
    }
    let account = match (&question.account, caller.account.owner) {
        (account, true) => account.clone(),
        (Some(account), false) if *account != caller.login.email => return Err(Failure::NotOwner),
        (_, false) => Some(caller.login.email.clone()),
    };
    let pages = Pages { key: keys.page_key(), binding: binding(caller, question), now: context.now() };
    let window = match &question.token {
        Some(token) => pages.open(token).ok_or_else(|| invalid("NextToken"))?,
        None => period(question, context.now())?,
    };
    let Chunk { entries, floor } = chunk(store, organisation, &window).await?;
    let fits = |entry: &Entry| {
        account.as_ref().is_none_or(|account| entry.is_about(account))
            && question.action.as_ref().is_none_or(|action| entry.action() == action)
            && question.outcome.as_ref().is_none_or(|outcome| entry.outcome() == outcome)
    };
    let mut found = Vec::new();
    let mut entries = entries.into_iter().peekable();
    while let Some(entry) = entries.next() {
        if fits(&entry) {
            found.push(entry);
        }
        if let Some(last) = found.last()
            && found.len() == question.limit
            && (floor.is_some() || entries.peek().is_some())
        {
            let next = Some(pages.seal(&Window { before: last.id().to_owned(), ..window }));
            return Ok(Page { entries: found, next });
        }
    }
    Ok(Page { entries: found, next: floor.map(|floor| pages.seal(&Window { before: floor, ..window })) })
}

/// Which ids are still to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    /// Ids are greater than this: a moment.
    from: String,
    /// Ids are less than this.
    before: String,
}

fn period(question: &Question, now: OffsetDateTime) -> Result<Window, Failure> {
    let to = question.to.unwrap_or(now);
    let from = question.from.unwrap_or_else(|| to.saturating_sub(USUAL).max(EARLIEST));
    if from < EARLIEST {
        return Err(invalid("From"));
    }
    if to < from || to - from > LONGEST {
        return Err(invalid("To"));
    }
    if question.outcome.as_ref().is_some_and(|it| !OUTCOMES.contains(&it.as_str())) {
        return Err(invalid("Outcome"));
    }
    // Nothing is later than now. The end of the calendar, which a caller may name, has no millisecond after it.
    Ok(Window { from: moment(from), before: moment(to.min(now) + Duration::milliseconds(1)) })
}

fn invalid(name: &str) -> Failure {
    Failure::Invalid(name.to_owned())
}

/// What one page looks at.
struct Chunk {
    /// Newest first.
    entries: Vec<Entry>,
    /// The id down to which it is complete, if there may be more below.
    floor: Option<String>,
}

async fn chunk(store: &dyn Store, organisation: &OrganisationId, window: &Window) -> Result<Chunk, Failure> {
    let stretch = Stretch { after: &window.from, before: &window.before, newest_first: true, most: LOOKED_AT };
    let shelves =
        [Shelf::AuditEvents(organisation.clone()), Shelf::Refusals(Trail::Organisation(organisation.clone()))];
    let (mut entries, mut floor): (Vec<Entry>, Option<String>) = (Vec::new(), None);
    for shelf in shelves {
        let found: Vec<Entry> =
            store.stretch(&shelf, stretch).await?.into_iter().filter_map(|stored| Entry::of(stored.record)).collect();
        if found.len() == LOOKED_AT {
            floor = floor.max(found.last().map(|entry| entry.id().to_owned()));
        }
        entries.extend(found);
    }
    entries.retain(|entry| floor.as_ref().is_none_or(|floor| entry.id() >= floor.as_str()));
    entries.sort_by(|one, other| other.id().cmp(one.id()));
    Ok(Chunk { entries, floor })
}

impl Entry {
    fn of(record: Record) -> Option<Self> {
        match record {
            Record::AuditEvent(event) => Some(Self::Event(event)),
            Record::Refusal(refusal) => Some(Self::Refusal(refusal)),
            _ => None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Event(it) => &it.id,
            Self::Refusal(it) => &it.id,
        }
    }

    fn action(&self) -> &str {
        match self {
            Self::Event(it) => &it.action,
            Self::Refusal(it) => &it.action,
        }
    }

    fn outcome(&self) -> &str {
        match self {
            Self::Event(it) => &it.outcome,
            Self::Refusal(it) => &it.outcome,
        }
    }

    fn is_about(&self, account: &Email) -> bool {
        let logins = match self {
            Self::Event(AuditEvent { actor: Actor::Account(login), .. }) => [Some(login), None],
            Self::Event(_) => [None, None],
            Self::Refusal(it) => [it.actor.as_ref(), it.target.as_ref()],
        };
        logins.into_iter().flatten().any(|login| login.email == *account)
    }
}

/// All that a token is bound to, each part with its length before it.
fn binding(caller: &Caller, question: &Question) -> Vec<u8> {
    let time = |at: Option<OffsetDateTime>| at.map(|at| at.unix_timestamp_nanos().to_string());
    let parts = [
        Some(caller.login.email.as_str().to_owned()),
        Some(caller.login.mode.as_str().to_owned()),
        Some(caller.organisation().0.clone()),
        question.tenant.clone(),
        question.account.as_ref().map(|it| it.as_str().to_owned()),
        time(question.from),
        time(question.to),
        question.action.clone(),
        question.outcome.clone(),
    ];
    let part = |part: Option<String>| part.map_or("-".to_owned(), |it| format!("{}:{it}", it.len()));
    parts.into_iter().map(part).collect::<String>().into_bytes()
}

/// Makes and opens tokens: expiry, window and their MAC with the binding.
struct Pages<'a> {
    key: &'a hmac::Key,
    binding: Vec<u8>,
    now: OffsetDateTime,
}

impl Pages<'_> {
    fn seal(&self, window: &Window) -> String {
        let mut token = (self.now + TOKEN_LIFE).unix_timestamp().to_be_bytes().to_vec();
        token.extend([window.from.as_bytes(), b"/", window.before.as_bytes()].concat());
        let mac = hmac::sign(self.key, &[token.as_slice(), &self.binding].concat());
        token.extend(mac.as_ref());
        URL_SAFE_NO_PAD.encode(token)
    }

    fn open(&self, token: &str) -> Option<Window> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (content, mac) = token.split_at_checked(token.len().checked_sub(MAC)?)?;
        hmac::verify(self.key, &[content, &self.binding].concat(), mac).ok()?;
        let (expires, rest) = content.split_first_chunk::<8>()?;
        let (from, before) = std::str::from_utf8(rest).ok()?.split_once('/')?;
        let fresh = self.now.unix_timestamp() < i64::from_be_bytes(*expires);
        fresh.then(|| Window { from: from.to_owned(), before: before.to_owned() })
    }
}
