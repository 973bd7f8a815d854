import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * BLAKE3 without a key, as its paper defines it.
 *
 * <p>The input is cut into chunks of 1,024 bytes, each a chain of up to sixteen blocks of 64.  The
 * chunks are the leaves of a binary tree in which every left subtree is full.
 */
final class Blake3 {
    private static final int BLOCK = 64;
    private static final int CHUNK = 1024;
    private static final int CHUNK_START = 1;
    private static final int CHUNK_END = 2;
    private static final int PARENT = 4;
    private static final int ROOT = 8;

    private static final int[] INITIAL = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };

    private static final int[] PERMUTATION = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

    private Blake3() {}

    /** Return the 32 bytes of the hash (FRM-3). */
    static byte[] hash(byte[] data) {
        ByteBuffer hash = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        for (int word : tree(data, 0, data.length, 0, ROOT)) {
            hash.putInt(word);
        }
        return hash.array();
    }

    /** Hash a subtree whose first chunk has that number; {@code flags} tells the root. */
    private static int[] tree(byte[] data, int from, int to, long chunk, int flags) {
        int size = to - from;
        if (size <= CHUNK) {
            return chunk(data, from, to, chunk, flags);
        }
        int left = Integer.highestOneBit((size - 1) / CHUNK) * CHUNK;
        int[] children = new int[16];
        System.arraycopy(tree(data, from, from + left, chunk, 0), 0, children, 0, 8);
        System.arraycopy(tree(data, from + left, to, chunk + left / CHUNK, 0), 0, children, 8, 8);
        return compress(INITIAL, children, 0, BLOCK, PARENT | flags);
    }

    /** Hash one chunk, a chain of blocks; the last may be short, and the only one empty. */
    private static int[] chunk(byte[] data, int from, int to, long chunk, int flags) {
        int[] value = INITIAL;
        int at = from;
        do {
            int part = Math.min(BLOCK, to - at);
            ByteBuffer bytes = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
            bytes.put(data, at, part).rewind();
            int[] block = new int[16];
            bytes.asIntBuffer().get(block);
            int first = at == from ? CHUNK_START : 0;
            int last = at + part == to ? CHUNK_END | flags : 0;
            value = compress(value, block, chunk, part, first | last);
            at += part;
        } while (at < to);
        return value;
    }

    /** Compress one block into the chaining value that follows {@code value}. */
    private static int[] compress(int[] value, int[] block, long chunk, int length, int flags) {
        int[] s = new int[16];
        System.arraycopy(value, 0, s, 0, 8);
        System.arraycopy(INITIAL, 0, s, 8, 4);
        s[12] = (int) chunk;
        s[13] = (int) (chunk >>> 32);
        s[14] = length;
        s[15] = flags;
        int[] message = block;
        for (int round = 0; round < 7; round++) {
            for (int i = 0; i < 4; i++) { // columns
                mix(s, i, 4 + i, 8 + i, 12 + i, message[2 * i], message[2 * i + 1]);
            }
            for (int i = 0; i < 4; i++) { // diagonals
                mix(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, message[8 + 2 * i], message[9 + 2 * i]);
            }
            int[] permuted = new int[16];
            for (int i = 0; i < 16; i++) {
                permuted[i] = message[PERMUTATION[i]];
            }
            message = permuted;
        }
        int[] result = new int[8];
        for (int i = 0; i < 8; i++) {
            result[i] = s[i] ^ s[i + 8];
        }
        return result;
    }

    private static void mix(int[] s, int a, int b, int c, int d, int x, int y) {
        s[a] += s[b] + x;
        s[d] = Integer.rotateRight(s[d] ^ s[a], 16);
        s[c] += s[d];
        s[b] = Integer.rotateRight(s[b] ^ s[c], 12);
        s[a] += s[b] + y;
        s[d] = Integer.rotateRight(s[d] ^ s[a], 8);
        s[c] += s[d];
        s[b] = Integer.rotateRight(s[b] ^ s[c], 7);
    }
}
