//! One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes before the payload.
pub const HEADER: u64 = 40;

/// The largest payload, unless configured: 16 MiB (FRM-8).
pub const MAXIMUM: u32 = 16 << 20;

const BLOCK: usize = 64 << 10;

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
    let crc = crc32c::crc32c_append(crc_of_header(&length, hash.as_bytes()), payload);
    [&length, &crc.to_le_bytes(), hash.as_bytes().as_slice(), payload].concat()
}

/// The CRC covers the length and the hash, then the payload (FRM-2).
fn crc_of_header(length: &[u8], hash: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), hash)
}

/// Check the frame at byte `at` of a file that ends at byte `end`, and return
/// the length of its payload.
///
/// The payload goes to `kept` if there is one; otherwise one block of it is in
/// memory at a time (REC-9).  Nothing is allocated before the length has been
/// found possible (FRM-5).  A disk that cannot be read is an error of its own,
/// never damage (REC-11).
pub fn check(
    file: &File,
    at: u64,
    end: u64,
    maximum: u32,
    mut kept: Option<&mut Vec<u8>>,
) -> io::Result<Result<u32, Damage>> {
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

    // read, a block at a time
    let mut hasher = blake3::Hasher::new();
    let mut sum = crc_of_header(length, hash);
    let mut block = vec![0; BLOCK.min(size as usize)];
    let mut done = 0;
    while done < size as usize {
        let part = &mut block[..BLOCK.min(size as usize - done)];
        file.read_exact_at(part, at + HEADER + done as u64)?;
        hasher.update(part);
        sum = crc32c::crc32c_append(sum, part);
        if let Some(payload) = kept.as_deref_mut() {
            payload.extend_from_slice(part);
        }
        done += part.len();
    }

    // check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4)
    if sum.to_le_bytes() != crc {
        return Ok(Err(Damage::CrcMismatch));
    }
    if hasher.finalize().as_bytes() != hash {
        return Ok(Err(Damage::HashMismatch));
    }
    Ok(Ok(size))
}
