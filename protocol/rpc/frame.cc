#include "protocol/rpc/frame.h"

namespace strandline::rpc {

bool is_valid(const FrameHeader& header, std::size_t message_bytes, std::size_t attachments) {
  const bool has_method = header.method != kNoMethod;
  const bool has_id = header.request_id != 0;
  switch (header.kind) {
    case FrameKind::hello:
    case FrameKind::hello_reply: return !has_method && !has_id && attachments == 0;
    case FrameKind::request:
    case FrameKind::response: return has_method && has_id;
    case FrameKind::error: return has_method && has_id && attachments == 0;
    case FrameKind::one_way: return has_method && !has_id;
    case FrameKind::ping:
    case FrameKind::pong: return !has_method && message_bytes == 0 && attachments == 0;
  }
  return false;
}

}  // namespace strandline::rpc
