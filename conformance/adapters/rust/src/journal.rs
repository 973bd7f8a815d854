//! A journal of segments in a directory, written from the specification: the
//! chapters "Journal", "Recovery" and "Segments", which the comments cite.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::frame::{self, Damage};

/// Size at which a segment is sealed, unless configured.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Why something failed; `definite` if it certainly had no effect (JRN-6).
pub struct Failure {
    pub code: &'static str,
    pub definite: bool,
    pub message: String,
}

type Outcome<T> = Result<T, Failure>;

/// Refuse before anything was done.
pub fn refuse<T>(code: &'static str, message: String) -> Outcome<T> {
    Err(Failure { code, definite: true, message })
}

/// Say what was being done when the operating system reported an error, which
/// leaves open what happened.
trait While<T> {
    fn during(self, action: &str, path: &Path) -> Outcome<T>;
}

impl<T> While<T> for io::Result<T> {
    fn during(self, action: &str, path: &Path) -> Outcome<T> {
        self.map_err(|error| Failure {
            code: match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "no_space",
                _ => "io",
            },
            definite: false,
            message: format!("cannot {action} {}: {error}", path.display()),
        })
    }
}

/// The half-open range of offsets from `base` on that one file holds.
pub struct Segment {
    pub base: u64,
    pub size: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.base + self.size
    }
}

/// A segment that this process made; no other is appended to.
struct Active {
    file: File,
    /// It was written to since it was synced.
    dirty: bool,
    /// A write to it was rolled back, so it takes no more.
    finished: bool,
}

pub struct Journal {
    directory: PathBuf,
    _lock: File,
    segment_bytes: u64,
    max_payload: u32,
    active: Option<Active>,
    /// A sync failed: only opening again tells what is durable (JRN-7).
    poisoned: bool,
    /// Ascending; all but the last are sealed.
    pub segments: Vec<Segment>,
    /// Bytes that recovery cut, and why (REC-7).
    pub cut: Option<(u64, Damage)>,
}

