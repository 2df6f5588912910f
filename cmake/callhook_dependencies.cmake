# Third-party libraries, all from the distribution's packages (scripts/install-packages names them).

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS json)
find_package(spdlog 1.10 REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
if(simdjson_VERSION VERSION_LESS 3.0)  # its own version file takes only the same minor release
  message(FATAL_ERROR "simdjson 3.0 or newer is needed; found ${simdjson_VERSION}")
endif()
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(date REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx>=6.4)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(NATS REQUIRED IMPORTED_TARGET libnats>=3.4)

# Debian 12's libphonenumber-dev asks for Boost 1.74's headers, which cannot be installed beside 1.81's. Its own headers
# do not need them, so scripts/install-packages unpacks them from that package instead; Debian 13 installs it as usual.
set(CALLHOOK_PHONENUMBER_ROOT "${CMAKE_SOURCE_DIR}/build/libphonenumber" CACHE PATH "Where unpacked libphonenumber headers are")
find_path(PHONENUMBER_INCLUDE phonenumbers/phonenumberutil.h HINTS "${CALLHOOK_PHONENUMBER_ROOT}/usr/include" REQUIRED)
find_library(PHONENUMBER_LIBRARY NAMES phonenumber libphonenumber.so.8 REQUIRED)
add_library(callhook_phonenumber INTERFACE)
target_include_directories(callhook_phonenumber SYSTEM INTERFACE "${PHONENUMBER_INCLUDE}")
target_link_libraries(callhook_phonenumber INTERFACE "${PHONENUMBER_LIBRARY}" protobuf::libprotobuf)

add_library(callhook_boost INTERFACE)
target_link_libraries(callhook_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(callhook_boost INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION
                                                    BOOST_BEAST_SEPARATE_COMPILATION)
