//! A journal in one file: the length, a checksum and the bytes of each record.

mod kit;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use kit::{Journal, Outcome, sync_directory};

struct OneFile {
    file: File,
    end: u64,
}

/// FNV-1a over the length too, so that no run of zeros is a record.
fn checksum(payload: &[u8]) -> u32 {
    let start = (2_166_136_261u32 ^ payload.len() as u32).wrapping_mul(16_777_619);
    payload.iter().fold(start, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

impl Journal for OneFile {
    const NAME: &str = "one file";
    const VERSION: &str = "1";

    fn open(directory: &Path) -> Outcome<Self> {
        let path = directory.join("log");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut log = OneFile { file, end: 0 };
        let mut end = 0;
        log.scan(|offset, payload| end = offset + 8 + payload.len() as u64)?;
        log.end = end;
        log.file.set_len(end)?;
        log.file.sync_all()?;
        sync_directory(directory)?;
        Ok(log)
    }

    fn append(&mut self, payload: &[u8], durable: bool) -> Outcome<u64> {
        let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
        frame.extend(checksum(payload).to_le_bytes());
        frame.extend(payload);
        self.file.write_all_at(&frame, self.end)?;
        if durable {
            self.file.sync_all()?;
        }
        let offset = self.end;
        self.end += frame.len() as u64;
        Ok(offset)
    }

    fn scan(&mut self, mut visit: impl FnMut(u64, &[u8])) -> Outcome<()> {
        let length = self.file.metadata()?.len();
        let mut at = 0;
        while at + 8 <= length {
            let mut head = [0; 8];
            self.file.read_exact_at(&mut head, at)?;
            let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            if at + 8 + u64::from(size) > length {
                break;
            }
            let mut payload = vec![0; size as usize];
            self.file.read_exact_at(&mut payload, at + 8)?;
            if checksum(&payload).to_le_bytes() != head[4..] {
                break;
            }
            visit(at, &payload);
            at += 8 + u64::from(size);
        }
        Ok(())
    }

    fn close(self) -> Outcome<()> {
        Ok(self.file.sync_all()?)
    }
}

fn main() -> std::io::Result<()> {
    kit::serve::<OneFile>()
}
