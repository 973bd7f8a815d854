import java.nio.file.Path;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.function.BiConsumer;
import org.mapdb.DB;
import org.mapdb.DBMaker;

/** MapDB 1, default options (a write-ahead log): one entry is one record, and one commit. */
final class MapDb1 implements Log {
    private final DB database;
    private final ConcurrentNavigableMap<Long, byte[]> map;

    MapDb1(Path directory) {
        database = DBMaker.newFileDB(directory.resolve("log.db").toFile()).make();
        map = database.getTreeMap("log");
        database.commit();
    }

    @Override
    public long append(byte[] payload) {
        long number = map.isEmpty() ? 0 : map.lastKey() + 1;
        map.put(number, payload);
        database.commit();
        return number;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) {
        map.forEach(visit);
    }

    @Override
    public void close() {
        database.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("MapDB", MapDb1::new);
    }
}
