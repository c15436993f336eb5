#include "loader/enforce.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <cerrno>
#include <numeric>

#include "core/base/fd.h"
#include "loader/counted.h"
#include "loader/counters.h"
#include "loader/kernel.h"
#include "loader/shared_memory.h"

namespace vfm {
namespace {

constexpr size_t kWord = sizeof(uint64_t);

std::string pin_of_share(const StoredFilter& filter) {
    return fmt::format("{}/maps/{}", filter.directory, kEnforceMap);
}

std::unexpected<Failure> foreign(const std::string& path) {
    return refuse(path, "it is no map of VFM's");
}

bool is_array_of_words(int map) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(map, &info, &size) == 0 &&
           info.type == BPF_MAP_TYPE_PERCPU_ARRAY && info.key_size == sizeof(uint32_t) &&
           info.value_size == kWord && info.max_entries >= VFM_ENFORCE_RULES;
}

/// Opens a map of the kernel's, a pin of the filter.
Result<Fd> open_words(const StoredFilter& filter, const std::string& pin) {
    Fd map = TRY(open_pin(filter, "maps/" + pin));
    if (!is_array_of_words(map.get())) return foreign(pin_of_share(filter));
    return map;
}

/// An element on every CPU.
Result<std::vector<uint64_t>> read_words(const StoredFilter& filter, int map, uint32_t index) {
    std::vector<uint64_t> words(cpu_count());
    if (bpf_map_lookup_elem(map, &index, words.data()) == 0) return words;
    return refuse(pin_of_share(filter), fmt::format("cannot be read: {}", error_text(errno)));
}

uint64_t counters_in(std::span<const CounterGroup> groups) {
    uint64_t sum = 0;
    for (const CounterGroup& group : groups) sum += group.counters.size();
    return sum;
}

std::vector<std::vector<uint64_t>> no_rules(std::span<const CounterGroup> groups) {
    std::vector<std::vector<uint64_t>> rules;
    for (const CounterGroup& group : groups) rules.emplace_back(group.counters.size());
    return rules;
}

Result<WouldDrop> would_drop_in_kernel(const StoredFilter& filter,
                                       std::span<const CounterGroup> groups) {
    auto words = TRY(read_would_drop(filter, kEnforceMap, counters_in(groups)));
    TRY(add_would_drop_before(filter, words));
    WouldDrop all{.packets = words.front(), .rules = no_rules(groups)};
    auto from = words.begin() + 1;
    for (std::vector<uint64_t>& group : all.rules)
        for (uint64_t& rule : group) rule = *from++;
    return all;
}

/// Another process counts meanwhile.
uint64_t word_at(std::span<const std::byte> memory, size_t at) {
    return __atomic_load_n(reinterpret_cast<const uint64_t*>(memory.data() + at), __ATOMIC_RELAXED);
}

Result<WouldDrop> would_drop_in_memory(const StoredFilter& filter,
                                       std::span<const CounterGroup> groups) {
    const auto view = TRY(SharedMemoryView::open(pin_of_share(filter)));
    std::span<const std::byte> memory = view.bytes();
    if (memory.size() < sizeof(vfm_enforce)) return foreign(pin_of_share(filter));
    WouldDrop all{.packets = word_at(memory, offsetof(vfm_enforce, undecided)),
                  .rules = no_rules(groups)};
    memory = memory.subspan(sizeof(vfm_enforce));
    const size_t part = enforce_part(groups);
    for (; memory.size() >= part; memory = memory.subspan(part)) {
        size_t at = 0;
        all.packets += word_at(memory, at);
        for (std::vector<uint64_t>& group : all.rules)
            for (uint64_t& rule : group) rule += word_at(memory, at += kWord);
    }
    return all;
}

}  // namespace

std::string share_text(uint32_t share) {
    if (share == 0) return "off";
    if (share >= kAllFlows) return "on";
    std::string text = fmt::format("{}.{:02}", share / 100, share % 100);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text + '%';
}

