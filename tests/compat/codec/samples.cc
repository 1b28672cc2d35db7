// Prints random messages of every API and version as our encoder writes them, for Kafka's own
// classes to read: one line each, "request|response KEY VERSION SEED HEX".
//
//   codec_samples SEEDS    so many messages of each kind and version
#include <cstdio>
#include <cstdlib>

#include "protocol/wire/codec.h"
#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/random_message.h"

namespace strandline::wire {
namespace {

template <Message M>
void print_sample(const char* kind, std::int16_t version, std::uint64_t seed) {
  // Kafka's classes hold text as UTF-16: bytes that are no UTF-8 would not come back.
  RandomMessage random{seed, version, RandomMessage::Letters::ascii};
  EncodedFrame encoded;
  encode_body(random.make<M>(), version, encoded);
  std::printf("%s %d %d %llu ", kind, static_cast<int>(M::kApi.key), version,
              static_cast<unsigned long long>(seed));
  for (const std::byte byte : encoded.buffer.view()) {
    std::printf("%02x", static_cast<unsigned>(byte));
  }
  std::printf("\n");
}

template <Message Request, Message Response>
void print_api(std::uint64_t seeds) {
  for (std::int16_t v = Request::kApi.served.first; v <= Request::kApi.served.last; ++v) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      print_sample<Request>("request", v, seed);
      print_sample<Response>("response", v, seed);
    }
  }
}

void print_all(std::uint64_t seeds) {
#define X(name) print_api<name##Request, name##Response>(seeds);
  STRANDLINE_WIRE_APIS(X)
#undef X
}

}  // namespace
}  // namespace strandline::wire

int main(int argc, char** argv) {
  strandline::wire::print_all(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  return std::ferror(stdout);
}
