import java.nio.file.Path;
import java.util.function.BiConsumer;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.RollCycles;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueue;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;

/**
 * Chronicle Queue, which stores through shared mappings: one excerpt is one record.
 *
 * <p>With the argument {@code sync} the mapping is synced after each.
 */
final class ChronicleQueue implements Log {
    private static boolean syncs;
    private final SingleChronicleQueue queue;
    private final ExcerptAppender appender;

    ChronicleQueue(Path directory) {
        queue = SingleChronicleQueueBuilder.binary(directory.toFile())
                .rollCycle(RollCycles.LARGE_DAILY)
                .blockSize(1 << 16)
                .timeProvider(() -> 0) // one file, whatever the day
                .build();
        appender = queue.createAppender();
    }

    @Override
    public long append(byte[] payload) {
        appender.writeBytes(Bytes.wrapForRead(payload));
        if (syncs) {
            appender.sync();
        }
        return appender.lastIndexAppended();
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) {
        ExcerptTailer tailer = queue.createTailer();
        Bytes<?> bytes = Bytes.allocateElasticOnHeap();
        while (tailer.readBytes(bytes)) {
            visit.accept(tailer.lastReadIndex(), bytes.toByteArray());
            bytes.clear();
        }
    }

    @Override
    public void close() {
        queue.close();
    }

    public static void main(String[] arguments) throws Exception {
        System.setProperty("chronicle.analytics.disable", "true");
        syncs = arguments.length > 0 && arguments[0].equals("sync");
        Log.serve("Chronicle Queue", ChronicleQueue::new);
    }
}
