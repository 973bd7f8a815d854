//! One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes before the payload.
pub const HEADER: u64 = 40;

/// The largest payload, unless configured: 16 MiB (FRM-8).
pub const MAXIMUM: u32 = 16 << 20;

/// What is wrong with a frame; the first check that fails decides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    HeaderCut,
    LengthAboveMaximum,
    PayloadCut,
    CrcMismatch,
    HashMismatch,
}

impl Damage {
    pub fn name(self) -> &'static str {
        match self {
            Damage::HeaderCut => "header cut short",
            Damage::LengthAboveMaximum => "length above the maximum",
            Damage::PayloadCut => "payload cut short",
            Damage::CrcMismatch => "CRC mismatch",
            Damage::HashMismatch => "hash mismatch",
        }
    }
}

/// Make the frame of a payload (FRM-1).
pub fn encode(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let hash = blake3::hash(payload);
    let crc = crc_of(&[&length, hash.as_bytes(), payload]).to_le_bytes();
    [&length, &crc, hash.as_bytes().as_slice(), payload].concat()
}

/// The CRC covers the length and the hash, then the payload (FRM-2).
fn crc_of(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

/// Read the payload of the frame at byte `at` of a file that ends at byte `end`.
///
/// Nothing is allocated before the length has been found possible (FRM-5).  A disk
/// that cannot be read is an error of its own, never damage (REC-11).
pub fn read(file: &File, at: u64, end: u64, maximum: u32) -> io::Result<Result<Vec<u8>, Damage>> {
    // measure
    if end - at < HEADER {
        return Ok(Err(Damage::HeaderCut));
    }
    let mut header = [0; HEADER as usize];
    file.read_exact_at(&mut header, at)?;
    let (length, rest) = header.split_at(4);
    let (crc, hash) = rest.split_at(4);
    let size = u32::from_le_bytes(length.try_into().unwrap());
    if size > maximum {
        return Ok(Err(Damage::LengthAboveMaximum));
    }
    if u64::from(size) > end - at - HEADER {
        return Ok(Err(Damage::PayloadCut));
    }

    // read
    let mut payload = vec![0; size as usize];
    file.read_exact_at(&mut payload, at + HEADER)?;

    // check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4)
    if crc_of(&[length, hash, &payload]).to_le_bytes() != crc {
        return Ok(Err(Damage::CrcMismatch));
    }
    if blake3::hash(&payload).as_bytes() != hash {
        return Ok(Err(Damage::HashMismatch));
    }
    Ok(Ok(payload))
}
