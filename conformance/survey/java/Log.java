import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * A foreign log that is open.
 *
 * <p>An adapter says how to open the log, append, read everything back and close; one writer at a
 * time and the words for errors are here.
 */
interface Log {
    /** Append as durably as the log can, and return a number that only grows. */
    long append(byte[] payload) throws Exception;

    /** Read everything back. */
    void scan(BiConsumer<Long, byte[]> visit) throws Exception;

    void close() throws Exception;

    /** Opens a log in a directory of its own. */
    interface Opening {
        Log open(Path directory) throws Exception;
    }

    /** Serve a log as an adapter, until it is told to end. */
    static void serve(String name, Opening opening) throws IOException {
        Kit kit = new Kit(name, System.getProperty("survey.version", ""), List.of("journal/core"), Map.of());
        Served served = new Served(opening);
        kit.on("journal.open", args -> failing("corrupt", () -> served.open(Path.of((String) args.get("dir")))));
        kit.on("journal.append", args -> failing("io", () -> Map.of("offset", served.opened().append(Kit.bytes(args, "payload")))));
        kit.on("journal.scan", args -> failing("corrupt", served::scan));
        kit.on("journal.close", args -> failing("io", served::close));
        kit.serve();
    }

    /** Give whatever a library throws a code of the protocol; nobody knows what it has done. */
    private static Map<String, ?> failing(String code, java.util.concurrent.Callable<Map<String, ?>> operation)
            throws Kit.Refused {
        try {
            return operation.call();
        } catch (Kit.Refused refused) {
            throw refused;
        } catch (Exception | Error failed) {
            failed.printStackTrace();
            for (Throwable each = failed; each != null; each = each.getCause()) {
                code = Kit.codeOf(each).equals("no_space") ? "no_space" : code;
            }
            throw new Kit.Refused(code, String.valueOf(failed), false);
        }
    }

    /** The log that is open, with the lock that keeps another writer out. */
    final class Served {
        private final Opening opening;
        private Log log;
        private FileChannel lock;

        Served(Opening opening) {
            this.opening = opening;
        }

        Map<String, ?> open(Path directory) throws Exception {
            if (lock != null) {
                throw new Kit.Refused("locked", "a journal is open here: close it first", true);
            }
            lock = Kit.lock(directory.resolve("lock"));
            try {
                // Its name is durable, which is its user's duty.
                Path place = Files.createDirectories(directory.resolve("log"));
                Kit.syncDirectory(directory);
                log = opening.open(place);
                log.scan((number, payload) -> {}); // what cannot be read has not been recovered
            } catch (Exception | Error failed) {
                try {
                    close();
                } catch (Exception alsoFailed) {
                    failed.addSuppressed(alsoFailed);
                }
                throw failed;
            }
            return Map.of("discarded_bytes", 0);
        }

        Log opened() throws Kit.Refused {
            if (log == null) {
                throw new Kit.Refused("closed", "no journal is open: open one first", true);
            }
            return log;
        }

        Map<String, ?> scan() throws Exception {
            List<Map<String, Object>> records = new ArrayList<>();
            opened().scan((number, payload) -> records.add(Map.of("offset", number, "payload", Kit.base64(payload))));
            return Map.of("records", records, "end", "clean");
        }

        Map<String, ?> close() throws Exception {
            Log closing = log;
            FileChannel held = lock;
            log = null;
            lock = null;
            try (held) {
                if (closing != null) {
                    closing.close();
                }
            }
            return Map.of();
        }
    }
}
