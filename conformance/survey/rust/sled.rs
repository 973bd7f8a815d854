//! sled: one key is one record; an append ends with a flush.

use std::path::Path;

use sled::Db;
use tornproof_survey::{Log, Outcome, serve};

struct Sled(Db, u64);

impl Log for Sled {
    const NAME: &str = "sled";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let database = sled::open(directory.join("log"))?;
        let next = match database.last()? {
            Some((key, _)) => u64::from_be_bytes(key.as_ref().try_into()?) + 1,
            None => 0,
        };
        Ok(Sled(database, next))
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let number = self.1;
        self.1 += 1;
        self.0.insert(number.to_be_bytes(), payload)?;
        self.0.flush()?;
        Ok(number)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        for each in self.0.iter() {
            let (key, value) = each?;
            visit(u64::from_be_bytes(key.as_ref().try_into()?), &value);
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Sled>()
}
