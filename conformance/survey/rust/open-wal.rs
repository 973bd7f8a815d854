//! open-wal with small segments: one append and one commit is one record.

use std::path::Path;

use open_wal::{Lsn, NullObserver, Wal, WalConfig};
use tornproof_survey::{Log, Outcome, serve};

/// Each segment is allocated when it is made; the default of 128 MiB is more than a test needs.
const CONFIGURATION: WalConfig = WalConfig { segment_size: 64 << 10, max_record_size: 32 << 10 };

struct OpenWal(Wal<NullObserver>);

impl Log for OpenWal {
    const NAME: &str = "open-wal";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        Ok(OpenWal(Wal::open(directory, CONFIGURATION)?.0))
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let number = self.0.append(payload)?;
        self.0.commit()?;
        Ok(number.0)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        let mut reader = self.0.reader_from(Lsn(0))?;
        while let Some(record) = reader.next() {
            let (number, payload) = record?;
            visit(number.0, payload);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<OpenWal>()
}
