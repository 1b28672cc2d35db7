import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** The Java library while brokers are killed and come back, with its default retries. */
final class Hurt {
  private Hurt() {}

  static final int SECONDS = 12; // of writing: each broker is killed at least once meanwhile
  static final int READ_SECONDS_MAX = 30;
  static final int PARTITIONS = 3;
  static final String PLAIN = Suite.topic("plain");
  static final String IDEMPOTENT = Suite.topic("idempotent");

  private static int written = 0;

  private static void write() throws Exception {
    List<Future<RecordMetadata>> told = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    try (var plain = ClientChecks.producer(Map.of("enable.idempotence", false));
         var idempotent = ClientChecks.producer(Map.of())) {
      for (; System.nanoTime() < end; ++written) {
        String value = String.valueOf(written);
        told.add(plain.send(new ProducerRecord<>(PLAIN, written % PARTITIONS, null, value)));
        told.add(
            idempotent.send(new ProducerRecord<>(IDEMPOTENT, written % PARTITIONS, null, value)));
        Thread.sleep(10);
      }
      for (var each : told) each.get(READ_SECONDS_MAX, TimeUnit.SECONDS);
    }
  }

  private static Map<Integer, List<Integer>> read(String topic) {
    Map<Integer, List<Integer>> found = new HashMap<>();
    var places =
        IntStream.range(0, PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).toList();
    try (var reader = ClientChecks.reader(Map.of())) {
      reader.assign(places);
      reader.seekToBeginning(places);
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(READ_SECONDS_MAX);
      while (found.values().stream().mapToLong(n -> n.stream().distinct().count()).sum()
          < written) {
        Suite.holds(System.nanoTime() < deadline, "not all of " + written + " were read");
        for (ConsumerRecord<String, String> record : reader.poll(Duration.ofMillis(200))) {
          found.computeIfAbsent(record.partition(), p -> new ArrayList<>())
              .add(Integer.valueOf(record.value()));
        }
      }
    }
    return found;
  }

  private static List<Integer> sent(int partition) {
    return IntStream.range(0, written).filter(n -> n % PARTITIONS == partition).boxed().toList();
  }

  public static void main(String[] arguments) {
    Suite suite = new Suite();
    suite.check("every record is acknowledged while brokers are killed in turns", Hurt::write);
    suite.check("all of them are read while brokers are killed in turns", () -> {
      var found = read(PLAIN);
      for (int partition = 0; partition < PARTITIONS; ++partition) {
        Suite.holds(found.get(partition).containsAll(sent(partition)),
            "partition " + partition + " lacks records");
      }
    });
    suite.check("an idempotent producer's are read, each once and in order", () -> {
      var found = read(IDEMPOTENT);
      for (int partition = 0; partition < PARTITIONS; ++partition) {
        Suite.same(found.get(partition), sent(partition), "records of partition " + partition);
      }
    });
    suite.run();
    Runtime.getRuntime().halt(0);
  }
}
