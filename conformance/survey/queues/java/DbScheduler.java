import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.task.FailureHandler.MaxRetriesFailureHandler;
import com.github.kagkarlsson.scheduler.task.FailureHandler.OnFailureRetryLater;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * db-scheduler on PostgreSQL: a scheduler in this process runs the handler, here behind a gate.
 *
 * <p>Its documentation promises that an execution whose scheduler died is revived when its heartbeats
 * have been missed often enough, and that a failed one is retried.
 */
final class DbScheduler {
    private record Entered(String job, long at) {}

    private static final String TABLE =
            "CREATE TABLE IF NOT EXISTS scheduled_tasks (task_name text not null, task_instance text not null,"
                + " task_data bytea, execution_time timestamptz not null, picked boolean not null, picked_by text,"
                + " last_success timestamptz, last_failure timestamptz, consecutive_failures int,"
                + " last_heartbeat timestamptz, version bigint not null, priority smallint,"
                + " PRIMARY KEY (task_name, task_instance))";
    private static final List<String> CLAIMS =
            List.of("core", "at-least-once", "exclusive", "leases", "settled");
    private static final PrintStream OUT = System.out;

    private final LinkedBlockingQueue<Entered> entered = new LinkedBlockingQueue<>();
    private final LinkedBlockingQueue<Boolean> verdict = new LinkedBlockingQueue<>();
    private final PGSimpleDataSource database = new PGSimpleDataSource();
    private String dir;
    private String held;
    private Scheduler scheduler;
    private OneTimeTask<String> task;
    private boolean isRunning;
    /** What is claimed: the documentation's promises, and what the command line adds. */
    private final List<String> claims = new ArrayList<>(CLAIMS);

    private void open(Map<?, ?> args) throws Exception {
        dir = (String) args.get("dir");
        Duration lease = Duration.ofMillis((Long) args.get("lease_ms"));
        int most = ((Long) args.get("max_attempts")).intValue();
        database.setURL("jdbc:postgresql://localhost/postgres?user=postgres&sslmode=disable&socketTimeout=5"
                + "&socketFactory=org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg&socketFactoryArg=" + dir + "/.s.PGSQL.5432");
        for (int tries = 0; ; tries++) {
            try (Connection connection = database.getConnection()) {
                connection.createStatement().execute("SELECT pg_advisory_lock(1)");
                connection.createStatement().execute(TABLE);
                break;
            } catch (SQLException error) {
                if (tries > 80) throw error;
                Thread.sleep(100);
            }
        }
        task = Tasks.oneTime("handle", String.class)
                .onFailure(new MaxRetriesFailureHandler<>(most - 1, new OnFailureRetryLater<>(Duration.ZERO)))
                .execute((instance, context) -> handle(instance.getData()));
        scheduler = Scheduler.create(database, task)
                .schedulerName(new SchedulerName.Fixed(args.get("worker") + "-" + UUID.randomUUID()))
                .threads(1)
                .pollingInterval(Duration.ofMillis(50))
                .heartbeatInterval(lease.dividedBy(4))
                .missedHeartbeatsLimit(4)
                .build();
    }

    private void handle(String job) {
        entered.add(new Entered(job, System.currentTimeMillis()));
        try {
            if (!verdict.take()) throw new IllegalStateException("told to fail");
            try (FileOutputStream effects = new FileOutputStream(dir + "/effects", true)) {
                effects.write((job + "\n").getBytes());
                effects.getFD().sync();
            }
        } catch (InterruptedException | java.io.IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private Map<String, Object> take(double seconds) throws InterruptedException {
        if (!isRunning) {
            isRunning = true;
            scheduler.start();
        }
        Entered one = entered.poll((long) (seconds * 1000) + 300, TimeUnit.MILLISECONDS);
        Map<String, Object> none = new java.util.HashMap<>();
        none.put("job", null);
        if (one == null) return none;
        held = one.job();
        return Map.of("job", one.job(), "age_ms", System.currentTimeMillis() - one.at());
    }

    private void finish(boolean isOk) throws Exception {
        verdict.add(isOk);
        for (int tries = 0; tries < 250; tries++) {
            // a handler that is entered again shows it as well: there is one at a time
            if (!entered.isEmpty() || !names("picked").contains(held)) return;
            Thread.sleep(20);
        }
        throw new IllegalStateException("not settled within 5 s");
    }

    private List<String> names(String condition) throws SQLException {
        List<String> names = new ArrayList<>();
        try (Connection connection = database.getConnection()) {
            var rows = connection.createStatement()
                    .executeQuery("SELECT task_instance FROM scheduled_tasks WHERE " + condition);
            while (rows.next()) names.add(rows.getString(1));
        }
        return names;
    }

    private Object answer(String op, Map<?, ?> args) throws Exception {
        switch (op) {
            case "hello":
                return Map.of("protocol", 1L, "implementation",
                        Map.of("name", "db-scheduler", "version", "16.0.0", "language", "Java"),
                        "claims", claims.stream().map(each -> "queue/" + each).toList(),
                        "queue", Map.of("effects", "file", "takes_ahead", true, "lease_ms", 2000L,
                                "server", List.of(System.getProperty("servers") + "/postgresql.sh")));
            case "queue.open":
                open(args);
                return Map.of();
            case "queue.enqueue":
                String job = (String) args.get("job");
                scheduler.schedule(task.instance(job, job), Instant.now());
                return Map.of();
            case "queue.take":
                return take(((Number) args.get("seconds")).doubleValue());
            case "queue.finish":
                finish("ok".equals(args.get("how")));
                return Map.of();
            case "queue.state":
                // an execution that failed too often is removed, and leaves no trace
                return Map.of("pending", names("NOT picked"), "running", names("picked"), "dead", List.of());
            case "bye":
                return Map.of();
            default:
                return null;
        }
    }

    public static void main(String[] arguments) throws Exception {
        DbScheduler queue = new DbScheduler();
        queue.claims.addAll(List.of(arguments));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<?, ?> request = (Map<?, ?>) Json.parse(line);
            String op = (String) request.get("op");
            Map<String, Object> reply = new java.util.LinkedHashMap<>();
            reply.put("id", request.get("id"));
            try {
                Object value = queue.answer(op, (Map<?, ?>) request.get("args"));
                reply.put(value == null ? "unsupported" : "ok", value == null ? op : value);
            } catch (Exception error) {
                error.printStackTrace();
                reply.put("error", Map.of("code", "io", "message", String.valueOf(error)));
            }
            StringBuilder text = new StringBuilder();
            Json.write(reply, text);
            OUT.println(text);
            OUT.flush();
            if (op.equals("bye")) break;
        }
        Runtime.getRuntime().halt(0);
    }
}
