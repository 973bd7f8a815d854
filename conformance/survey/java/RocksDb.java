import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteOptions;

/** RocksDB with WriteOptions.sync: one pair is one record. */
final class RocksDb implements Log {
    private final RocksDB database;
    private final WriteOptions synced = new WriteOptions().setSync(true);
    private long next;

    RocksDb(Path directory) throws RocksDBException {
        database = RocksDB.open(new Options().setCreateIfMissing(true), directory.toString());
        try (RocksIterator pairs = database.newIterator()) {
            pairs.seekToLast();
            next = pairs.isValid() ? ByteBuffer.wrap(pairs.key()).getLong() + 1 : 0;
            pairs.status();
        }
    }

    @Override
    public long append(byte[] payload) throws RocksDBException {
        database.put(synced, ByteBuffer.allocate(8).putLong(next).array(), payload);
        return next++;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) throws RocksDBException {
        try (RocksIterator pairs = database.newIterator()) {
            for (pairs.seekToFirst(); pairs.isValid(); pairs.next()) {
                visit.accept(ByteBuffer.wrap(pairs.key()).getLong(), pairs.value());
            }
            pairs.status();
        }
    }

    @Override
    public void close() throws RocksDBException {
        database.closeE();
    }

    public static void main(String[] arguments) throws Exception {
        RocksDB.loadLibrary(); // unpacks its library before anything is recorded
        Log.serve("RocksDB", RocksDb::new);
    }
}
