//! fjall of versions 1 and 2: an insert and a persist with PersistMode::SyncAll is one record.

use std::path::Path;

use fjall::{Config, Keyspace, PartitionCreateOptions, PartitionHandle, PersistMode};
use tornproof_survey::{Log, Outcome, serve};

struct Fjall {
    keyspace: Keyspace,
    partition: PartitionHandle,
    next: u64,
}

impl Log for Fjall {
    const NAME: &str = "fjall";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let keyspace = Config::new(directory).open()?;
        let partition = keyspace.open_partition("log", PartitionCreateOptions::default())?;
        let next = match partition.last_key_value()? {
            Some((key, _)) => u64::from_be_bytes(key.as_ref().try_into()?) + 1,
            None => 0,
        };
        Ok(Fjall { keyspace, partition, next })
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let number = self.next;
        self.next += 1; // also after a failure: a number is never used twice
        self.partition.insert(number.to_be_bytes(), payload)?;
        self.keyspace.persist(PersistMode::SyncAll)?;
        Ok(number)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        for each in self.partition.iter() {
            let (key, value) = each?;
            visit(u64::from_be_bytes(key.as_ref().try_into()?), &value);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Fjall>()
}
