#include "tests/bench/contenders.h"

namespace vfm::bench {

Field all_contenders() {
    Field field;
    add_own(field);
    add_c(field);
    add_libpcap(field);
    add_rte_bpf(field);
    return field;
}

void add_missing(Field& field, std::initializer_list<std::string_view> names,
                 std::string_view reason) {
    for (const std::string_view name : names)
        field.missing.push_back({std::string(name), std::string(reason)});
}

}  // namespace vfm::bench
