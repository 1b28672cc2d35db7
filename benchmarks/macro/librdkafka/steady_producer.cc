// Sends a small record every 10 ms with librdkafka's default settings, for ever, and tells what
// became of each: "ack BEGUN ANSWERED -1" in nanoseconds of the monotonic clock, or "error BEGUN
// ANSWERED NAME" when librdkafka has given it up. Ends when its input does.
//
//   steady_producer HOST:PORT,... TOPIC PARTITIONS      records go to partitions in turn

#include <librdkafka/rdkafkacpp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

constexpr std::int64_t kEveryNs = 10'000'000;

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

class Reports : public RdKafka::DeliveryReportCb {
 public:
  void dr_cb(RdKafka::Message& message) override {
    const auto begun =
        static_cast<long long>(reinterpret_cast<std::intptr_t>(message.msg_opaque()));
    const auto now = static_cast<long long>(now_ns());
    if (message.err() == RdKafka::ERR_NO_ERROR) {
      std::printf("ack %lld %lld -1\n", begun, now);
    } else {
      std::printf("error %lld %lld %d\n", begun, now, static_cast<int>(message.err()));
    }
    std::fflush(stdout);
  }
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "steady_producer: %s\n", what.c_str());
  std::exit(1);
}

bool input_ended() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char byte = 0;
  return ::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) fail("give HOST:PORT, a topic and its number of partitions");
  Reports reports;
  std::string error;
  std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
  if (conf->set("bootstrap.servers", words[1], error) != RdKafka::Conf::CONF_OK) fail(error);
  // That a broker goes away is no news here.
  if (conf->set("log_level", "0", error) != RdKafka::Conf::CONF_OK) fail(error);
  if (conf->set("dr_cb", &reports, error) != RdKafka::Conf::CONF_OK) fail(error);
  std::unique_ptr<RdKafka::Producer> producer(RdKafka::Producer::create(conf.get(), error));
  if (!producer) fail(error);
  const std::string value(100, 'x');
  const int partitions = std::atoi(words[3]);
  if (partitions < 1) fail("a topic has one partition at least");
  std::int64_t due = now_ns();
  for (int number = 0; !input_ended(); ++number, due += kEveryNs) {
    while (now_ns() < due) {
      producer->poll(static_cast<int>(std::max<std::int64_t>(0, (due - now_ns()) / 1'000'000)));
    }
    const RdKafka::ErrorCode code =
        producer->produce(words[2], number % partitions, RdKafka::Producer::RK_MSG_COPY,
                          const_cast<char*>(value.data()), value.size(), nullptr, 0, 0,
                          reinterpret_cast<void*>(static_cast<std::intptr_t>(now_ns())));
    if (code != RdKafka::ERR_NO_ERROR) {
      std::printf("error %lld %lld %d\n", static_cast<long long>(now_ns()),
                  static_cast<long long>(now_ns()), static_cast<int>(code));
      std::fflush(stdout);
    }
  }
  std::_Exit(0);  // nobody waits for what is on its way
}
