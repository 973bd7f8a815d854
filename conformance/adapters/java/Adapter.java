import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The adapter: the operations of a journal, on the kit.
 *
 * <p>One process serves any number of journals, one after the other; each open is a recovery, and
 * each close lets go of the lock and of everything else.
 */
final class Adapter {
    private static final List<String> CLAIMS = List.of("journal/core", "journal/format-v2", "journal/segments");

    private static Journal journal; // the one that is open
    private static Journal.Cursor cursor;

    private Adapter() {}

    private static Journal opened() throws Kit.Refused {
        if (journal == null) {
            throw new Kit.Refused("closed", "no journal is open: open one first", true);
        }
        return journal;
    }

    private static Map<String, ?> open(Map<String, Object> args) throws Exception {
        if (journal != null) {
            throw new Kit.Refused("locked", "a journal is open here: close it first", true);
        }
        long segmentBytes = Kit.integer(args, "segment_bytes", Journal.SEGMENT_BYTES);
        long maxPayload = Kit.integer(args, "max_payload", Frame.MAX_PAYLOAD);
        if (segmentBytes < 1 || maxPayload < 0) {
            throw new Kit.Refused("invalid", "segment_bytes or max_payload is out of range", true);
        }
        journal = Journal.open(Path.of((String) args.get("dir")), segmentBytes, maxPayload);
        cursor = journal.new Cursor();
        Map<String, Object> answer = new java.util.HashMap<>();
        answer.put("first", Kit.integer(journal.first()));
        answer.put("end", Kit.integer(journal.end()));
        answer.put("discarded_bytes", journal.discarded());
        answer.put("reason", journal.reason());
        return answer;
    }

    private static Map<String, ?> scan(Map<String, Object> args) throws Exception {
        List<Map<String, Object>> records = new ArrayList<>();
        for (long at = Kit.integer(args, "from", opened().first()); at != opened().end(); ) {
            Journal.Found found = cursor.read(at);
            records.add(Map.of("offset", Kit.integer(at), "payload", Kit.base64(found.payload())));
            at = found.next();
        }
        return Map.of("records", records, "end", "clean");
    }

    private static Map<String, ?> close(Map<String, Object> args) throws Exception {
        Journal closing = journal;
        journal = null;
        if (closing != null) { // closing twice is closing once
            closing.close();
        }
        return Map.of();
    }

    public static void main(String[] arguments) throws Exception {
        Kit kit = new Kit("tornproof-java", "0.1.0", CLAIMS, Map.of(
            "format", Map.of("frame", "v2", "crc_covers", "frame"), "limits", Map.of("max_payload", Frame.MAX_PAYLOAD)));
        kit.on("journal.open", Adapter::open);
        kit.on("journal.append", args -> Map.of("offset", Kit.integer(
            opened().append(Kit.bytes(args, "payload"), !Boolean.FALSE.equals(args.get("durable"))))));
        kit.on("journal.sync", args -> {
            opened().sync();
            return Map.of("durable", Kit.integer(journal.end()));
        });
        kit.on("journal.read", args -> {
            opened();
            Journal.Found found = cursor.read(Kit.integer(args, "offset", 0));
            return Map.of("payload", Kit.base64(found.payload()), "next", Kit.integer(found.next()));
        });
        kit.on("journal.scan", Adapter::scan);
        kit.on("journal.rotate", args -> {
            opened().rotate();
            return Map.of("base", Kit.integer(journal.end()));
        });
        kit.on("journal.segments", args -> Map.of("segments", opened().segments()));
        kit.on("journal.cleanup", args -> {
            opened().cleanup(Kit.integer(args, "cursor", 0));
            return Map.of("first", Kit.integer(journal.first()));
        });
        kit.on("journal.close", Adapter::close);
        kit.serve();
    }
}
