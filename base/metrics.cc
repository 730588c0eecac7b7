#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/check.h"
#include "base/mutex.h"

namespace keng::base {

void Counter::Add(double amount) const {
  if (handle_ != nullptr) static_cast<prometheus::Counter*>(handle_)->Increment(amount);
}
void Counter::RaiseTo(double total) const {
  if (const double missing = total - value(); missing > 0) Add(missing);
}
double Counter::value() const {
  return handle_ == nullptr ? 0 : static_cast<prometheus::Counter*>(handle_)->Value();
}
void Gauge::Set(double value) const {
  if (handle_ != nullptr) static_cast<prometheus::Gauge*>(handle_)->Set(value);
}
double Gauge::value() const {
  return handle_ == nullptr ? 0 : static_cast<prometheus::Gauge*>(handle_)->Value();
}
void Histogram::Observe(double value) const {
  if (handle_ != nullptr) static_cast<prometheus::Histogram*>(handle_)->Observe(value);
}

struct Metrics::State {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  auto& family = prometheus::BuildCounter()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(state_->registry);
  return Counter(&family.Add(labels));
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  auto& family = prometheus::BuildGauge()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(state_->registry);
  return Gauge(&family.Add(labels));
}

Histogram Metrics::histogram(std::string_view name, std::string_view help,
                             const std::vector<double>& bounds, const Labels& labels) {
  auto& family = prometheus::BuildHistogram()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(state_->registry);
  return Histogram(&family.Add(labels, bounds));
}

std::string Metrics::Expose() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

const std::vector<double>& LatencyBounds() {
  static const std::vector<double> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                              0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                              1,      2.5,     5,      10,    30,     60};
  return kBounds;
}

}  // namespace keng::base
