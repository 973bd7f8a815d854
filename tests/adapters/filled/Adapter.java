import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32;

/** A journal in one file: the length, a checksum and the bytes of each record. */
final class Adapter implements Served.Journal {
    private final FileChannel file;
    private long end;

    public static void main(String[] arguments) throws Exception {
        Served.serve("one file", "1", Adapter::new);
    }

    Adapter(Path directory) throws Exception {
        file = FileChannel.open(directory.resolve("log"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        scan((offset, payload) -> end = offset + 8 + payload.length);
        file.truncate(end);
        file.force(true);
        Kit.syncDirectory(directory);
    }

    @Override
    public long append(byte[] payload, boolean durable) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(8 + payload.length);
        frame.putInt(payload.length).putInt(checksum(payload.length, payload)).put(payload).flip();
        long offset = end;
        for (long at = offset; frame.hasRemaining(); ) {
            at += file.write(frame, at);
        }
        if (durable) {
            file.force(true);
        }
        end = offset + 8 + payload.length;
        return offset;
    }

    @Override
    public void scan(Served.Visitor visitor) throws IOException {
        long size = file.size();
        for (long at = 0; at + 8 <= size; ) {
            ByteBuffer head = read(at, 8);
            int length = head.getInt();
            int sum = head.getInt();
            if (length < 0 || at + 8 + length > size) {
                return;
            }
            byte[] payload = read(at + 8, length).array();
            if (sum != checksum(length, payload)) {
                return;
            }
            visitor.visit(at, payload);
            at += 8 + length;
        }
    }

    @Override
    public void close() throws IOException {
        try {
            file.force(true);
        } finally {
            file.close();
        }
    }

    private ByteBuffer read(long at, int size) throws IOException {
        ByteBuffer found = ByteBuffer.allocate(size);
        while (found.hasRemaining() && file.read(found, at + found.position()) > 0) {
            continue;
        }
        return found.flip();
    }

    /** It covers the length too, so that no run of zeros is a record. */
    private static int checksum(int length, byte[] payload) {
        CRC32 crc = new CRC32();
        crc.update(ByteBuffer.allocate(4).putInt(length).flip());
        crc.update(payload);
        return ~(int) crc.getValue();
    }
}
