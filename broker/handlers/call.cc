#include "broker/handlers/call.h"

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {

MutableByteView Call::writable(ByteView view) const {
  const MutableByteView frame = request_.bytes();
  STRANDLINE_ASSERT(view.data() >= frame.data());
  const auto at = static_cast<std::size_t>(view.data() - frame.data());
  STRANDLINE_ASSERT(at + view.size() <= frame.size());
  return frame.subspan(at, view.size());
}

void Call::count_error(Errc code) {
  failed_ = true;
  shard_->metrics().count_error(kafka_code(code));
}

void Call::count(std::uint64_t bytes_out) {
  ApiMetrics& api = shard_->metrics().api(static_cast<std::int16_t>(header_.api->key));
  api.requests.add();
  if (failed_) api.errors.add();
  api.bytes_in.add(request_.bytes().size() + wire::kFrameSizeBytes);
  api.bytes_out.add(bytes_out);
  api.latency.record(steady_now() - request_.received_at());
}

void Call::finish_without_answer() {
  count(0);
  request_.finish_without_answer();
}

void Call::answer(std::vector<std::byte> frame) {
  auto encoded = std::make_shared<wire::EncodedFrame>();
  encoded->buffer.append(frame);
  send(std::move(encoded), {});
}

void Call::send(std::shared_ptr<wire::EncodedFrame> frame,
                std::vector<std::vector<FilePiece>> slices) {
  const std::uint64_t total = frame->total_bytes();
  count(total);
  std::vector<OutputPiece> pieces;
  pieces.reserve(2 * frame->splices.size() + 1);
  const std::shared_ptr<const wire::ByteBuffer> owner{frame, &frame->buffer};
  const ByteView all = owner->view();
  std::size_t from = 0;
  for (const wire::Splice& splice : frame->splices) {
    pieces.emplace_back(MemoryPiece{owner, all.subspan(from, splice.position - from)});
    from = splice.position;
    for (FilePiece& slice : slices[splice.id]) pieces.emplace_back(std::move(slice));
  }
  pieces.emplace_back(MemoryPiece{owner, all.subspan(from)});
  request_.answer(std::move(pieces));
}

void Call::refuse_malformed(const wire::DecodeFailure& failure) {
  shard_->metrics().count_malformed(MalformedKind::body);
  log_limited(LogLevel::warn, "kafka", "malformed", "request does not decode, closing",
              {{"peer", connection().peer()},
               {"api", std::string_view{header_.api->name}},
               {"version", header_.version},
               {"problem", failure.to_text()}});
  request_.close(CloseReason::malformed);
}

}  // namespace strandline
