//! redb 2 with its default durability: one key is one record, and one transaction.

use std::path::Path;

use redb::{Database, ReadableTable, TableDefinition};
use tornproof_survey::{Log, Outcome, serve};

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("log");

struct Redb(Database);

impl Log for Redb {
    const NAME: &str = "redb";
    const VERSION: &str = env!("SURVEY_VERSION");

    fn open(directory: &Path) -> Outcome<Self> {
        let database = Database::create(directory.join("log.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(TABLE)?;
        transaction.commit()?;
        Ok(Redb(database))
    }

    fn append(&mut self, payload: &[u8]) -> Outcome<u64> {
        let transaction = self.0.begin_write()?;
        let number = {
            let mut table = transaction.open_table(TABLE)?;
            let number = table.last()?.map_or(0, |(key, _)| key.value() + 1);
            table.insert(number, payload)?;
            number
        };
        transaction.commit()?;
        Ok(number)
    }

    fn records(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        let transaction = self.0.begin_read()?;
        for each in transaction.open_table(TABLE)?.iter()? {
            let (key, value) = each?;
            visit(key.value(), value.value());
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    serve::<Redb>()
}
