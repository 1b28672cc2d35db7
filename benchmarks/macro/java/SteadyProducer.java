import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends a small record every 10 ms with the producer's default settings, for ever, and tells what
 * became of each: "ack BEGUN ANSWERED -1" in nanoseconds of the monotonic clock, or "error BEGUN
 * ANSWERED NAME" when the producer has given it up. Ends when its input does.
 *
 * <p>Usage: SteadyProducer HOST:PORT,... TOPIC PARTITIONS. Records go to partitions in turn.
 */
final class SteadyProducer {
  private static final long EVERY_NS = 10_000_000;

  private SteadyProducer() {}

  public static void main(String[] arguments) throws Exception {
    Thread watcher = new Thread(SteadyProducer::endWithInput);
    watcher.setDaemon(true);
    watcher.start();
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0]);
    var bytesOnly = new ByteArraySerializer();
    int partitions = Integer.parseInt(arguments[2]);
    byte[] value = new byte[100];
    var producer = new KafkaProducer<>(settings, bytesOnly, bytesOnly);
    long due = System.nanoTime();
    for (int number = 0;; ++number, due += EVERY_NS) {
      long left = due - System.nanoTime();
      if (left > 0) {
        Thread.sleep(left / 1_000_000, (int) (left % 1_000_000));
      }
      long begun = System.nanoTime();
      var record = new ProducerRecord<byte[], byte[]>(
          arguments[1], Integer.valueOf(number % partitions), null, value);
      producer.send(record, (metadata, error) -> tell(begun, error));
    }
  }

  private static synchronized void tell(long begun, Exception error) {
    if (error == null) {
      System.out.println("ack " + begun + " " + System.nanoTime() + " -1");
    } else {
      String name = error.getClass().getSimpleName();
      System.out.println("error " + begun + " " + System.nanoTime() + " " + name);
    }
    System.out.flush();
  }

  private static void endWithInput() {
    try {
      while (System.in.read() >= 0) {
      }
    } catch (java.io.IOException closed) {
      System.err.println("input: " + closed.getMessage());
    }
    Runtime.getRuntime().halt(0);
  }
}
