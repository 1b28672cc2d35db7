import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's own command line tools, called by their main(); the shell scripts of Kafka do no more.
 */
final class ToolChecks {
  private ToolChecks() {}

  private static final int NOT_EXITED = Integer.MIN_VALUE;

  private interface Main {
    void run(String[] arguments) throws Exception;
  }

  private static final class Ended extends RuntimeException {
    private static final long serialVersionUID = 1;

    Ended(int status) {
      super("exit status " + status);
    }
  }

  private record Outcome(int status, String out) {}

  /** Runs a tool with `given` on standard input; the tool's exit ends here, not the JVM. */
  private static Outcome tool(Main main, String given, String... arguments) throws Exception {
    PrintStream out = System.out;
    PrintStream err = System.err;
    InputStream in = System.in;
    ByteArrayOutputStream caught = new ByteArrayOutputStream();
    PrintStream sink = new PrintStream(caught, true, StandardCharsets.UTF_8);
    // The first exit counts: some tools catch what ends them here, and exit once more with 1.
    AtomicInteger first = new AtomicInteger(NOT_EXITED);
    Exit.setExitProcedure((status, message) -> {
      first.compareAndSet(NOT_EXITED, status);
      throw new Ended(status);
    });
    System.setOut(sink);
    System.setErr(sink);
    System.setIn(new ByteArrayInputStream(given.getBytes(StandardCharsets.UTF_8)));
    try {
      // Scala's Console keeps the first System.out it sees; the tools written in Scala print there.
      scala.Console.withOut(sink, () -> scala.Console.withErr(sink, () -> {
        try {
          main.run(arguments);
        } catch (RuntimeException | Error error) {
          throw error;
        } catch (Exception error) {
          throw new RuntimeException(error);
        }
        return null;
      }));
    } catch (Ended ended) {
      // Its status is in `first`.
    } finally {
      System.setOut(out);
      System.setErr(err);
      System.setIn(in);
      Exit.resetExitProcedure();
    }
    int status = first.get() == NOT_EXITED ? 0 : first.get();
    return new Outcome(status, caught.toString(StandardCharsets.UTF_8));
  }

  private static String succeed(Main main, String given, String... arguments) throws Exception {
    Outcome outcome = tool(main, given, arguments);
    Suite.holds(outcome.status() == 0, "exit status " + outcome.status() + ": " + outcome.out());
    return outcome.out();
  }

  private static String[] at(String... rest) {
    return Stream.concat(Stream.of("--bootstrap-server", Suite.BOOTSTRAP), Stream.of(rest))
        .toArray(String[] ::new);
  }

  static void add(Suite suite) {
    suite.check("kafka-topics: create, list, describe, alter, delete", ToolChecks::topics);
    suite.check("kafka-configs: add, describe, remove a topic's settings", ToolChecks::configs);
    suite.check("console producer and consumer (--partition): lines go in and come out",
        ToolChecks::console);
    suite.check("producer-perf: 20000 records, and all of them are in the log",
        ToolChecks::producerPerformance);
    suite.check("kafka-get-offsets: earliest, latest, by time", ToolChecks::getOffsets);
    suite.check("kafka-delete-records: by a file of offsets", ToolChecks::deleteRecords);
    suite.check("kafka-reassign-partitions: moved within a throttle, which --verify takes away",
        ToolChecks::reassign);
    suite.check("kafka-log-dirs: sizes per partition", ToolChecks::logDirs);
    suite.check("kafka-broker-api-versions: every announced API is known to Kafka's client",
        ToolChecks::apiVersions);
    suite.check("kafka-dump-log: our segment and its indexes are sound in Kafka's eyes",
        ToolChecks::dumpLog);
  }

  private static void topics() throws Exception {
    String topic = Suite.topic("tool");
    Main main = org.apache.kafka.tools.TopicCommand::main;
    succeed(main, "",
        at("--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=12345678"));
    Suite.settled(() -> succeed(main, "", at("--list")).contains(topic));
    String described = succeed(main, "", at("--describe", "--topic", topic));
    Suite.holds(
        described.contains("PartitionCount: 2") && described.contains("retention.ms=12345678"),
        described);
    succeed(main, "", at("--alter", "--topic", topic, "--partitions", "4"));
    Suite.settled(
        () -> succeed(main, "", at("--describe", "--topic", topic)).contains("PartitionCount: 4"));
    Suite.same(tool(main, "", at("--create", "--topic", topic)).status(), 1,
        "status for an existing topic");
    succeed(main, "", at("--delete", "--topic", topic));
    Suite.settled(() -> !succeed(main, "", at("--list")).lines().toList().contains(topic));
  }

