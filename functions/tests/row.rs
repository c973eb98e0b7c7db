//! A function of the stack: what the table of operations and the table of tasks have in common.

use avain_api::operations;
use avain_api::{Need, Operation};
use avain_functions::tasks::{self, Starts, Task};

/// One row of either table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) function: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) started: Started,
}

/// What a function is started by.
#[derive(Clone, Copy)]
pub(crate) enum Started {
    ByCall(&'static Operation),
    By(Starts),
}

/// The operations, then the tasks.
pub(crate) fn all() -> impl Iterator<Item = Row> {
    operations::ALL.iter().map(|it| Row::of(it)).chain(tasks::ALL.iter().map(|it| Row::of_task(it)))
}

impl Row {
    pub(crate) fn of(operation: &'static Operation) -> Self {
        let Operation { name, function, needs, .. } = operation;
        Self { name, function, needs, started: Started::ByCall(operation) }
    }

    pub(crate) fn of_task(task: &'static Task) -> Self {
        let Task { name, function, needs, starts, .. } = task;
        Self { name, function, needs, started: Started::By(*starts) }
    }

    pub(crate) fn binary(&self) -> &'static str {
        self.function.rsplit('/').next().unwrap()
    }

    pub(crate) fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }
}
