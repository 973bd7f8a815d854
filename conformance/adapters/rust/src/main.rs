//! The adapter: one request a line on stdin, one reply a line on stdout.
//!
//! One process serves any number of journals, one after the other; each open is
//! a recovery, and each close lets go of the lock and of everything else.

mod frame;
mod journal;

use std::io::{self, BufRead, Write};
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use journal::{Failure, Journal, Segment, refuse};
use serde_json::{Value, json};

/// Integers above 2^53 travel as decimal strings.
fn number(value: u64) -> Value {
    if value > 1 << 53 { json!(value.to_string()) } else { json!(value) }
}

/// Read an optional number of the request, in either spelling.
fn number_of(arguments: &Value, name: &str, default: u64) -> Result<u64, Failure> {
    let value = &arguments[name];
    let parsed = match value {
        Value::Null => Some(default),
        Value::String(digits) => digits.parse().ok(),
        _ => value.as_u64(),
    };
    parsed.map_or_else(|| refuse("invalid", format!("{name} must be an unsigned integer")), Ok)
}

fn open(arguments: &Value) -> Result<Journal, Failure> {
    let segment_bytes = number_of(arguments, "segment_bytes", journal::SEGMENT_BYTES)?;
    let max_payload = number_of(arguments, "max_payload", frame::MAXIMUM.into())?;
    match (arguments["dir"].as_str(), segment_bytes, u32::try_from(max_payload)) {
        (Some(directory), 1.., Ok(max_payload)) => {
            Journal::open(Path::new(directory), segment_bytes, max_payload)
        }
        _ => refuse("invalid", "dir, segment_bytes or max_payload is out of range".into()),
    }
}

fn append(journal: &mut Journal, arguments: &Value) -> Result<u64, Failure> {
    let durable = arguments["durable"].as_bool().unwrap_or(true);
    match arguments["payload"].as_str().map(|text| BASE64.decode(text)) {
        Some(Ok(payload)) => journal.append(&payload, durable),
        _ => refuse("invalid", "payload must be standard base64".into()),
    }
}

fn scan(journal: &mut Journal, arguments: &Value) -> Result<Value, Failure> {
    let mut at = number_of(arguments, "from", journal.first())?;
    let mut records = Vec::new();
    while at != journal.end() {
        let payload = BASE64.encode(journal.read(at)?);
        records.push(json!({"offset": number(at), "payload": payload}));
        at = journal.boundary;
    }
    Ok(json!({"records": records, "end": "clean"}))
}

fn list(segments: &[Segment]) -> Value {
    let last = segments.len().saturating_sub(1);
    let listed = segments.iter().enumerate().map(|(index, segment)| {
        let (base, bytes) = (number(segment.base), number(segment.size));
        json!({"base": base, "bytes": bytes, "sealed": index < last})
    });
    json!({"segments": listed.collect::<Value>()})
}

/// Answer one request; the journal that is open, if any, is the only state.
/// `None` if there is no such operation.
fn answer(
    operation: &str,
    arguments: &Value,
    open_journal: &mut Option<Journal>,
) -> Result<Option<Value>, Failure> {
    Ok(Some(match (operation, open_journal.as_mut()) {
        ("hello", _) => json!({
            "protocol": 1,
            "implementation": {"name": "tornproof-rust", "version": "0.1.0", "language": "Rust"},
            "claims": ["journal/core", "journal/format-v2", "journal/segments"],
            "format": {"frame": "v2", "crc_covers": "frame"},
            "limits": {"max_payload": frame::MAXIMUM},
        }),
        ("journal.open", Some(_)) => refuse("locked", "a journal is open here: close it".into())?,
        ("journal.open", None) => {
            let journal = open_journal.insert(open(arguments)?);
            let (first, end) = (number(journal.first()), number(journal.end()));
            let (bytes, why) = journal.cut.map_or((0, None), |(n, why)| (n, Some(why.name())));
            json!({"first": first, "end": end, "discarded_bytes": bytes, "reason": why})
        }
        ("journal.append", Some(journal)) => json!({"offset": number(append(journal, arguments)?)}),
        ("journal.sync", Some(journal)) => json!({"durable": number(journal.sync()?)}),
        ("journal.read", Some(journal)) => {
            let payload = BASE64.encode(journal.read(number_of(arguments, "offset", 0)?)?);
            json!({"payload": payload, "next": number(journal.boundary)})
        }
        ("journal.scan", Some(journal)) => scan(journal, arguments)?,
        ("journal.rotate", Some(journal)) => json!({"base": number(journal.rotate()?)}),
        ("journal.segments", Some(journal)) => list(&journal.segments),
        ("journal.cleanup", Some(journal)) => {
            let cursor = number_of(arguments, "cursor", 0)?; // without one nothing goes (SEG-7)
            json!({"first": number(journal.cleanup(cursor)?)})
        }
        ("journal.close", _) => {
            open_journal.take().map_or(Ok(()), Journal::close)?; // closing twice is closing once
            json!({})
        }
        ("bye", _) => json!({}),
        (_, None) if operation.starts_with("journal.") => {
            refuse("closed", "no journal is open: open one first".into())?
        }
        _ => return Ok(None),
    }))
}

fn main() -> io::Result<()> {
    let mut journal = None;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).unwrap_or_default();
        let operation = request["op"].as_str().unwrap_or_default();
        let reply = match answer(operation, &request["args"], &mut journal) {
            Ok(Some(ok)) => json!({"id": request["id"], "ok": ok}),
            Ok(None) => json!({"id": request["id"], "unsupported": operation}),
            Err(failure) => json!({"id": request["id"], "error": {
                "code": failure.code, "definite": failure.definite, "message": failure.message,
            }}),
        };
        output.write_all(format!("{reply}\n").as_bytes())?;
        output.flush()?;
        if operation == "bye" {
            break;
        }
    }
    Ok(())
}
