import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** The Java admin client: it asks with the newest versions that both sides know. */
final class AdminChecks {
  private AdminChecks() {}

  static final Admin ADMIN = Admin.create(Map.of("bootstrap.servers", Suite.BOOTSTRAP));

  static String make(String name, int partitions, Map<String, String> configs) throws Exception {
    String topic = Suite.topic(name);
    var made =
        ADMIN.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs)));
    made.all().get(Suite.WAIT_SECONDS, TimeUnit.SECONDS);
    Suite.settled(() -> describe(topic).partitions().size() == partitions);
    return topic;
  }

  static List<Integer> brokers() throws Exception {
    return ADMIN.describeCluster().nodes().get().stream().map(node -> node.id()).toList();
  }

  static TopicDescription describe(String topic) throws Exception {
    return ADMIN.describeTopics(List.of(topic))
        .allTopicNames()
        .get(Suite.WAIT_SECONDS, TimeUnit.SECONDS)
        .get(topic);
  }

  static void add(Suite suite) {
    suite.check(
        "createTopics answers id, partitions, replicas and settings; the topic is there at once",
        AdminChecks::create);
    suite.check("createTopics: each mistake has its own error, validateOnly creates nothing",
        AdminChecks::createErrors);
    suite.check("createTopics with a replica assignment and with the broker's defaults",
        AdminChecks::createOtherwise);
    suite.check("deleteTopics by name and by id", AdminChecks::delete);
    suite.check("describeTopics by name and by id, in pages", AdminChecks::describeTopics);
    suite.check("describeCluster: nodes, controller, cluster id", AdminChecks::describeCluster);
    suite.check(
        "createPartitions grows, refuses to shrink, and validates", AdminChecks::partitions);
    suite.check(
        "describeConfigs: values, sources, types and synonyms", AdminChecks::describeConfigs);
    suite.check("incrementalAlterConfigs: set, append, subtract, delete; mistakes change nothing",
        AdminChecks::alterConfigs);
    suite.check("listOffsets: earliest, latest, greatest time, by time", AdminChecks::listOffsets);
    suite.check("deleteRecords: the log starts where it was told", AdminChecks::deleteRecords);
    suite.check("describeLogDirs: sizes of what was written", AdminChecks::describeLogDirs);
    suite.check("describeProducers: the idempotent producer and its last sequence",
        AdminChecks::describeProducers);
    suite.check("listConfigResources: answered, or cleanly not supported",
        AdminChecks::listConfigResources);
  }

  private static void create() throws Exception {
    String topic = Suite.topic("create");
    var made = ADMIN.createTopics(
        List.of(new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "12345678"))));
    Suite.same(made.numPartitions(topic).get(), 3, "partitions");
    Suite.same(made.replicationFactor(topic).get(), 1, "replicas");
    Suite.same(made.config(topic).get().get("retention.ms").value(), "12345678", "retention.ms");
    Suite.same(made.config(topic).get().get("cleanup.policy").value(), "delete", "cleanup.policy");
    Uuid id = made.topicId(topic).get();
    Suite.settled(() -> describe(topic).partitions().size() == 3);
    Suite.same(describe(topic).topicId(), id, "topic id");
    Suite.settled(() -> ADMIN.listTopics().namesToListings().get().get(topic).topicId().equals(id));
  }

  private static void createErrors() throws Exception {
    String existing = make("exists", 1, Map.of());
    String bad = Suite.topic("bad");
    Map<NewTopic, Class<? extends Throwable>> wrong = Map.of(new NewTopic(existing, 1, (short) 1),
        TopicExistsException.class, new NewTopic("a b", 1, (short) 1), InvalidTopicException.class,
        new NewTopic(bad + "1", 0, (short) 1), InvalidPartitionsException.class,
        new NewTopic(bad + "2", 1, (short) 3), InvalidReplicationFactorException.class,
        new NewTopic(bad + "3", 1, (short) 1).configs(Map.of("retention.ms", "soon")),
        InvalidConfigurationException.class, new NewTopic(bad + "4", Map.of(0, List.of(4711))),
        InvalidReplicaAssignmentException.class);
    var results = ADMIN.createTopics(wrong.keySet()).values();
    for (var entry : wrong.entrySet()) {
      String name = entry.getKey().name();
      Suite.fails(entry.getValue(), results.get(name), name);
    }
    var fine = List.of(new NewTopic(bad, 1, (short) 1));
    ADMIN.createTopics(fine, new CreateTopicsOptions().validateOnly(true)).all().get();
    Set<String> names = ADMIN.listTopics().names().get();
    Suite.holds(
        names.stream().noneMatch(name -> name.startsWith(bad)), "created all the same: " + names);
  }

  private static void createOtherwise() throws Exception {
    int broker = ADMIN.describeCluster().nodes().get().iterator().next().id();
    String assigned = Suite.topic("assigned");
    String defaults = Suite.topic("defaults-of-broker");
    ADMIN
        .createTopics(
            List.of(new NewTopic(assigned, Map.of(0, List.of(broker), 1, List.of(broker))),
                new NewTopic(defaults, Optional.empty(), Optional.empty())))
        .all()
        .get();
    Suite.settled(() -> describe(assigned).partitions().size() == 2);
    Suite.settled(() -> describe(defaults).partitions().size() == 1);
  }

  private static void delete() throws Exception {
    String byName = make("delete-by-name", 1, Map.of());
    String byId = make("delete-by-id", 1, Map.of());
    Uuid id = describe(byId).topicId();
    ADMIN.deleteTopics(List.of(byName)).all().get();
    ADMIN.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    Suite.settled(() -> {
      Set<String> names = ADMIN.listTopics().names().get();
      return !names.contains(byName) && !names.contains(byId);
    });
    Suite.fails(UnknownTopicOrPartitionException.class, ADMIN.deleteTopics(List.of(byName)).all(),
        "by name");
    Suite.fails(UnknownTopicIdException.class,
        ADMIN.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all(), "by id");
  }

  private static void describeTopics() throws Exception {
    String topic = make("describe", 7, Map.of());
    var broker = ADMIN.describeCluster().nodes().get().iterator().next();
    TopicDescription found = describe(topic);
    Suite.same(found.partitions().stream().map(p -> p.partition()).toList(),
        List.of(0, 1, 2, 3, 4, 5, 6), "partitions");
    for (var part : found.partitions()) {
      Suite.same(part.leader(), broker, "leader");
      Suite.same(part.replicas(), List.of(broker), "replicas");
      Suite.same(part.isr(), List.of(broker), "in-sync replicas");
    }
    var paged =
        new org.apache.kafka.clients.admin.DescribeTopicsOptions().partitionSizeLimitPerResponse(3);
    Suite.same(ADMIN.describeTopics(List.of(topic), paged).allTopicNames().get().get(topic), found,
        "in pages of 3");
    var byId = ADMIN.describeTopics(TopicCollection.ofTopicIds(List.of(found.topicId())))
                   .allTopicIds()
                   .get();
    TopicDescription same = byId.get(found.topicId());
    Suite.same(same.name() + same.partitions().size(), topic + 7, "by id");
    Suite.fails(UnknownTopicOrPartitionException.class,
        ADMIN.describeTopics(List.of(Suite.topic("nobody"))).allTopicNames(), "unknown");
  }

  private static void describeCluster() throws Exception {
    var cluster = ADMIN.describeCluster();
    var nodes = cluster.nodes().get();
    Suite.same(nodes.stream().map(n -> n.host() + ":" + n.port()).toList(),
        List.of(Suite.BOOTSTRAP), "nodes");
    Suite.holds(nodes.contains(cluster.controller().get()), "the controller is not a node");
    Suite.holds(!cluster.clusterId().get().isEmpty(), "no cluster id");
  }

  private static void partitions() throws Exception {
    String topic = make("grow", 2, Map.of());
    ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
    Suite.settled(() -> describe(topic).partitions().size() == 5);
    for (int count : new int[] {5, 1}) {
      Suite.fails(InvalidPartitionsException.class,
          ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(count))).all(),
          "to " + count);
    }
    var only = new org.apache.kafka.clients.admin.CreatePartitionsOptions().validateOnly(true);
    ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(9)), only).all().get();
    Suite.same(describe(topic).partitions().size(), 5, "partitions after validating");
  }

  private static Config configs(String topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    return ADMIN.describeConfigs(List.of(resource)).all().get().get(resource);
  }

  private static void describeConfigs() throws Exception {
    String topic = make("configs", 1, Map.of("retention.ms", "12345678"));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    var options = new org.apache.kafka.clients.admin.DescribeConfigsOptions()
                      .includeSynonyms(true)
                      .includeDocumentation(true);
    Config found = ADMIN.describeConfigs(List.of(resource), options).all().get().get(resource);
    ConfigEntry own = found.get("retention.ms");
    Suite.same(own.value(), "12345678", "own value");
    Suite.same(own.source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "own source");
    Suite.same(own.type(), ConfigEntry.ConfigType.LONG, "type");
    Suite.same(own.synonyms().get(0).value(), "12345678", "first synonym");
    Suite.holds(own.documentation() != null && !own.documentation().isEmpty(), "no documentation");
    ConfigEntry other = found.get("cleanup.policy");
    Suite.same(other.value(), "delete", "default");
    Suite.same(other.source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG, "source of a default");
    Suite.same(other.type(), ConfigEntry.ConfigType.LIST, "type of a list");
    Suite.fails(UnknownTopicOrPartitionException.class,
        ADMIN
            .describeConfigs(
                List.of(new ConfigResource(ConfigResource.Type.TOPIC, Suite.topic("nobody"))))
            .all(),
        "unknown topic");
    var broker = ADMIN.describeCluster().nodes().get().iterator().next();
    ConfigResource brokers = new ConfigResource(ConfigResource.Type.BROKER, broker.idString());
    Config settings = ADMIN.describeConfigs(List.of(brokers)).all().get().get(brokers);
    Suite.holds(settings.entries().size() >= 10, "broker settings");
    Suite.same(settings.get("log.segment.bytes").value(), "1073741824", "log.segment.bytes");
    Suite.holds(settings.get("log.retention.ms") != null, "log.retention.ms is missing");
    Suite.same(settings.get("message.max.bytes").type(), ConfigEntry.ConfigType.INT, "its type");
    Suite.holds(settings.get("log.dirs").isReadOnly(), "log.dirs can be changed");
    Suite.same(found.get("segment.bytes").synonyms().get(0).name(), "log.segment.bytes", "its name there");
  }

  private static org.apache.kafka.common.KafkaFuture<Void> alter(String topic, boolean validateOnly,
      Map<String, Map.Entry<AlterConfigOp.OpType, String>> changes) {
    Collection<AlterConfigOp> operations = new ArrayList<>();
    changes.forEach((key, change)
                        -> operations.add(new AlterConfigOp(
                            new ConfigEntry(key, change.getValue()), change.getKey())));
    return ADMIN
        .incrementalAlterConfigs(
            Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), operations),
            new AlterConfigsOptions().validateOnly(validateOnly))
        .all();
  }

  private static void alterConfigs() throws Exception {
    String topic = make("alter", 1, Map.of("retention.ms", "1000000"));
    alter(topic, false,
        Map.of("segment.ms", Map.entry(AlterConfigOp.OpType.SET, "3600000"), "cleanup.policy",
            Map.entry(AlterConfigOp.OpType.APPEND, "compact")))
        .get();
    Suite.settled(() -> configs(topic).get("segment.ms").value().equals("3600000"));
    Suite.same(configs(topic).get("cleanup.policy").value(), "delete,compact", "cleanup.policy");
    Suite.same(configs(topic).get("retention.ms").value(), "1000000", "retention.ms");
    alter(topic, false,
        Map.of("segment.ms", Map.entry(AlterConfigOp.OpType.DELETE, ""), "cleanup.policy",
            Map.entry(AlterConfigOp.OpType.SUBTRACT, "compact")))
        .get();
    Suite.settled(() -> configs(topic).get("segment.ms").isDefault());
    Suite.same(configs(topic).get("cleanup.policy").value(), "delete", "cleanup.policy");
    for (var wrong : List.of(Map.entry("no.such.key", "1"), Map.entry("retention.ms", "soon"))) {
      var change = Map.of(wrong.getKey(), Map.entry(AlterConfigOp.OpType.SET, wrong.getValue()));
      Suite.fails(InvalidConfigurationException.class, alter(topic, false, change), wrong.getKey());
    }
    alter(topic, true, Map.of("retention.ms", Map.entry(AlterConfigOp.OpType.SET, "2000000")))
        .get();
    Suite.same(
        configs(topic).get("retention.ms").value(), "1000000", "retention.ms after validating");
  }

  private static long offset(String topic, OffsetSpec spec) throws Exception {
    TopicPartition part = new TopicPartition(topic, 0);
    return ADMIN.listOffsets(Map.of(part, spec)).partitionResult(part).get().offset();
  }

  private static void listOffsets() throws Exception {
    String topic = make("list-offsets", 1, Map.of());
    Suite.same(offset(topic, OffsetSpec.latest()), 0L, "latest of the empty log");
    Suite.same(offset(topic, OffsetSpec.maxTimestamp()), -1L, "greatest time of the empty log");
    long base = System.currentTimeMillis() - ClientChecks.HOUR;
    try (var producer = ClientChecks.producer(Map.of("linger.ms", 50))) {
      for (int step : new int[] {0, 500, 200, 300})
        producer.send(new ProducerRecord<>(topic, 0, base + step, "k", "v"));
    }
    Suite.same(offset(topic, OffsetSpec.earliest()), 0L, "earliest");
    Suite.same(offset(topic, OffsetSpec.latest()), 4L, "latest");
    Suite.same(offset(topic, OffsetSpec.maxTimestamp()), 1L, "greatest time");
    Suite.same(offset(topic, OffsetSpec.forTimestamp(base + 1)), 1L, "by time");
    Suite.same(offset(topic, OffsetSpec.forTimestamp(base + 501)), -1L, "after the last");
    Suite.same(offset(topic, OffsetSpec.earliestLocal()), 0L, "earliest on this disk");
    TopicPartition unknown = new TopicPartition(topic, 9);
    Suite.holds(Suite.failureOf(ADMIN
                        .listOffsets(Map.of(unknown, OffsetSpec.latest()),
                            new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(2000))
                        .all())
            != null,
        "unknown partition");
  }

  private static void deleteRecords() throws Exception {
    String topic = make("delete-records", 1, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    ClientChecks.write(topic, 10);
    var deleted = ADMIN.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(6)));
    Suite.same(deleted.lowWatermarks().get(part).get().lowWatermark(), 6L, "low watermark");
    Suite.same(offset(topic, OffsetSpec.earliest()), 6L, "earliest");
    Suite.same(offset(topic, OffsetSpec.latest()), 10L, "latest");
    Suite.same(ClientChecks.values(ClientChecks.readAll(topic, 4)), List.of("6", "7", "8", "9"),
        "records left");
    var again = ADMIN.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(3)));
    Suite.same(
        again.lowWatermarks().get(part).get().lowWatermark(), 6L, "low watermark, asked for less");
    Suite.fails(OffsetOutOfRangeException.class,
        ADMIN.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(11))).all(),
        "beyond the end");
    ADMIN.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(-1))).all().get();
    Suite.same(offset(topic, OffsetSpec.earliest()), 10L, "earliest, all deleted");
  }

  private static void describeLogDirs() throws Exception {
    String topic = make("log-dirs", 2, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    ClientChecks.write(topic, 1000);
    var broker = ADMIN.describeCluster().nodes().get().iterator().next();
    var dirs = ADMIN.describeLogDirs(List.of(broker.id())).allDescriptions().get().get(broker.id());
    Suite.same(dirs.size(), 1, "directories");
    var dir = dirs.values().iterator().next();
    Suite.same(dir.error(), null, "error");
    var replicas = dir.replicaInfos();
    Suite.holds(replicas.get(part).size() > 1000, "size " + replicas.get(part));
    Suite.same(
        replicas.get(new TopicPartition(topic, 1)).size(), 0L, "size of the empty partition");
    Suite.holds(
        dir.totalBytes().orElse(0) > 0 && dir.usableBytes().orElse(0) > 0, "sizes of the disk");
  }

  private static void describeProducers() throws Exception {
    String topic = make("producers", 1, Map.of());
    TopicPartition part = new TopicPartition(topic, 0);
    Suite.same(ADMIN.describeProducers(List.of(part)).partitionResult(part).get().activeProducers(),
        List.of(), "none yet");
    ClientChecks.write(topic, 25);
    List<ProducerState> states =
        ADMIN.describeProducers(List.of(part)).partitionResult(part).get().activeProducers();
    Suite.same(states.size(), 1, "producers");
    Suite.same(states.get(0).lastSequence(), 24, "last sequence");
    Suite.same(states.get(0).producerEpoch(), 0, "producer epoch");
  }

  private static void listConfigResources() throws Exception {
    Throwable failure = Suite.failureOf(ADMIN.listConfigResources().all());
    Suite.holds(
        failure == null || failure instanceof UnsupportedVersionException, "failure: " + failure);
  }
}
