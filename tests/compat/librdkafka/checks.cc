// Checks with librdkafka's C++ interface, as a C++ application would use it: delivery reports, five
// idempotent requests in flight, reading by assign(). Reports in the lines of harness/checks.py.

#include <librdkafka/rdkafkacpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int kWaitMs = 15000;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string topic(const std::string& name) { return environment("COMPAT_PREFIX") + "-" + name; }

void hold(bool condition, const std::string& message) {
  if (!condition) throw std::runtime_error(message);
}

void succeed(RdKafka::ErrorCode code, const std::string& what) {
  hold(code == RdKafka::ERR_NO_ERROR, what + ": " + RdKafka::err2str(code));
}

std::int64_t now_ms() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

using Settings = std::map<std::string, std::string>;

std::unique_ptr<RdKafka::Conf> configuration(Settings settings,
                                             RdKafka::DeliveryReportCb* reports = nullptr) {
  settings.emplace("bootstrap.servers", environment("COMPAT_BOOTSTRAP"));
  std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
  std::string error;
  for (const auto& [key, value] : settings) {
    hold(conf->set(key, value, error) == RdKafka::Conf::CONF_OK, error);
  }
  if (reports != nullptr) conf->set("dr_cb", reports, error);
  return conf;
}

// Keeps what the broker said of each message, by the number that was its payload.
class Reports : public RdKafka::DeliveryReportCb {
 public:
  void dr_cb(RdKafka::Message& message) override {
    if (message.err() != RdKafka::ERR_NO_ERROR) {
      ++failed;
      first_error = message.errstr();
      return;
    }
    offsets[message.partition()].push_back(message.offset());
  }

  std::map<int, std::vector<std::int64_t>> offsets;  // in the order of the reports
  int failed = 0;
  std::string first_error;
};

class Producer {
 public:
  explicit Producer(Settings settings) {
    std::string error;
    producer_.reset(
        RdKafka::Producer::create(configuration(std::move(settings), &reports_).get(), error));
    hold(producer_ != nullptr, error);
  }

  void send(const std::string& name, int partition, const std::string& value,
            std::int64_t timestamp = 0) {
    for (;;) {
      auto code = producer_->produce(name, partition, RdKafka::Producer::RK_MSG_COPY,
                                     const_cast<char*>(value.data()), value.size(), "k", 1,
                                     timestamp, nullptr);
      if (code == RdKafka::ERR_NO_ERROR) return;
      hold(code == RdKafka::ERR__QUEUE_FULL, RdKafka::err2str(code));
      producer_->poll(10);
    }
  }

  const Reports& finish() {
    succeed(producer_->flush(kWaitMs), "flush");
    return reports_;
  }

 private:
  Reports reports_;
  std::unique_ptr<RdKafka::Producer> producer_;
};

class Reader {
 public:
  Reader() {
    std::string error;
    // group.id is demanded by the library and used for nothing: assign() asks no coordinator.
    auto conf = configuration({{"group.id", "unused"},
                               {"enable.auto.commit", "false"},
                               {"auto.offset.reset", "error"},
                               {"fetch.wait.max.ms", "20"}});
    consumer_.reset(RdKafka::KafkaConsumer::create(conf.get(), error));
    hold(consumer_ != nullptr, error);
  }
  ~Reader() { consumer_->close(); }

  void assign(const std::string& name, int partition, std::int64_t offset) {
    std::unique_ptr<RdKafka::TopicPartition> place(
        RdKafka::TopicPartition::create(name, partition, offset));
    succeed(consumer_->assign({place.get()}), "assign");
  }

  void seek(const std::string& name, int partition, std::int64_t offset) {
    std::unique_ptr<RdKafka::TopicPartition> place(
        RdKafka::TopicPartition::create(name, partition, offset));
    succeed(consumer_->seek(*place, kWaitMs), "seek");
  }

  std::unique_ptr<RdKafka::Message> next() {
    std::unique_ptr<RdKafka::Message> message(consumer_->consume(kWaitMs));
    succeed(message->err(), "consume");
    return message;
  }

  RdKafka::KafkaConsumer& operator*() { return *consumer_; }

 private:
  std::unique_ptr<RdKafka::KafkaConsumer> consumer_;
};

std::string payload(const RdKafka::Message& message) {
  return {static_cast<const char*>(message.payload()), message.len()};
}

