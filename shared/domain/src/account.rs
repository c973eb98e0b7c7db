//! Registering an account's mode and verifying its phone and e-mail (brief 2.2, 2.3).

use crate::names::{Login, Mode};
use crate::organisations;
use crate::ports::{Gateway, Identity, NewUser, Store};
use crate::records::{Account, Export, Key, Member, ModeRecord, Organisation, Record, Stored, Write};
use crate::service_keys::ServiceKeys;
use crate::session::{ChallengeAnswer, Holdings, spend_challenge};
use crate::{Context, Failure, audit, failure};

/// What a registration says of itself.
pub struct Registration<'a> {
    /// The person.
    pub name: &'a str,
    /// Phone number with `+` and country code.
    pub phone: &'a str,
    /// The company.
    pub company: &'a str,
    /// An API key to join its organisation, or `0` to make a new one.
    pub api_key: &'a str,
}

/// What a registration has come to.
pub struct Registered {
    /// The API key.
    pub api_key: String,
    /// Whether the phone counts as verified.
    pub phone_trusted: bool,
    /// Why phone and e-mail address have to be verified although the policy skips that. The registration stands.
    pub not_trusted: Option<Failure>,
}

/// Registers a mode of an account and sends the phone's code. Admin comes before data; `0` makes a new organisation with the account
/// as its owner. What the organisation's policy skips counts as verified.
pub async fn register(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    gateway: &dyn Gateway,
    keys: &ServiceKeys,
    answer: ChallengeAnswer<'_>,
    registration: Registration<'_>,
) -> Result<Registered, Failure> {
    check_phone(registration.phone)?;
    // No password is guessed here, so nothing is counted: a stranger could take back or run up the login's count.
    let password = spend_challenge(context, store, keys, &answer).await?.ok_or(Failure::WrongCredentials)?;
    if !password.is_strong() {
        return Err(Failure::WeakPassword);
    }
    let login = answer.login;
    let before = Holdings::of(store.account(&login.email).await?, login);
    if before.mode.is_some() {
        return Err(Failure::Exists(failure::ACCOUNT_EXISTS));
    }
    let account = before.account.map(|record| Stored { record, version: before.account_version });
    let (place, mut writes) = place(context, store, gateway, login, account, &registration).await?;
    let user = NewUser {
        login,
        password: &password,
        phone: registration.phone,
        api_key: &place.api_key,
        organisation: &place.account.organisation,
        owner: place.account.owner,
        phone_trusted: place.account.policy.skip_phone_verification,
    };
    // The gateway has the key by now, then the pool: a key or a user without a record is nobody's, and registering again
    // makes another key and replaces the user.
    identity.sign_up(user).await?;
    let mode = ModeRecord {
        login: login.clone(),
        phone: registration.phone.to_owned(),
        created: context.now(),
        tokens_valid_from: None,
    };
    let Account { organisation, policy, .. } = &place.account;
    let (phone, email) = (policy.skip_phone_verification, policy.skip_email_verification);
    let told = match (phone, email) {
        (false, false) => login.mode.as_str().to_owned(),
        (true, false) => format!("{} (phone trusted)", login.mode.as_str()),
        (false, true) => format!("{} (e-mail trusted)", login.mode.as_str()),
        (true, true) => format!("{} (phone and e-mail trusted)", login.mode.as_str()),
    };
    writes.push(Write::Insert(Record::Mode(mode)));
    writes.push(audit::completed(context, organisation, login, "account.register", &told));
    store.commit(writes).await?;
    // Only now: a user of the pool without records must stay unverified, see `registered`. Where it fails, the codes do it.
    let trusted = if phone || email { identity.trust(login, phone, email).await } else { Ok(()) };
    let phone_trusted = phone && trusted.is_ok();
    Ok(Registered { api_key: place.api_key, phone_trusted, not_trusted: trusted.err().map(Failure::from) })
}

/// Where a registration belongs.
struct Place {
    account: Account,
    api_key: String,
}

