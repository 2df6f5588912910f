#pragma once

// `reader_pool`, as those who read know it.

#include "store/connection_pool.hpp"
