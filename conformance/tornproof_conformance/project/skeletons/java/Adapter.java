import java.nio.file.Path;

/** An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top. */
final class Adapter implements Served.Journal {
    public static void main(String[] arguments) throws Exception {
        Served.serve("my journal", "0.1", Adapter::new); // TODO: the name of your journal
    }

    /** Create the journal in this directory, or open and recover the one that is there. */
    Adapter(Path directory) throws Exception {
        throw Kit.todo(); // TODO
    }

    /**
     * Append a record, and return its offset: any integer that only grows.
     *
     * <p>If {@code durable}, return when the record survives a loss of power.
     */
    @Override
    public long append(byte[] payload, boolean durable) throws Exception {
        throw Kit.todo(); // TODO
    }

    /** Call {@code visitor.visit} for each record, from the oldest on. */
    @Override
    public void scan(Served.Visitor visitor) throws Exception {
        throw Kit.todo(); // TODO
    }

    /** Make everything durable that was appended, and close the journal. */
    @Override
    public void close() throws Exception {
        throw Kit.todo(); // TODO
    }
}