async fn place(
    context: Context<'_>,
    store: &dyn Store,
    gateway: &dyn Gateway,
    login: &Login,
    account: Option<Stored<Account>>,
    registration: &Registration<'_>,
) -> Result<(Place, Vec<Write>), Failure> {
    let invalid_key = || Failure::Invalid("ApiKey".to_owned());
    let api_key = registration.api_key.to_owned();
    match (login.mode, account) {
        (Mode::Data, None) => Err(Failure::Invalid("Mode (register admin mode first)".to_owned())),
        (_, Some(Stored { record: account, version }))
            if account.api_key_hash == organisations::api_key_hash(&api_key) =>
        {
            // One that is being deleted gets no mode any more.
            let unchanged = Write::Check(Key::Account(login.email.clone()), version);
            Ok((Place { account, api_key }, vec![unchanged]))
        }
        (_, Some(_)) => Err(invalid_key()),
        (Mode::Admin, None) if api_key == "0" => {
            let (organisation, api_key, mut writes) =
                organisations::create(context, gateway, registration.company, &login.email).await?;
            let account =
                account_of(context, login, &Stored { record: organisation, version: 1 }, &api_key, registration);
            writes.extend(new(&account));
            Ok((Place { account, api_key }, writes))
        }
        (Mode::Admin, None) => {
            let organisation = organisations::by_api_key(store, &api_key).await?.ok_or_else(invalid_key)?;
            let account = account_of(context, login, &organisation, &api_key, registration);
            // Agreement and policy are copied: the organisation must still be what was read.
            let unchanged = Write::Check(Key::Organisation(organisation.record.id), organisation.version);
            let writes = [unchanged].into_iter().chain(new(&account)).collect();
            Ok((Place { account, api_key }, writes))
        }
    }
}

/// The account's record and its place among those of its organisation.
fn new(account: &Account) -> [Write; 2] {
    let member = Member { organisation: account.organisation.clone(), email: account.email.clone() };
    [Record::Account(account.clone()), Record::Member(member)].map(Write::Insert)
}

fn account_of(
    context: Context<'_>,
    login: &Login,
    Stored { record: organisation, version }: &Stored<Organisation>,
    api_key: &str,
    registration: &Registration<'_>,
) -> Account {
    Account {
        email: login.email.clone(),
        organisation: organisation.id.clone(),
        api_key_hash: organisations::api_key_hash(api_key),
        owner: organisation.owner == login.email,
        agreement: organisation.agreement,
        policy: organisation.policy.clone(),
        terms: *version,
        name: registration.name.to_owned(),
        company: registration.company.to_owned(),
        export: Export::Allowed,
        created: context.now(),
    }
}

/// E.164: `+`, then 7 to 15 digits, the first not 0.
fn check_phone(phone: &str) -> Result<(), Failure> {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let well_formed = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if well_formed { Ok(()) } else { Err(Failure::Invalid("Phone".to_owned())) }
}

/// Verifies the phone with the registration's code.
pub async fn verify_phone(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
    phone: &str,
    code: &str,
) -> Result<(), Failure> {
    let account = registered(store, login).await?.ok_or(Failure::CodeExpired)?;
    identity.confirm_phone(login, phone, code).await?;
    tell(context, store, &account, login, "account.verify-phone").await
}

/// Verifies the e-mail address with the code that the login sent.
pub async fn verify_email(
    context: Context<'_>,
    store: &dyn Store,
    identity: &dyn Identity,
    login: &Login,
    access_token: &str,
    code: &str,
) -> Result<(), Failure> {
    let account = registered(store, login).await?.ok_or(Failure::NoSession)?;
    identity.verify_email(login, access_token, code).await?;
    tell(context, store, &account, login, "account.verify-email").await
}

/// The login's account, if the mode is registered. A user of the pool without records is what a registration that broke off
/// left behind: it must stay unverified, so that registering again replaces it.
async fn registered(store: &dyn Store, login: &Login) -> Result<Option<Account>, Failure> {
    let holdings = Holdings::of(store.account(&login.email).await?, login);
    Ok(holdings.mode.and(holdings.account))
}

async fn tell(
    context: Context<'_>,
    store: &dyn Store,
    account: &Account,
    login: &Login,
    action: &str,
) -> Result<(), Failure> {
    let event = audit::completed(context, &account.organisation, login, action, login.mode.as_str());
    Ok(store.commit(vec![event]).await?)
}
