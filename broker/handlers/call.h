// One request on its way through a handler: its header, the right to answer it, and what is counted
// about it.
//
// Thread   the connection's shard
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/net/connection.h"
#include "broker/net/output_queue.h"
#include "broker/partition/shard.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/frame.h"

namespace strandline {

class Call {
 public:
  // header   borrows from the request's frame, which the call keeps
  Call(Shard& shard, Request request, const wire::RequestHeader& header)
      : shard_(&shard), request_(std::move(request)), header_(header) {}

  Shard& shard() const { return *shard_; }
  const wire::RequestHeader& header() const { return header_; }
  std::int16_t version() const { return header_.version; }
  Connection& connection() const { return request_.connection(); }

  // The request as it came, without its length.
  ByteView frame() const { return request_.bytes(); }

  // The bytes of `view`, which lies in this call's frame, to be changed: a batch gets its offset
  // where it was received.
  MutableByteView writable(ByteView view) const;

  // Decodes the body; on an error logs it, closes the connection and returns nothing.
  template <wire::Message M>
  std::optional<M> decode() {
    auto budget = wire::DecodeBudget::for_frame(header_.body.size());
    wire::DecodeFailure failure;
    auto decoded = wire::decode<M>(header_.body, header_.version, budget, &failure);
    if (decoded) return std::move(decoded).value();
    refuse_malformed(failure);
    return std::nullopt;
  }

  template <wire::Message M>
  void answer(const M& response) {
    auto frame = std::make_shared<wire::EncodedFrame>();
    wire::encode_response(response, header_.version, header_.correlation_id, *frame);
    send(std::move(frame), {});
  }

  // A whole frame that was made elsewhere, with its length.
  void answer(std::vector<std::byte> frame);

  // slices[id] is what goes where the response has Records with that external_id.
  template <wire::Message M>
  void answer(const M& response, std::vector<std::vector<FilePiece>> slices) {
    auto frame = std::make_shared<wire::EncodedFrame>();
    wire::encode_response(response, header_.version, header_.correlation_id, *frame);
    send(std::move(frame), std::move(slices));
  }

  // A part of the answer carries this error; for the metrics.
  void count_error(Errc code);

  void finish_without_answer();
  void close(CloseReason reason) { request_.close(reason); }

 private:
  void send(std::shared_ptr<wire::EncodedFrame> frame, std::vector<std::vector<FilePiece>> slices);
  void refuse_malformed(const wire::DecodeFailure& failure);
  void count(std::uint64_t bytes_out);

  Shard* shard_;
  Request request_;
  wire::RequestHeader header_;
  bool failed_ = false;
};

}  // namespace strandline
