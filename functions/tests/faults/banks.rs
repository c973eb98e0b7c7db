//! What goes wrong with a bank.

use std::sync::Arc;

use avain_bank_simulator::{BankKey, Fault, Operation, Simulator};
use tokio::sync::Notify;

use crate::world::Line;

/// What the rows ask of the banks.
const OPERATIONS: [(BankKey, Operation); 7] = [
    (BankKey::Simulator, Operation::GetCertificate),
    (BankKey::Simulator, Operation::GetUserInfo),
    (BankKey::Simulator, Operation::DownloadFileList),
    (BankKey::Simulator, Operation::DownloadFile),
    (BankKey::Simulator, Operation::UploadFile),
    (BankKey::Osuuspankki, Operation::GetServiceCertificates),
    (BankKey::Osuuspankki, Operation::DeleteFile),
];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BankFault {
    /// HTTP 5xx: too many calls, or an outage.
    Overloaded,
    /// The bank's own code for "not now".
    Busy,
    /// It does it, and its answer does not come in time.
    Silent,
    /// Nobody listens.
    Unconnected,
    /// The connection breaks before it has done anything.
    Broken,
    /// It does it, and the connection breaks.
    Lost,
}

impl BankFault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Overloaded, Self::Busy, Self::Silent, Self::Unconnected, Self::Broken, Self::Lost];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overloaded => "HTTP 5xx",
            Self::Busy => "busy",
            Self::Silent => "silent",
            Self::Unconnected => "unconnected",
            Self::Broken => "broken off",
            Self::Lost => "answer lost",
        }
    }

    pub(crate) fn line(self) -> Line {
        match self {
            Self::Silent => Line::Impatient,
            Self::Unconnected => Line::Closed,
            _ => Line::Whole,
        }
    }

    pub(crate) fn script(self, simulator: &Simulator, (bank, operation): (BankKey, Operation)) {
        let fault = match self {
            Self::Overloaded => Fault::ServerError,
            Self::Busy => Fault::Answer { code: "26".to_owned(), text: "Technical error.".to_owned() },
            Self::Silent => Fault::Hold(Arc::new(Notify::new())),
            Self::Unconnected => return,
            Self::Broken => Fault::DropBeforeReading,
            Self::Lost => Fault::DropAfterProcessing,
        };
        simulator.script_operation(bank, operation, fault);
    }
}

/// How often each operation was called.
pub(crate) fn calls(simulator: &Simulator) -> [u64; 7] {
    OPERATIONS.map(|(bank, operation)| simulator.calls(bank, operation))
}

/// The operations that were called since.
pub(crate) fn since(simulator: &Simulator, before: &[u64; 7]) -> Vec<(BankKey, Operation)> {
    let now = calls(simulator);
    OPERATIONS
        .into_iter()
        .zip(before.iter().zip(now))
        .filter(|(_, (before, now))| now > *before)
        .map(|(it, _)| it)
        .collect()
}

/// How often a file was sent.
pub(crate) fn uploads(simulator: &Simulator) -> u64 {
    simulator.calls(BankKey::Simulator, Operation::UploadFile)
}
