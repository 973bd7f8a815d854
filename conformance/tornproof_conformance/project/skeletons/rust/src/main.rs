//! An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top.

mod kit;

use std::path::Path;

use kit::{Failure, Journal, Outcome};

struct MyJournal {}

impl Journal for MyJournal {
    const NAME: &str = "my journal"; // TODO: the name of your journal
    const VERSION: &str = "0.1";

    /// Create the journal in this directory, or open and recover the one that is there.
    fn open(_directory: &Path) -> Outcome<Self> {
        Err(Failure::Todo) // TODO
    }

    /// Append a record, and return its offset: any integer that only grows.
    /// If `durable`, return when the record survives a loss of power.
    fn append(&mut self, _payload: &[u8], _durable: bool) -> Outcome<u64> {
        Err(Failure::Todo) // TODO
    }

    /// Call `visit` for each record, from the oldest on.
    fn scan(&mut self, _visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        Err(Failure::Todo) // TODO
    }

    /// Make everything durable that was appended, and close the journal.
    fn close(self) -> Outcome<()> {
        Err(Failure::Todo) // TODO
    }
}

fn main() -> std::io::Result<()> {
    kit::serve::<MyJournal>()
}
