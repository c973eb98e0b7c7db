//! Every operation while something that it calls is throttled, silent, closed to it or loses its answers: it fails closed, with the
//! right answer, and nothing is lost (R50). `matrix.txt` has every cell; `AVAIN_BLESS=1` writes it anew.
//!
//! ```text
//! AVAIN_MINISTACK=... cargo test -p avain-functions --no-default-features --features aws --test faults
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod after;
mod banks;
mod before;
mod cognito;
mod rows;
mod steps;
mod time;
mod wire;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use avain_api::operations::ALL;
use avain_bank_simulator::BankKey;
use avain_domain::names::Mode;
use serde_json::Value;

use crate::banks::BankFault;
use crate::rows::{Case, Firm, ROWS, Row};
use crate::wire::{Call, Fault, Service};
use crate::world::{Answer, Line, World};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/matrix.txt");
const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/calls.txt");

/// The longest that a single silent service may keep an operation: a call of S3, and what the SDK waits around the others.
const LONGEST: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_fails_closed_and_loses_nothing() {
    let Some(world) = World::start().await else { return };
    let firm = Firm::open(&world).await;
    world.wire.mend();
    let mut matrix = Matrix { world, firm, n: 0, lines: Vec::new(), problems: Vec::new() };
    for (row, operation, special) in ROWS {
        let name =
            if special.is_empty() { operation.name.to_owned() } else { format!("{} ({special})", operation.name) };
        matrix.row(row, &name, row.status(operation)).await;
    }
    matrix.start().await;
    matrix.check_coverage();

    let mut table = String::from("# operation | call | fault | answer | state | again\n");
    matrix.lines.iter().for_each(|line| writeln!(table, "{line}").unwrap());
    if std::env::var("AVAIN_BLESS").is_ok() {
        std::fs::write(GOLDEN, &table).unwrap();
    }
    assert!(matrix.problems.is_empty(), "{}", matrix.problems.join("\n"));
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let (known, found): (BTreeSet<&str>, BTreeSet<&str>) = (golden.lines().collect(), table.lines().collect());
    let gone: Vec<_> = known.difference(&found).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(table == golden, "AVAIN_BLESS=1 writes the golden file anew; gone: {gone:#?}\nnew: {new:#?}");
}

struct Matrix {
    world: World,
    firm: Firm,
    n: usize,
    lines: Vec<String>,
    problems: Vec<String>,
}

/// What is looked at before and after a call.
struct Seen {
    records: BTreeMap<String, Value>,
    files: Vec<String>,
    users: [Option<String>; 2],
    sent: u64,
    resets: u64,
    notices: u64,
}

/// What became of a cell.
struct Cell {
    answer: Answer,
    waited: Duration,
    state: String,
    again: String,
    asked: Vec<Call>,
    banks: Vec<(BankKey, avain_bank_simulator::Operation)>,
}

impl Matrix {
    async fn row(&mut self, row: Row, name: &str, success: u16) {
        let clean = self.cell(row, success, Line::Whole, |_| {}, |_| {}).await;
        assert_eq!(clean.answer.status, success, "{name}: {:?}", clean.answer);
        self.tell(name, "-", "none", &clean);
        for call in &clean.asked {
            for fault in Fault::ALL {
                let cell = self.cell(row, success, Line::Whole, |it| it.wire.cut(call, fault), |_| {}).await;
                self.judge(name, call, fault, &clean, &cell);
                let nth = if call.nth == 0 { String::new() } else { format!(" {}", call.nth + 1) };
                self.tell(name, &format!("{:?} {}{nth}", call.service, call.name), fault.name(), &cell);
            }
        }
        for operation in &clean.banks {
            for fault in BankFault::ALL {
                let cut = |world: &World| fault.script(&world.banks.simulator, *operation);
                let cell = self.cell(row, success, fault.line(), cut, |_| {}).await;
                if cell.answer.status == 500 {
                    self.problems.push(format!("{name}, bank {operation:?} {fault:?}: {:?}", cell.answer));
                }
                self.tell(name, &format!("Bank {:?}", operation.1), fault.name(), &cell);
            }
        }
        let keys = self.cell(row, success, Line::Whole, |it| it.publish(false), |it| it.publish(true)).await;
        if keys.answer != clean.answer {
            self.expect_unavailable(name, "the pool's keys", &keys);
            self.tell(name, "the pool's keys", "unavailable", &keys);
        }
    }

