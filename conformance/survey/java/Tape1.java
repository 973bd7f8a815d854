import com.squareup.tape.QueueFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/** Tape 1's QueueFile: one element is one record; nothing is ever removed. */
final class Tape1 implements Log {
    private final QueueFile queue;

    Tape1(Path directory) throws IOException {
        queue = new QueueFile(directory.resolve("queue").toFile());
    }

    @Override
    public long append(byte[] payload) throws IOException {
        queue.add(payload);
        return queue.size() - 1;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) throws IOException {
        List<byte[]> found = new ArrayList<>();
        queue.forEach((in, length) -> {
            ByteArrayOutputStream payload = new ByteArrayOutputStream();
            for (int n = 0; n < length; n++) {
                payload.write(in.read());
            }
            found.add(payload.toByteArray());
        });
        for (int n = 0; n < found.size(); n++) {
            visit.accept((long) n, found.get(n));
        }
    }

    @Override
    public void close() throws IOException {
        queue.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("Tape QueueFile", Tape1::new);
    }
}
