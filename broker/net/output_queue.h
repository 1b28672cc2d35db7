// What a connection still has to send: bytes from memory and slices of files, in order.
//
// Thread   one shard
// Owns     a share in the bytes, and a lease on each file's descriptor until its slice is sent
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <variant>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/wire/byte_buffer.h"
#include "storage/io/disk.h"

namespace strandline {

// Part of a file that goes to the socket by sendfile.
struct FilePiece {
  std::shared_ptr<const FdLease> file;
  std::uint64_t position = 0;
  std::uint64_t length = 0;
};

// Bytes in memory, kept by whoever wrote them.
struct MemoryPiece {
  std::shared_ptr<const void> owner;  // keeps the bytes alive
  ByteView bytes;
};

using OutputPiece = std::variant<MemoryPiece, FilePiece>;

std::uint64_t size_bytes(const OutputPiece& piece);

class OutputQueue {
 public:
  void push(OutputPiece piece);
  bool empty() const { return pieces_.empty(); }
  std::uint64_t bytes() const { return bytes_; }
  // Of these, what is held in memory: slices of files are not.
  std::uint64_t memory_bytes() const { return memory_bytes_; }

  struct Sent {
    std::uint64_t from_memory = 0;
    std::uint64_t from_files = 0;
    bool blocked = false;  // the socket took no more; wait until it is writable
  };

  // Sends as much as the socket takes without waiting.
  //
  // socket   a non-blocking stream socket
  // Errors   any socket or file error; the stream is then broken in the middle of a response
  Result<Sent> send_to(int socket);

 private:
  Result<std::uint64_t> send_memory(int socket);
  Result<std::uint64_t> send_file(int socket);
  void consumed(std::uint64_t count);

  std::deque<OutputPiece> pieces_;
  std::uint64_t front_done_ = 0;  // bytes of the first piece already sent
  std::uint64_t bytes_ = 0;
  std::uint64_t memory_bytes_ = 0;
};

}  // namespace strandline
