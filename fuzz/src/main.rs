//! Every parser of what comes from outside, fed by libFuzzer: `AVAIN_FUZZ_TARGET` says which. Without it the targets are
//! listed, each with the kind of files of the reference data that it starts from.
#![no_main]

mod bank_channel;
mod xml_security;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What one input may take.
const MOST_BYTES: usize = 64 * 1024 * 1024;

struct Target {
    name: &'static str,
    /// `messages` (XML, whole and what is inside), `certificates` (DER), `pem` or `profiles` (TOML).
    seeds: &'static str,
    run: fn(&[u8]),
}

/// A new target is a line here.
const TARGETS: &[Target] = &[
    Target { name: "envelope", seeds: "messages", run: xml_security::envelope },
    Target { name: "document", seeds: "messages", run: xml_security::document },
    Target { name: "encrypted", seeds: "messages", run: xml_security::encrypted },
    Target { name: "signing", seeds: "messages", run: xml_security::signing },
    Target { name: "certificate", seeds: "certificates", run: xml_security::certificate },
    Target { name: "pem", seeds: "pem", run: xml_security::pem },
    Target { name: "answer", seeds: "messages", run: bank_channel::answer },
    Target { name: "accounts", seeds: "messages", run: bank_channel::accounts },
    Target { name: "profile", seeds: "profiles", run: bank_channel::profile },
    Target { name: "trust", seeds: "pem", run: bank_channel::trust },
];

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("AVAIN_FUZZ_TARGET").unwrap_or_default();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
        for Target { name, seeds, .. } in TARGETS {
            println!("{name} {seeds}");
        }
        std::process::exit(0);
    })
});

fuzz_target!(init: { LazyLock::force(&TARGET); }, |data: &[u8]| {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    (TARGET.run)(data);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(taken <= MOST_BYTES, "an input of {} bytes took {taken} bytes of memory", data.len());
});
