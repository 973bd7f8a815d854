//! A journal of segments in a directory, written from the specification: the
//! chapters "Journal", "Recovery" and "Segments", which the comments cite.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
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

pub struct Journal {
    directory: PathBuf,
    _lock: File,
    segment_bytes: u64,
    max_payload: u32,
    /// The segment that this process made; no other is appended to.
    active: Option<File>,
    /// The offset up to which everything is synced.
    durable: u64,
    /// A sync failed: only opening again tells what is durable (JRN-7).
    poisoned: bool,
    /// Ascending; all but the last are sealed.
    pub segments: Vec<Segment>,
    /// Where the record begins that follows the one read last.
    pub boundary: u64,
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

/// Open a file of ours: no link, pipe or device, and for writing none of two names (REC-13).
///
/// What a name leads to is looked at before it is opened, because opening a pipe waits, and
/// again afterwards.
fn open_own(path: &Path, is_written: bool) -> io::Result<File> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() || (is_written && seen.nlink() > 1) {
        let message = "is no regular file of one name: put the file itself there";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let file = OpenOptions::new().read(true).write(is_written).open(path)?;
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(io::Error::other("was replaced while it was opened"));
    }
    Ok(file)
}

/// Open the file of the lock, making it if there is none.
fn open_lock(path: &Path) -> io::Result<File> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_own(path, true),
        made => made,
    }
}

impl Journal {
    /// Lock, recover, open.
    pub fn open(directory: &Path, segment_bytes: u64, max_payload: u32) -> Outcome<Journal> {
        match fs::create_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => created.during("create", directory)?,
        }
        let path = directory.join("writer.lock");
        let lock = open_lock(&path).during("open", &path)?;
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
            durable: 0,
            poisoned: false,
            segments: Vec::new(),
            boundary: 0,
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
        journal.durable = journal.end();
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
        let file = open_own(&path, false).during("open", &path)?;
        let end = file.metadata().during("measure", &path)?.len();
        let read = |at, maximum| frame::read(&file, at, end, maximum).during("read", &path);
        let mut at = 0;
        while at < end {
            let damage = match read(at, self.max_payload)? {
                Ok(payload) => {
                    at += frame::HEADER + payload.len() as u64;
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
            if damage == Damage::LengthAboveMaximum && read(at, u32::MAX)?.is_ok() {
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
            let file = open_own(&path, true)?;
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

    /// Append, and return when the record is durable if asked to.
    pub fn append(&mut self, payload: &[u8], durable: bool) -> Outcome<u64> {
        // validate
        self.require_sound()?;
        let (size, most) = (payload.len(), self.max_payload);
        if size > most as usize {
            let message = format!("payload of {size} bytes is above the maximum of {most}");
            return refuse("too_large", message);
        }

        // make room
        let frame = frame::encode(payload);
        if self.active.is_none() || self.is_full(frame.len() as u64) {
            self.start_segment()?;
        }

        // write
        let offset = self.end();
        let (Some(file), Some(last)) = (&self.active, self.segments.last_mut()) else {
            unreachable!("there is a segment with room")
        };
        match file.write_all_at(&frame, last.size) {
            Ok(()) => last.size += frame.len() as u64,
            Err(error) => {
                self.roll_back();
                Err(error).during("append to", &self.directory)?;
            }
        }

        // barrier
        if durable {
            self.sync()?;
        }
        Ok(offset)
    }

    /// An empty segment takes a record of any size (SEG-6).
    fn is_full(&self, size: u64) -> bool {
        let held = self.segments.last().map_or(0, |last| last.size);
        held > 0 && held + size > self.segment_bytes
    }

    /// Cut off a fragment and seal what is left, or poison the journal (JRN-8): where a
    /// file has been cut, old bytes may come back, so nothing more is written there.
    fn roll_back(&mut self) {
        if let (Some(file), Some(last)) = (self.active.take(), self.segments.last()) {
            let cut = file.set_len(last.size).and_then(|()| file.sync_data());
            self.poisoned = cut.is_err();
            self.durable = last.end();
        }
    }

    /// Make every record appended so far durable; after a failure nobody knows
    /// what is, and a second sync would lie (JRN-7).
    pub fn sync(&mut self) -> Outcome<u64> {
        self.require_sound()?;
        let end = self.end();
        if let Some(file) = self.active.as_ref().filter(|_| self.durable < end) {
            let synced = file.sync_data();
            self.poisoned = synced.is_err();
            synced.during("sync the active segment of", &self.directory)?;
            self.durable = end;
        }
        Ok(end)
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
        self.active = Some(file);

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

    /// Read the record at an offset, and remember the boundary behind it.
    ///
    /// It walks there from the last boundary before, or from the segment's first record:
    /// only a walk from a boundary can tell where another one is (SEG-8).
    pub fn read(&mut self, offset: u64) -> Outcome<Vec<u8>> {
        let (first, end) = (self.first(), self.end());
        if offset >= end {
            return refuse("beyond_end", format!("offset {offset} is at or beyond the end, {end}"));
        }
        if offset < first {
            return refuse("trimmed", format!("offset {offset} was removed: the first is {first}"));
        }
        let holder = self.segments.partition_point(|segment| segment.base <= offset) - 1;
        let Segment { base, size } = self.segments[holder];
        let path = self.path(base);
        let file = open_own(&path, false).during("open", &path)?;
        let known = base <= self.boundary && self.boundary <= offset;
        let mut at = if known { self.boundary } else { base };
        loop {
            let found = frame::read(&file, at - base, size, self.max_payload);
            let payload = match found.during("read", &path)? {
                Ok(payload) => payload,
                Err(damage) => {
                    let place = format!("{}: byte {}", path.display(), at - base);
                    return refuse("corrupt", format!("{place}: {}", damage.name()));
                }
            };
            let next = at + frame::HEADER + payload.len() as u64;
            if at == offset {
                self.boundary = next;
                return Ok(payload);
            }
            if next > offset {
                let message = format!("offset {offset} lies inside the record at {at}");
                return refuse("not_a_boundary", message);
            }
            at = next;
        }
    }
}
