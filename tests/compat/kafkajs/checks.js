'use strict';
// Checks with kafkajs 2.2.4: producing and administration. Reading waits for consumer groups, which
// is the only way this client reads; what it wrote is looked at through its own offset queries and
// by the other clients' checks, which read the same wire format.

const {Kafka, CompressionTypes, ConfigResourceTypes, logLevel} = require('kafkajs');

const bootstrap = process.env.COMPAT_BOOTSTRAP;
const reference = process.env.COMPAT_KIND === 'kafka';
const checkMsMax = 60000;
const kafka = new Kafka({
  clientId: 'compat',
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  retry: {retries: reference ? 5 : 0},
});
const admin = kafka.admin();
const checks = [];

const check = (title, body) => checks.push({title, body});
const topic = (name) => `${process.env.COMPAT_PREFIX}-${name}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function same(got, expected, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`.slice(0, 600));
}

// What an admin call did shows at once; Apache Kafka's brokers hear of it a little later.
async function settled(condition) {
  const deadline = Date.now() + (reference ? 15000 : 0);
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error('the change does not show');
    await sleep(20);
  }
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    const inner = error.errors ? error.errors[0] : error.cause || error;
    return inner.type || error.type || error.message;
  }
  return 'none';
}

async function make(name, numPartitions = 1, config = {}) {
  const configEntries = Object.entries(config).map(([key, value]) => ({name: key, value}));
  await admin.createTopics(
      {topics: [{topic: topic(name), numPartitions, replicationFactor: 1, configEntries}]});
  await settled(async () => (await ends(topic(name))).length === numPartitions);
  return topic(name);
}

async function ends(name) {
  const offsets = await admin.fetchTopicOffsets(name);
  return offsets.sort((a, b) => a.partition - b.partition).map(({low, high}) => `${low}-${high}`);
}

async function withProducer(options, body) {
  const producer = kafka.producer(options);
  await producer.connect();
  try {
    return await body(producer);
  } finally {
    await producer.disconnect();
  }
}

check(
    'describeCluster and fetchTopicMetadata name the broker, the controller and every leader',
    async () => {
      const name = await make('metadata', 3);
      const cluster = await admin.describeCluster();
      same(cluster.brokers.map(({host, port}) => `${host}:${port}`), [bootstrap], 'brokers');
      same(
          cluster.brokers.some(({nodeId}) => nodeId === cluster.controller), true,
          'controller is a broker');
      const {topics} = await admin.fetchTopicMetadata({topics: [name]});
      const partitions = topics[0].partitions.sort((a, b) => a.partitionId - b.partitionId);
      const {nodeId} = cluster.brokers[0];
      same(
          partitions.map((p) => [p.partitionErrorCode, p.partitionId, p.leader, p.replicas, p.isr]),
          [0, 1, 2].map((id) => [0, id, nodeId, [nodeId], [nodeId]]), 'partitions');
      same((await admin.listTopics()).includes(name), true, 'listed');
    });

check('createTopics: each mistake has its own error, validateOnly creates nothing', async () => {
  const name = await make('exists');
  same(await admin.createTopics({topics: [{topic: name}]}), false, 'an existing topic');
  const create = (entry, options = {}) =>
      errorOf(admin.createTopics({topics: [{topic: topic('bad'), ...entry}], ...options}));
  same(await create({topic: topic('a b')}), 'INVALID_TOPIC_EXCEPTION', 'name with a blank');
  same(await create({numPartitions: 0}), 'INVALID_PARTITIONS', 'no partitions');
  same(
      await create({replicationFactor: 3}), 'INVALID_REPLICATION_FACTOR',
      'three replicas on one broker');
  same(
      await create({configEntries: [{name: 'retention.ms', value: 'soon'}]}), 'INVALID_CONFIG',
      'bad value');
  same(await create({}, {validateOnly: true, waitForLeaders: false}), 'none', 'validateOnly');
  same((await admin.listTopics()).includes(topic('bad')), false, 'created all the same');
});

check('deleteTopics: gone, then unknown', async () => {
  const name = await make('delete');
  await admin.deleteTopics({topics: [name]});
  await settled(async () => !(await admin.listTopics()).includes(name));
  same(
      await errorOf(admin.deleteTopics({topics: [name]})), 'UNKNOWN_TOPIC_OR_PARTITION',
      'deleting again');
});

check('createPartitions: added and usable', async () => {
  const name = await make('grow');
  await admin.createPartitions({topicPartitions: [{topic: name, count: 3}]});
  await settled(async () => (await ends(name)).length === 3);
  await withProducer(
      {},
      (producer) => producer.send(
          {topic: name, messages: [0, 1, 2].map((partition) => ({partition, value: 'x'}))}));
  same(await ends(name), ['0-1', '0-1', '0-1'], 'offsets');
  same(
      await errorOf(admin.createPartitions({topicPartitions: [{topic: name, count: 2}]})),
      'INVALID_PARTITIONS', 'fewer');
});

