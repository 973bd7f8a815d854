import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A journal of segments in a directory, written from the chapters "Journal", "Recovery" and
 * "Segments", which the comments cite.
 */
final class Journal implements AutoCloseable {
    static final long SEGMENT_BYTES = 64L << 20; // unless configured
    private static final int COPY_BYTES = 64 << 10;

    /** The name of a segment, or of one that is being made (SEG-1). */
    private static final Pattern NAME = Pattern.compile("([0-9a-f]{16})\\.wal(\\.tmp)?");

    private final Path directory;
    private final long segmentBytes;
    private final long maxPayload;
    private final FileChannel lock;

    // base to size; all but the last are sealed
    private final TreeMap<Long, Long> segments = new TreeMap<>(Long::compareUnsigned);
    private FileChannel active; // the segment that this process made: no other is appended to
    private boolean poisoned; // a sync failed: only opening again tells what is durable (JRN-7)
    private long durable; // the offset up to which everything is synced
    private long discarded; // bytes that recovery cut, and why (REC-7)
    private String reason;

    /** A record, and the offset of the one behind it. */
    record Found(byte[] payload, long next) {}

    /** Lock, recover and open. */
    static Journal open(Path directory, long segmentBytes, long maxPayload) throws IOException, Kit.Refused {
        Files.createDirectories(directory);
        Journal journal = new Journal(directory, segmentBytes, maxPayload, Kit.lock(directory.resolve("writer.lock")));
        try {
            journal.recover();
            return journal;
        } catch (IOException | Kit.Refused failed) {
            journal.letGo();
            throw failed;
        }
    }

    private Journal(Path directory, long segmentBytes, long maxPayload, FileChannel lock) {
        this.directory = directory;
        this.segmentBytes = segmentBytes;
        this.maxPayload = maxPayload;
        this.lock = lock;
    }

    // What there is

    long first() {
        return segments.isEmpty() ? 0 : segments.firstKey();
    }

    long end() {
        return segments.isEmpty() ? 0 : segments.lastKey() + segments.lastEntry().getValue();
    }

    long discarded() {
        return discarded;
    }

    String reason() {
        return reason;
    }

    /** List the segments as the protocol does. */
    List<Map<String, Object>> segments() {
        List<Map<String, Object>> listed = new ArrayList<>();
        segments.forEach((base, size) -> listed.add(Map.of(
            "base", Kit.integer(base), "bytes", size, "sealed", !base.equals(segments.lastKey()))));
        return listed;
    }

    /** Compare two offsets, which are unsigned; Java's long is not. */
    private static boolean isBelow(long offset, long other) {
        return Long.compareUnsigned(offset, other) < 0;
    }

    private static String told(long offset) {
        return Long.toUnsignedString(offset);
    }

    private Path path(long base) {
        return directory.resolve(String.format("%016x.wal", base));
    }

