import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.BiConsumer;

/** The H2 database: one row is one record; a commit, then CHECKPOINT SYNC. */
final class H2Database implements Log {
    private final Connection database;

    H2Database(Path directory) throws SQLException {
        String url = "jdbc:h2:file:" + directory.resolve("log") + ";WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE";
        database = DriverManager.getConnection(url, "sa", "");
        run("CREATE TABLE IF NOT EXISTS log (n BIGINT AUTO_INCREMENT PRIMARY KEY, payload VARBINARY NOT NULL)");
    }

    private void run(String statement) throws SQLException {
        try (Statement running = database.createStatement()) {
            running.execute(statement);
        }
    }

    @Override
    public long append(byte[] payload) throws SQLException {
        String insert = "INSERT INTO log (payload) VALUES (?)";
        try (PreparedStatement running = database.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
            running.setBytes(1, payload);
            running.executeUpdate();
            run("CHECKPOINT SYNC");
            try (ResultSet keys = running.getGeneratedKeys()) {
                keys.next();
                return keys.getLong(1);
            }
        }
    }

    @Override
    public void scan(BiConsumer<Long, byte[]> visit) throws SQLException {
        try (Statement running = database.createStatement();
                ResultSet rows = running.executeQuery("SELECT n, payload FROM log ORDER BY n")) {
            while (rows.next()) {
                visit.accept(rows.getLong(1), rows.getBytes(2));
            }
        }
    }

    @Override
    public void close() throws SQLException {
        database.close();
    }

    public static void main(String[] arguments) throws Exception {
        Log.serve("H2 database", H2Database::new);
    }
}