for (const acks of [0, 1, -1]) {
  check(
      `producing with acks=${acks}: offsets told are consecutive and everything is in the log`,
      async () => {
        const name = await make(`acks${acks}`);
        await withProducer({}, async (producer) => {
          for (let batch = 0; batch < 5; ++batch) {
            const messages = [...Array(20).keys()].map(
                (n) => ({key: `k${n}`, value: `v${n}`, headers: {h: 'x'}}));
            const told = await producer.send({topic: name, acks, messages});
            if (acks !== 0) same(told[0].baseOffset, String(batch * 20), 'base offset');
          }
        });
        const deadline =
            Date.now() + 10000;  // acks=0 returns before the broker has read the socket
        while ((await ends(name))[0] !== '0-100' && Date.now() < deadline) await sleep(20);
        same(await ends(name), ['0-100'], 'ends');
      });
}

check('producing with gzip: taken, counted record by record', async () => {
  const name = await make('gzip');
  const messages = [...Array(500).keys()].map((n) => ({value: `value ${n} `.repeat(20)}));
  await withProducer(
      {}, (producer) => producer.send({topic: name, compression: CompressionTypes.GZIP, messages}));
  same(await ends(name), ['0-500'], 'ends');
});

check('an idempotent producer: every record once', async () => {
  const name = await make('idempotent', 2);
  await withProducer({idempotent: true, maxInFlightRequests: 1, retry: {retries: 3}}, async (producer) => {
    for (let batch = 0; batch < 20; ++batch) {
      await producer.send(
          {topic: name, messages: [0, 1].map((partition) => ({partition, value: `${batch}`}))});
    }
  });
  same(await ends(name), ['0-20', '0-20'], 'ends');
});

check('a record over max.message.bytes is refused with MESSAGE_TOO_LARGE', async () => {
  const name = await make('too-large', 1, {'max.message.bytes': '1000'});
  await withProducer({}, async (producer) => {
    const send = (size) => producer.send({topic: name, messages: [{value: 'x'.repeat(size)}]});
    same(await errorOf(send(2000)), 'MESSAGE_TOO_LARGE', '2000 bytes');
    same(await errorOf(send(500)), 'none', '500 bytes');
  });
});

check('a topic is created by the first record sent to it', async () => {
  const patient = new Kafka({clientId: 'compat', brokers: [bootstrap], logLevel: logLevel.NOTHING});
  const producer = patient.producer({allowAutoTopicCreation: true});
  await producer.connect();
  await producer.send({topic: topic('auto'), messages: [{value: 'first'}]});
  await producer.disconnect();
  same(await ends(topic('auto')), ['0-1'], 'ends');
});

check('fetchTopicOffsetsByTimestamp lands on the exact record', async () => {
  const name = await make('times');
  const base = Date.now() - 3600000;
  const steps = [0, 10, 10, 30, 20, 50, 40, 60];
  await withProducer({}, (producer) => producer.send({
    topic: name,
    messages: steps.map((step) => ({value: 'x', timestamp: String(base + step)})),
  }));
  for (let step = 0; step <= 60; step += 5) {
    const [{offset}] = await admin.fetchTopicOffsetsByTimestamp(name, base + step);
    same(offset, String(steps.findIndex((s) => s >= step)), `offset at +${step} ms`);
  }
  const [{offset}] = await admin.fetchTopicOffsetsByTimestamp(name, base + 61);
  same(offset, '8', 'after the last: the end');
});

check('deleteTopicRecords: the log starts where it was told', async () => {
  const name = await make('delete-records');
  await withProducer(
      {},
      (producer) => producer.send(
          {topic: name, messages: [...Array(10).keys()].map((n) => ({value: `${n}`}))}));
  await admin.deleteTopicRecords({topic: name, partitions: [{partition: 0, offset: '6'}]});
  same(await ends(name), ['6-10'], 'ends');
  await admin.deleteTopicRecords({topic: name, partitions: [{partition: 0, offset: '-1'}]});
  same(await ends(name), ['10-10'], 'ends');
});

check('describeConfigs and alterConfigs: values, sources, changes', async () => {
  const name = await make('configs', 1, {'retention.ms': '12345678'});
  const resource = {type: ConfigResourceTypes.TOPIC, name};
  const described = async () => {
    const {resources} =
        await admin.describeConfigs({resources: [resource], includeSynonyms: false});
    return Object.fromEntries(resources[0].configEntries.map((e) => [e.configName, e]));
  };
  let found = await described();
  same(
      [found['retention.ms'].configValue, found['retention.ms'].isDefault], ['12345678', false],
      'own setting');
  same(
      [found['cleanup.policy'].configValue, found['cleanup.policy'].isDefault], ['delete', true],
      'default');
  const alter = (key, value) =>
      admin.alterConfigs({resources: [{...resource, configEntries: [{name: key, value}]}]});
  await alter('segment.ms', '3600000');
  await settled(async () => (await described())['segment.ms'].configValue === '3600000');
  same(
      (await described())['retention.ms'].isDefault, true, 'what was not named is a default again');
  same(await errorOf(alter('segment.ms', 'never')), 'INVALID_CONFIG', 'bad value');
});

async function limited(body) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${checkMsMax} ms`)), checkMsMax);
  });
  try {
    await Promise.race([body(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function main() {
  console.log(`plan ${checks.length}`);
  await admin.connect();
  for (const {title, body} of checks) {
    try {
      await limited(body);
      console.log(`ok ${title}`);
    } catch (error) {
      console.log(`not ok ${title}`);
      for (const line of String(error.stack).split('\n')) console.log(`# ${line}`);
    }
  }
  await admin.disconnect();
  process.exit(0);
}

main().catch((error) => {
  console.log(error.stack);
  process.exit(1);
});
