#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callhook {

/// The process's Prometheus metrics. Each `metric_*` is a handle to one series; handles are cheap to copy,
/// live as long as the registry, and are safe from any thread. Label values come from a bounded set (source,
/// event, result, the name of something stored), never from a request.
class metric_counter {
public:
    void add(double by = 1) const;
    [[nodiscard]] double value() const;

private:
    friend class metrics_registry;
    void* series_ = nullptr;
};

class metric_gauge {
public:
    void set(double value) const;
    void add(double by) const;

private:
    friend class metrics_registry;
    void* series_ = nullptr;
};

class metric_histogram {
public:
    void observe(double value) const;

private:
    friend class metrics_registry;
    void* series_ = nullptr;
};

class metrics_registry {
public:
    using labels = std::vector<std::pair<std::string, std::string>>;

    metrics_registry();
    ~metrics_registry();
    metrics_registry(const metrics_registry&) = delete;
    metrics_registry& operator=(const metrics_registry&) = delete;

    /// The same name and labels give the same series. `help` counts at a family's first use.
    metric_counter counter(const std::string& name, const std::string& help, const labels& of = {});
    metric_gauge gauge(const std::string& name, const std::string& help, const labels& of = {});
    metric_histogram histogram(
        const std::string& name, const std::string& help, std::vector<double> buckets, const labels& of = {}
    );

    /// Ends a series, of something that is there no more; its handles must not be used again.
    void remove_gauge(const std::string& name, const labels& of);

    /// Prometheus text exposition format 0.0.4.
    [[nodiscard]] std::string render() const;

    /// Bucket bounds in seconds for request-like durations: 0.5 ms to 10 s.
    static std::vector<double> duration_buckets();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook
