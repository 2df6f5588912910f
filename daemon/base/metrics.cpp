#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>

namespace callhook {

struct metrics_registry::impl {
    prometheus::Registry registry;

    template <class Builder>
    auto& family(Builder builder, const std::string& name, const std::string& help) {
        return builder.Name(name).Help(help).Register(registry);
    }
};

namespace {

std::map<std::string, std::string> to_map(const metrics_registry::labels& of) {
    return {of.begin(), of.end()};
}

}  // namespace

void metric_counter::add(double by) const {
    if (series_ != nullptr) static_cast<prometheus::Counter*>(series_)->Increment(by);
}
double metric_counter::value() const {
    return series_ == nullptr ? 0 : static_cast<prometheus::Counter*>(series_)->Value();
}
void metric_gauge::set(double value) const {
    if (series_ != nullptr) static_cast<prometheus::Gauge*>(series_)->Set(value);
}
void metric_gauge::add(double by) const {
    if (series_ != nullptr) static_cast<prometheus::Gauge*>(series_)->Increment(by);
}
void metric_histogram::observe(double value) const {
    if (series_ != nullptr) static_cast<prometheus::Histogram*>(series_)->Observe(value);
}

metrics_registry::metrics_registry() : impl_{std::make_unique<impl>()} {}
metrics_registry::~metrics_registry() = default;

metric_counter metrics_registry::counter(const std::string& name, const std::string& help, const labels& of) {
    metric_counter handle;
    handle.series_ = &impl_->family(prometheus::BuildCounter(), name, help).Add(to_map(of));
    return handle;
}

metric_gauge metrics_registry::gauge(const std::string& name, const std::string& help, const labels& of) {
    metric_gauge handle;
    handle.series_ = &impl_->family(prometheus::BuildGauge(), name, help).Add(to_map(of));
    return handle;
}

metric_histogram metrics_registry::histogram(
    const std::string& name, const std::string& help, std::vector<double> buckets, const labels& of
) {
    metric_histogram handle;
    handle.series_ =
        &impl_->family(prometheus::BuildHistogram(), name, help).Add(to_map(of), std::move(buckets));
    return handle;
}

void metrics_registry::remove_gauge(const std::string& name, const labels& of) {
    auto& family = impl_->family(prometheus::BuildGauge(), name, "");
    family.Remove(&family.Add(to_map(of)));
}

std::string metrics_registry::render() const {
    return prometheus::TextSerializer{}.Serialize(impl_->registry.Collect());
}

std::vector<double> metrics_registry::duration_buckets() {
    return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

}  // namespace callhook