std::optional<uint32_t> parse_share(std::string_view percent) {
    if (percent.empty() || percent.back() != '%') return std::nullopt;
    percent.remove_suffix(1);
    const auto digits = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    };
    const size_t point = std::min(percent.find('.'), percent.size());
    const std::string_view whole = percent.substr(0, point);
    std::string decimals;
    if (point < percent.size()) {
        decimals = percent.substr(point + 1);
        if (!digits(decimals) || decimals.size() > 2) return std::nullopt;
    }
    if (!digits(whole) || whole.size() > 3) return std::nullopt;
    decimals.resize(2, '0');
    uint32_t share = 0;
    for (const char c : std::string(whole) + decimals)
        share = share * 10 + static_cast<uint32_t>(c - '0');
    return share <= kAllFlows ? std::optional(share) : std::nullopt;
}

Result<std::vector<uint64_t>> read_would_drop(const StoredFilter& filter, const std::string& pin,
                                              size_t size) {
    const Fd map = TRY(open_words(filter, pin));
    std::vector<uint64_t> sums(1 + size);
    for (uint32_t i = 0; i < sums.size(); ++i) {
        const auto words = TRY(read_words(filter, map.get(), VFM_ENFORCE_WOULD_DROP + i));
        sums[i] = std::accumulate(words.begin(), words.end(), uint64_t{0});
        if (sums.front() == 0) break;
    }
    return sums;
}

Result<> begin_share(int map, uint32_t share) {
    const std::vector<uint64_t> words(cpu_count(), share);
    const uint32_t index = VFM_ENFORCE_SHARE;
    if (bpf_map_update_elem(map, &index, words.data(), BPF_ANY) == 0) return {};
    return refuse("vfm-xdp", fmt::format("cannot write what is enforced: {}", error_text(errno)));
}

Result<uint32_t> read_share(const StoredFilter& filter) {
    if (!filter.record.enforceable) return kAllFlows;
    uint64_t share = 0;
    if (is_served(filter.record)) {
        const auto view = TRY(SharedMemoryView::open(pin_of_share(filter)));
        if (view.bytes().size() < sizeof(vfm_enforce)) return foreign(pin_of_share(filter));
        share = word_at(view.bytes(), offsetof(vfm_enforce, share));
    } else {
        const Fd map = TRY(open_words(filter, kEnforceMap));
        const auto words = TRY(read_words(filter, map.get(), VFM_ENFORCE_SHARE));
        share = words.front();
    }
    return static_cast<uint32_t>(std::min<uint64_t>(share, kAllFlows));
}

Result<> write_share(const StoredFilter& filter, uint32_t share) {
    if (!is_served(filter.record)) {
        const Fd map = TRY(open_words(filter, kEnforceMap));
        return begin_share(map.get(), share);
    }
    const std::string pin = pin_of_share(filter);
    Fd map = TRY(open_pin(filter, fmt::format("maps/{}", kEnforceMap)));
    const SharedMemory memory = TRY(SharedMemory::of(pin, std::move(map)));
    if (memory.bytes().size() < sizeof(vfm_enforce)) return foreign(pin);
    auto* const head = reinterpret_cast<vfm_enforce*>(memory.bytes().data());
    __atomic_store_n(&head->share, share, __ATOMIC_RELEASE);
    return {};
}

Result<WouldDrop> would_drop_of(const StoredFilter& filter, std::span<const CounterGroup> groups) {
    if (!filter.record.enforceable) return WouldDrop{.packets = 0, .rules = no_rules(groups)};
    return is_served(filter.record) ? would_drop_in_memory(filter, groups)
                                    : would_drop_in_kernel(filter, groups);
}

size_t enforce_part(std::span<const CounterGroup> groups) {
    constexpr size_t kLine = 64;
    return ((1 + counters_in(groups)) * kWord + kLine - 1) / kLine * kLine;
}

size_t enforce_memory(std::span<const CounterGroup> groups, uint32_t queues) {
    return sizeof(vfm_enforce) + queues * enforce_part(groups);
}

}  // namespace vfm
