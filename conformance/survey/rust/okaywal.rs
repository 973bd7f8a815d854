//! OkayWAL with default options, but no checkpoints: one entry of one chunk is one record.
//!
//! Such a log is read only when it is recovered; whoever uses it has the rest in memory.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};
use tornproof_survey::{Log, Outcome, serve};

type Records = Arc<Mutex<Vec<(u64, Vec<u8>)>>>;

/// Keeps what recovery passes.
#[derive(Debug)]
struct Manager(Records);

impl LogManager for Manager {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let number = entry.id().0;
        if let Some(chunks) = entry.read_all_chunks()? {
            self.0.lock().unwrap().push((number, chunks.concat()));
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> io::Result<()> {
        unreachable!("there is nowhere to move records to")
    }
}

struct OkayWal(WriteAheadLog, Records);

impl Log for OkayWal {
    const NAME: &str = "OkayWAL";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let records = Records::default();
        let never = Configuration::default_for(directory).checkpoint_after_bytes(u64::MAX);
        Ok(OkayWal(never.open(Manager(records.clone()))?, records))
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let mut writer = self.0.begin_entry()?;
        writer.write_chunk(payload)?;
        let number = writer.commit()?.0;
        self.1.lock().unwrap().push((number, payload.to_vec()));
        Ok(number)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        self.1.lock().unwrap().iter().for_each(|(number, payload)| visit(*number, payload));
        Ok(())
    }

    fn close(self) -> Outcome<()> {
        Ok(self.0.shutdown()?)
    }
}

fn main() -> io::Result<()> {
    serve::<OkayWal>()
}
