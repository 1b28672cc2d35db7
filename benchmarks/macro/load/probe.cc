// Writes to one partition for ever, each write as somebody who has just come: a fresh connection to
// one of the bootstrap brokers in turn, who says where the leader is; a fresh one to the leader if
// that is another; one record, acks=all. Every --every-ms one begins, whatever became of the
// others.
//
// Each acknowledgement is a line "ack BEGUN ANSWERED BROKER": nanoseconds of the monotonic clock,
// and the broker that answered. What fails is not told: the next one begins soon enough. Ends with
// the process that started it, or by a signal.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "batch.h"
#include "bytes.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

namespace {

constexpr std::size_t kAnswerBytesMax = 1 << 20;

struct Asked {
  std::string topic;
  std::int32_t partition;
  std::vector<std::uint8_t> where, write;  // the two requests
};

// connecting -> asking -> [connecting to the leader ->] writing -> done
class Attempt {
 public:
  Attempt(const Asked& asked, const Address& address)
      : asked_(asked), begun_ns_(now_ns()), request_(&asked.where) {
    connect(address);
  }
  ~Attempt() { close(); }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  bool done() const { return fd_ < 0; }
  std::int64_t begun_ns() const { return begun_ns_; }
  pollfd wanted() const {
    return {fd_, static_cast<short>(sent_ < request_->size() ? POLLOUT : POLLIN), 0};
  }

  void go_on() {
    if (sent_ < request_->size()) {
      send_some();
    } else {
      receive_some();
    }
  }

 private:
  void connect(const Address& address) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) fail("socket");
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.port)));
    if (::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) {
      fail("not an IPv4 address: " + address.host);
    }
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
      close();
    }
    at_ = address;
    sent_ = 0;
    received_.clear();
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void send_some() {
    const ssize_t sent =
        ::send(fd_, request_->data() + sent_, request_->size() - sent_, MSG_NOSIGNAL);
    if (sent > 0) {
      sent_ += static_cast<std::size_t>(sent);
    } else if (errno != EAGAIN && errno != EINTR) {
      close();
    }
  }

  void receive_some() {
    std::uint8_t buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || received_.size() > kAnswerBytesMax) {
      close();
      return;
    }
    received_.insert(received_.end(), buffer, buffer + got);
    if (received_.size() < 4) return;
    if (received_.size() < 4 + std::size_t{read<std::uint32_t>(received_.data())}) return;
    const std::vector<std::uint8_t> answer(received_.begin() + 4, received_.end());
    if (request_ == &asked_.where) {
      go_to_leader(read_placement(answer));
    } else {
      tell(answer);
    }
  }

  void go_to_leader(const Placement& placement) {
    const auto number = static_cast<std::size_t>(asked_.partition);
    const std::int32_t leader = number < placement.leaders.size() ? placement.leaders[number] : -1;
    const auto known = placement.brokers.find(leader);
    if (known == placement.brokers.end()) {
      close();
      return;
    }
    leader_ = leader;
    request_ = &asked_.write;
    if (known->second == at_) {
      sent_ = 0;
      received_.clear();
    } else {
      close();
      connect(known->second);
    }
  }

  void tell(const std::vector<std::uint8_t>& answer) {
    if (produce_error(answer) == 0) {
      std::printf("ack %lld %lld %d\n", static_cast<long long>(begun_ns_),
                  static_cast<long long>(now_ns()), leader_);
      std::fflush(stdout);
    }
    close();
  }

  const Asked& asked_;
  std::int64_t begun_ns_;
  const std::vector<std::uint8_t>* request_;
  Address at_;
  int fd_ = -1;
  std::int32_t leader_ = -1;
  std::size_t sent_ = 0;
  std::vector<std::uint8_t> received_;
};

// As many at a time as begin within the patience.
void allow_descriptors(std::int64_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (static_cast<std::int64_t>(limit.rlim_cur) < wanted + 16)
    fail("too few descriptors (ulimit -n)");
}

}  // namespace

void probe(const Options& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const std::vector<Address> brokers = bootstrap(options);
  Asked asked{options.text("topic", "load"),
              static_cast<std::int32_t>(options.number("partition", 0)),
              {},
              {}};
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto batch = make_batch({100, 1, false}, now_ms, 41);
  asked.where = metadata_frame(asked.topic, false);
  asked.write = produce_frame(asked.topic, -1, {{asked.partition, &batch}});
  const std::int64_t every_ns = options.number("every-ms", 10) * 1'000'000;
  const std::int64_t patience_ns = options.number("patience-ms", 5000) * 1'000'000;
  allow_descriptors(patience_ns / every_ns);

  std::vector<std::unique_ptr<Attempt>> attempts;
  std::int64_t due_ns = now_ns();
  for (std::size_t number = 0;;) {
    for (; due_ns <= now_ns(); due_ns += every_ns, ++number) {
      attempts.push_back(std::make_unique<Attempt>(asked, brokers[number % brokers.size()]));
    }
    std::erase_if(attempts, [&](const auto& each) {
      return each->done() || each->begun_ns() + patience_ns < now_ns();
    });
    std::vector<pollfd> polled;
    for (const auto& attempt : attempts) polled.push_back(attempt->wanted());
    const std::int64_t left_ns = std::max<std::int64_t>(0, due_ns - now_ns());
    const timespec pause{left_ns / 1'000'000'000, left_ns % 1'000'000'000};
    ::ppoll(polled.data(), polled.size(), &pause, nullptr);
    for (std::size_t n = 0; n < polled.size(); ++n) {
      if (polled[n].revents != 0) attempts[n]->go_on();
    }
  }
}

}  // namespace load
