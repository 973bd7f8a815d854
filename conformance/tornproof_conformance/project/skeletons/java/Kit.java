import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What an adapter in Java needs: one request a line on standard input, one reply a line on
 * standard output, base64, and the codes of errors.
 *
 * <pre>
 *     Kit kit = new Kit("my journal", "1.0", List.of("journal/core"));
 *     kit.on("journal.append", args -&gt; Map.of("offset", log.append(Kit.bytes(args, "payload"))));
 *     kit.serve();
 * </pre>
 *
 * <p>An operation that is asked for and has no function is answered with {@code unsupported}.
 */
final class Kit {
    /** An operation: the arguments of a request in, the members of {@code ok} out. */
    interface Operation {
        Map<String, ?> run(Map<String, Object> arguments) throws Exception;
    }

    /** An error that the protocol has a code for. */
    static final class Refused extends Exception {
        final String code;
        final boolean definite;

        /** {@code definite} says that the operation certainly had no effect (JRN-6). */
        Refused(String code, String message, boolean definite) {
            super(message);
            this.code = code;
            this.definite = definite;
        }
    }

    /** What an operation throws that is not there yet. */
    private static final class Todo extends RuntimeException {}

    static RuntimeException todo() {
        return new Todo();
    }

    /** Integers above 2^53 travel as decimal digits, since many languages read a JSON number as a double. */
    private static final long LARGEST_NUMBER = 1L << 53;

    private final Map<String, Operation> operations = new HashMap<>();

    /** Name the implementation and what it claims. */
    Kit(String name, String version, List<String> claims, Map<String, ?> more) {
        Map<String, Object> hello = new LinkedHashMap<>(more);
        hello.put("protocol", 1);
        hello.put("implementation", Map.of("name", name, "version", version, "language", "Java"));
        hello.put("claims", claims);
        on("hello", args -> hello);
        on("bye", args -> Map.of());
    }

    /** Let a function carry out the operation of that name. */
    void on(String operation, Operation function) {
        operations.put(operation, function);
    }

    /** Answer requests until {@code bye}, or the end of the input (ADP-5). */
    void serve() throws IOException {
        // What a library prints is no reply: it goes to standard error (ADP-1).
        PrintStream replies = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            Map<String, Object> reply = new LinkedHashMap<>();
            reply.put("id", null);
            String operation = "";
            try {
                Map<String, Object> request = object(Json.parse(line));
                reply.put("id", request.get("id"));
                operation = (String) request.get("op");
                answer(operation, object(request.get("args")), reply);
            } catch (IllegalArgumentException | ClassCastException noRequest) {
                reply.put("error", error("invalid", true, noRequest));
            }
            StringBuilder text = new StringBuilder();
            Json.write(reply, text);
            replies.append(text).append('\n').flush();
            if ("bye".equals(operation)) {
                break;
            }
        }
        System.exit(0); // threads that a library left behind do not keep the process (ADP-5)
    }

    private void answer(String name, Map<String, Object> arguments, Map<String, Object> reply) {
        Operation operation = operations.get(name);
        if (operation == null) {
            reply.put("unsupported", name);
            return;
        }
        try {
            reply.put("ok", operation.run(arguments));
        } catch (Todo missing) {
            reply.put("unsupported", name);
        } catch (Refused refused) {
            reply.put("error", error(refused.code, refused.definite, refused));
        } catch (IOException failed) {
            reply.put("error", error(codeOf(failed), false, failed));
        } catch (Exception defect) { // whoever reads standard error learns where
            throw new IllegalStateException("a defect of the adapter, in " + name, defect);
        }
    }

    static Map<String, Object> error(String code, boolean definite, Throwable why) {
        return Map.of("code", code, "definite", definite, "message", String.valueOf(why.getMessage()));
    }

    /**
     * Tell a full disk from other failures.
     *
     * <p>Java gives no errno, only the system's text in the language of its environment: the command
     * sets LC_ALL=C.UTF-8.
     */
    static String codeOf(Throwable failed) {
        String text = String.valueOf(failed.getMessage());
        return text.contains("No space left") || text.contains("quota exceeded") ? "no_space" : "io";
    }

    /** Keep other writers out of a directory (JRN-9); refuses with {@code locked}. */
    static FileChannel lock(Path file) throws IOException, Refused {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
        FileLock held = null;
        try {
            held = channel.tryLock();
        } catch (OverlappingFileLockException ours) {
            // The lock is this process's own: Java says so by an exception.
        } finally {
            if (held == null) {
                channel.close();
            }
        }
        if (held == null) {
            throw new Refused("locked", file + ": another writer holds the lock; close it first", true);
        }
        return channel; // keep it: the lock ends when the channel is closed
    }

    /** Make the names in a directory durable: the sync of a file does not cover its name. */
    static void syncDirectory(Path directory) throws IOException {
        try (FileChannel opened = FileChannel.open(directory, StandardOpenOption.READ)) {
            opened.force(true);
        }
    }

    /** Read an argument that travels in base64. */
    static byte[] bytes(Map<String, Object> arguments, String name) {
        return Base64.getDecoder().decode((String) arguments.get(name));
    }

    /** Write bytes as they travel. */
    static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** Read an unsigned integer, which may come as digits; {@code otherwise} where it is not given. */
    static long integer(Map<String, Object> arguments, String name, long otherwise) {
        Object value = arguments.get(name);
        return value == null ? otherwise : Long.parseUnsignedLong(value.toString());
    }

    /** Write an unsigned integer as it travels. */
    static Object integer(long value) {
        return Long.compareUnsigned(value, LARGEST_NUMBER) > 0 ? Long.toUnsignedString(value) : (Object) value;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }
}
