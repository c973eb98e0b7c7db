//! Deleting an account for good (decision 0016).
//!
//! First, in one transaction, its tokens end and its record gets another version, which every transaction checks that would give
//! the account something: from now on it only gets less. Then its users of the pool go, then what it holds, and last, in one
//! transaction, the account itself. Broken off anywhere, the same call again goes on; what is told stays in the trail.

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::names::{Email, Login, Mode};
use crate::ports::{CommitError, Identity, Store};
use crate::records::{Account, BankCertificate, Key, Member, ModeRecord, Record, Share, Stored, Write};
use crate::session::Caller;
use crate::{Context, Failure, audit};

/// How long after giving the second factor an account may be deleted.
const FRESH: Duration = Duration::minutes(10);
/// The writes of a step, its event's two not counted.
const AT_ONCE: usize = 90;
/// How often what is held is looked at anew.
const ROUNDS: usize = 50;
/// No token is issued after this.
const NEVER: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

const ACTION: &str = "account.delete";
const MODES: [Mode; 2] = [Mode::Admin, Mode::Data];

/// What is asked for.
pub struct Deletion<'a> {
    /// The address in the path.
    pub email: &'a Email,
    /// Whether the caller has repeated it, letter by letter.
    pub confirmed: bool,
}

/// What there was, and is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The user of admin mode.
    pub admin_user: bool,
    /// The user of data mode.
    pub data_user: bool,
    /// The account.
    pub account: bool,
}

/// Deletes an account of the caller's organisation with all that it has; for the owner of the API key, who has given the second
/// factor not more than ten minutes ago.
///
/// Fails with [`Failure::OwnerStays`] and [`Failure::StillShares`]. Safe to repeat after any other failure.
pub async fn delete(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    caller: &Caller,
    deletion: Deletion<'_>,
) -> Result<Deleted, Failure> {
    if !caller.account.owner {
        return Err(Failure::NotOwner);
    }
    if !deletion.confirmed {
        return Err(Failure::Invalid("Confirm (must be the account's e-mail address)".to_owned()));
    }
    // In whole seconds, as tokens have them.
    if (context.now() - caller.authenticated).whole_seconds() > FRESH.whole_seconds() {
        return Err(Failure::Stale);
    }
    let mut told = Told { context, caller, email: deletion.email, steps: 0 };
    let there = There::read(store, deletion.email).await?.of(caller)?;
    there.begin(store, &mut told).await?;
    let [admin, data] = MODES.map(|mode| Login { email: deletion.email.clone(), mode });
    let (admin_user, data_user) = (identity.remove(&admin).await?, identity.remove(&data).await?);
    for _ in 0..ROUNDS {
        let there = There::read(store, deletion.email).await?.of(caller)?;
        let done = if there.others.is_empty() {
            there.end(store, &mut told).await
        } else {
            there.take(store, &mut told).await.map(|()| false)
        };
        match done {
            Ok(true) => return Ok(Deleted { admin_user, data_user, account: true }),
            // Something was changed meanwhile, by a call that had begun before this one.
            Ok(false) | Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Unavailable("the account is being changed by others; repeat".to_owned()))
}

/// The events of one deletion, in their order.
struct Told<'a> {
    context: Context<'a>,
    caller: &'a Caller,
    email: &'a Email,
    steps: u32,
}

impl Told<'_> {
    fn step(&mut self, outcome: &str, what: &str) -> Write {
        self.steps += 1;
        let (organisation, actor) = (self.caller.organisation(), &self.caller.login);
        let object = format!("{} {what}", self.email);
        audit::step(self.context, organisation, actor, ACTION, (self.steps, outcome), object.trim_end())
    }
}

/// What there is of the account.
struct There {
    account: Option<Stored<Account>>,
    modes: Vec<Stored<ModeRecord>>,
    others: Vec<Stored>,
}

impl There {
    async fn read(store: &dyn Store, email: &Email) -> Result<Self, Failure> {
        let mut there = Self { account: None, modes: Vec::new(), others: Vec::new() };
        for Stored { record, version } in store.account(email).await? {
            match record {
                Record::Account(record) => there.account = Some(Stored { record, version }),
                Record::Mode(record) => there.modes.push(Stored { record, version }),
                record => there.others.push(Stored { record, version }),
            }
        }
        Ok(there)
    }

    /// If it is the caller's organisation's and may be deleted.
    fn of(self, caller: &Caller) -> Result<Known, Failure> {
        let Self { account, modes, others } = self;
        let account = account.filter(|it| it.record.organisation == *caller.organisation()).ok_or(Failure::NotFound)?;
        if account.record.owner {
            return Err(Failure::OwnerStays);
        }
        let shares = |stored: &Stored| matches!(&stored.record, Record::Certificate(it) if !it.shared_to.is_empty());
        if others.iter().any(shares) {
            return Err(Failure::StillShares);
        }
        Ok(Known { account, modes, others })
    }
}

