// load: a Kafka load generator that costs less than any broker it drives.
//
//   load produce --topic T --record-bytes N --batch-bytes N --codec none|lz4 --acks 1|all --bytes N
//                --connections N --depth N          as fast as it goes
//   load paced   --topic T --rate N --seconds N     latency at a fixed rate, one record a request
//   load fetch   --topic T --fetch-bytes N          reads what produce wrote
//   load first   --topic T --partitions N           until the first record is acknowledged
//   load end-to-end --topic T --rate N --seconds N  latency from a record's due time to its reader
//   load probe   --topic T --partition N            a write on a fresh connection every 10 ms, for
//   ever load takeover --topic T --topics N --lost ID    until all that a lost broker led is
//   written again
//
// All take --bootstrap HOST:PORT,... or --host and --port. Topics are made by the caller, with the
// partitions to be used.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "commands.h"
#include "socket.h"

namespace load {

Options::Options(int count, char** words) {
  for (int n = 0; n + 1 < count; n += 2) {
    if (std::strncmp(words[n], "--", 2) != 0) fail(std::string("not an option: ") + words[n]);
    given_[words[n] + 2] = words[n + 1];
  }
}

std::string Options::text(const std::string& name, const std::string& otherwise) const {
  const auto found = given_.find(name);
  return found == given_.end() ? otherwise : found->second;
}

std::int64_t Options::number(const std::string& name, std::int64_t otherwise) const {
  const auto found = given_.find(name);
  return found == given_.end() ? otherwise : std::strtoll(found->second.c_str(), nullptr, 10);
}

}  // namespace load

int main(int count, char** words) {
  errno = 0;
  const std::map<std::string, void (*)(const load::Options&)> commands{
      {"produce", load::produce},       {"paced", load::paced}, {"fetch", load::fetch},
      {"first", load::first},           {"probe", load::probe}, {"takeover", load::takeover},
      {"end-to-end", load::end_to_end},
  };
  const auto command = count < 2 ? commands.end() : commands.find(words[1]);
  if (command == commands.end()) {
    std::string known;
    for (const auto& [name, run] : commands) known += " " + name;
    load::fail("give a command:" + known);
  }
  command->second(load::Options(count - 2, words + 2));
  return 0;
}