  private static void configs() throws Exception {
    String topic = AdminChecks.make("tool-configs", 1, Map.of());
    Main main = kafka.admin.ConfigCommand::main;
    String[] describe = at("--entity-type", "topics", "--entity-name", topic, "--describe");
    succeed(main, "",
        at("--entity-type", "topics", "--entity-name", topic, "--alter", "--add-config",
            "retention.ms=7654321,max.message.bytes=50000"));
    Suite.settled(() -> succeed(main, "", describe).contains("retention.ms=7654321"));
    succeed(main, "",
        at("--entity-type", "topics", "--entity-name", topic, "--alter", "--delete-config",
            "retention.ms"));
    Suite.settled(() -> !succeed(main, "", describe).contains("retention.ms"));
    Suite.holds(succeed(main, "", describe).contains("max.message.bytes=50000"),
        "max.message.bytes is gone too");
    String all = succeed(
        main, "", at("--entity-type", "topics", "--entity-name", topic, "--describe", "--all"));
    Suite.holds(all.contains("segment.bytes=1073741824"), all);
  }

  private static String brokerConfigs(int broker) throws Exception {
    return succeed(kafka.admin.ConfigCommand::main, "",
        at("--entity-type", "brokers", "--entity-name", "" + broker, "--describe"));
  }

  private static void reassign() throws Exception {
    String topic = AdminChecks.make("tool-reassign", 1, Map.of());
    List<Integer> brokers = AdminChecks.brokers();
    int from = AdminChecks.describe(topic).partitions().get(0).leader().id();
    int to = brokers.stream().filter(broker -> broker != from).findFirst().orElse(from);
    Path plan = Files.createTempFile("reassign", ".json");
    Files.writeString(plan,
        "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic
            + "\",\"partition\":0,\"replicas\":[" + to + "]}]}");
    Main main = org.apache.kafka.tools.reassign.ReassignPartitionsCommand::main;
    String file = plan.toString();
    String started = succeed(main, "",
        at("--execute", "--reassignment-json-file", file, "--throttle", "5000000"));
    Suite.holds(started.contains("Successfully started partition reassignment"), started);
    if (to != from) {
      for (int broker : List.of(from, to)) {
        String shown = brokerConfigs(broker);
        Suite.holds(shown.contains("leader.replication.throttled.rate=5000000")
                && shown.contains("follower.replication.throttled.rate=5000000"),
            shown);
      }
    }
    for (int tries = 0;; ++tries) {
      String verified = succeed(main, "", at("--verify", "--reassignment-json-file", file));
      if (verified.contains("is completed"))
        break;
      Suite.holds(tries < 100, verified);
      Thread.sleep(100);
    }
    for (int broker : brokers) {
      Suite.settled(() -> !brokerConfigs(broker).contains("throttled.rate=5000000"));
    }
    String described = succeed(kafka.admin.ConfigCommand::main, "",
        at("--entity-type", "topics", "--entity-name", topic, "--describe"));
    Suite.holds(!described.contains("throttled.replicas"), described);
    Suite.settled(() -> AdminChecks.describe(topic).partitions().get(0).leader().id() == to);
    Files.delete(plan);
  }

  private static void console() throws Exception {
    String topic = AdminChecks.make("console", 2, Map.of());
    String lines = IntStream.range(0, 500)
                       .mapToObj(n -> "k" + n + "\tline " + n + "\n")
                       .collect(Collectors.joining());
    succeed(org.apache.kafka.tools.ConsoleProducer::main, lines,
        at("--topic", topic, "--reader-property", "parse.key=true"));
    String got = "";
    for (String partition : List.of("0", "1")) {
      got += succeed(org.apache.kafka.tools.consumer.ConsoleConsumer::main, "",
          at("--topic", topic, "--partition", partition, "--offset", "earliest", "--timeout-ms",
              "2000", "--formatter-property", "print.key=true"));
    }
    List<String> read = got.lines().filter(line -> line.startsWith("k")).sorted().toList();
    Suite.same(read, lines.lines().sorted().toList(), "lines");
  }

  private static void producerPerformance() throws Exception {
    String topic = AdminChecks.make("perf", 1, Map.of());
    String out = succeed(org.apache.kafka.tools.ProducerPerformance::main, "", "--topic", topic,
        "--num-records", "20000", "--record-size", "100", "--throughput", "-1",
        "--bootstrap-server", Suite.BOOTSTRAP);
    Suite.holds(out.contains("20000 records sent"), out);
    String end = succeed(org.apache.kafka.tools.GetOffsetShell::main, "", at("--topic", topic));
    Suite.holds(end.contains(topic + ":0:20000"), end);
  }

