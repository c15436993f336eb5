#include "loader/record.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

#include "core/module/declarations.h"
#include "loader/bpf_call.h"
#include "loader/kernel.h"
#include "loader/record.pb.h"
#include "loader/shared_memory.h"

namespace vfm {
namespace {

// The bytes: these, the size of the message (4 bytes), the message, the modules.
constexpr std::string_view kRecordMagic = "VFM state 2\n";
constexpr size_t kRecordHead = kRecordMagic.size() + 4;
// An array's value is copied in one piece through kernel memory: small pieces always fit.
constexpr uint32_t kPiece = 4096;
constexpr uint32_t kMaxPieces = 1u << 18;

std::unexpected<Failure> broken(std::string_view why) {
    return refuse("vfm-xdp", fmt::format("the record of a filter cannot be read: {}", why));
}

void write_before(const CountedBefore& before, state::CountedBefore& message) {
    for (const uint64_t word : before.stats) message.add_stats(word);
    for (const Count& count : before.counts) {
        message.add_counts(count.packets);
        message.add_counts(count.bytes);
    }
    message.set_stats_map(before.maps.stats);
    for (const std::string& map : before.maps.groups) message.add_counters(map);
    for (const uint32_t size : before.maps.sizes) message.add_sizes(size);
    for (const uint32_t number : before.becomes) message.add_becomes(number);
}

void write_filter(const Record& record, state::Filter& filter) {
    filter.set_name(record.name);
    filter.set_priority(record.priority);
    filter.set_drop_on_error(record.drop_on_error);
    filter.set_attached_at(record.attached_at);
    filter.set_source_name(record.source_name);
    filter.set_source(record.source);
    filter.set_engine(record.engine);
    filter.set_messages(record.messages);
    filter.set_hand_over(record.hand_over);
    filter.set_stats_map(record.stats_map);
    filter.set_program_size(record.program.size());
    for (const RecordedTable& table : record.tables) {
        state::Table& row = *filter.add_tables();
        row.set_name(table.name);
        row.set_key(key_kinds_text(table.key));
        row.set_capacity(table.capacity);
        row.set_map(table.map);
        row.set_shared(table.shared);
    }
    for (const std::string& map : record.counters) filter.add_counters(map);
    if (record.before != CountedBefore{}) write_before(record.before, *filter.mutable_before());
    if (!record.previous) return;
    state::Previous& previous = *filter.mutable_previous();
    previous.set_source_name(record.previous->source_name);
    previous.set_priority(record.previous->priority);
    previous.set_drop_on_error(record.previous->drop_on_error);
    previous.set_program_size(record.previous->program.size());
}

/// A name that stands in a path: of a directory entry of ours.
bool is_pin_name(const std::string& name) {
    return !name.empty() && name.find('/') == name.npos && name.find('\0') == name.npos;
}

/// Nothing if a field is wrong, as below.
std::optional<CountedBefore> read_before(const state::CountedBefore& message) {
    CountedBefore before;
    before.stats.assign(message.stats().begin(), message.stats().end());
    if (message.counts_size() % 2 != 0) return std::nullopt;
    for (int i = 0; i < message.counts_size(); i += 2)
        before.counts.push_back({message.counts(i), message.counts(i + 1)});
    before.maps.stats = message.stats_map();
    before.maps.groups.assign(message.counters().begin(), message.counters().end());
    before.maps.sizes.assign(message.sizes().begin(), message.sizes().end());
    before.becomes.assign(message.becomes().begin(), message.becomes().end());
    const auto is_none_or_pin = [](const std::string& map) {
        return map.empty() || is_pin_name(map);
    };
    const bool right = is_none_or_pin(before.maps.stats) &&
                       std::ranges::all_of(before.maps.groups, is_none_or_pin) &&
                       before.maps.groups.size() == before.maps.sizes.size();
    return right ? std::optional(std::move(before)) : std::nullopt;
}

std::optional<PreviousFilter> read_previous(const state::Previous& message) {
    if (message.priority() > UINT16_MAX) return std::nullopt;
    return PreviousFilter{.source_name = message.source_name(),
                          .priority = static_cast<uint16_t>(message.priority()),
                          .drop_on_error = message.drop_on_error(),
                          .program = {},
                          .program_size = message.program_size()};
}

std::optional<Record> read_filter_message(const state::Filter& filter, Record record) {
    record.name = filter.name();
    record.priority = static_cast<uint16_t>(filter.priority());
    record.drop_on_error = filter.drop_on_error();
    record.attached_at = filter.attached_at();
    record.source_name = filter.source_name();
    record.source = filter.source();
    record.engine = filter.engine();
    record.messages = filter.messages();
    record.hand_over = filter.hand_over();
    record.stats_map = filter.stats_map();
    record.program_size = filter.program_size();
    if (filter.priority() > UINT16_MAX || !is_pin_name(record.stats_map)) return std::nullopt;
    for (const state::Table& table : filter.tables()) {
        const auto key = find_key_kinds(table.key());
        if (!key || !is_pin_name(table.map())) return std::nullopt;
        record.tables.push_back(
            {table.name(), *key, table.capacity(), table.map(), table.shared()});
    }
    for (const std::string& map : filter.counters()) {
        if (!map.empty() && !is_pin_name(map)) return std::nullopt;
        record.counters.push_back(map);
    }
    if (filter.has_before()) {
        auto before = read_before(filter.before());
        if (!before) return std::nullopt;
        record.before = *std::move(before);
    }
    if (filter.has_previous()) {
        record.previous = read_previous(filter.previous());
        if (!record.previous) return std::nullopt;
    }
    return record;
}

std::optional<Generation> read_message(const state::Generation& message) {
    Generation generation{.program_id = message.program_id(), .filters = {}};
    const auto* hook = find_hook(message.hook());
    const auto mode = find_mode(message.mode());
    if (!hook || !mode) return std::nullopt;
    Record base;
    base.interface = message.interface();
    base.ifindex = message.ifindex();
    base.network_namespace = message.network_namespace();
    base.hook = hook->point;
    base.mode = *mode;
    for (const state::Filter& filter : message.filters()) {
        auto record = read_filter_message(filter, base);
        if (!record) return std::nullopt;
        generation.filters.push_back(*std::move(record));
    }
    return generation;
}

}  // namespace

Bytes generation_bytes(const Generation& generation) {
    state::Generation message;
    message.set_program_id(generation.program_id);
    for (const Record& record : generation.filters) {
        message.set_interface(record.interface);
        message.set_ifindex(record.ifindex);
        message.set_network_namespace(record.network_namespace);
        message.set_hook(std::string(hook_info(record.hook).name));
        message.set_mode(std::string(mode_name(record.mode)));
        write_filter(record, *message.add_filters());
    }
    const std::string head = message.SerializeAsString();
    Bytes bytes(kRecordMagic.begin(), kRecordMagic.end());
    append_le(bytes, head.size(), 4);
    bytes.insert(bytes.end(), head.begin(), head.end());
    for (const Record& record : generation.filters)
        bytes.insert(bytes.end(), record.program.begin(), record.program.end());
    for (const Record& record : generation.filters)
        if (record.previous)
            bytes.insert(bytes.end(), record.previous->program.begin(),
                         record.previous->program.end());
    return bytes;
}

Result<Generation> parse_generation(ByteView bytes, Programs programs) {
    if (bytes.size() < kRecordHead ||
        !std::equal(kRecordMagic.begin(), kRecordMagic.end(), bytes.begin()))
        return broken("it is not one of this version");
    const size_t head = load_le<uint32_t>(&bytes[kRecordMagic.size()]);
    ByteView rest = bytes.subspan(kRecordHead);
    if (head > rest.size()) return broken("it is cut off");
    state::Generation message;
    if (!message.ParseFromArray(rest.data(), static_cast<int>(head)))
        return broken("it is no message");
    auto generation = read_message(message);
    if (!generation) return broken("a field is missing or wrong");
    rest = rest.subspan(head);
    const auto take = [&](Bytes& program, uint64_t size) {
        if (size > rest.size()) return false;
        const ByteView bytes_of_it = rest.first(size);
        if (programs == Programs::read) program.assign(bytes_of_it.begin(), bytes_of_it.end());
        rest = rest.subspan(size);
        return true;
    };
    for (Record& record : generation->filters)
        if (!take(record.program, record.program_size)) return broken("it is cut off");
    for (Record& record : generation->filters)
        if (record.previous && !take(record.previous->program, record.previous->program_size))
            return broken("it is cut off");
    return *std::move(generation);
}

Result<Fd> make_record_map(const Generation& generation) {
    const std::string& about = generation.filters.front().name;
    Bytes bytes = generation_bytes(generation);
    const size_t pieces = (bytes.size() + kPiece - 1) / kPiece;
    if (pieces > kMaxPieces) return refuse(about, "the filter is too large to be recorded");
    bytes.resize(pieces * kPiece);
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = kPiece;
    attributes.max_entries = static_cast<uint32_t>(pieces);
    attributes.map_flags = BPF_F_MMAPABLE;
    put_bpf_name(attributes.map_name, "vfm_record");
    Fd map(bpf_call(BPF_MAP_CREATE, attributes));
    int error = map ? 0 : errno;
    for (uint32_t i = 0; error == 0 && i < pieces; ++i)
        if (bpf_map_update_elem(map.get(), &i, &bytes[size_t{i} * kPiece], BPF_ANY) != 0)
            error = errno;
    if (error == 0 && bpf_map_freeze(map.get()) != 0) error = errno;
    if (error == 0) return map;
    return refuse(about, fmt::format("cannot record the filter: {}", error_text(error)));
}

Result<Generation> read_record_map(const std::string& path, Programs programs) {
    const auto memory = TRY(SharedMemoryView::open(path));
    return parse_generation(
        {reinterpret_cast<const uint8_t*>(memory.bytes().data()), memory.bytes().size()}, programs);
}

}  // namespace vfm
