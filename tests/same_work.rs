//! R18, R20: nobody learns from an answer, or from the work that it takes, whether there is such a user, or which part of a
//! login was wrong.

use std::sync::Arc;
use std::time::Instant;

use avain_adapters_local::pool::PasswordCost;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::Duration;

use crate::calls::{Count, I};
use crate::support::frail::Patience;
use crate::support::person::Person;
use crate::support::pool::Interposed;
use crate::support::{Answer, Service};

const GUESS: &str = "Wrong-password-2026!x";

/// How a login may fail behind a good challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    UnknownUser,
    WrongPassword,
    DoesNotDecrypt,
    UnknownDoesNotDecrypt,
    NotBase64,
    AnothersTimestamp,
}

const PATHS: [Path; 6] = [
    Path::UnknownUser,
    Path::WrongPassword,
    Path::DoesNotDecrypt,
    Path::UnknownDoesNotDecrypt,
    Path::NotBase64,
    Path::AnothersTimestamp,
];

impl Path {
    /// A person of the path's own, so that each count begins with nothing.
    async fn person<'s>(self, service: &'s Service, mode: &str) -> Person<'s> {
        let person = Person::new(service, &format!("{self:?}-{mode}@example.com").to_lowercase());
        if !matches!(self, Self::UnknownUser | Self::UnknownDoesNotDecrypt) {
            person.sessions().await;
        }
        person
    }

    /// One try.
    async fn take(self, person: &Person<'_>, mode: &str) -> Answer {
        let challenge = person.challenge(mode).await;
        let encrypted = match self {
            Self::UnknownUser | Self::WrongPassword => person.encrypted(GUESS, &challenge),
            Self::DoesNotDecrypt | Self::UnknownDoesNotDecrypt => STANDARD.encode([0x5a; 256]),
            Self::NotBase64 => "!".to_owned(),
            Self::AnothersTimestamp => person.encrypted(person.password(mode), "x|1|y"),
        };
        person.answer(mode, &challenge, &encrypted).await
    }
}

#[tokio::test]
async fn every_failure_of_a_login_takes_the_same_work() {
    let (store, count) = (Patience::new(), Arc::new(Count::default()));
    let (stores, identities) = (store.clone(), Arc::clone(&count));
    let service = Service::start_rewired(
        |_| {},
        move |mut machine, _| {
            machine.deps = Interposed::in_front_of(stores.in_front_of(machine.deps), move |_| {
                identities.one_more(I);
                Ok(())
            });
            machine
        },
    )
    .await;
    let machine = &service.server.machine;
    // Argon2, OAEP, store, identity.
    let work = || {
        let opened = machine.deps.service_keys().unwrap().passwords_opened();
        let uses = u64::try_from(store.uses()).unwrap();
        [machine.pool.passwords_hashed(), opened, uses, u64::from(count.of(I))]
    };
    for mode in ["admin", "data"] {
        let mut people = Vec::new();
        for path in PATHS {
            people.push((path, path.person(&service, mode).await));
        }
        for round in 1..=7 {
            let mut seen = Vec::new();
            for (path, person) in &people {
                let before = work();
                let answer = path.take(person, mode).await;
                let taken: Vec<u64> = work().iter().zip(before).map(|(after, before)| after - before).collect();
                seen.push((answer.status, answer.retry_after, answer.but_for_its_id(), taken));
            }
            let (status, _, _, taken) = &seen[0];
            assert_eq!(*status, if round <= 5 { 400 } else { 429 });
            let judged = u64::from(round <= 5);
            assert_eq!((taken[0], taken[1], taken[3]), (judged, judged, judged), "Argon2, OAEP and the pool once each");
            for (other, path) in seen.iter().zip(PATHS) {
                assert_eq!(*other, seen[0], "{path:?}, try {round} in {mode} mode");
            }
        }
    }
}

/// Not judged: a busy machine is not the service's fault. docs/security.md has the command, and figures.
#[tokio::test]
#[ignore = "a report of 600 logins at the real cost of a password"]
async fn how_long_each_failure_of_a_login_takes() {
    const TRIES: usize = 200;
    let service = Service::start_with(|settings| settings.password_cost = PasswordCost::default()).await;
    let paths = [Path::UnknownUser, Path::WrongPassword, Path::DoesNotDecrypt];
    let mut people = Vec::new();
    for path in paths {
        people.push(path.person(&service, "data").await);
    }
    let mut taken = vec![Vec::with_capacity(TRIES); paths.len()];
    for _ in 0..TRIES {
        // One after the other, so that a slow moment of the machine is everybody's.
        for ((path, person), taken) in paths.iter().zip(&people).zip(&mut taken) {
            let begun = Instant::now();
            path.take(person, "data").await.is(400, "01", "Incorrect username or password");
            taken.push(begun.elapsed().as_micros());
        }
        service.clock.advance(Duration::minutes(16));
    }
    for (path, mut taken) in paths.iter().zip(taken) {
        taken.sort_unstable();
        let [quartile, median, third] = [1, 2, 3].map(|it| taken[TRIES * it / 4]);
        println!("{path:?}: median {median} us, quartiles {quartile} us and {third} us, of {TRIES}");
    }
}
