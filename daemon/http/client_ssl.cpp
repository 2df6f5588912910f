// Asio's TLS code, compiled once here instead of in every file that uses it
// (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/ssl/impl/src.hpp>
