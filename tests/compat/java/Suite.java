import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Holds the checks of the Java programs and reports them in the lines of harness/checks.py. */
final class Suite {
  static final String BOOTSTRAP = Objects.requireNonNullElse(System.getenv("COMPAT_BOOTSTRAP"), "");
  static final boolean REFERENCE = "kafka".equals(System.getenv("COMPAT_KIND"));
  static final String DATA = Objects.requireNonNullElse(System.getenv("COMPAT_DATA"), "");
  static final int CHECK_SECONDS_MAX = 60;
  static final int WAIT_SECONDS = 15;

  interface Body {
    void run() throws Exception;
  }

  private record Check(String title, Body body) {}

  private final List<Check> checks = new ArrayList<>();

  void check(String title, Body body) {
    checks.add(new Check(title, body));
  }

  static String topic(String name) {
    return System.getenv("COMPAT_PREFIX") + "-" + name;
  }

  static void same(Object got, Object expected, String what) {
    if (!Objects.equals(got, expected)) {
      throw new AssertionError(what + ": got " + brief(got) + ", expected " + brief(expected));
    }
  }

  static void holds(boolean condition, String message) {
    if (!condition)
      throw new AssertionError(brief(message));
  }

  /** The exception that a future ended with, or null. */
  static Throwable failureOf(Future<?> future) throws Exception {
    try {
      future.get(WAIT_SECONDS, TimeUnit.SECONDS);
      return null;
    } catch (ExecutionException error) {
      return error.getCause();
    }
  }

  static void fails(Class<? extends Throwable> kind, Future<?> future, String what)
      throws Exception {
    Throwable failure = failureOf(future);
    holds(kind.isInstance(failure), what + ": " + failure + " instead of " + kind.getSimpleName());
  }

  /** What an admin call did shows at once; Apache Kafka's brokers hear of it a little later. */
  static void settled(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(REFERENCE ? WAIT_SECONDS : 0);
    while (true) {
      boolean late = System.nanoTime() > deadline;
      try {
        if (condition.call())
          return;
        holds(!late, "the change does not show");
      } catch (ExecutionException error) {
        if (late)
          throw error;
      }
      Thread.sleep(20);
    }
  }

  private static String brief(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 1500 ? text : text.substring(0, 1500) + "…";
  }

  void run() {
    System.out.println("plan " + checks.size());
    ExecutorService runner = Executors.newCachedThreadPool(task -> {
      Thread thread = new Thread(task);
      thread.setDaemon(true);
      return thread;
    });
    for (Check check : checks) {
      Future<?> done = runner.submit(() -> {
        check.body().run();
        return null;
      });
      try {
        done.get(CHECK_SECONDS_MAX, TimeUnit.SECONDS);
        System.out.println("ok " + check.title());
      } catch (Exception error) {
        done.cancel(true);
        System.out.println("not ok " + check.title());
        StringWriter trace = new StringWriter();
        Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
        cause.printStackTrace(new PrintWriter(trace));
        trace.toString().lines().limit(12).forEach(line -> System.out.println("# " + line));
      }
      System.out.flush();
    }
  }
}
