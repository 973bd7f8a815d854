//! OkayWAL with its default options: one entry of one chunk is one record.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

use okaywal::{Entry, EntryId, LogManager, LogPosition, ReadChunkResult};
use okaywal::{SegmentReader, WriteAheadLog};
use tornproof_targets::{Log, Outcome, serve};

/// Where each record is.
type Places = Arc<Mutex<Vec<(u64, LogPosition)>>>;

/// Remembers what recovery passes.
#[derive(Debug)]
struct Manager(Places);

impl LogManager for Manager {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let number = entry.id().0;
        let mut found = Vec::new();
        loop {
            match entry.read_chunk()? {
                ReadChunkResult::Chunk(mut chunk) => {
                    found.push((number, chunk.log_position()));
                    chunk.read_all()?;
                }
                ReadChunkResult::EndOfEntry => break,
                ReadChunkResult::AbortedEntry => return Ok(()),
            }
        }
        self.0.lock().unwrap().extend(found);
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> io::Result<()> {
        Err(io::Error::other("there is nowhere to move records to"))
    }
}

struct OkayWal {
    log: WriteAheadLog,
    places: Places,
}

impl Log for OkayWal {
    const NAME: &str = "OkayWAL";
    const VERSION: &str = "0.3.1";

    fn open(directory: &Path) -> Outcome<Self> {
        let places = Places::default();
        let log = WriteAheadLog::recover(directory, Manager(places.clone()))?;
        Ok(OkayWal { log, places })
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let mut writer = self.log.begin_entry()?;
        let record = writer.write_chunk(payload)?;
        let number = writer.commit()?.0;
        self.places.lock().unwrap().push((number, record.position));
        Ok(number)
    }

    fn records(&mut self) -> Outcome<Vec<(u64, Vec<u8>)>> {
        let mut found = Vec::new();
        for &(number, position) in self.places.lock().unwrap().iter() {
            let mut payload = Vec::new();
            let mut chunk = self.log.read_at(position)?;
            chunk.read_to_end(&mut payload)?;
            if !chunk.crc_is_valid()? {
                return Err(format!("the CRC of entry {number} is wrong").into());
            }
            found.push((number, payload));
        }
        Ok(found)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.log.shutdown()?)
    }
}

fn main() -> io::Result<()> {
    serve::<OkayWal>()
}
