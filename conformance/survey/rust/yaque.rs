//! yaque with its default options: one element of the queue is one record, never received for good.

use std::fs;
use std::path::{Path, PathBuf};

use tornproof_survey::{Log, Outcome, serve};
use yaque::{QueueIter, Sender, recovery};

struct Yaque {
    sender: Sender,
    directory: PathBuf,
    next: u64,
}

impl Log for Yaque {
    const NAME: &str = "yaque";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let sender = Sender::open(directory).or_else(|_| {
            disown_locks(directory)?;
            recovery::recover(directory)?;
            Sender::open(directory)
        })?;
        let next = QueueIter::open(directory)?.count() as u64;
        Ok(Yaque { sender, directory: directory.into(), next })
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        self.sender.try_send(payload).map_err(|error| error.to_string())?;
        self.next += 1;
        Ok(self.next - 1)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        for (number, element) in (0..).zip(QueueIter::open(&self.directory)?) {
            visit(number, &element?);
        }
        Ok(())
    }
}

/// Remove the locks of a process whose disk was crashed: it may live on, and `recover` would wait.
///
/// Nobody else has the queue, or the adapter would not have got its own lock.
fn disown_locks(directory: &Path) -> std::io::Result<()> {
    for lock in ["send.lock", "recv.lock"].map(|name| directory.join(name)) {
        if fs::read_to_string(&lock).is_ok_and(|owner| owner.contains("token=")) {
            fs::remove_file(lock)?;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    serve::<Yaque>()
}
