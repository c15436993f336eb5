// Lists of several kinds and sizes as filters, with packets that ask for what is in them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace vfm::bench {

/// One list: as a filter, and BENCH_HEADERS heads of packets, of which about half are asked for.
struct LookupList {
    std::string lisp;
    std::vector<Bytes> heads;
    std::vector<Bytes> keys;  ///< of lists of single addresses: as they stand in packets
};

struct LookupFamily {
    std::string name;  ///< "hosts"
    std::string what;  ///< one phrase
    std::function<LookupList(unsigned n)> list;
    bool wide = false;    ///< its keys are addresses of IPv6
    bool sized = true;    ///< else it is one list, whatever n is
    bool chains = false;  ///< made of tests that may stay one behind the other
};

/// Those of ClassBench are there where `data` has its folder.
std::vector<LookupFamily> lookup_families(const std::string& data);

}  // namespace vfm::bench
