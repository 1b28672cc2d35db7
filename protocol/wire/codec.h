// Messages to bytes and back, and to text for people; all three derive from the one description in
// the message's struct. The templates are declared here and instantiated beside each message
// (messages/*.cc), so that including this costs next to nothing.
//
// Thread   pure functions; a budget has one owner
// Owns     nothing: decoded requests borrow from the bytes they were decoded from
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/base/result.h"
#include "protocol/wire/api.h"
#include "protocol/wire/byte_buffer.h"

namespace strandline::wire {

// A request or response: says of which API it is, and with it who may call it.
template <class M>
concept Message = requires {
  { M::kApi } -> std::same_as<const ApiInfo&>;
  { M::kName } -> std::convertible_to<const char*>;
};

// How much memory a message may take beside its frame. Lists grow as their elements decode and are
// charged first, so that a length field that lies costs nothing.
class DecodeBudget {
 public:
  explicit DecodeBudget(std::size_t bytes) : left_(bytes) {}

  // Four times the frame serves every honest message of some size, the constant the small ones
  // (a Metadata request for a thousand topics named in five letters takes eight times its frame).
  static DecodeBudget for_frame(std::size_t frame_bytes) {
    return DecodeBudget{4 * frame_bytes + (std::size_t{1} << 20)};
  }

  // Takes `bytes` off, or nothing when fewer are left.
  bool charge(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    charged_ += bytes;
    return true;
  }

  std::size_t left() const { return left_; }
  std::size_t charged() const { return charged_; }

 private:
  std::size_t left_;
  std::size_t charged_ = 0;
};

// Where a message stopped making sense, for the log line before the connection closes.
struct DecodeFailure {
  struct Step {
    const char* field = nullptr;
    std::int32_t index = -1;  // element of the list, -1 when the field is no list
  };
  static constexpr std::size_t kDepthMax = 6;

  Errc errc = Errc::ok;
  std::size_t position = 0;  // bytes into what was being decoded
  std::size_t depth = 0;
  std::array<Step, kDepthMax> path{};  // innermost first

  // "topic_data[0].partition_data[2].records at byte 61: frame ends before its last field"
  std::string to_text() const;
};

// Decodes the body of a message (what follows its header). Bytes behind its last field are ignored,
// as Kafka does: librdkafka 2.16 sends three too many in Metadata v13 for all topics.
//
// version  one that the API serves
// failure  filled in on error when given
// Errors   truncated_frame   the body ends inside a field, or a count exceeds the bytes left
//          malformed_frame   a null where none may be, a negative length, tags out of order
//          budget_exceeded   it would take more memory than `budget` has left
template <Message M>
Result<M> decode(ByteView body, std::int16_t version, DecodeBudget& budget,
                 DecodeFailure* failure = nullptr);

// Bytes that are not in an encoded buffer: the sender puts them in before `position`.
struct Splice {
  std::size_t position;  // in the buffer, from its beginning
  std::uint64_t bytes;
  std::uint64_t id;  // Records::external_id

  friend bool operator==(const Splice&, const Splice&) = default;
};

// One or more frames, ready to be sent but for the splices, which are in order of position.
struct EncodedFrame {
  ByteBuffer buffer;
  std::vector<Splice> splices;

  std::uint64_t total_bytes() const {
    std::uint64_t total = buffer.size();
    for (const Splice& splice : splices) total += splice.bytes;
    return total;
  }
  void clear() {
    buffer.clear();
    splices.clear();
  }
};

// Appends the body only. Fields that `version` does not have are left out without a word; a null
// where the version knows none becomes empty; a string too long for a version's int16 length is cut
// at a character, so that no caller-supplied text can break a frame.
template <Message M>
void encode_body(const M& message, std::int16_t version, EncodedFrame& out);

// Appends a whole frame: size (external bytes included), header, body.
//
// Needs    a frame below 2 GiB
template <Message M>
void encode_response(const M& response, std::int16_t version, std::int32_t correlation_id,
                     EncodedFrame& out);
template <Message M>
void encode_request(const M& request, std::int16_t version, std::int32_t correlation_id,
                    std::string_view client_id, EncodedFrame& out);

// One line: `MetadataRequest v4 {topics: [{name: "t1"}], allow_auto_topic_creation: true}`.
// Lists and strings are cut once the text has reached `length_max`; record bytes never show.
template <Message M>
std::string to_text(const M& message, std::int16_t version, std::size_t length_max = 2048);

}  // namespace strandline::wire
