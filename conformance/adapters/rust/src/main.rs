//! The adapter: one request a line on stdin, one reply a line on stdout.
//!
//! One process serves any number of journals, one after the other; each open is
//! a recovery, and each close lets go of the lock and of everything else.

mod frame;
mod journal;

use std::io::{self, BufRead, Write};
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use journal::{Failure, Journal, refuse};
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

fn bytes_of(value: &Value) -> Result<Vec<u8>, Failure> {
    let decoded = value.as_str().and_then(|text| BASE64.decode(text).ok());
    decoded.map_or_else(|| refuse("invalid", "a payload must be standard base64".into()), Ok)
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

/// Carry out one operation on the journal that is open; `None` if there is no such operation.
fn perform(
    operation: &str,
    arguments: &Value,
    journal: &mut Journal,
) -> Result<Option<Value>, Failure> {
    let durable = arguments["durable"].as_bool().unwrap_or(true);
    Ok(Some(match operation {
        "journal.append" => {
            let payload = bytes_of(&arguments["payload"])?;
            json!({"offset": number(journal.append(&[payload], durable)?[0])})
        }
        "journal.append_many" => {
            let payloads = arguments["payloads"].as_array().into_iter().flatten();
            let payloads = payloads.map(bytes_of).collect::<Result<Vec<_>, _>>()?;
            let offsets = journal.append(&payloads, durable)?;
            json!({"offsets": offsets.into_iter().map(number).collect::<Value>()})
        }
        "journal.sync" => json!({"durable": number(journal.sync()?)}),
        "journal.read" => {
            let mut answer = Value::Null;
            journal.scan(number_of(arguments, "offset", 0)?, |offset, payload| {
                let next = number(offset + frame::HEADER + payload.len() as u64);
                answer = json!({"payload": BASE64.encode(payload), "next": next});
                false
            })?;
            answer
        }
        "journal.scan" => {
            let from = number_of(arguments, "from", journal.first())?;
            let mut records = Vec::new();
            let scanned = journal.scan(from, |offset, payload| {
                let payload = BASE64.encode(payload);
                records.push(json!({"offset": number(offset), "payload": payload}));
                true
            });
            match scanned {
                Err(failure) if failure.code == "corrupt" => {
                    json!({"records": records, "end": "corrupt"})
                }
                Err(failure) if from != journal.end() => return Err(failure),
                _ => json!({"records": records, "end": "clean"}),
            }
        }
        "journal.rotate" => json!({"base": number(journal.rotate()?)}),
        "journal.segments" => {
            let last = journal.segments.len().saturating_sub(1);
            let segments = journal.segments.iter().enumerate().map(|(index, segment)| {
                let (base, bytes) = (number(segment.base), number(segment.size));
                json!({"base": base, "bytes": bytes, "sealed": index < last})
            });
            json!({"segments": segments.collect::<Value>()})
        }
        // without a cursor nothing is removed (SEG-7)
        "journal.cleanup" => {
            json!({"first": number(journal.cleanup(number_of(arguments, "cursor", 0)?)?)})
        }
        _ => return Ok(None),
    }))
}

/// Answer one request; the journal that is open, if any, is the only state.
fn answer(
    operation: &str,
    arguments: &Value,
    open_journal: &mut Option<Journal>,
) -> Result<Option<Value>, Failure> {
    match (operation, open_journal.as_mut()) {
        ("hello", _) => Ok(Some(json!({
            "protocol": 1,
            "implementation": {"name": "tornproof-rust", "version": "0.1.0", "language": "Rust"},
            "profiles": ["journal/core", "journal/format-v2", "journal/segments"],
            "format": {"frame": "v2", "crc_covers": "frame"},
            "limits": {"max_payload": frame::MAXIMUM},
        }))),
        ("journal.open", Some(_)) => {
            refuse("locked", "a journal is open here: close it first".into())
        }
        ("journal.open", None) => {
            let journal = open_journal.insert(open(arguments)?);
            let (first, end) = (number(journal.first()), number(journal.end()));
            Ok(Some(match journal.cut {
                Some((bytes, why)) => json!({"first": first, "end": end,
                    "discarded_bytes": bytes, "reason": why.name()}),
                None => json!({"first": first, "end": end, "discarded_bytes": 0}),
            }))
        }
        // closing twice is closing once
        ("journal.close", _) => {
            open_journal.take().map_or(Ok(()), Journal::close)?;
            Ok(Some(json!({})))
        }
        ("bye", _) => Ok(Some(json!({}))),
        (_, Some(journal)) => perform(operation, arguments, journal),
        (_, None) if operation.starts_with("journal.") => {
            refuse("closed", "no journal is open: open one first".into())
        }
        _ => Ok(None),
    }
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
