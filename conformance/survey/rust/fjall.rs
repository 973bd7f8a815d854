//! fjall: a batch with PersistMode::SyncAll is one record.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tornproof_survey::{Log, Outcome, serve};

struct Fjall {
    database: Database,
    keyspace: Keyspace,
    next: u64,
}

impl Log for Fjall {
    const NAME: &str = "fjall";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let database = Database::builder(directory).open()?;
        let keyspace = database.keyspace("log", KeyspaceCreateOptions::default)?;
        let next = match keyspace.last_key_value() {
            Some(last) => u64::from_be_bytes(last.key()?.as_ref().try_into()?) + 1,
            None => 0,
        };
        Ok(Fjall { database, keyspace, next })
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let number = self.next;
        self.next += 1; // also after a failure: a number is never used twice
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&self.keyspace, number.to_be_bytes(), payload);
        batch.commit()?;
        Ok(number)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        for each in self.keyspace.iter() {
            let (key, value) = each.into_inner()?;
            visit(u64::from_be_bytes(key.as_ref().try_into()?), &value);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Fjall>()
}