    /** Open a file of ours to read: no link, pipe or device (REC-13); what is written is a fresh one. */
    private static FileChannel openOwn(Path path) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(path + " is no regular file: put the file itself there");
        }
        return FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    }

    // Recovery

    private void recover() throws IOException, Kit.Refused {
        // decide, without writing (REC-5)
        List<Path> unfinished = examine();
        // act
        for (Path path : unfinished) {
            Files.delete(path); // ours, by its name (REC-10)
        }
        if (segments.isEmpty()) { // a directory that may be new must not vanish with what is acknowledged in it
            Kit.syncDirectory(directory.toAbsolutePath().getParent());
        } else {
            rewrite(segments.lastKey(), segments.lastEntry().getValue());
        }
        durable = end();
    }

    /** Find the longest valid prefix of segments without a gap (REC-1, REC-6), and our unfinished files. */
    private List<Path> examine() throws IOException, Kit.Refused {
        List<Path> unfinished = new ArrayList<>();
        TreeMap<Long, Path> found = new TreeMap<>(Long::compareUnsigned);
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                Matcher name = NAME.matcher(entry.getFileName().toString());
                if (name.matches() && name.group(2) == null) {
                    found.put(Long.parseUnsignedLong(name.group(1), 16), entry);
                } else if (name.matches()) {
                    unfinished.add(entry);
                }
            }
        }
        for (Map.Entry<Long, Path> entry : found.entrySet()) {
            long base = entry.getKey();
            if (!segments.isEmpty() && end() != base) {
                throw new Kit.Refused("corrupt", directory + ": a segment ends at " + told(end()) + " and the next begins at "
                    + told(base) + "; nothing was changed: restore the files from a copy", true);
            }
            segments.put(base, examineSegment(entry.getValue(), base != found.lastKey()));
        }
        return unfinished;
    }

    /** Measure the valid prefix of a segment, and insist on all of a sealed one. */
    private long examineSegment(Path path, boolean sealed) throws IOException, Kit.Refused {
        try (FileChannel file = openOwn(path)) {
            long at = 0;
            long end = file.size();
            while (at < end) {
                Frame frame = Frame.read(file, at, end, maxPayload);
                if (frame.damage() == null) {
                    at += frame.bytes();
                    continue;
                }
                if (sealed) {
                    throw new Kit.Refused("corrupt", path + ": " + frame.damage() + " at byte " + at + " of a sealed "
                        + "segment, which holds acknowledged records; nothing was changed: restore the file from a copy", true);
                }
                if (frame.damage().equals(Frame.TOO_LONG)) {
                    refuseIfWhole(path, file, at, end);
                }
                discarded = end - at;
                reason = frame.damage();
                break;
            }
            return at;
        }
    }

    /** Refuse a record that is only too long for this open: it is a good one, and not to be cut. */
    private static void refuseIfWhole(Path path, FileChannel file, long at, long end) throws IOException, Kit.Refused {
        Frame frame = Frame.read(file, at, end, Integer.MAX_VALUE - Frame.HEADER_BYTES);
        if (frame.damage() == null) {
            throw new Kit.Refused("invalid", path + ": the record at byte " + at + " has " + frame.payload().length
                + " bytes: open the journal with a larger max_payload", true);
        }
    }

    /**
     * Copy what is kept of the last segment to a file that takes its place, and sync (REC-2, REC-8).
     *
     * <p>After an earlier process's failed sync the kernel may hold pages that are clean and not on
     * disk, so what is shown is written again.  {@code FileChannel.truncate} does nothing to a file
     * that is no longer than asked for; a new file has no size that only the kernel knows.
     */
    private void rewrite(long base, long size) throws IOException {
        Path path = path(base);
        Path temporary = temporary(path);
        try (FileChannel old = openOwn(path);
                FileChannel fresh = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer part = ByteBuffer.allocate(COPY_BYTES);
            for (long at = 0; at < size; at += part.limit()) {
                part.clear().limit((int) Math.min(COPY_BYTES, size - at));
                while (part.hasRemaining()) {
                    if (old.read(part, at + part.position()) < 0) {
                        throw new IOException(path + " became shorter while it was copied");
                    }
                }
                writeFully(fresh, part.flip(), at);
            }
            fresh.force(true);
        }
        Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        Kit.syncDirectory(directory);
    }

    private static Path temporary(Path path) {
        return path.resolveSibling(path.getFileName() + ".tmp");
    }

    // Writing

    /** Append, and return the offset when the record is durable, if it is to be. */
    long append(byte[] payload, boolean wanted) throws IOException, Kit.Refused {
        requireSound();
        if (payload.length > maxPayload) {
            throw new Kit.Refused("too_large", "payload of " + payload.length + " bytes is above the maximum of "
                + maxPayload, true);
        }
        ByteBuffer frame = Frame.encode(payload);
        if (active == null || isFull(frame.remaining())) {
            startSegment();
        }
        long offset = end();
        long size = segments.lastEntry().getValue();
        try {
            writeFully(active, frame, size);
        } catch (IOException failed) {
            rollBack(size);
            throw failed;
        }
        segments.put(segments.lastKey(), size + frame.limit());
        if (wanted) {
            sync();
        }
        return offset;
    }

    private static void writeFully(FileChannel file, ByteBuffer bytes, long at) throws IOException {
        while (bytes.hasRemaining()) { // one call may write a part
            at += file.write(bytes, at);
        }
    }

    /** Say whether a frame would make the segment too long; an empty one takes any (SEG-6). */
    private boolean isFull(long more) {
        long held = segments.lastEntry().getValue();
        return held > 0 && held + more > segmentBytes;
    }

    /**
     * Cut off a fragment and seal what is left, or poison the journal (JRN-8).
     *
     * <p>Where a file has been cut old bytes may come back, so nothing more is written there.
     */
    private void rollBack(long size) {
        try {
            active.truncate(size);
            active.force(true);
            durable = end();
            leaveSegment();
        } catch (IOException failed) {
            poisoned = true;
        }
    }

    /** Make every record appended so far durable; a failure poisons the journal (JRN-7). */
    void sync() throws IOException, Kit.Refused {
        requireSound();
        if (durable == end()) {
            return;
        }
        barrier(() -> active.force(false));
        durable = end();
    }

    private interface Barrier {
        void sync() throws IOException;
    }

    /** Sync, and believe no later sync if it fails (JRN-7). */
    private void barrier(Barrier barrier) throws IOException {
        poisoned = true; // unless it succeeds
        barrier.sync();
        poisoned = false;
    }

    private void requireSound() throws Kit.Refused {
        if (poisoned) {
            throw new Kit.Refused("poisoned", directory + ": an earlier sync or rollback failed, so what is durable "
                + "is unknown; open the journal again to recover it", true);
        }
    }

    /** Seal the active segment and make the next, durable in name (SEG-4). */
    private void startSegment() throws IOException, Kit.Refused {
        sync();
        leaveSegment();
        long base = end();
        Path temporary = temporary(path(base));
        FileChannel file = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ,
            StandardOpenOption.WRITE);
        try {
            // The file gets its name by a rename, so an empty one of that name is replaced by a file
            // to which nobody ever wrote.
            Files.move(temporary, path(base), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException failed) {
            file.close();
            Files.deleteIfExists(temporary);
            throw failed;
        }
        segments.putIfAbsent(base, 0L);
        active = file;
        barrier(() -> Kit.syncDirectory(directory));
    }

    /** Start a new segment, unless the active one is empty. */
    void rotate() throws IOException, Kit.Refused {
        requireSound();
        if (active == null || segments.lastEntry().getValue() > 0) {
            startSegment();
        }
    }

    /** Remove the sealed segments wholly below a cursor, each removal durable before the next (SEG-7). */
    void cleanup(long cursor) throws IOException, Kit.Refused {
        requireSound();
        while (segments.size() > 1 && !isBelow(cursor, segments.firstKey() + segments.firstEntry().getValue())) {
            Path path = path(segments.firstKey());
            barrier(() -> {
                Files.delete(path);
                Kit.syncDirectory(directory);
            });
            segments.pollFirstEntry();
        }
    }

    /** Make everything durable, or say that it may not be (JRN-11); the journal is gone either way. */
    @Override
    public void close() throws IOException, Kit.Refused {
        try {
            sync();
        } finally {
            letGo();
        }
    }

    private void letGo() throws IOException {
        leaveSegment();
        lock.close();
    }

    private void leaveSegment() throws IOException {
        if (active != null) {
            active.close();
            active = null;
        }
    }

    // Reading

    /** Hands out records one behind the other; only a walk from a boundary finds the next (SEG-8). */
    final class Cursor {
        private long boundary; // behind the record that was read last

        /** Read the record at an offset. */
        Found read(long offset) throws IOException, Kit.Refused {
            if (!isBelow(offset, end())) {
                throw new Kit.Refused("beyond_end", "offset " + told(offset) + " is at or beyond the end of the journal, "
                    + told(end()), true);
            }
            if (isBelow(offset, first())) {
                throw new Kit.Refused("trimmed", "offset " + told(offset) + " was removed by cleanup: the first one kept is "
                    + told(first()), true);
            }
            long base = segments.floorKey(offset);
            long size = segments.get(base);
            try (FileChannel file = openOwn(path(base))) {
                long at = isBelow(boundary, base) || isBelow(offset, boundary) ? base : boundary;
                while (true) {
                    Frame frame = Frame.read(file, at - base, size, maxPayload);
                    if (frame.damage() != null) {
                        throw new Kit.Refused("corrupt", path(base) + ": " + frame.damage() + " at byte " + (at - base)
                            + "; restore the file from a copy", true);
                    }
                    long next = at + frame.bytes();
                    if (at == offset) {
                        boundary = next;
                        return new Found(frame.payload(), next);
                    }
                    if (isBelow(offset, next)) {
                        throw new Kit.Refused("not_a_boundary", "offset " + told(offset) + " lies inside the record at "
                            + told(at), true);
                    }
                    at = next;
                }
            }
        }
    }
}
