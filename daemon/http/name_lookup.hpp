#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace callhook::http {

/// What the system says of a name.
struct name_answer {
    boost::system::error_code failure{};
    std::vector<boost::asio::ip::address> addresses{};
};

/// A wait for a name's addresses. Private to this folder, and of the thread that made it.
///
/// The system's lookup blocks a thread until it is done, and nothing can hurry it; Asio has one such thread
/// for all names, so that one whose servers are silent would hold up everybody's. Here each name is looked up
/// on a thread of its own. Who asks for a name that is being looked up waits for the same answer; so a silent
/// name costs one thread, however often it is asked for. Beyond a bound of threads a lookup fails at once.
class name_lookup {
public:
    /// `done` is called once, on `executor` and never from within the constructor.
    name_lookup(
        const std::string& host,
        const boost::asio::any_io_executor& executor,
        std::function<void(name_answer)> done
    );
    /// From now on `done` is not called, unless it is on its way already. The system's lookup goes on by
    /// itself.
    ~name_lookup();
    name_lookup(const name_lookup&) = delete;
    name_lookup& operator=(const name_lookup&) = delete;

private:
    struct waiter;
    std::shared_ptr<waiter> waiter_;
};

}  // namespace callhook::http