void produce_and_report(const std::string& name, Settings settings, int count) {
  settings.emplace("linger.ms", "2");
  Producer producer(std::move(settings));
  // The first record makes the topic; only then may many requests be in flight without reordering.
  producer.send(topic(name), 0, "0");
  producer.finish();
  for (int n = 1; n < count; ++n) producer.send(topic(name), 0, std::to_string(n));
  const Reports& reports = producer.finish();
  hold(reports.failed == 0, "failed: " + reports.first_error);
  const auto& offsets = reports.offsets.at(0);
  hold(offsets.size() == static_cast<std::size_t>(count), "reports missing");
  for (int n = 0; n < count; ++n) {
    hold(offsets[n] == n,
         "offset " + std::to_string(offsets[n]) + " told for record " + std::to_string(n));
  }
  Reader reader;
  reader.assign(topic(name), 0, 0);
  for (int n = 0; n < count; ++n) {
    auto message = reader.next();
    hold(message->offset() == n && payload(*message) == std::to_string(n),
         "record " + std::to_string(n) + " came as " + payload(*message));
  }
}

void watermarks_and_seek() {
  Producer producer({});
  for (int n = 0; n < 100; ++n) producer.send(topic("seek"), 0, std::to_string(n));
  hold(producer.finish().failed == 0, "not delivered");
  Reader reader;
  std::int64_t low = -1;
  std::int64_t high = -1;
  succeed((*reader).query_watermark_offsets(topic("seek"), 0, &low, &high, kWaitMs), "query");
  hold(low == 0 && high == 100, "ends " + std::to_string(low) + " and " + std::to_string(high));
  reader.assign(topic("seek"), 0, 60);
  hold(payload(*reader.next()) == "60", "assign at 60");
  reader.seek(topic("seek"), 0, 7);
  hold(payload(*reader.next()) == "7", "seek to 7");
  reader.assign(topic("seek"), 0, RdKafka::Topic::OFFSET_BEGINNING);
  hold(payload(*reader.next()) == "0", "beginning");
  reader.assign(topic("seek"), 0, RdKafka::Consumer::OffsetTail(3));
  hold(payload(*reader.next()) == "97", "three from the end");
}

void offsets_for_times() {
  const std::int64_t base = now_ms() - 3600 * 1000;
  const std::vector<int> steps = {0, 10, 10, 30, 20, 50, 40, 60};
  Producer producer({{"linger.ms", "50"}});
  for (int step : steps) producer.send(topic("times"), 0, "x", base + step);
  hold(producer.finish().failed == 0, "not delivered");
  Reader reader;
  for (int step = 0; step <= 60; ++step) {
    std::size_t expected = 0;
    while (steps[expected] < step) ++expected;
    std::unique_ptr<RdKafka::TopicPartition> asked(
        RdKafka::TopicPartition::create(topic("times"), 0, base + step));
    std::vector<RdKafka::TopicPartition*> places = {asked.get()};
    succeed((*reader).offsetsForTimes(places, kWaitMs), "offsetsForTimes");
    succeed(asked->err(), "partition");
    hold(asked->offset() == static_cast<std::int64_t>(expected),
         "offset " + std::to_string(asked->offset()) + " at +" + std::to_string(step) + " ms");
  }
}

void tail() {
  Producer producer({{"linger.ms", "0"}});
  producer.send(topic("tail"), 0, "first");
  producer.finish();
  Reader reader;
  reader.assign(topic("tail"), 0, 0);
  reader.next();
  for (int n = 0; n < 200; ++n) {
    producer.send(topic("tail"), 0, std::to_string(n));
    producer.finish();
    hold(payload(*reader.next()) == std::to_string(n), "record " + std::to_string(n));
  }
}

struct Check {
  std::string title;
  std::function<void()> body;
};

std::vector<Check> checks() {
  std::vector<Check> all;
  for (const char* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    all.push_back(
        {std::string("delivery reports with ") + codec + ": consecutive offsets, same records back",
         [codec] {
           produce_and_report(std::string("codec-") + codec, {{"compression.codec", codec}}, 3000);
         }});
  }
  all.push_back(
      {"idempotent with five requests in flight: no record lost, doubled or out of order", [] {
         produce_and_report("idempotent",
                            {{"enable.idempotence", "true"},
                             {"max.in.flight.requests.per.connection", "5"},
                             {"batch.num.messages", "20"},
                             {"linger.ms", "0"}},
                            20000);
       }});
  all.push_back({"acks=1: consecutive offsets, same records back",
                 [] { produce_and_report("acks1", {{"acks", "1"}}, 5000); }});
  all.push_back({"watermarks, assign and seek are exact", watermarks_and_seek});
  all.push_back({"offsetsForTimes lands on the exact record", offsets_for_times});
  all.push_back({"a reader at the end sees each record as it is written", tail});
  return all;
}

}  // namespace

int main() {
  const std::vector<Check> all = checks();
  std::printf("plan %zu\n", all.size());
  for (const Check& check : all) {
    try {
      check.body();
      std::printf("ok %s\n", check.title.c_str());
    } catch (const std::exception& error) {
      std::printf("not ok %s\n# %s\n", check.title.c_str(), error.what());
    }
    std::fflush(stdout);
  }
  return 0;
}
