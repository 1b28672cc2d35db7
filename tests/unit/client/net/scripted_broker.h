// A broker on loopback that does what a test says, on the loop of the client it serves.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/base/host_port.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/messages/all.h"

namespace strandline::client {

class ScriptedBroker {
  using Tcp = boost::asio::ip::tcp;

 public:
  class Link : public std::enable_shared_from_this<Link> {
   public:
    Link(ScriptedBroker& broker, Tcp::socket socket)
        : broker_(broker), socket_(std::move(socket)) {}

    template <class Response>
    void answer(const wire::RequestHeader& to, const Response& response) {
      wire::EncodedFrame frame;
      wire::encode_response(response, to.version, to.correlation_id, frame);
      const ByteView bytes = frame.buffer.view();
      write({bytes.begin(), bytes.end()});
    }
    void write(std::vector<std::byte> bytes) {
      const auto kept = std::make_shared<std::vector<std::byte>>(std::move(bytes));
      boost::asio::async_write(socket_, boost::asio::buffer(*kept),
                               [kept, self = shared_from_this()](const auto&, std::size_t) {});
    }
    void close() {
      boost::system::error_code ignored;
      socket_.close(ignored);
    }

    void read() {
      boost::asio::async_read(
          socket_, boost::asio::buffer(size_),
          [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
            if (error) return;
            self->frame_.resize(load_be<std::uint32_t>(self->size_.data()));
            boost::asio::async_read(self->socket_, boost::asio::buffer(self->frame_),
                                    [self](const boost::system::error_code& failed, std::size_t) {
                                      if (!failed) self->on_frame();
                                    });
          });
    }

   private:
    void on_frame() {
      const auto header = wire::decode_request_header(frame_);
      REQUIRE(header.has_value());
      if (header.value().api->key == wire::ApiKey::api_versions) {
        if (!broker_.mute) answer(header.value(), broker_.versions);
      } else {
        ++broker_.requests;
        if (broker_.on_request) broker_.on_request(*this, header.value());
      }
      read();
    }

    ScriptedBroker& broker_;
    Tcp::socket socket_;
    std::array<std::byte, 4> size_{};
    std::vector<std::byte> frame_;
  };

  explicit ScriptedBroker(boost::asio::io_context& io)
      : acceptor_(io, Tcp::endpoint{boost::asio::ip::make_address("127.0.0.1"), 0}) {
    for (const wire::ApiInfo* api : {&wire::kProduceApi, &wire::kFetchApi, &wire::kMetadataApi,
                                     &wire::kListOffsetsApi, &wire::kInitProducerIdApi}) {
      versions.apis.push_back(
          {static_cast<std::int16_t>(api->key), api->served.first, api->served.last});
    }
    accept();
  }

  HostPort address() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }

  // Ends all connections, and takes on no more.
  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    close_links();
  }
  void close_links() {
    for (const auto& link : links) link->close();
    links.clear();
  }

  std::function<void(Link&, const wire::RequestHeader&)> on_request;  // but ApiVersions
  wire::ApiVersionsResponse versions;
  bool mute = false;  // says nothing to ApiVersions
  int connections = 0;
  int requests = 0;
  std::vector<std::shared_ptr<Link>> links;

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error) return;
      ++connections;
      links.push_back(std::make_shared<Link>(*this, std::move(socket)));
      links.back()->read();
      accept();
    });
  }

  Tcp::acceptor acceptor_;
};

// Runs the loop until that holds; false when it does not within some seconds.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds{50});
  }
  return true;
}

}  // namespace strandline::client
