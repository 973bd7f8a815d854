//! Puts a log that nobody here wrote behind the adapter protocol.
//!
//! An adapter says how to open the log, append, read everything back and close;
//! requests and replies, one writer at a time and the words for errors are here.

use std::any::Any;
use std::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A foreign log that is open.
pub trait Log: Sized {
    const NAME: &str;
    const VERSION: &str;

    fn open(directory: &Path) -> Outcome<Self>;

    /// Append as durably as the log can, and return a number that only grows.
    fn append(&mut self, payload: &[u8]) -> Outcome<u64>;

    /// Read everything back.
    fn records(&mut self, visit: impl FnMut(u64, &[u8])) -> Outcome<()>;

    /// Close; to most logs it is enough to be dropped.
    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

/// The log that is open, with the lock that keeps another writer out.
struct Open<L> {
    log: L,
    _lock: File,
}

/// Carry an operation out; a reply without its id says what was done, or why not.
///
/// A library's panic is an error like any other.
fn reply(code: &str, operation: impl FnOnce() -> Outcome<Value>) -> Value {
    let outcome = panic::catch_unwind(AssertUnwindSafe(operation));
    match outcome.unwrap_or_else(|panicked| Err(told(&*panicked).into())) {
        Ok(found) => json!({"ok": found}),
        Err(error) => {
            let (code, definite) = match error.is::<TryLockError>() {
                true => ("locked", true),
                false => (code, false), // nobody knows what has been done
            };
            json!({"error": {"code": code, "definite": definite, "message": error.to_string()}})
        }
    }
}

/// What a panic says.
fn told(panicked: &(dyn Any + Send)) -> String {
    let text = panicked.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panicked.downcast_ref().cloned()).unwrap_or_else(|| "a panic".into())
}

fn open<L: Log>(arguments: &Value, open: &mut Option<Open<L>>) -> Outcome<Value> {
    let directory = Path::new(arguments["dir"].as_str().ok_or("dir is missing")?);
    let path = directory.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    lock.try_lock()?;
    let mut log = L::open(&make_place(directory)?)?;
    log.records(|_, _| ())?; // what cannot be read has not been recovered
    *open = Some(Open { log, _lock: lock });
    Ok(json!({"discarded_bytes": 0}))
}

/// Make the log's own directory, and its name durable, which is its user's duty.
fn make_place(directory: &Path) -> io::Result<PathBuf> {
    let place = directory.join("log");
    fs::create_dir_all(&place)?;
    File::open(directory)?.sync_all()?;
    Ok(place)
}

fn append<L: Log>(arguments: &Value, open: &mut Open<L>) -> Outcome<Value> {
    let payload = BASE64.decode(arguments["payload"].as_str().unwrap_or_default())?;
    Ok(json!({"offset": open.log.append(&payload)?}))
}

fn scan<L: Log>(open: &mut Open<L>) -> Outcome<Value> {
    let mut records = Vec::new();
    open.log.records(|number, payload| {
        records.push(json!({"offset": number, "payload": BASE64.encode(payload)}));
    })?;
    Ok(json!({"records": records, "end": "clean"}))
}

/// Serve a log as an adapter, until it is told to end.
pub fn serve<L: Log>() -> io::Result<()> {
    let mut served: Option<Open<L>> = None;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let (operation, arguments) = (request["op"].as_str().unwrap_or_default(), &request["args"]);
        let mut answer = match (operation, &mut served) {
            ("hello", _) => json!({"ok": {
                "protocol": 1,
                "implementation": {"name": L::NAME, "version": L::VERSION, "language": "Rust"},
                "claims": ["journal/core"],
            }}),
            ("journal.open", served) => reply("corrupt", || open(arguments, served)),
            ("journal.append", Some(open)) => reply("io", || append(arguments, open)),
            ("journal.scan", Some(open)) => reply("corrupt", || scan(open)),
            ("journal.append" | "journal.scan", None) => {
                let message = "the journal is not open";
                json!({"error": {"code": "closed", "definite": true, "message": message}})
            }
            ("journal.close", served) => reply("io", || {
                served.take().map_or(Ok(()), |open| open.log.close())?;
                Ok(json!({}))
            }),
            ("bye", _) => json!({"ok": {}}),
            _ => json!({"unsupported": operation}),
        };
        answer["id"] = request["id"].clone();
        output.write_all(format!("{answer}\n").as_bytes())?;
        output.flush()?;
        if operation == "bye" {
            break;
        }
    }
    Ok(())
}
