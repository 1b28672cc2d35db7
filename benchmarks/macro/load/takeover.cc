// A broker that led a share of many partitions has just died: the time from --since-ns until the
// others tell a new leader for each of its partitions, and until each has taken a record. Topics
// are named T-0 to T-(N-1); --before FILE lists what it led, as `--list FILE` wrote it while it
// lived.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <unistd.h>

#include "batch.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

namespace {

constexpr std::size_t kPartitionsARequest = 200;
constexpr int kPatienceMs = 5000;

using Left = std::map<std::string, std::set<std::int32_t>>;  // by topic

Placement ask(Socket& socket, const std::string& topic) {
  const auto frame = metadata_frame(topic, false);
  socket.send_all(frame.data(), frame.size());
  return read_placement(receive_answer(socket));
}

void list(const Options& options, Socket& socket) {
  std::ofstream file(options.text("list", ""));
  for (std::int64_t n = 0; n < options.number("topics", 1); ++n) {
    const std::string topic = options.text("topic", "many") + "-" + std::to_string(n);
    const auto lost = static_cast<std::int32_t>(options.number("lost", 0));
    for (const std::int32_t partition : ask(socket, topic).led_by(lost)) {
      file << topic << ' ' << partition << '\n';
    }
  }
  if (!file.flush()) fail("the list cannot be written");
}

Left read_list(const std::string& path) {
  std::ifstream file(path);
  Left left;
  std::string topic;
  for (std::int32_t partition = 0; file >> topic >> partition;) left[topic].insert(partition);
  if (left.empty()) fail("nothing was led: " + path);
  return left;
}

// What is asked of one leader in a round, answered in this order.
struct Leader {
  std::unique_ptr<Socket> socket;
  std::vector<std::string> topics;
};

// One record to each of these partitions of a topic; answers are taken later.
void write(Leader& leader, const std::string& topic, const std::vector<std::int32_t>& partitions,
           const std::vector<std::uint8_t>& batch) {
  for (std::size_t from = 0; from < partitions.size(); from += kPartitionsARequest) {
    std::vector<PartitionBatch> batches;
    for (std::size_t n = from; n < std::min(partitions.size(), from + kPartitionsARequest); ++n) {
      batches.push_back({partitions[n], &batch});
    }
    const auto frame = produce_frame(topic, -1, batches);
    leader.socket->send_all(frame.data(), frame.size());
    leader.topics.push_back(topic);
  }
}

// Takes what was acknowledged off the list.
void take_answers(Leader& leader, Left& left) {
  for (const std::string& topic : leader.topics) {
    for (const WrittenTo& each : read_produce_answer(receive_answer(*leader.socket))) {
      if (each.error == 0) left[topic].erase(each.partition);
    }
  }
  leader.topics.clear();
}

// Asks who leads what is left, and writes to all that have a new leader; whether all have one.
bool write_round(Socket& control, std::int32_t lost, const std::vector<std::uint8_t>& batch,
                 std::map<std::int32_t, Leader>& leaders, Left& left) {
  bool all_led = true;
  for (const auto& [topic, wanted] : left) {
    const Placement placement = ask(control, topic);
    std::map<std::int32_t, std::vector<std::int32_t>> by_leader;
    for (const std::int32_t partition : wanted) {
      const std::int32_t leader = placement.leaders.at(static_cast<std::size_t>(partition));
      const bool is_led = leader >= 0 && leader != lost;
      all_led = all_led && is_led;
      if (is_led) by_leader[leader].push_back(partition);
    }
    for (const auto& [id, its] : by_leader) {
      Leader& leader = leaders[id];
      const Address& address = placement.address_of(id);
      if (!leader.socket) {
        leader.socket = std::make_unique<Socket>(address.host, address.port, kPatienceMs);
      }
      write(leader, topic, its, batch);
    }
  }
  for (auto& [id, leader] : leaders) take_answers(leader, left);
  std::erase_if(left, [](const auto& each) { return each.second.empty(); });
  return all_led;
}

}  // namespace

void takeover(const Options& options) {
  const Address broker = bootstrap(options).front();
  Socket socket(broker.host, broker.port, kPatienceMs);
  if (!options.text("list", "").empty()) {
    list(options, socket);
    return;
  }
  Left left = read_list(options.text("before", ""));
  const auto lost = static_cast<std::int32_t>(options.number("lost", 0));
  const std::int64_t since_ns = options.number("since-ns", now_ns());
  const std::int64_t until_ns = since_ns + options.number("patience-ms", 120'000) * 1'000'000;
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto batch = make_batch({100, 1, false}, now_ms, 41);
  std::size_t partitions = 0;
  for (const auto& [topic, all] : left) partitions += all.size();
  std::map<std::int32_t, Leader> leaders;
  std::int64_t led_ns = 0;
  while (!left.empty()) {
    const std::int64_t asked_ns = now_ns();
    if (asked_ns > until_ns) fail("not all partitions take records again");
    if (write_round(socket, lost, batch, leaders, left) && led_ns == 0) led_ns = asked_ns;
    ::usleep(1000);
  }
  std::printf("{\"partitions\": %zu, \"led_ms\": %.3f, \"written_ms\": %.3f}\n", partitions,
              static_cast<double>(led_ns - since_ns) / 1e6,
              static_cast<double>(now_ns() - since_ns) / 1e6);
}

}  // namespace load