    /// One call with something cut, and what comes after it.
    async fn cell(&mut self, row: Row, success: u16, line: Line, cut: impl Fn(&World), mend: impl Fn(&World)) -> Cell {
        self.n += 1;
        let (world, firm) = (&self.world, &self.firm);
        let records = world.records();
        let case = row.prepare(world, firm, self.n).await;
        let before = Seen::of(world, &case).await;
        world.fresh(line);
        let calls = banks::calls(&world.banks.simulator);
        let begun = world.wire.time.now();
        world.wire.mend();
        cut(world);
        let answer = row.call(world, firm, &case).await;
        let asked = world.wire.mend();
        mend(world);
        let waited = world.wire.time.now().checked_sub(begun).unwrap();
        let banks = banks::since(&world.banks.simulator, &calls);
        let after = Seen::of(world, &case).await;
        if line != Line::Whole {
            world.fresh(Line::Whole);
        }
        let again = if answer.status == success {
            row.holds(world, firm, &case).await.unwrap_or_else(|| "-".to_owned())
        } else {
            let again = row.call(world, firm, &case).await;
            let text = again.text.split(':').next().unwrap().to_owned();
            if again.status == success {
                let then = row.holds(world, firm, &case).await.map(|it| format!(", {it}")).unwrap_or_default();
                format!("{}{then}", again.status)
            } else {
                format!("{} {text}, {}", again.status, row.recover(world, firm, &case).await)
            }
        };
        let sent = banks::uploads(&world.banks.simulator) - before.sent;
        assert!(sent <= 1, "{row:?}: a file was sent {sent} times");
        let files = world.files().await;
        for file in files.iter().filter(|it| !before.files.contains(it)) {
            world.remove_file(file).await;
        }
        world.put_back(&records);
        world.clock.set(0);
        world.wire.mend();
        Cell { answer, waited, state: before.changes(&after), again, asked, banks }
    }

    fn tell(&mut self, name: &str, call: &str, fault: &str, found: &Cell) {
        let Answer { status, code, text, retry_after } = &found.answer;
        let retry = retry_after.as_ref().map(|it| format!(", Retry-After {it}")).unwrap_or_default();
        let answer = format!("{status} {code} {text}{retry}");
        self.lines.push(format!("{name} | {call} | {fault} | {answer} | {} | {}", found.state, found.again));
    }

    /// The rules, whatever the golden file says.
    fn judge(&mut self, name: &str, call: &Call, fault: Fault, clean: &Cell, found: &Cell) {
        let what = format!("{call:?} {}", fault.name());
        if found.waited > LONGEST {
            self.problems.push(format!("{name}, {what}: {:?}", found.waited));
        }
        let repeated = found.asked.iter().filter(|it| it.service == call.service && it.name == call.name).count();
        // The one try that a management call has takes all of the call's time.
        let twice = repeated > call.nth + 1 && call.service != Service::ApiGateway;
        // A refusal stands, whether or not it could be kept.
        if clean.answer.status >= 400 && clean.asked.last() == Some(call) {
            if found.answer != clean.answer {
                self.problems.push(format!("{name}, {what}: {:?}", found.answer));
            }
            return;
        }
        match fault {
            // A notice that cannot be sent changes nothing else.
            _ if call.service == Service::Ses => self.expect_clean(name, &what, clean, found),
            // What was not done is done at the second try; what was done is not done twice.
            Fault::ThrottledOnce => self.expect_clean(name, &what, clean, found),
            Fault::LostOnce if twice => self.expect_clean(name, &what, clean, found),
            _ => match despite(name, &call.name) {
                Some(answer) if (found.answer.status, found.answer.text.as_str()) == answer => {}
                Some(_) => self.problems.push(format!("{name}, {what}: {:?}", found.answer)),
                None => self.expect_unavailable(name, &what, found),
            },
        }
        let done = matches!(fault, Fault::Lost | Fault::LostOnce);
        let failed = found.answer.status >= 400 && found.answer != clean.answer;
        if !done && call == &clean.asked[0] && failed && found.state != "-" {
            self.problems.push(format!("{name}, {what}: {}", found.state));
        }
    }

    fn expect_clean(&mut self, name: &str, what: &str, clean: &Cell, cell: &Cell) {
        if cell.answer != clean.answer || without_counts(&cell.state) != without_counts(&clean.state) {
            self.problems.push(format!("{name}, {what}: {:?}, {}", cell.answer, cell.state));
        }
    }

    fn expect_unavailable(&mut self, name: &str, what: &str, cell: &Cell) {
        let Answer { status, code, text, retry_after } = &cell.answer;
        if (*status, code.as_str(), text.as_str(), retry_after.as_deref())
            != (503, "01", "Temporarily unavailable", Some("1"))
        {
            self.problems.push(format!("{name}, {what}: {:?}", cell.answer));
        }
    }

    /// A function that cannot start tries again.
    async fn start(&mut self) {
        self.world.wire.mend();
        self.world.start_a_function().await.unwrap();
        let clean = self.world.wire.mend();
        for call in &clean {
            for fault in Fault::ALL {
                self.world.wire.cut(call, fault);
                let started = self.world.start_a_function().await;
                self.world.wire.mend();
                if started.is_ok() == fault.lasts() {
                    self.problems.push(format!("start, {call:?} {fault:?}: {started:?}"));
                }
                self.world.start_a_function().await.unwrap();
                let outcome = if started.is_ok() { "starts" } else { "does not start" };
                let name = format!("{:?} {} {}", call.service, call.name, call.nth + 1);
                self.lines.push(format!("(start) | {name} | {} | {outcome} | - | starts", fault.name()));
            }
        }
        self.world.wire.mend();
    }

