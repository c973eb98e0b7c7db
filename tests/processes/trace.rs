//! The system calls of a process, as strace wrote them down.

use std::collections::BTreeMap;
use std::ops::Range;

/// Calls in the order in which they ended.
pub(super) struct Trace(Vec<Call>);

/// One call: the lines on which it begins and ends, which differ where another thread's call cut it in two.
struct Call {
    begins: usize,
    ends: usize,
    text: String,
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    }

    fn lies_in(&self, lines: &Range<usize>) -> bool {
        lines.start <= self.begins && self.ends < lines.end
    }

    fn writes(&self, file: &str) -> bool {
        self.is(&["write", "writev", "pwrite64"]) && self.text.contains(file)
    }

    fn syncs(&self, file: &str) -> bool {
        self.is(&["fsync", "fdatasync"]) && self.text.contains(file) && self.text.ends_with("= 0")
    }

    /// What it reads from or writes to: `9<socket:[4711]>`.
    fn descriptor(&self) -> &str {
        let from = self.text.find('(').unwrap_or_default() + 1;
        self.text[from..].split([',', ')']).next().unwrap_or_default()
    }
}

impl Trace {
    /// Reads the output of `strace -f -y`.
    pub(super) fn read(output: &str) -> Self {
        let mut begun: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        let mut calls = Vec::new();
        for (ends, line) in output.lines().enumerate() {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
                begun.insert(thread, (ends, beginning.trim_end()));
            } else if let Some((_, end)) = call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>")) {
                let Some((begins, beginning)) = begun.remove(thread) else { continue };
                calls.push(Call { begins, ends, text: format!("{beginning}{end}") });
            } else {
                calls.push(Call { begins: ends, ends, text: call.to_owned() });
            }
        }
        Self(calls)
    }

    /// The lines between the first arrival of a request that begins so and its answer on the same connection.
    pub(super) fn exchange(&self, request: &str) -> Range<usize> {
        let quoted = format!("\"{request}");
        let is_it = |call: &&Call| call.is(&["read", "readv", "recvfrom"]) && call.text.contains(&quoted);
        let arrived = self.0.iter().find(is_it).unwrap_or_else(|| panic!("no {request}"));
        let is_its_answer = |call: &&Call| {
            call.begins > arrived.ends
                && call.is(&["write", "writev", "sendto", "sendmsg"])
                && call.descriptor() == arrived.descriptor()
                && call.text.contains("\"HTTP/1.1 2")
        };
        let answered = self.0.iter().find(is_its_answer).unwrap_or_else(|| panic!("no success for {request}"));
        arrived.ends + 1..answered.begins
    }

    /// The line of the first of these calls whose text has all of this.
    pub(super) fn first(&self, lines: &Range<usize>, texts: &[&str]) -> usize {
        let has = |call: &&Call| call.lies_in(lines) && texts.iter().all(|text| call.text.contains(text));
        self.0.iter().find(has).unwrap_or_else(|| panic!("no {texts:?}:\n{}", self.told(lines))).begins
    }

    /// Asserts that the file is written, and synced after the last write.
    pub(super) fn is_synced(&self, lines: &Range<usize>, file: &str) {
        let inside = || self.0.iter().filter(|call| call.lies_in(lines));
        let written = inside().filter(|call| call.writes(file)).map(|call| call.ends).max();
        let written = written.unwrap_or_else(|| panic!("{file} was not written:\n{}", self.told(lines)));
        let synced = inside().any(|call| call.syncs(file) && call.begins > written);
        assert!(synced, "{file} was not synced after the last write:\n{}", self.told(lines));
    }

    /// How often the file is synced after something was written to it.
    pub(super) fn commits(&self, lines: &Range<usize>, file: &str) -> usize {
        let (mut written, mut commits) = (None, 0);
        for call in self.0.iter().filter(|call| call.lies_in(lines)) {
            if call.writes(file) {
                written = Some(call.ends);
            } else if call.syncs(file) && written.take_if(|at| *at < call.begins).is_some() {
                commits += 1;
            }
        }
        commits
    }

    /// The calls on these lines, for people.
    pub(super) fn told(&self, lines: &Range<usize>) -> String {
        let texts: Vec<&str> =
            self.0.iter().filter(|call| call.lies_in(lines)).map(|call| call.text.as_str()).collect();
        texts.join("\n")
    }
}

/// What the trace is asked for above must not be taken from calls that only look like it.
#[test]
fn a_sync_counts_if_it_began_after_the_write_and_ended_well() {
    let commits = |lines: &[&str]| {
        let trace = Trace::read(&lines.join("\n"));
        trace.commits(&(0..lines.len()), "/log>")
    };
    let write = "1 pwrite64(5</data/log>, \"x\", 1, 0) = 1";
    assert_eq!(commits(&[write, "1 fdatasync(5</data/log>) = 0"]), 1);
    assert_eq!(commits(&[write, write, "1 fdatasync(5</data/log>) = 0"]), 1);
    assert_eq!(commits(&[write, "2 fsync(5</data/log> <unfinished ...>", "2 <... fsync resumed>) = 0"]), 1);
    for none in [
        &["1 fdatasync(5</data/log>) = 0", write] as &[&str],
        &[write, "1 fdatasync(5</data/log>) = -1 EIO (Input/output error)"],
        &[write, "1 fdatasync(6</data/other>) = 0"],
        &[write, "2 fsync(5</data/log> <unfinished ...>"],
        &[write, "2 fsync(5</data/log> <unfinished ...>", "3 <... fsync resumed>) = 0"],
        &["2 fsync(5</data/log> <unfinished ...>", write, "2 <... fsync resumed>) = 0"],
    ] {
        assert_eq!(commits(none), 0, "{none:?}");
    }
}