/// The base in a segment's name, or in that of one being made (SEG-1).
fn parse_name(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let ours = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if digits.len() != 16 || !digits.bytes().all(ours) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// Make the names in a directory durable: the sync of a file does not cover its name.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Journal {
    /// Lock, recover, open.
    pub fn open(directory: &Path, segment_bytes: u64, max_payload: u32) -> Outcome<Journal> {
        match fs::create_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => created.during("create", directory)?,
        }
        let path = directory.join("writer.lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.during("open", &path)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = "is open for writing elsewhere: close that writer first";
                return refuse("locked", format!("{} {message}", directory.display()));
            }
            Err(TryLockError::Error(error)) => Err(error).during("lock", &path)?,
            Ok(()) => {}
        }
        let mut journal = Journal {
            directory: directory.to_path_buf(),
            _lock: lock,
            segment_bytes,
            max_payload,
            active: None,
            poisoned: false,
            segments: Vec::new(),
            cut: None,
        };

        // decide, without writing (REC-5)
        let unfinished = journal.examine()?;

        // act
        for path in unfinished {
            fs::remove_file(&path).during("remove", &path)?;
        }
        match journal.segments.last() {
            Some(last) => journal.make_durable(last)?,
            None => journal.sync_own_name()?,
        }
        Ok(journal)
    }

    fn path(&self, base: u64) -> PathBuf {
        self.directory.join(format!("{base:016x}.wal"))
    }

    /// A directory that may be new must not vanish with what is acknowledged in it.
    fn sync_own_name(&self) -> Outcome<()> {
        let parent = self.directory.parent().filter(|path| !path.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        sync_directory(parent).during("sync", parent)
    }

    // Recovery

    /// Decide what is kept, the longest valid prefix of segments without a gap
    /// (REC-1, REC-6), and return our own unfinished files (REC-10).
    fn examine(&mut self) -> Outcome<Vec<PathBuf>> {
        let (mut bases, mut unfinished) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.directory).during("list", &self.directory)? {
            let entry = entry.during("list", &self.directory)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            bases.extend(parse_name(&name, ".wal"));
            if parse_name(&name, ".wal.tmp").is_some() {
                unfinished.push(entry.path());
            }
        }
        bases.sort_unstable();
        for (index, &base) in bases.iter().enumerate() {
            if let Some(before) = self.segments.last().filter(|before| before.end() != base) {
                let message = format!(
                    "{}: a segment ends at {} and the next begins at {base}; \
                     nothing was changed: restore the files from a copy",
                    self.directory.display(),
                    before.end()
                );
                return refuse("corrupt", message);
            }
            let size = self.examine_segment(base, index + 1 < bases.len())?;
            self.segments.push(Segment { base, size });
        }
        Ok(unfinished)
    }

    /// Measure the valid prefix of a segment; insist on all of a sealed one.
    fn examine_segment(&mut self, base: u64, sealed: bool) -> Outcome<u64> {
        let path = self.path(base);
        let file = File::open(&path).during("open", &path)?;
        let end = file.metadata().during("measure", &path)?.len();
        let check = |at, maximum| frame::check(&file, at, end, maximum, None).during("read", &path);
        let mut at = 0;
        while at < end {
            let damage = match check(at, self.max_payload)? {
                Ok(size) => {
                    at += frame::HEADER + u64::from(size);
                    continue;
                }
                Err(damage) => damage,
            };
            let place = format!("{}: {} at byte {at}", path.display(), damage.name());
            if sealed {
                let message = "of a sealed segment, which holds acknowledged records; \
                               nothing was changed: restore the file from a copy";
                return refuse("corrupt", format!("{place} {message}"));
            }
            // a record that is only too long for this open is a good one, and is not cut
            if damage == Damage::LengthAboveMaximum && check(at, u32::MAX)?.is_ok() {
                let message = "of a sound record: open the journal with a larger max_payload";
                return refuse("invalid", format!("{place} {message}"));
            }
            self.cut = Some((end - at, damage));
            break;
        }
        Ok(at)
    }

    /// Cut the last segment, write what is kept over itself, and sync (REC-2, REC-8).
    ///
    /// After an earlier process's failed sync the kernel may hold pages that are
    /// clean and not on disk.  Writing them again makes the sync mean something,
    /// and cutting again does the same for a size that only the kernel knows.
    fn make_durable(&self, last: &Segment) -> Outcome<()> {
        let path = self.path(last.base);
        let act = || {
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            file.set_len(last.size)?;
            let mut block = vec![0; last.size.min(64 << 10) as usize];
            let mut at = 0;
            while at < last.size {
                let left = (last.size - at).min(block.len() as u64) as usize;
                file.read_exact_at(&mut block[..left], at)?;
                file.write_all_at(&block[..left], at)?;
                at += left as u64;
            }
            file.sync_data()
        };
        act().during("make durable what is kept of", &path)
    }

    // Writing

    fn require_sound(&self) -> Outcome<()> {
        if !self.poisoned {
            return Ok(());
        }
        let message = "an earlier sync or rollback failed, so what is durable is unknown; \
                       open the journal again to recover it";
        refuse("poisoned", format!("{}: {message}", self.directory.display()))
    }

    /// Append, and return when the records are durable if asked to.
    pub fn append(&mut self, payloads: &[Vec<u8>], durable: bool) -> Outcome<Vec<u64>> {
        // validate
        self.require_sound()?;
        for payload in payloads {
            if payload.len() > self.max_payload as usize {
                let message = format!(
                    "payload of {} bytes is above the maximum of {}",
                    payload.len(),
                    self.max_payload
                );
                return refuse("too_large", message);
            }
        }

        // write
        let mut offsets = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let frame = frame::encode(payload);
            if self.must_rotate(frame.len() as u64) {
                self.start_segment()?;
            }
            offsets.push(self.end());
            self.write(&frame)?;
        }

        // barrier
        if durable {
            self.sync()?;
        }
        Ok(offsets)
    }

    /// A segment that was cut, or that somebody else made, takes nothing; an
    /// empty one takes a record of any size (SEG-6).
    fn must_rotate(&self, size: u64) -> bool {
        let (Some(active), Some(last)) = (&self.active, self.segments.last()) else { return true };
        active.finished || (last.size > 0 && last.size + size > self.segment_bytes)
    }

    /// Write a frame wholly or not at all: a fragment is cut off, or the journal
    /// poisoned (JRN-8).
    fn write(&mut self, frame: &[u8]) -> Outcome<()> {
        let (Some(active), Some(last)) = (&mut self.active, self.segments.last_mut()) else {
            unreachable!("a frame is written to a segment that was just started or has room")
        };
        active.dirty = true;
        let written = active.file.write_all_at(frame, last.size);
        if written.is_ok() {
            last.size += frame.len() as u64;
        } else {
            active.finished = true;
            self.poisoned = active.file.set_len(last.size).is_err();
        }
        written.during("append to", &self.directory)
    }

    /// Make every record appended so far durable; after a failure nobody knows
    /// what is, and a second sync would lie (JRN-7).
    pub fn sync(&mut self) -> Outcome<u64> {
        self.require_sound()?;
        if let Some(active) = self.active.as_mut().filter(|active| active.dirty) {
            let synced = active.file.sync_data();
            self.poisoned = synced.is_err();
            synced.during("sync the active segment of", &self.directory)?;
            active.dirty = false;
        }
        Ok(self.end())
    }

    /// Seal the active segment and make the next, durable in name (SEG-4).
    ///
    /// The file gets its name by a rename, so that an empty one of the same name
    /// is replaced by a file to which nobody ever wrote.
    fn start_segment(&mut self) -> Outcome<()> {
        // seal
        self.sync()?;
        self.active = None;

        // make
        let base = self.end();
        let (path, temporary) = (self.path(base), self.path(base).with_extension("wal.tmp"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&temporary);
        let file = file.during("create", &temporary)?;
        if let Err(error) = fs::rename(&temporary, &path) {
            let _ = fs::remove_file(&temporary); // otherwise recovery removes it
            return Err(error).during("rename", &temporary);
        }
        if self.segments.last().is_none_or(|last| last.base != base) {
            self.segments.push(Segment { base, size: 0 });
        }
        self.active = Some(Active { file, dirty: false, finished: false });

        // barrier
        let synced = sync_directory(&self.directory);
        self.poisoned = synced.is_err();
        synced.during("sync", &self.directory)
    }

    /// Start a new segment, unless the active one is empty, and return its base.
    pub fn rotate(&mut self) -> Outcome<u64> {
        self.require_sound()?;
        if self.active.is_none() || self.segments.last().is_some_and(|last| last.size > 0) {
            self.start_segment()?;
        }
        Ok(self.end())
    }

    /// Remove the sealed segments that lie wholly below `cursor`, the oldest
    /// first, each removal durable before the next (SEG-7).
    pub fn cleanup(&mut self, cursor: u64) -> Outcome<u64> {
        self.require_sound()?;
        while self.segments.len() > 1 && self.segments[0].end() <= cursor {
            let path = self.path(self.segments[0].base);
            let removed = fs::remove_file(&path).and_then(|()| sync_directory(&self.directory));
            self.poisoned = removed.is_err();
            removed.during("remove", &path)?;
            self.segments.remove(0);
        }
        Ok(self.first())
    }

    /// Make everything durable, or say that it may not be (JRN-11).
    pub fn close(mut self) -> Outcome<()> {
        self.sync().map(|_| ())
    }

    // Reading

    pub fn first(&self) -> u64 {
        self.segments.first().map_or(0, |first| first.base)
    }

    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, Segment::end)
    }

    /// Visit the records from the one at `offset`, while `visit` says so.
    pub fn scan(&self, offset: u64, mut visit: impl FnMut(u64, &[u8]) -> bool) -> Outcome<()> {
        if offset >= self.end() {
            let message = format!("offset {offset} is at or beyond the end, {}", self.end());
            return refuse("beyond_end", message);
        }
        if offset < self.first() {
            let message = format!("offset {offset} was removed: the first is {}", self.first());
            return refuse("trimmed", message);
        }
        let holder = self.segments.partition_point(|segment| segment.base <= offset) - 1;
        for segment in &self.segments[holder..] {
            if !self.scan_segment(segment, offset, &mut visit)? {
                break;
            }
        }
        Ok(())
    }

    /// Walk from a segment's first record: only a walk from a boundary can tell
    /// where another one is (SEG-8).
    fn scan_segment(
        &self,
        segment: &Segment,
        offset: u64,
        visit: &mut impl FnMut(u64, &[u8]) -> bool,
    ) -> Outcome<bool> {
        let path = self.path(segment.base);
        let file = File::open(&path).during("open", &path)?;
        let start = offset.saturating_sub(segment.base);
        let (mut at, mut payload) = (0, Vec::new());
        while at < segment.size {
            payload.clear();
            let kept = (at >= start).then_some(&mut payload);
            let found = frame::check(&file, at, segment.size, self.max_payload, kept);
            let next = match found.during("read", &path)? {
                Ok(size) => at + frame::HEADER + u64::from(size),
                Err(damage) => {
                    let message = format!("{}: {} at byte {at}", path.display(), damage.name());
                    return refuse("corrupt", message);
                }
            };
            if at < start && start < next {
                let record = segment.base + at;
                let message = format!("offset {offset} lies inside the record at {record}");
                return refuse("not_a_boundary", message);
            }
            if at >= start && !visit(segment.base + at, &payload) {
                return Ok(false);
            }
            at = next;
        }
        Ok(true)
    }
}
