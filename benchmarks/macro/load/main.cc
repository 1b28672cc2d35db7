// load: a Kafka load generator that costs less than any broker it drives.
//
//   load produce --topic T --record-bytes N --batch-bytes N --codec none|lz4 --acks 1|all --bytes N
//                --connections N --depth N          as fast as it goes
//   load paced   --topic T --rate N --seconds N     latency at a fixed rate, one record a request
//   load fetch   --topic T --fetch-bytes N          reads what produce wrote
//   load first   --topic T --partitions N           until the first record is acknowledged
//
// All take --host and --port. Topics are made by the caller, with the partitions to be used.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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
  if (count < 2) load::fail("give a command: produce, paced, fetch or first");
  const std::string command = words[1];
  const load::Options options(count - 2, words + 2);
  if (command == "produce") {
    load::produce(options);
  } else if (command == "paced") {
    load::paced(options);
  } else if (command == "fetch") {
    load::fetch(options);
  } else if (command == "first") {
    load::first(options);
  } else {
    load::fail("unknown command " + command);
  }
  return 0;
}
