//! simple_wal: a write and a flush is one record.

use std::path::Path;

use simple_wal::LogFile;
use tornproof_survey::{Log, Outcome, serve};

struct Simple(LogFile, u64);

impl Log for Simple {
    const NAME: &str = "simple_wal";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let mut log = Simple(LogFile::open(directory.join("log"))?, 0);
        let mut count = 0;
        log.records(|_, _| count += 1)?;
        log.1 = count;
        Ok(log)
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        self.0.write(&mut payload.to_vec())?;
        self.0.flush()?;
        self.1 += 1;
        Ok(self.1 - 1)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        if self.0.last_index().wrapping_add(1) == self.0.first_index() {
            return Ok(()); // an empty log has no iterator
        }
        for (number, entry) in (0..).zip(self.0.iter(..)?) {
            visit(number, &entry?);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Simple>()
}
