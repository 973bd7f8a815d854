import com.squareup.tape2.QueueFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.BiConsumer;

/** Tape's QueueFile, default options: one element is one record; nothing is ever removed. */
final class Tape implements Log {
    private final QueueFile queue;

    Tape(Path directory) throws IOException {
        queue = new QueueFile.Builder(directory.resolve("queue").toFile()).build();
    }

    @Override
    public long append(byte[] payload) throws IOException {
        queue.add(payload);
        return queue.size() - 1;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) {
        long number = 0;
        for (byte[] payload : queue) {
            visit.accept(number++, payload);
        }
    }

    @Override
    public void close() throws IOException {
        queue.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("Tape QueueFile", Tape::new);
    }
}
