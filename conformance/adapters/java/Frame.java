import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").
 *
 * <p>A frame that was read has a payload, or says what is wrong with it; the first check that fails
 * decides.
 */
record Frame(byte[] payload, String damage) {
    static final int HEADER_BYTES = 40;
    static final int MAX_PAYLOAD = 16 << 20; // unless configured (FRM-8)
    static final String TOO_LONG = "length above the maximum";

    /** Make the frame of a payload (FRM-1). */
    static ByteBuffer encode(byte[] payload) {
        byte[] hash = Blake3.hash(payload);
        ByteBuffer frame = ByteBuffer.allocate(HEADER_BYTES + payload.length).order(ByteOrder.LITTLE_ENDIAN);
        frame.putInt(payload.length).putInt(crc(payload.length, hash, payload)).put(hash).put(payload);
        return frame.flip();
    }

    /** Compute the CRC over the length and the hash, then the payload (FRM-2). */
    private static int crc(int length, byte[] hash, byte[] payload) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, length));
        crc.update(hash);
        crc.update(payload);
        return (int) crc.getValue();
    }

    /**
     * Read the frame at a byte of a file that ends at byte {@code end}.
     *
     * <p>Nothing is allocated before the length has been found possible (FRM-5).  A disk that cannot
     * be read is an IOException, never damage (REC-11).
     */
    static Frame read(FileChannel file, long at, long end, long maximum) throws IOException {
        if (end - at < HEADER_BYTES) {
            return new Frame(null, "header cut short");
        }
        ByteBuffer header = readFully(file, at, HEADER_BYTES);
        long length = Integer.toUnsignedLong(header.getInt());
        int crc = header.getInt();
        byte[] hash = new byte[32];
        header.get(hash);
        if (length > maximum) {
            return new Frame(null, TOO_LONG);
        }
        if (length > end - at - HEADER_BYTES) {
            return new Frame(null, "payload cut short");
        }
        byte[] payload = readFully(file, at + HEADER_BYTES, (int) length).array();
        // A wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4).
        if (crc((int) length, hash, payload) != crc) {
            return new Frame(null, "CRC mismatch");
        }
        if (!Arrays.equals(Blake3.hash(payload), hash)) {
            return new Frame(null, "hash mismatch");
        }
        return new Frame(payload, null);
    }

    private static ByteBuffer readFully(FileChannel file, long at, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, at + bytes.position()) < 0) {
                throw new EOFException("the file became shorter while it was read");
            }
        }
        return bytes.flip();
    }

    long bytes() {
        return HEADER_BYTES + payload.length;
    }
}
