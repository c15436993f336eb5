#include "tests/bench/names.h"

#include <algorithm>

#include "core/base/check.h"

namespace vfm::bench {
namespace {

constexpr Name kFilters[] = {
#define BENCH_FILTER(name, what) {name, what},
#include "tests/bench/names.def"
};
constexpr Name kEngines[] = {
#define BENCH_ENGINE(name, what) {name, what},
#include "tests/bench/names.def"
};
constexpr Name kTraces[] = {
#define BENCH_TRACE(name, what) {name, what},
#include "tests/bench/names.def"
};

}  // namespace

std::span<const Name> filter_names() { return kFilters; }
std::span<const Name> engine_names() { return kEngines; }
std::span<const Name> trace_names() { return kTraces; }

bool is_name(std::span<const Name> names, std::string_view name) {
    return std::ranges::find(names, name, &Name::name) != names.end();
}

std::string what_is(std::span<const Name> names, std::string_view name) {
    const auto found = std::ranges::find(names, name, &Name::name);
    VFM_CHECK(found != names.end(), "a name of names.def");
    return std::string(found->what);
}

std::string list_of(std::span<const Name> names) {
    std::string list;
    for (const Name& name : names) {
        if (!list.empty()) list += ", ";
        list += name.name;
    }
    return list;
}

}  // namespace vfm::bench
