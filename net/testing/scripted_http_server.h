#ifndef KENG_NET_TESTING_SCRIPTED_HTTP_SERVER_H_
#define KENG_NET_TESTING_SCRIPTED_HTTP_SERVER_H_

// An HTTP server in the test's own process, on 127.0.0.1 and a free port, that gives answers in the
// order of a script and remembers what it was asked. When the script is at its end it repeats the
// answer set by Otherwise() (200 with an empty body).
//
// Threads: one accepts, one more serves each connection. Thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keng::net {

struct ScriptedAnswer {
  enum class Action : uint8_t {
    kAnswer,       // status, headers, body
    kRaw,          // the body's bytes as they are, then close
    kCloseAtOnce,  // close without an answer, after the request was read
    kStall,        // answer nothing until Release() or the end of the server
  };
  Action action = Action::kAnswer;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  enum class After : uint8_t { kKeepAlive, kClose } after = After::kKeepAlive;
};

struct ReceivedRequest {
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;
  // The first of that name in any case; "" when absent.
  std::string Header(const std::string& name) const;
};

class ScriptedHttpServer {
 public:
  ScriptedHttpServer();
  ~ScriptedHttpServer();
  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  // "http://127.0.0.1:PORT"
  std::string url() const;

  void Then(ScriptedAnswer answer);
  void Otherwise(ScriptedAnswer answer);
  // Lets stalled requests go: their connections are closed.
  void Release();

  std::vector<ReceivedRequest> requests() const;
  // Waits until that many requests have been read in all.
  void WaitForRequests(size_t count) const;
  int connections() const;
  // Script entries that were not used: a test proves with 0 that each injected fault fired.
  size_t unused() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keng::net

#endif  // KENG_NET_TESTING_SCRIPTED_HTTP_SERVER_H_
