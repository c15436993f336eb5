#include "loader/record.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "loader/bpf_call.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

using nlohmann::json;

// The bytes: "VFMR", size of the JSON, size of the program (4 bytes each), then both.
constexpr std::string_view kMagic = "VFMR";
constexpr size_t kHead = 12;
// An array's value is copied in one piece through kernel memory: small pieces always fit.
constexpr uint32_t kPiece = 4096;
constexpr uint32_t kMaxPieces = 1u << 16;

json table_json(const RecordedTable& table) {
    return {{"name", table.name},
            {"key", key_kinds_text(table.key)},
            {"capacity", table.capacity},
            {"map", table.map}};
}

std::unexpected<Failure> broken(std::string_view why) {
    return refuse("vfm-xdp", fmt::format("the record of a filter cannot be read: {}", why));
}

/// Throws json::exception on a missing or mistyped field; only parse_record() calls it.
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
    record.engine = object.value("engine", "kernel");  // records of before have neither
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
        record.tables.push_back({row.at("name"), *key, row.at("capacity"), row.at("map")});
    }
    record.counters = object.value("counters", record.counters);  // nor did they have these
    return record;
}

}  // namespace

Bytes record_bytes(const Record& record) {
    json object = {{"name", record.name},
                   {"iface", record.interface},
                   {"ifindex", record.ifindex},
                   {"netns", record.network_namespace},
                   {"hook", hook_info(record.hook).name},
                   {"mode", mode_name(record.mode)},
                   {"engine", record.engine},
                   {"messages", record.messages},
                   {"hand_over", record.hand_over},
                   {"drop_on_error", record.drop_on_error},
                   {"attached_at", record.attached_at},
                   {"source_name", record.source_name},
                   {"source", record.source},
                   {"stats_map", record.stats_map},
                   {"tables", json::array()},
                   {"counters", record.counters}};
    for (const RecordedTable& table : record.tables) object["tables"].push_back(table_json(table));
    // Source text may hold any bytes: what is no UTF-8 is replaced, for it is only shown to people.
    const std::string text = object.dump(-1, ' ', true, json::error_handler_t::replace);
    Bytes bytes(kMagic.begin(), kMagic.end());
    append_le(bytes, text.size(), 4);
    append_le(bytes, record.program.size(), 4);
    bytes.insert(bytes.end(), text.begin(), text.end());
    bytes.insert(bytes.end(), record.program.begin(), record.program.end());
    return bytes;
}

Result<Record> parse_record(ByteView bytes) {
    if (bytes.size() < kHead || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin()))
        return broken("it is not one of ours");
    const size_t text_size = load_le<uint32_t>(&bytes[4]);
    const size_t program_size = load_le<uint32_t>(&bytes[8]);
    const ByteView rest = bytes.subspan(kHead);
    if (text_size > rest.size() || program_size > rest.size() - text_size)
        return broken("it is cut off");
    const ByteView text = rest.first(text_size);
    const json object = json::parse(text.begin(), text.end(), nullptr, false);
    std::optional<Record> record;
    try {
        if (!object.is_discarded()) record = from_json(object);
    } catch (const json::exception&) {
        record.reset();
    }
    if (!record) return broken("a field is missing or wrong");
    const ByteView program = rest.subspan(text_size, program_size);
    record->program.assign(program.begin(), program.end());
    return *std::move(record);
}

Result<Fd> make_record_map(const Record& record) {
    Bytes bytes = record_bytes(record);
    const auto pieces = static_cast<uint32_t>((bytes.size() + kPiece - 1) / kPiece);
    if (pieces > kMaxPieces) return refuse(record.name, "the filter is too large to be recorded");
    bytes.resize(size_t{pieces} * kPiece);
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = kPiece;
    attributes.max_entries = pieces;
    put_bpf_name(attributes.map_name, "vfm_record");
    Fd map(bpf_call(BPF_MAP_CREATE, attributes));
    int error = map ? 0 : errno;
    for (uint32_t i = 0; error == 0 && i < pieces; ++i)
        if (bpf_map_update_elem(map.get(), &i, &bytes[size_t{i} * kPiece], BPF_ANY) != 0)
            error = errno;
    if (error == 0 && bpf_map_freeze(map.get()) != 0) error = errno;
    if (error == 0) return map;
    return refuse(record.name, fmt::format("cannot record the filter: {}", error_text(error)));
}

Result<Record> read_record_map(int map) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) return broken(error_text(errno));
    if (info.value_size != kPiece || info.max_entries > kMaxPieces)
        return broken("it is not one of ours");
    Bytes bytes(size_t{info.max_entries} * kPiece);
    for (uint32_t i = 0; i < info.max_entries; ++i)
        if (bpf_map_lookup_elem(map, &i, &bytes[size_t{i} * kPiece]) != 0)
            return broken(error_text(errno));
    return parse_record(bytes);
}

}  // namespace vfm
