#include "loader/shared_memory.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <expected>
#include <functional>
#include <string_view>

#include "loader/kernel.h"

namespace vfm {
namespace {

uint64_t page_size() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

std::unexpected<Failure> cannot_make(const std::string& where, uint64_t size, int error) {
    return refuse(
        where, fmt::format("cannot make {} bytes of shared memory: {}", size, error_text(error)),
        error == ENOMEM || error == E2BIG ? "give its flow tables a smaller capacity" : "");
}

std::unexpected<Failure> cannot_read(const std::string& path, const std::string& why) {
    return refuse(path, "cannot be read: " + why);
}

/// "flow table src-ip 4096 + flow table dst-ip 512"
std::string greatest_parts(std::vector<MemoryPart> parts) {
    constexpr size_t kShown = 3;
    std::ranges::stable_sort(parts, std::greater<>(), &MemoryPart::bytes);
    std::string text;
    for (size_t i = 0; i < std::min(kShown, parts.size()); ++i)
        text += fmt::format("{}{} {}", i == 0 ? "" : " + ", parts[i].what, parts[i].bytes);
    if (parts.size() > kShown) text += fmt::format(" + {} more", parts.size() - kShown);
    return text;
}

/// Maps all elements, which stand one behind the other in multiples of eight bytes; else why not.
std::expected<std::span<std::byte>, std::string> map_array(int map, int protection) {
    char kind[32] = {};
    const std::string link = fmt::format("/proc/self/fd/{}", map);
    if (readlink(link.c_str(), kind, sizeof kind - 1) < 0)
        return std::unexpected(error_text(errno));
    if (!std::string_view(kind).ends_with("bpf-map")) return std::unexpected("it is no map");
    bpf_map_info info{};
    uint32_t info_size = sizeof info;
    if (bpf_obj_get_info_by_fd(map, &info, &info_size) != 0)
        return std::unexpected(error_text(errno));
    if (info.type != BPF_MAP_TYPE_ARRAY || (info.map_flags & BPF_F_MMAPABLE) == 0)
        return std::unexpected("it is no array that can be mapped");
    const uint64_t size = (uint64_t{info.value_size} + 7) / 8 * 8 * info.max_entries;
    void* mapped = mmap(nullptr, size, protection, MAP_SHARED, map, 0);
    if (mapped == MAP_FAILED) return std::unexpected(error_text(errno));
    return std::span(static_cast<std::byte*>(mapped), size);
}

}  // namespace

Result<> require_memory(const std::string& where, std::span<const MemoryPart> parts,
                        uint64_t most) {
    uint64_t sum = 0;
    for (const MemoryPart& part : parts)
        if (__builtin_add_overflow(sum, part.bytes, &sum)) sum = UINT64_MAX;
    if (sum <= most) return {};
    return refuse(where,
                  fmt::format("the filter wants {} bytes of memory, more than --max-memory={}: {}",
                              sum, most, greatest_parts({parts.begin(), parts.end()})),
                  "give its flow tables a smaller capacity, or raise --max-memory");
}

Result<SharedMemory> SharedMemory::make(const std::string& where, const std::string& name,
                                        uint64_t size) {
    silence_libbpf();
    const uint64_t page = page_size();
    if (size > UINT64_MAX - page) return cannot_make(where, size, E2BIG);
    const uint64_t pages = std::max<uint64_t>((size + page - 1) / page, 1);
    if (pages > INT32_MAX) return cannot_make(where, size, E2BIG);
    auto options = libbpf_options<bpf_map_create_opts>();
    options.map_flags = BPF_F_MMAPABLE;
    Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), 4, static_cast<uint32_t>(page),
                          static_cast<uint32_t>(pages), &options));
    if (!map) return cannot_make(where, size, errno);
    return of(where, std::move(map));
}

Result<SharedMemory> SharedMemory::of(const std::string& where, Fd map) {
    silence_libbpf();
    const auto mapped = map_array(map.get(), PROT_READ | PROT_WRITE);
    if (!mapped) return refuse(where, "cannot map shared memory: " + mapped.error());
    return SharedMemory(std::move(map), *mapped);
}

SharedMemory::~SharedMemory() {
    if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

Result<SharedMemoryView> SharedMemoryView::open(const std::string& path) {
    silence_libbpf();
    // Not with BPF_F_RDONLY: the kernel maps no array by a descriptor that cannot write. It lets
    // nobody make a mapping without PROT_WRITE writable later, and the descriptor goes here.
    const Fd map(bpf_obj_get(path.c_str()));
    if (!map) return cannot_read(path, error_text(errno));
    const auto mapped = map_array(map.get(), PROT_READ);
    if (!mapped) return cannot_read(path, mapped.error());
    return SharedMemoryView(*mapped);
}

SharedMemoryView::~SharedMemoryView() {
    if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace vfm