/// The same, known to be there.
struct Known {
    account: Stored<Account>,
    modes: Vec<Stored<ModeRecord>>,
    others: Vec<Stored>,
}

impl Known {
    /// Ends the account's tokens, and gives its record another version.
    async fn begin(self, store: &dyn Store, told: &mut Told<'_>) -> Result<(), Failure> {
        let Stored { record, version } = self.account;
        let mut writes = vec![Write::Replace(Record::Account(record), version)];
        writes.extend(self.modes.into_iter().map(|Stored { record, version }| {
            Write::Replace(Record::Mode(ModeRecord { tokens_valid_from: Some(NEVER), ..record }), version)
        }));
        writes.push(told.step("started", ""));
        Ok(store.commit(writes).await?)
    }

    /// Takes away what the account holds, as much as fits into a transaction.
    async fn take(self, store: &dyn Store, told: &mut Told<'_>) -> Result<(), CommitError> {
        let mut lenders = lenders(store, &self.others).await?;
        let (mut writes, mut names) = (Vec::new(), Vec::new());
        for Stored { record, version } in self.others {
            let mut all = vec![Write::Delete(record.key(), version)];
            all.extend(with_it(&record, &mut lenders));
            if writes.len() + all.len() > AT_ONCE {
                break;
            }
            writes.extend(all);
            names.push(name(&record));
        }
        writes.push(told.step("accepted", &names.join(" ")));
        store.commit(writes).await
    }

    /// Takes the account itself away, if no mode was registered meanwhile.
    async fn end(self, store: &dyn Store, told: &mut Told<'_>) -> Result<bool, CommitError> {
        let Account { email, organisation, .. } = self.account.record;
        let mut writes = vec![Write::Delete(Key::Account(email.clone()), self.account.version)];
        for mode in MODES {
            let login = Login { email: email.clone(), mode };
            let there = self.modes.iter().find(|it| it.record.login == login);
            let key = Key::Mode(login.clone());
            writes.push(there.map_or(Write::Absent(key.clone()), |it| Write::Delete(key, it.version)));
            writes.push(Write::Forget(Key::Attempts(login)));
        }
        writes.push(Write::Forget(Record::Member(Member { organisation, email }).key()));
        writes.push(told.step("completed", ""));
        store.commit(writes).await.map(|()| true)
    }
}

/// The certificates of others that these shares are of.
async fn lenders(store: &dyn Store, records: &[Stored]) -> Result<Vec<Stored<BankCertificate>>, CommitError> {
    let keys: Vec<Key> = records
        .iter()
        .filter_map(|stored| match &stored.record {
            Record::Share(Share { owner, bank, .. }) => Some(Key::Certificate(owner.clone(), *bank)),
            _ => None,
        })
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = store.get(&keys).await?;
    let certificates = found.into_iter().filter_map(|Stored { record, version }| match record {
        Record::Certificate(record) => Some(Stored { record, version }),
        _ => None,
    });
    Ok(certificates.collect())
}

/// What goes, or changes, with a record: a certificate's keys; of a share its other side.
fn with_it(record: &Record, lenders: &mut Vec<Stored<BankCertificate>>) -> Vec<Write> {
    match record {
        Record::Certificate(it) => {
            let keys = [Some(&it.key), it.encryption.as_ref().map(|it| &it.key)];
            keys.into_iter().flatten().map(|key| Write::Forget(Key::SealedKey(key.clone()))).collect()
        }
        Record::Share(share) => {
            let of = |it: &Stored<BankCertificate>| it.record.email == share.owner && it.record.bank == share.bank;
            let Some(at) = lenders.iter().position(of) else { return Vec::new() };
            let Stored { mut record, version } = lenders.swap_remove(at);
            record.shared_to.retain(|it| *it != share.email);
            vec![Write::Replace(Record::Certificate(record), version)]
        }
        _ => Vec::new(),
    }
}

/// A record in the words of the trail.
fn name(record: &Record) -> String {
    match record {
        Record::Certificate(it) => format!("certificate/{}", it.bank.as_str()),
        Record::Share(it) => format!("share/{}", it.bank.as_str()),
        Record::Retired(it) => format!("retired/{}.{}", it.bank.as_str(), it.mark),
        Record::PgpKey(it) => format!("pgp-key/{}", it.fingerprint),
        _ => "other".to_owned(),
    }
}
