#ifndef KENG_BASE_METRICS_H_
#define KENG_BASE_METRICS_H_

// Handles to metrics. A stage asks Metrics for its handles once, when it is built, and adds to them
// once a batch; the look-up of a family never stands on a hot path. Labels are small closed sets
// (stage, reason, channel kind): never an author, a text, a rule's words or an id.
//
// Names follow Prometheus: keng_<stage>_<thing>_<unit>[_total].
//
// Handles are small values that point into the Metrics they came from, which must outlive them. All
// calls are thread-safe. A default-constructed handle counts nothing, so that a stage can be built
// in a test without Metrics.

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keng::base {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  Counter() = default;
  // REQUIRES: amount >= 0.
  void Add(double amount = 1) const;
  // For what is counted elsewhere, durably, and told by whoever holds it just now: adds what is
  // missing to `total`, nothing when that is less. One thread at a time for one counter. Of several
  // processes that told the same, the largest is right: sum(max by (partition) (...)).
  void RaiseTo(double total) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Counter(void* handle) : handle_(handle) {}
  void* handle_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  void Set(double value) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Gauge(void* handle) : handle_(handle) {}
  void* handle_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value) const;

 private:
  friend class Metrics;
  explicit Histogram(void* handle) : handle_(handle) {}
  void* handle_ = nullptr;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same metric; the first call's help text (and buckets) stand.
  Counter counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // `bounds` are the upper bounds of the buckets in the metric's unit, increasing.
  Histogram histogram(std::string_view name, std::string_view help,
                      const std::vector<double>& bounds, const Labels& labels = {});

  // The Prometheus text exposition format, version 0.0.4.
  std::string Expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Bounds for latencies in seconds: 100 us to 60 s.
const std::vector<double>& LatencyBounds();

}  // namespace keng::base

#endif  // KENG_BASE_METRICS_H_
