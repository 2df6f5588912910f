#pragma once

#include "http/tls_trust.hpp"

#include <boost/asio/ssl/context.hpp>

namespace callhook::http {

/// What every TLS connection under one trust shares: versions, options and whom to believe. Private to this
/// folder.
struct tls_trust::state {
    boost::asio::ssl::context tls{boost::asio::ssl::context::tls_client};
    bool checks_names = true;  ///< whether a certificate must be of the name that was called
};

}  // namespace callhook::http
