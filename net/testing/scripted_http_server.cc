#include "net/testing/scripted_http_server.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <deque>
#include <list>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "base/check.h"
#include "base/mutex.h"

namespace keng::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

struct ScriptedHttpServer::State {
  asio::io_context context;
  Tcp::acceptor acceptor{context, Tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)};
  std::thread accepting;

  mutable base::Mutex mutex;
  mutable base::CondVar changed;
  std::deque<ScriptedAnswer> script ABSL_GUARDED_BY(mutex);
  ScriptedAnswer otherwise ABSL_GUARDED_BY(mutex);
  std::vector<ReceivedRequest> requests ABSL_GUARDED_BY(mutex);
  std::set<int> sockets ABSL_GUARDED_BY(mutex);
  std::list<std::thread> serving ABSL_GUARDED_BY(mutex);
  int connections ABSL_GUARDED_BY(mutex) = 0;
  int releases ABSL_GUARDED_BY(mutex) = 0;
  bool stopping ABSL_GUARDED_BY(mutex) = false;

  void Accept() {
    while (true) {
      error_code error;
      auto socket = std::make_shared<Tcp::socket>(context);
      acceptor.accept(*socket, error);
      base::MutexLock lock(mutex);
      if (stopping || error) return;
      ++connections;
      sockets.insert(socket->native_handle());
      serving.emplace_back([this, socket] {
        Serve(*socket);
        base::MutexLock lock(mutex);
        sockets.erase(socket->native_handle());
        error_code ignored;
        socket->close(ignored);
      });
    }
  }

  ScriptedAnswer NextAnswer(ReceivedRequest request) {
    base::MutexLock lock(mutex);
    requests.push_back(std::move(request));
    ScriptedAnswer answer = otherwise;
    if (!script.empty()) {
      answer = std::move(script.front());
      script.pop_front();
    }
    changed.NotifyAll();
    return answer;
  }

  void Stall() {
    base::MutexLock lock(mutex);
    const int before = releases;
    while (releases == before && !stopping) changed.Wait(mutex);
  }

  void Serve(Tcp::socket& socket) {
    beast::flat_buffer buffer;
    while (true) {
      http::request<http::string_body> request;
      error_code error;
      http::read(socket, buffer, request, error);
      if (error) return;
      ReceivedRequest received{.method = std::string(request.method_string()),
                               .target = std::string(request.target()),
                               .body = request.body()};
      for (const auto& field : request) {
        received.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
      }
      const ScriptedAnswer answer = NextAnswer(std::move(received));
      switch (answer.action) {
        case ScriptedAnswer::Action::kStall:
          Stall();
          return;
        case ScriptedAnswer::Action::kCloseAtOnce:
          return;
        case ScriptedAnswer::Action::kRaw:
          asio::write(socket, asio::buffer(answer.body), error);
          return;
        case ScriptedAnswer::Action::kAnswer:
          break;
      }
      http::response<http::string_body> response;
      response.version(11);
      response.result(static_cast<unsigned>(answer.status));
      for (const auto& [name, value] : answer.headers) response.set(name, value);
      response.body() = answer.body;
      response.keep_alive(answer.after == ScriptedAnswer::After::kKeepAlive);
      response.prepare_payload();
      http::write(socket, response, error);
      if (error || answer.after == ScriptedAnswer::After::kClose) return;
    }
  }
};

std::string ReceivedRequest::Header(const std::string& name) const {
  for (const auto& [header, value] : headers) {
    if (absl::EqualsIgnoreCase(header, name)) return value;
  }
  return "";
}

ScriptedHttpServer::ScriptedHttpServer() : state_(std::make_shared<State>()) {
  state_->accepting = std::thread([state = state_.get()] { state->Accept(); });
}

ScriptedHttpServer::~ScriptedHttpServer() {
  {
    base::MutexLock lock(state_->mutex);
    state_->stopping = true;
    for (const int socket : state_->sockets) ::shutdown(socket, SHUT_RDWR);
    state_->changed.NotifyAll();
  }
  ::shutdown(state_->acceptor.native_handle(), SHUT_RDWR);  // ends accept()
  state_->accepting.join();
  std::list<std::thread> serving;
  {
    base::MutexLock lock(state_->mutex);
    serving.swap(state_->serving);
  }
  for (std::thread& thread : serving) thread.join();
}

std::string ScriptedHttpServer::url() const {
  return "http://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

void ScriptedHttpServer::Then(ScriptedAnswer answer) {
  base::MutexLock lock(state_->mutex);
  state_->script.push_back(std::move(answer));
}

void ScriptedHttpServer::Otherwise(ScriptedAnswer answer) {
  base::MutexLock lock(state_->mutex);
  state_->otherwise = std::move(answer);
}

void ScriptedHttpServer::Release() {
  base::MutexLock lock(state_->mutex);
  ++state_->releases;
  state_->changed.NotifyAll();
}

std::vector<ReceivedRequest> ScriptedHttpServer::requests() const {
  base::MutexLock lock(state_->mutex);
  return state_->requests;
}

void ScriptedHttpServer::WaitForRequests(size_t count) const {
  base::MutexLock lock(state_->mutex);
  while (state_->requests.size() < count) state_->changed.Wait(state_->mutex);
}

int ScriptedHttpServer::connections() const {
  base::MutexLock lock(state_->mutex);
  return state_->connections;
}

size_t ScriptedHttpServer::unused() const {
  base::MutexLock lock(state_->mutex);
  return state_->script.size();
}

}  // namespace keng::net
