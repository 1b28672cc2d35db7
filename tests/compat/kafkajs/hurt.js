'use strict';
// kafkajs 2.2.4 while brokers are killed and come back, with its default retries. It reads through groups
// only, so what it wrote is counted by its own offset queries.

const {Kafka, logLevel} = require('kafkajs');

const seconds = 12;  // of writing: each broker is killed at least once meanwhile
const partitions = 3;
const kafka = new Kafka({
  clientId: 'compat',
  brokers: process.env.COMPAT_BOOTSTRAP.split(','),
  logLevel: logLevel.NOTHING,
});
const topic = (name) => `${process.env.COMPAT_PREFIX}-${name}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const checks = [];
const check = (title, body) => checks.push({title, body});
const written = {};

async function write(name, options) {
  const producer = kafka.producer(options);
  await producer.connect();
  const began = Date.now();
  const pending = [];
  let number = 0;
  for (; Date.now() < began + seconds * 1000; ++number) {
    const message = {value: String(number), partition: number % partitions};
    const sent = producer.send({topic: name, messages: [message]});
    // One after the other where a producer has to keep the order.
    if (options.idempotent) {
      await sent;
    } else {
      pending.push(sent.then(() => null, (error) => error));
    }
    await sleep(10);
  }
  const failed = (await Promise.all(pending)).filter((error) => error !== null);
  await producer.disconnect();
  if (failed.length > 0) throw failed[0];
  written[name] = number;
}

async function count(name) {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(name);
  await admin.disconnect();
  return ends.map(({high}) => Number(high)).reduce((a, b) => a + b);
}

check(
    'every record is acknowledged while brokers are killed in turns',
    () => Promise.all([
      write(topic('plain'), {}),
      write(topic('idempotent'), {idempotent: true, maxInFlightRequests: 1}),
    ]));

check('all of them are there', async () => {
  const found = await count(topic('plain'));
  const wanted = written[topic('plain')];
  if (!(found >= wanted)) throw new Error(`${found} of ${wanted} records`);
});

check('an idempotent producer\'s are there once', async () => {
  const found = await count(topic('idempotent'));
  const wanted = written[topic('idempotent')];
  if (found !== wanted) throw new Error(`${found} records where ${wanted} were written`);
});

async function main() {
  console.log(`plan ${checks.length}`);
  for (const {title, body} of checks) {
    try {
      await body();
      console.log(`ok ${title}`);
    } catch (error) {
      console.log(`not ok ${title}`);
      for (const line of String(error.stack).split('\n')) console.log(`# ${line}`);
    }
  }
  process.exit(0);
}

main().catch((error) => {
  console.log(error.stack);
  process.exit(1);
});
