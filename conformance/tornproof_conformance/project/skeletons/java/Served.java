import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Serves one journal: its lock, {@code closed} when nothing is open, and {@code poisoned} after an
 * append that failed, until the journal is opened again.
 *
 * <p>Leave this file as it is, and fill in Adapter.java.
 */
final class Served {
    /** A journal that is open. */
    interface Journal {
        /** Append a record, and return its offset when it is durable, if it is to be. */
        long append(byte[] payload, boolean durable) throws Exception;

        /** Visit each record, from the oldest on. */
        void scan(Visitor visitor) throws Exception;

        /** Close, and leave everything durable that was appended. */
        void close() throws Exception;
    }

    /** Is told a record. */
    interface Visitor {
        void visit(long offset, byte[] payload);
    }

    /** Opens the journal in a directory. */
    interface Opening {
        Journal open(Path directory) throws Exception;
    }

    private final Opening opening;
    private Journal journal;
    private FileChannel lock;
    private boolean poisoned;

    private Served(Opening opening) {
        this.opening = opening;
    }

    /** Answer requests until {@code bye} or the end of the input. */
    static void serve(String name, String version, Opening opening) throws IOException {
        Served served = new Served(opening);
        Kit kit = new Kit(name, version, List.of("journal/core"), Map.of());
        kit.on("journal.open", served::open);
        kit.on("journal.append", served::append);
        kit.on("journal.scan", served::scan);
        kit.on("journal.close", served::close);
        kit.serve();
    }

    private Map<String, ?> open(Map<String, Object> arguments) throws Exception {
        if (journal != null) {
            throw new Kit.Refused("locked", "a journal is open in this process", true);
        }
        Path directory = Path.of((String) arguments.get("dir"));
        FileChannel held = Kit.lock(directory.resolve("lock"));
        try {
            journal = opening.open(directory);
        } finally {
            if (journal == null) {
                held.close();
            }
        }
        lock = held;
        poisoned = false;
        return Map.of("discarded_bytes", 0);
    }

    private Map<String, ?> append(Map<String, Object> arguments) throws Exception {
        Journal log = opened();
        if (poisoned) {
            throw new Kit.Refused("poisoned", "an append has failed: open the journal again", true);
        }
        boolean durable = !Boolean.FALSE.equals(arguments.get("durable"));
        try {
            return Map.of("offset", Kit.integer(log.append(Kit.bytes(arguments, "payload"), durable)));
        } catch (IOException failed) {
            poisoned = true;
            throw failed;
        }
    }

    private Map<String, ?> scan(Map<String, Object> arguments) throws Exception {
        List<Map<String, ?>> records = new ArrayList<>();
        opened().scan((offset, payload) ->
            records.add(Map.of("offset", Kit.integer(offset), "payload", Kit.base64(payload))));
        return Map.of("records", records, "end", "clean");
    }

    private Map<String, ?> close(Map<String, Object> arguments) throws Exception {
        if (journal == null) {
            return Map.of();
        }
        Journal closing = journal;
        journal = null;
        try {
            closing.close();
        } finally {
            lock.close();
        }
        return Map.of();
    }

    private Journal opened() throws Kit.Refused {
        if (journal == null) {
            throw new Kit.Refused("closed", "no journal is open", true);
        }
        return journal;
    }
}
