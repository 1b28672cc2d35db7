#include "placement.h"

#include <unistd.h>

#include <algorithm>

#include "bytes.h"
#include "requests.h"

namespace load {

namespace {

constexpr std::int16_t kMetadata = 3;

// Walks over an answer; what it reads was written by the broker that is measured.
class Reader {
 public:
  explicit Reader(const std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  template <class T>
  T next() {
    need(sizeof(T));
    const T value = read<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }
  std::string text() {
    const auto size = next<std::int16_t>();
    if (size < 0) return {};
    need(static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return {bytes_.begin() + static_cast<std::ptrdiff_t>(at_) - size,
            bytes_.begin() + static_cast<std::ptrdiff_t>(at_)};
  }
  void skip_numbers() {
    for (auto left = next<std::int32_t>(); left > 0; --left) next<std::int32_t>();
  }

 private:
  void need(std::size_t size) const {
    if (bytes_.size() - at_ < size) fail("a Metadata answer is shorter than it says");
  }

  const std::vector<std::uint8_t>& bytes_;
  std::size_t at_ = 0;
};

}  // namespace

bool Placement::led() const {
  return error == 0 && !leaders.empty() && std::ranges::find(leaders, -1) == leaders.end();
}

std::vector<std::int32_t> Placement::led_by(std::int32_t broker) const {
  std::vector<std::int32_t> found;
  for (std::size_t n = 0; n < leaders.size(); ++n) {
    if (leaders[n] == broker) found.push_back(static_cast<std::int32_t>(n));
  }
  return found;
}

const Address& Placement::address_of(std::int32_t broker) const {
  const auto found = brokers.find(broker);
  if (found == brokers.end()) fail("Metadata names no broker " + std::to_string(broker));
  return found->second;
}

std::vector<Address> bootstrap(const Options& options) {
  const std::string given = options.text(
      "bootstrap", options.text("host", "127.0.0.1") + ":" + options.text("port", "9092"));
  std::vector<Address> found;
  for (std::size_t from = 0; from < given.size();) {
    const std::size_t end = std::min(given.find(',', from), given.size());
    const std::size_t colon = given.rfind(':', end);
    if (colon == std::string::npos || colon < from) fail("not HOST:PORT: " + given);
    found.push_back({given.substr(from, colon - from), given.substr(colon + 1, end - colon - 1)});
    from = end + 1;
  }
  if (found.empty()) fail("no broker is named");
  return found;
}

std::vector<std::uint8_t> metadata_frame(const std::string& topic, bool may_create) {
  Writer frame = begin_frame(kMetadata, 4);
  frame.i32(1);
  frame.string(topic);
  frame.i8(may_create ? 1 : 0);
  return finish_frame(std::move(frame));
}

Placement read_placement(const std::vector<std::uint8_t>& answer) {
  Placement found;
  Reader in(answer);
  in.next<std::int32_t>();  // correlation id
  in.next<std::int32_t>();  // throttle time
  for (auto left = in.next<std::int32_t>(); left > 0; --left) {
    const auto id = in.next<std::int32_t>();
    std::string host = in.text();
    const auto port = in.next<std::int32_t>();
    in.text();  // rack
    found.brokers[id] = {std::move(host), std::to_string(port)};
  }
  in.text();                // cluster id
  in.next<std::int32_t>();  // controller
  if (in.next<std::int32_t>() != 1) fail("Metadata answered for another number of topics");
  found.error = in.next<std::int16_t>();
  in.text();
  in.next<std::int8_t>();  // internal
  const auto partitions = in.next<std::int32_t>();
  found.leaders.assign(static_cast<std::size_t>(std::max(partitions, 0)), -1);
  for (std::int32_t n = 0; n < partitions; ++n) {
    const auto error = in.next<std::int16_t>();
    const auto number = static_cast<std::size_t>(in.next<std::int32_t>());
    const auto leader = in.next<std::int32_t>();
    in.skip_numbers();  // replicas
    in.skip_numbers();  // in sync
    // A replica that is down is an error of some versions, and none of the leader's.
    constexpr std::int16_t kReplicaNotAvailable = 9;
    if (number < found.leaders.size() && (error == 0 || error == kReplicaNotAvailable)) {
      found.leaders[number] = leader;
    }
  }
  return found;
}

Placement await_placement(Socket& socket, const std::string& topic, int patience_ms) {
  const auto request = metadata_frame(topic, true);
  for (int waited_ms = 0; waited_ms <= patience_ms; ++waited_ms) {
    socket.send_all(request.data(), request.size());
    Placement found = read_placement(receive_answer(socket));
    if (found.led()) return found;
    ::usleep(1000);
  }
  fail("topic " + topic + " did not come");
}

void await_leaders(const Placement& placement, const std::string& topic, int patience_ms) {
  for (const auto& [broker, address] : placement.brokers) {
    std::vector<FetchPlace> places;
    for (const std::int32_t number : placement.led_by(broker)) places.push_back({number, 0});
    if (places.empty()) continue;
    Socket socket(address.host, address.port, patience_ms);
    const auto frame = fetch_frame(topic, places, 1, 0);
    for (int waited_ms = 0;; ++waited_ms) {
      socket.send_all(frame.data(), frame.size());
      bool served = true;
      for (const Fetched& part : receive_fetch_answer(socket)) served = served && part.error == 0;
      if (served) break;
      if (waited_ms > patience_ms) fail("topic " + topic + " is not served");
      ::usleep(1000);
    }
  }
}

}  // namespace load