    /// Each operation has a line for each thing that it calls (the columns of calls.txt), and each operation has a row.
    fn check_coverage(&mut self) {
        let covered = |operation: &str, service: &str| {
            self.lines.iter().any(|line| {
                let mut columns = line.split(" | ");
                let (name, call) = (columns.next().unwrap(), columns.next().unwrap());
                name.split(' ').next() == Some(operation) && call.starts_with(service)
            })
        };
        let calls = std::fs::read_to_string(CALLS).unwrap();
        let mut lines = calls.lines();
        let columns: Vec<&str> = lines.next().unwrap().split(' ').skip(1).collect();
        let mut missing = BTreeSet::new();
        for line in lines {
            let numbers: Vec<&str> = line.rsplitn(columns.len() + 1, ' ').collect();
            let operation = line.split(' ').next().unwrap();
            for (column, number) in columns.iter().zip(numbers[..columns.len()].iter().rev()) {
                let service = match *column {
                    "R" | "W" => format!("{:?}", Service::DynamoDb),
                    "O" => format!("{:?}", Service::S3),
                    "K" => format!("{:?}", Service::Kms),
                    "I" => format!("{:?}", Service::Cognito),
                    "B" => "Bank".to_owned(),
                    "G" => format!("{:?}", Service::ApiGateway),
                    other => panic!("calls.txt has a column {other}: say here what it counts"),
                };
                if *number != "0" && !covered(operation, &service) {
                    missing.insert(format!("{operation} calls {service}: no line in the matrix"));
                }
            }
        }
        missing.extend(ALL.iter().filter(|it| !covered(it.name, "")).map(|it| format!("{}: no row", it.name)));
        self.problems.extend(missing);
    }
}

/// What is answered where a call has failed after the deed: by row and call, status and text.
fn despite(name: &str, call: &str) -> Option<(u16, &'static str)> {
    match (name, call) {
        // The codes do it.
        ("Register (trusted)", "AdminUpdateUserAttributes" | "AdminConfirmSignUp") => {
            Some((201, "Sign up successful. Verify phone number."))
        }
        ("VerifyTOTP", "SetUserMFAPreference") => Some((400, "TOTP verified but setting MFA preference failed")),
        _ => None,
    }
}

/// The changes, but for numbers of what a lost answer may do twice.
fn without_counts(state: &str) -> Vec<&str> {
    state.split(", ").filter(|it| !it.contains(": ")).collect()
}

impl Seen {
    async fn of(world: &World, case: &Case) -> Self {
        Self {
            records: world.records(),
            files: world.files().await,
            users: [world.user(&case.email, Mode::Admin).await, world.user(&case.email, Mode::Data).await],
            sent: banks::uploads(&world.banks.simulator),
            resets: world.resets(),
            notices: world.wire.notices(),
        }
    }

    /// What has changed, in a few words; `-` for nothing.
    fn changes(&self, after: &Self) -> String {
        let kind = |item: &Value| {
            let name = item["type"]["S"].as_str().unwrap();
            item["state"]["S"].as_str().map_or_else(|| name.to_owned(), |state| format!("{name} {state}"))
        };
        let mut changes = BTreeSet::new();
        for (key, item) in &after.records {
            if key.starts_with("\"CALLS#") {
                changes.insert(format!("calls counted: {}", item["count"]["N"].as_str().unwrap()));
                continue;
            }
            match self.records.get(key) {
                // Which counter an event goes to is a matter of chance, and so is whether that one was there.
                before if before != Some(item) && kind(item) == "count" => changes.insert("~count".to_owned()),
                None => changes.insert(format!("+{}", kind(item))),
                Some(before) if before != item => changes.insert(format!("~{}", kind(item))),
                Some(_) => false,
            };
        }
        let gone = self.records.iter().filter(|(key, _)| !after.records.contains_key(*key));
        changes.extend(gone.map(|(_, item)| format!("-{}", kind(item))));
        if after.files.len() > self.files.len() {
            changes.insert("+file".to_owned());
        }
        for (before, after) in self.users.iter().zip(&after.users).filter(|(before, after)| before != after) {
            let words = |user: &Option<String>| user.clone().unwrap_or_else(|| "none".to_owned());
            changes.insert(format!("user {} > {}", words(before), words(after)));
        }
        if after.sent > self.sent {
            changes.insert("bank has the file".to_owned());
        }
        if after.resets > self.resets {
            changes.insert("password reset".to_owned());
        }
        if after.notices > self.notices {
            changes.insert(format!("notices: {}", after.notices - self.notices));
        }
        if changes.is_empty() { "-".to_owned() } else { changes.into_iter().collect::<Vec<_>>().join(", ") }
    }
}
