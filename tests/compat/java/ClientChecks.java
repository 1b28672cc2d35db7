import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Producer and consumer of the Java library; reading is by assign() alone, without groups. */
final class ClientChecks {
  private ClientChecks() {}

  static final long HOUR = 3600_000;

  static KafkaProducer<String, String> producer(Map<String, Object> settings) {
    Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", Suite.BOOTSTRAP));
    all.putAll(settings);
    return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> reader(Map<String, Object> settings) {
    Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", Suite.BOOTSTRAP,
        "auto.offset.reset", "none", "fetch.max.wait.ms", 50));
    all.putAll(settings);
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  static List<ConsumerRecord<String, String>> readOn(
      KafkaConsumer<String, String> reader, int count) {
    List<ConsumerRecord<String, String>> got = new ArrayList<>();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Suite.WAIT_SECONDS);
    while (got.size() < count) {
      Suite.holds(System.nanoTime() < deadline, got.size() + " of " + count + " records");
      reader.poll(Duration.ofMillis(200)).forEach(got::add);
    }
    return got;
  }

  static List<String> values(List<ConsumerRecord<String, String>> records) {
    return records.stream().map(ConsumerRecord::value).toList();
  }

  static List<ConsumerRecord<String, String>> readAll(String topic, int count) {
    try (var reader = reader(Map.of())) {
      TopicPartition part = new TopicPartition(topic, 0);
      reader.assign(List.of(part));
      reader.seekToBeginning(List.of(part));
      return readOn(reader, count);
    }
  }

  static void write(String topic, int count) throws Exception {
    try (var producer = producer(Map.of())) {
      for (int n = 0; n < count; ++n)
        producer.send(new ProducerRecord<>(topic, 0, null, String.valueOf(n)));
    }
  }

  static void writeAndReadBack(String name, int count, Map<String, Object> settings)
      throws Exception {
    String topic = AdminChecks.make(name, 1, Map.of());
    long base = System.currentTimeMillis() - HOUR;
    List<Future<RecordMetadata>> told = new ArrayList<>();
    try (var producer = producer(settings)) {
      for (int n = 0; n < count; ++n) {
        var record = new ProducerRecord<>(
            topic, 0, base + n, "k" + n, "value " + n + " strandline strandline");
        record.headers()
            .add("h", String.valueOf(n).getBytes(StandardCharsets.UTF_8))
            .add("none", null);
        told.add(producer.send(record));
      }
      producer.flush();
    }
    boolean offsetsAreTold = !"0".equals(settings.get("acks"));
    for (int n = 0; offsetsAreTold && n < count; ++n) {
      Suite.same(told.get(n).get().offset(), (long) n, "offset told");
    }
    int n = 0;
    for (var record : readAll(topic, count)) {
      Suite.same(record.offset(), (long) n, "offset");
      Suite.same(record.key() + record.value(), "k" + n + "value " + n + " strandline strandline",
          "record");
      Suite.same(record.timestamp(), base + n, "time");
      var headers = record.headers().toArray();
      Suite.same(headers[0].key() + new String(headers[0].value(), StandardCharsets.UTF_8), "h" + n,
          "header");
      Suite.same(headers[1].value(), null, "null header");
      ++n;
    }
    Suite.same(n, count, "records");
  }

  static void add(Suite suite) {
    suite.check("defaults (idempotent, acks=all): 20000 records once each, in order, as told",
        () -> writeAndReadBack("defaults", 20000, Map.of()));
    suite.check("idempotent with five small requests in flight: once each, in order",
        () -> writeAndReadBack("pipelined", 5000, Map.of("batch.size", 300, "linger.ms", 0)));
    for (String acks : List.of("0", "1", "all")) {
      suite.check("acks=" + acks + " without idempotence: everything sent can be read",
          ()
              -> writeAndReadBack(
                  "acks-" + acks, 2000, Map.of("acks", acks, "enable.idempotence", false)));
    }
    for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
      suite.check(codec + ": records come back with keys, headers and times",
          ()
              -> writeAndReadBack(
                  "codec-" + codec, 2000, Map.of("compression.type", codec, "linger.ms", 20)));
    }
    suite.check("a topic is created by the first record sent to it", () -> {
      String topic = Suite.topic("auto");
      write(topic, 3);
      Suite.same(values(readAll(topic, 3)), List.of("0", "1", "2"), "records");
    });
    suite.check("nulls and empty strings are told apart", ClientChecks::nulls);
    suite.check("assign, seek, pause, position and the ends are exact", ClientChecks::seek);
    suite.check("offsetsForTimes lands on the exact record", ClientChecks::times);
    suite.check("reading outside the log raises OffsetOutOfRange", ClientChecks::outOfRange);
    suite.check(
        "a deleted and recreated topic is a new one: ids are told apart", ClientChecks::recreated);
    suite.check("wrong records have their own errors: too large, from the future",
        ClientChecks::wrongRecords);
    if (!Suite.REFERENCE) {
      suite.check(
          "a transactional producer is refused fatally and at once", ClientChecks::transactional);
    }
  }

  private static void nulls() throws Exception {
    String topic = AdminChecks.make("nulls", 1, Map.of());
    try (var producer = producer(Map.of())) {
      producer.send(new ProducerRecord<>(topic, "k", null));
      producer.send(new ProducerRecord<>(topic, null, "v"));
      producer.send(new ProducerRecord<>(topic, "", ""));
    }
    List<String> got = readAll(topic, 3).stream().map(r -> r.key() + "=" + r.value()).toList();
    Suite.same(got, List.of("k=null", "null=v", "="), "keys and values");
  }

  private static void seek() throws Exception {
    String topic = AdminChecks.make("seek", 2, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    TopicPartition empty = new TopicPartition(topic, 1);
    write(topic, 100);
    try (var reader = reader(Map.of("max.poll.records", 1))) {
      reader.assign(List.of(part, empty));
      Suite.same(
          reader.beginningOffsets(List.of(part, empty)), Map.of(part, 0L, empty, 0L), "beginning");
      Suite.same(reader.endOffsets(List.of(part, empty)), Map.of(part, 100L, empty, 0L), "end");
      reader.seekToBeginning(List.of(empty));
      reader.seek(part, 77);
      Suite.same(values(readOn(reader, 2)), List.of("77", "78"), "after seek");
      Suite.same(reader.position(part), 79L, "position");
      reader.pause(List.of(part));
      Suite.same(reader.poll(Duration.ofMillis(200)).count(), 0, "records while paused");
      reader.resume(List.of(part));
      reader.seekToEnd(List.of(part));
      Suite.same(reader.position(part), 100L, "position at the end");
      write(topic, 1);
      Suite.same(readOn(reader, 1).get(0).offset(), 100L, "after the end");
      Suite.same(reader.currentLag(part).orElse(-1), 0L, "lag");
    }
  }

  private static void times() throws Exception {
    String topic = AdminChecks.make("times", 1, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    long base = System.currentTimeMillis() - HOUR;
    int[] steps = {0, 10, 10, 30, 20, 50, 40, 60};
    try (var producer = producer(Map.of("linger.ms", 50))) {
      for (int step : steps) producer.send(new ProducerRecord<>(topic, 0, base + step, "k", "v"));
    }
    try (var reader = reader(Map.of())) {
      for (int step = 0; step <= 60; ++step) {
        int expected = 0;
        while (steps[expected] < step) ++expected;
        OffsetAndTimestamp found = reader.offsetsForTimes(Map.of(part, base + step)).get(part);
        Suite.same(found.offset(), (long) expected, "offset at +" + step + " ms");
        Suite.same(found.timestamp(), base + steps[expected], "its time");
      }
      Suite.same(reader.offsetsForTimes(Map.of(part, base + 61)).get(part), null, "after the last");
    }
  }

  private static void outOfRange() throws Exception {
    String topic = AdminChecks.make("range", 1, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    write(topic, 5);
    try (var reader = reader(Map.of())) {
      reader.assign(List.of(part));
      reader.seek(part, 500);
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Suite.WAIT_SECONDS);
      while (System.nanoTime() < deadline) reader.poll(Duration.ofMillis(200));
      throw new AssertionError("no error");
    } catch (OffsetOutOfRangeException error) {
      Suite.same(error.offsetOutOfRangePartitions(), Map.of(part, 500L), "partitions of the error");
    }
  }

  private static void recreated() throws Exception {
    String topic = AdminChecks.make("recreated", 1, Map.of());
    try (var producer = producer(Map.of())) {
      producer.send(new ProducerRecord<>(topic, 0, "k", "old")).get();
      var before = AdminChecks.describe(topic).topicId();
      AdminChecks.ADMIN.deleteTopics(List.of(topic)).all().get();
      Suite.settled(() -> !AdminChecks.ADMIN.listTopics().names().get().contains(topic));
      AdminChecks.make("recreated", 1, Map.of());
      Suite.holds(!before.equals(AdminChecks.describe(topic).topicId()), "the id is the old one");
    }
    try (var producer = producer(Map.of())) {
      Suite.same(producer.send(new ProducerRecord<>(topic, 0, "k", "new")).get().offset(), 0L,
          "first offset");
    }
    Suite.same(values(readAll(topic, 1)), List.of("new"), "records");
  }

  private static void wrongRecords() throws Exception {
    String topic = AdminChecks.make("wrong", 1, Map.of("max.message.bytes", "1000"));
    try (var producer = producer(Map.of())) {
      Suite.fails(RecordTooLargeException.class,
          producer.send(new ProducerRecord<>(topic, "k", "x".repeat(2000))), "2000 bytes");
      long ahead = System.currentTimeMillis() + 2 * HOUR;
      Suite.fails(InvalidTimestampException.class,
          producer.send(new ProducerRecord<>(topic, 0, ahead, "k", "v")), "two hours ahead");
      Suite.same(
          producer.send(new ProducerRecord<>(topic, "k", "fine")).get().offset(), 0L, "a good one");
    }
  }

  private static void transactional() throws Exception {
    long began = System.nanoTime();
    try (var producer = producer(Map.of("transactional.id", "some", "max.block.ms", 10000))) {
      producer.initTransactions();
      throw new AssertionError("accepted");
    } catch (KafkaException error) {
      Suite.holds(!(error instanceof org.apache.kafka.common.errors.RetriableException),
          "retriable: " + error);
    }
    Suite.holds(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(5), "it took longer than 5 s");
  }
}