  private static void getOffsets() throws Exception {
    String topic = AdminChecks.make("tool-offsets", 2, Map.of());
    ClientChecks.write(topic, 42);
    Main main = org.apache.kafka.tools.GetOffsetShell::main;
    Suite.holds(
        succeed(main, "", at("--topic", topic, "--time", "latest")).contains(topic + ":0:42"),
        "latest");
    Suite.holds(
        succeed(main, "", at("--topic", topic, "--time", "earliest")).contains(topic + ":0:0"),
        "earliest");
    String soon = String.valueOf(System.currentTimeMillis() - ClientChecks.HOUR);
    Suite.holds(succeed(main, "", at("--topic", topic, "--time", soon)).contains(topic + ":0:0"),
        "by time");
  }

  private static void deleteRecords() throws Exception {
    String topic = AdminChecks.make("tool-delete", 1, Map.of());
    ClientChecks.write(topic, 10);
    Path file = Files.createTempFile("compat", ".json");
    try {
      Files.writeString(file,
          "{\"partitions\":[{\"topic\":\"" + topic
              + "\",\"partition\":0,\"offset\":4}],\"version\":1}");
      String out = succeed(org.apache.kafka.tools.DeleteRecordsCommand::main, "",
          at("--offset-json-file", file.toString()));
      Suite.holds(out.contains("low_watermark: 4"), out);
    } finally {
      Files.delete(file);
    }
  }

  private static void logDirs() throws Exception {
    String topic = AdminChecks.make("tool-log-dirs", 1, Map.of());
    ClientChecks.write(topic, 100);
    String out = succeed(
        org.apache.kafka.tools.LogDirsCommand::main, "", at("--describe", "--topic-list", topic));
    Suite.holds(
        out.contains("\"partition\":\"" + topic + "-0\"") && !out.contains("\"size\":0"), out);
  }

  private static void apiVersions() throws Exception {
    String out = succeed(org.apache.kafka.tools.BrokerApiVersionsCommand::main, "", at());
    Suite.holds(out.contains("Produce(0):") && out.contains("Fetch(1):"), out);
    Suite.holds(!out.contains("UNKNOWN"), out);
  }

  private static void dumpLog() throws Exception {
    String topic = AdminChecks.make(
        "dump", 1, Map.of("segment.bytes", "1048576", "index.interval.bytes", "4096"));
    int count = 3000;
    try (var producer =
             ClientChecks.producer(Map.of("batch.size", 8192, "compression.type", "lz4"))) {
      // Values that do not compress, so that the segments fill.
      var random = new java.util.Random(41);
      for (int n = 0; n < count; ++n) {
        byte[] noise = new byte[750];
        random.nextBytes(noise);
        producer.send(new ProducerRecord<>(
            topic, 0, "k" + n, java.util.Base64.getEncoder().encodeToString(noise)));
      }
    }
    Path folder = Path.of(Suite.DATA, topic + "-0");
    String names;
    try (Stream<Path> files = Files.list(folder)) {
      names = files.map(path -> path.getFileName().toString())
                  .sorted()
                  .collect(Collectors.joining(" "));
    }
    String first = "00000000000000000000";
    Suite.holds(names.split("\\.log").length > 2, "one segment only: " + names);
    String log = dump(folder.resolve(first + ".log"), "--deep-iteration");
    Suite.holds(log.contains("baseOffset: 0 ") && log.contains("isvalid: true")
            && log.contains("compresscodec: lz4"),
        log);
    Suite.holds(
        !log.contains("isvalid: false") && !log.contains("corrupt"), "unsound batch: " + log);
    Suite.holds(dump(folder.resolve(first + ".index")).lines().count() > 20,
        "an index of more than 20 entries");
    Suite.holds(dump(folder.resolve(first + ".timeindex")).lines().count() > 1,
        "a time index with entries");
    Suite.same(readBack(topic, count), count, "records read back over all segments");
  }

  private static String dump(Path file, String... more) throws Exception {
    String[] arguments = Stream.concat(Stream.of("--files", file.toString()), Stream.of(more))
                             .toArray(String[] ::new);
    String out = succeed(org.apache.kafka.tools.DumpLogSegments::main, "", arguments);
    for (String complaint : List.of("Mismatches in", "ismatch", "out of order", "Found invalid")) {
      Suite.holds(!out.contains(complaint), "dump-log complains: " + out);
    }
    return out;
  }

  private static int readBack(String topic, int count) {
    return ClientChecks.readAll(topic, count).size();
  }
}
