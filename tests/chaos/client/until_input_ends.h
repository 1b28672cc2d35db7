// Tells when whoever started the program wants it to end.
//
// Thread   the loop of its io_context
// Owns     standard input
#pragma once

#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <utility>

namespace strandline::chaos {

class UntilInputEnds {
 public:
  UntilInputEnds(boost::asio::io_context& io, std::function<void()> on_end)
      : input_(io, STDIN_FILENO), on_end_(std::move(on_end)) {
    read();
  }

 private:
  void read() {
    input_.async_read_some(boost::asio::buffer(scrap_),
                           [this](const boost::system::error_code& error, std::size_t) {
                             if (error) return on_end_();
                             read();
                           });
  }

  boost::asio::posix::stream_descriptor input_;
  std::function<void()> on_end_;
  std::array<char, 64> scrap_{};
};

}  // namespace strandline::chaos
