#include "broker/rpc/rpc_server.h"

#include <unistd.h>

#include <utility>

#include "broker/rpc/rpc_server_connection.h"

namespace strandline {
namespace asio = boost::asio;

RpcServer::RpcServer(RpcContext& context, const RpcHandlers& handlers,
                     const RpcServerOptions& options, Hooks hooks)
    : context_(context), handlers_(handlers), options_(options), hooks_(std::move(hooks)) {}

RpcServer::~RpcServer() { close(); }

Result<asio::ip::tcp::endpoint> RpcServer::listen(const std::string& host, std::uint16_t port) {
  STRANDLINE_TRY(listener_, Listener::open(context_.loop, host, port));
  listener_->start([this](RefuseReason) { context_.metrics.turned_away.add(); },
                   [this](RefuseReason& reason) {
                     reason = RefuseReason::connections_max;
                     return connections_.size() < options_.connections_max;
                   },
                   [this](int native_handle) { adopt(native_handle); });
  return listener_->local_endpoint();
}

void RpcServer::adopt(int native_handle) {
  const auto connection = take_in(native_handle);
  if (connection == nullptr) return;
  context_.metrics.accepted.add();
  connection->start();
}

void RpcServer::adopt(int native_handle, const RpcHello& hello) {
  const auto connection = take_in(native_handle);
  if (connection != nullptr) connection->start(hello);
}

std::shared_ptr<RpcServerConnection> RpcServer::take_in(int native_handle) {
  boost::system::error_code failed;
  asio::ip::tcp::socket socket{context_.loop.io()};
  if (!closed_) socket.assign(asio::ip::tcp::v4(), native_handle, failed);
  if (closed_ || failed) {
    ::close(native_handle);
    return nullptr;
  }
  if (greeting_.size() >= options_.greeting_max) {
    const std::shared_ptr<RpcServerConnection> oldest = connections_.at(*greeting_.begin());
    oldest->close(RpcClose::handshake);
  }
  const std::uint64_t number = ++adopted_;
  auto connection = std::make_shared<RpcServerConnection>(*this, number, std::move(socket));
  connections_.emplace(number, connection);
  greeting_.insert(number);
  context_.metrics.connections_open.add(1);
  return connection;
}

void RpcServer::ended(std::uint64_t number) {
  greeting_.erase(number);
  connections_.erase(number);
  context_.metrics.connections_open.add(-1);
}

void RpcServer::close() {
  closed_ = true;
  if (listener_ != nullptr) listener_->close();
  while (!connections_.empty()) {
    const std::shared_ptr<RpcServerConnection> connection = connections_.begin()->second;
    connection->close(RpcClose::shutdown);
  }
}

}  // namespace strandline
