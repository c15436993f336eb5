#include "loader/old_state.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/bytes.h"
#include "loader/kernel.h"
#include "loader/served.h"

namespace vfm {
namespace {

using nlohmann::json;

// The bytes: "VFMR", size of the JSON, size of the program (4 bytes each), then both, in pieces of
// an array.
constexpr std::string_view kOldMagic = "VFMR";
constexpr size_t kOldHead = 12;
constexpr uint32_t kOldPiece = 4096;
constexpr uint32_t kMostOldPieces = 1u << 16;

std::unexpected<Failure> not_readable(std::string_view why) {
    return refuse("vfm-xdp", fmt::format("the record of a filter cannot be read: {}", why));
}

/// Throws json::exception on a missing or mistyped field.
std::optional<Record> from_json(const json& object) {
    Record record;
    record.name = object.at("name");
    record.interface = object.at("iface");
    record.ifindex = object.at("ifindex");
    record.network_namespace = object.at("netns");
    const auto* hook = find_hook(object.at("hook").get<std::string>());
    const auto mode = find_mode(object.at("mode").get<std::string>());
    if (!hook || !mode) return std::nullopt;
    record.hook = hook->point;
    record.mode = *mode;
    record.engine = object.value("engine", "kernel");
    record.messages = object.value("messages", "");
    record.hand_over = object.value("hand_over", "");
    record.drop_on_error = object.at("drop_on_error");
    record.attached_at = object.at("attached_at");
    record.source_name = object.at("source_name");
    record.source = object.at("source");
    record.stats_map = object.at("stats_map");
    for (const json& row : object.at("tables")) {
        const auto key = find_key_kinds(row.at("key").get<std::string>());
        if (!key) return std::nullopt;
        record.tables.push_back({row.at("name"), *key, row.at("capacity"), row.at("map"), false});
    }
    record.counters = object.value("counters", record.counters);
    return record;
}

Result<Record> parse_old_record(ByteView bytes) {
    if (bytes.size() < kOldHead || !std::equal(kOldMagic.begin(), kOldMagic.end(), bytes.begin()))
        return not_readable("it is not one of ours");
    const size_t text_size = load_le<uint32_t>(&bytes[4]);
    const size_t program_size = load_le<uint32_t>(&bytes[8]);
    const ByteView rest = bytes.subspan(kOldHead);
    if (text_size > rest.size() || program_size > rest.size() - text_size)
        return not_readable("it is cut off");
    const ByteView text = rest.first(text_size);
    const json object = json::parse(text.begin(), text.end(), nullptr, false);
    std::optional<Record> record;
    try {
        if (!object.is_discarded()) record = from_json(object);
    } catch (const json::exception&) {
        record.reset();
    }
    if (!record) return not_readable("a field is missing or wrong");
    const ByteView program = rest.subspan(text_size, program_size);
    record->program.assign(program.begin(), program.end());
    record->program_size = program.size();
    return *std::move(record);
}

/// Nothing if the directory holds no filter.
Result<std::optional<StoredFilter>> read_old_filter(const std::string& directory) {
    StoredFilter filter{.directory = directory,
                        .link = directory + "/link",
                        .record_pin = directory + "/record",
                        .record = {},
                        .condition = Condition::attached,
                        .interface = {},
                        .program_id = 0,
                        .old = true};
    const Fd link(bpf_obj_get(filter.link.c_str()));
    if (!link && errno == ENOENT) return std::nullopt;
    if (!link) return cannot_read_state(directory, errno);
    auto record = read_old_record(filter.record_pin);
    if (!record) return std::nullopt;
    filter.record = *std::move(record);
    filter.record.program.clear();
    const auto state = link_state(link.get());
    if (!state) return cannot_read_state(directory, errno);
    find_condition(filter, *state);
    return filter;
}

}  // namespace

Result<Record> read_old_record(const std::string& path) {
    const Fd map(bpf_obj_get(path.c_str()));
    if (!map) return not_readable(error_text(errno));
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0)
        return not_readable(error_text(errno));
    if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != kOldPiece ||
        info.max_entries > kMostOldPieces)
        return not_readable("it is not one of ours");
    Bytes bytes(size_t{info.max_entries} * kOldPiece);
    for (uint32_t i = 0; i < info.max_entries; ++i)
        if (bpf_map_lookup_elem(map.get(), &i, &bytes[size_t{i} * kOldPiece]) != 0)
            return not_readable(error_text(errno));
    return parse_old_record(bytes);
}

Result<std::vector<StoredFilter>> old_filters(const std::string& bpffs) {
    const std::string top = bpffs + "/vfm";
    std::vector<StoredFilter> filters;
    std::error_code error;
    for (const std::string& interface : directory_entries(top, error))
        for (const std::string& hook : hook_directories(top + "/" + interface, error))
            for (const std::string& name : directory_entries(hook, error))
                if (auto filter = TRY(read_old_filter(hook + "/" + name)))
                    filters.push_back(*std::move(filter));
    if (error) return cannot_read_state(top, error.value());
    return filters;
}

Result<> detach_old_filter(const std::string& bpffs, const StoredFilter& filter) {
    const std::string top = bpffs + "/vfm";
    const Fd lock(open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || flock(lock.get(), LOCK_EX) != 0) return cannot_read_state(top, errno);
    const Fd link(bpf_obj_get(filter.link.c_str()));
    if (!link) return cannot_read_state(filter.link, errno);
    (void)bpf_link_detach(link.get());
    if (is_served(filter.record)) TRY(end_service(filter.directory));
    TRY(remove_state(filter.directory));
    const std::filesystem::path hook = std::filesystem::path(filter.directory).parent_path();
    rmdir(hook.c_str());
    rmdir(hook.parent_path().c_str());
    rmdir(top.c_str());
    return {};
}

}  // namespace vfm
