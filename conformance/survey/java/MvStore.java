import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/** H2's MVStore: one entry of a map is one record; an append is put, commit, sync. */
final class MvStore implements Log {
    private final MVStore store;
    private final MVMap<Long, byte[]> map;

    MvStore(Path directory) {
        store = new MVStore.Builder().fileName(directory.resolve("log.mv").toString()).autoCommitDisabled().open();
        map = store.openMap("log");
    }

    @Override
    public long append(byte[] payload) {
        long number = map.isEmpty() ? 0 : map.lastKey() + 1;
        map.put(number, payload);
        store.commit();
        store.sync();
        return number;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) {
        map.forEach(visit);
    }

    @Override
    public void close() {
        store.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("H2 MVStore", MvStore::new);
    }
}
