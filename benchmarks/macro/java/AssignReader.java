import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic from its beginning with assign() and default settings; prints one JSON object.
 *
 * <p>Usage: AssignReader HOST:PORT TOPIC PARTITIONS. The clock starts with the first poll.
 */
final class AssignReader {
  private AssignReader() {}

  public static void main(String[] arguments) {
    String topic = arguments[1];
    List<TopicPartition> parts = IntStream.range(0, Integer.parseInt(arguments[2]))
                                     .mapToObj(n -> new TopicPartition(topic, n))
                                     .toList();
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0]);
    var bytesOnly = new ByteArrayDeserializer();
    try (var reader = new KafkaConsumer<>(settings, bytesOnly, bytesOnly)) {
      reader.assign(parts);
      long expected = reader.endOffsets(parts).values().stream().mapToLong(Long::longValue).sum();
      reader.seekToBeginning(parts);
      long records = 0;
      long bytes = 0;
      long began = System.nanoTime();
      while (records < expected) {
        for (var record : reader.poll(Duration.ofSeconds(1))) {
          ++records;
          bytes += record.value().length;
        }
      }
      double seconds = (System.nanoTime() - began) / 1e9;
      System.out.printf(
          "{\"seconds\": %.6f, \"bytes\": %d, \"records\": %d}%n", seconds, bytes, records);
    }
  }
}
