import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.BiConsumer;
import jetbrains.exodus.ArrayByteIterable;
import jetbrains.exodus.ByteIterable;
import jetbrains.exodus.bindings.LongBinding;
import jetbrains.exodus.env.Cursor;
import jetbrains.exodus.env.Environment;
import jetbrains.exodus.env.EnvironmentConfig;
import jetbrains.exodus.env.Environments;
import jetbrains.exodus.env.Store;
import jetbrains.exodus.env.StoreConfig;

/** Xodus environments with durable writes: one pair is one record, and one transaction. */
final class Xodus implements Log {
    private final Environment environment;
    private final Store store;
    private long next;

    Xodus(Path directory) {
        EnvironmentConfig config = new EnvironmentConfig().setLogDurableWrite(true).setGcEnabled(false);
        environment = Environments.newInstance(directory.toFile(), config);
        store = environment.computeInTransaction(
            writing -> environment.openStore("log", StoreConfig.WITHOUT_DUPLICATES, writing));
        next = environment.computeInReadonlyTransaction(reading -> store.count(reading));
    }

    @Override
    public long append(byte[] payload) {
        environment.executeInExclusiveTransaction(
            writing -> store.put(writing, LongBinding.longToEntry(next), new ArrayByteIterable(payload)));
        return next++;
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) {
        environment.executeInReadonlyTransaction(reading -> {
            try (Cursor pairs = store.openCursor(reading)) {
                while (pairs.getNext()) {
                    ByteIterable value = pairs.getValue();
                    visit.accept(LongBinding.entryToLong(pairs.getKey()),
                        Arrays.copyOf(value.getBytesUnsafe(), value.getLength()));
                }
            }
        });
    }

    @Override
    public void close() {
        environment.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("Xodus", Xodus::new);
    }
}
