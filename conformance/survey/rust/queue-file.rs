//! queue-file with its default of synchronous writes: one element, never removed, is one record.

use std::path::Path;

use queue_file::QueueFile;
use tornproof_survey::{Log, Outcome, serve};

struct Queue(QueueFile);

impl Log for Queue {
    const NAME: &str = "queue-file";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        Ok(Queue(QueueFile::open(directory.join("queue.qf"))?))
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        self.0.add(payload)?;
        Ok(self.0.size() as u64 - 1)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        for (number, element) in (0..).zip(self.0.iter()) {
            visit(number, &element);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Queue>()
}
