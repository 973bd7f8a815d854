import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.mapdb.BTreeMap;
import org.mapdb.DB;
import org.mapdb.DBMaker;
import org.mapdb.Serializer;

/**
 * MapDB 3 with transactions (its write-ahead log): one entry is one record, and one commit.
 *
 * <p>With the argument {@code mmap} its files are mapped.
 */
final class MapDb3 implements Log {
    private static boolean maps;
    private final DB database;
    private final BTreeMap<Long, byte[]> map;

    MapDb3(Path directory) {
        DBMaker.Maker maker = DBMaker.fileDB(directory.resolve("log.db").toFile()).transactionEnable();
        database = (maps ? maker.fileMmapEnable().fileMmapPreclearDisable() : maker).make();
        map = database.treeMap("log", Serializer.LONG, Serializer.BYTE_ARRAY).createOrOpen();
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
        maps = arguments.length > 0 && arguments[0].equals("mmap");
        net.jpountz.lz4.LZ4Factory.fastestInstance(); // unpacks its library before anything is recorded
        Log.serve("MapDB", MapDb3::new);
    }
}
