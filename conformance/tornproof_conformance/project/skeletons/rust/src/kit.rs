//! The adapter's half of the protocol: requests in, replies out, one JSON object a line.
//!
//! Leave this file as it is, and fill in main.rs.  The kit keeps a second writer out with a lock on
//! the directory, answers `closed` when nothing is open, and after an append that failed answers
//! `poisoned` until the journal is opened again.  Print with `eprintln!`, never with `println!`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, ErrorKind, Write};
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

/// Why an operation is not carried out.
pub enum Failure {
    /// It is not there yet.
    Todo,
    /// The protocol has a code for it; nothing was changed.
    Refused(&'static str, String),
    /// The operating system said no, and nobody knows what was done.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// A journal that is open.
pub trait Journal: Sized {
    const NAME: &str;
    const VERSION: &str;

    fn open(directory: &Path) -> Outcome<Self>;
    fn append(&mut self, payload: &[u8], durable: bool) -> Outcome<u64>;
    fn scan(&mut self, visit: impl FnMut(u64, &[u8])) -> Outcome<()>;
    fn close(self) -> Outcome<()>;
}

/// Make the names in a directory durable: the sync of a file does not cover its name.
#[allow(dead_code)]
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

struct Served<J> {
    journal: J,
    _lock: File,
    poisoned: bool,
}

fn refused<T>(code: &'static str, message: impl Into<String>) -> Outcome<T> {
    Err(Failure::Refused(code, message.into()))
}

fn open<J: Journal>(args: &Value, served: &mut Option<Served<J>>) -> Outcome<Value> {
    if served.is_some() {
        return refused("locked", "a journal is open in this process");
    }
    let directory = Path::new(args["dir"].as_str().unwrap_or_default());
    let path = directory.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return refused("locked", "another process writes here"),
        Err(TryLockError::Error(error)) => return Err(error.into()),
        Ok(()) => {}
    }
    let journal = J::open(directory)?;
    *served = Some(Served { journal, _lock: lock, poisoned: false });
    Ok(json!({"discarded_bytes": 0}))
}

fn append<J: Journal>(args: &Value, served: &mut Option<Served<J>>) -> Outcome<Value> {
    let Some(served) = served else { return refused("closed", "no journal is open") };
    if served.poisoned {
        return refused("poisoned", "an append has failed: open the journal again");
    }
    let Ok(payload) = BASE64.decode(args["payload"].as_str().unwrap_or_default()) else {
        return refused("invalid", "the payload is no base64");
    };
    let outcome = served.journal.append(&payload, args["durable"].as_bool().unwrap_or(true));
    served.poisoned = matches!(outcome, Err(Failure::Io(_)));
    Ok(json!({"offset": outcome?}))
}

fn scan<J: Journal>(served: &mut Option<Served<J>>) -> Outcome<Value> {
    let Some(served) = served else { return refused("closed", "no journal is open") };
    let mut records = Vec::new();
    served.journal.scan(|offset, payload| {
        records.push(json!({"offset": offset, "payload": BASE64.encode(payload)}));
    })?;
    Ok(json!({"records": records, "end": "clean"}))
}

fn reply(op: &str, outcome: Outcome<Value>) -> Value {
    match outcome {
        Ok(found) => json!({"ok": found}),
        Err(Failure::Todo) => json!({"unsupported": op}),
        Err(Failure::Refused(code, message)) => {
            json!({"error": {"code": code, "definite": true, "message": message}})
        }
        Err(Failure::Io(error)) => {
            let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
            let code = if full { "no_space" } else { "io" };
            json!({"error": {"code": code, "definite": false, "message": error.to_string()}})
        }
    }
}

/// Answer requests until `bye` or the end of the input.
pub fn serve<J: Journal>() -> io::Result<()> {
    let mut served: Option<Served<J>> = None;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let (op, args) = (request["op"].as_str().unwrap_or_default(), &request["args"]);
        let outcome = match op {
            "hello" => Ok(json!({
                "protocol": 1,
                "implementation": {"name": J::NAME, "version": J::VERSION, "language": "Rust"},
                "claims": ["journal/core"],
            })),
            "journal.open" => open(args, &mut served),
            "journal.append" => append(args, &mut served),
            "journal.scan" => scan(&mut served),
            "journal.close" => match served.take() {
                Some(closing) => closing.journal.close().map(|()| json!({})),
                None => Ok(json!({})),
            },
            "bye" => Ok(json!({})),
            _ => Err(Failure::Todo),
        };
        let mut answer = reply(op, outcome);
        answer["id"] = request["id"].clone();
        output.write_all(format!("{answer}\n").as_bytes())?;
        output.flush()?;
        if op == "bye" {
            break;
        }
    }
    Ok(())
}
