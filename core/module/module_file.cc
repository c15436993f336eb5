#include "core/module/module_file.h"

#include <core/module/vfm_module.pb.h>
#include <fmt/core.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/module/declarations.h"
#include "core/module/module_wire.h"

namespace vfm {
namespace {

constexpr std::string_view kMagic = "VFM\x01";
constexpr size_t kMaxFile = size_t{64} << 20;
constexpr size_t kMaxText = size_t{16} << 20;
constexpr size_t kMaxCells = size_t{1} << 22;  // rows x keys of all rule tables

// The file's numbers are those of the enumerators.
static_assert(static_cast<int>(KeyKind::mac) == file::MAC);
static_assert(static_cast<int>(KeyKind::hash) == file::HASH);
static_assert(static_cast<int>(Eviction::lru) == file::LRU);
static_assert(static_cast<int>(Eviction::none) == file::NONE);

/// Numbers of 8 bits that the schema has as 32: what does not fit becomes 255, which no declaration
/// allows.
uint8_t saturated(uint32_t value) { return static_cast<uint8_t>(std::min(value, 255u)); }

// ---- Module to message -------------------------------------------------------------------------

void put_set(const SetDecl& from, file::Set& to) {
    to.set_name(from.name);
    to.set_width(from.width);
    std::string lengths;
    for (const SetMember& member : from.members) {
        to.add_lo(member.lo);
        if (from.width == 128) to.add_hi(member.hi);
        lengths += static_cast<char>(member.length);
    }
    const auto whole = [&](const SetMember& member) { return member.length == from.width; };
    if (!std::ranges::all_of(from.members, whole)) to.set_lengths(lengths);
}

void put_row(const std::vector<RuleTest>& from, file::Row& to) {
    for (uint32_t key = 0; key < from.size(); ++key) {
        const RuleTest& test = from[key];
        if (test.kind == RuleTest::Kind::any) continue;
        file::Test& out = *to.add_tests();
        out.set_key(key);
        out.set_kind(test.kind == RuleTest::Kind::prefix ? file::PREFIX : file::RANGE);
        out.set_hi(test.hi);
        out.set_lo(test.lo);
        out.set_last_hi(test.last_hi);
        out.set_last_lo(test.last_lo);
        out.set_length(test.length);
    }
}

void put_rules(const RuleTable& from, file::Rules& to) {
    to.set_name(from.name);
    for (const uint8_t width : from.key_widths) to.add_key_widths(width);
    for (const RuleRow& row : from.rows) put_row(row.tests, *to.add_rows());
}

void put_source(const Module& from, file::Source& to) {
    to.set_name(from.source_name);
    to.set_text(from.source_text);
    for (const LineEntry& entry : from.lines) {
        to.add_offsets(entry.offset);
        to.add_lines(entry.position.line);
        to.add_columns(entry.position.column);
    }
}

file::Module to_message(const Module& module) {
    file::Module out;
    out.set_magic(std::string(kMagic));
    out.set_code(std::string(module.code.begin(), module.code.end()));
    if (module.fuel) out.set_fuel(*module.fuel);
    for (const TableDecl& table : module.tables) {
        file::Table& row = *out.add_tables();
        row.set_name(table.name);
        row.set_key(static_cast<file::KeyKind>(table.key.front()));
        row.set_capacity(table.capacity);
        row.set_eviction(static_cast<file::Eviction>(table.eviction));
    }
    for (const SetDecl& set : module.sets) put_set(set, *out.add_sets());
    for (const ImportDecl& import : module.imports) {
        file::Import& row = *out.add_imports();
        row.set_name(import.name);
        row.set_arity(import.arity);
    }
    for (const RuleTable& rules : module.rule_tables) put_rules(rules, *out.add_rules());
    if (!module.source_name.empty() || !module.source_text.empty() || !module.lines.empty())
        put_source(module, *out.mutable_source());
    return out;
}

// ---- Message to Module -------------------------------------------------------------------------

/// Builds the module; `fault` is set where a message cannot become a declaration at all.
class Reader {
  public:
    explicit Reader(const file::Module& in) : in_(in) {}

    Module read() {
        module_.code.assign(in_.code().begin(), in_.code().end());
        if (in_.has_fuel()) module_.fuel = in_.fuel();
        for (const file::Table& row : in_.tables())
            module_.tables.push_back({.name = row.name(),
                                      .key = {static_cast<KeyKind>(row.key())},
                                      .capacity = row.capacity(),
                                      .eviction = static_cast<Eviction>(row.eviction())});
        for (int i = 0; i < in_.sets_size() && !fault_; ++i) read_set(in_.sets(i));
        for (const file::Import& row : in_.imports())
            module_.imports.push_back({row.name(), saturated(row.arity())});
        for (int i = 0; i < in_.rules_size() && !fault_; ++i) read_rules(in_.rules(i));
        if (!fault_) read_source(in_.source());
        return std::move(module_);
    }
    const std::optional<DeclarationFault>& fault() const { return fault_; }

  private:
    void read_set(const file::Set& in);
    void read_rules(const file::Rules& in);
    bool read_row(const file::Row& in, size_t keys, std::vector<RuleTest>& row);
    void read_source(const file::Source& in);
    void broken(Declared what, size_t index, std::string_view why) {
        fault_ = DeclarationFault{what, index,
                                  fmt::format("{} {}: {}", declared_name(what), index, why)};
    }

    const file::Module& in_;
    Module module_;
    std::optional<DeclarationFault> fault_;
    size_t cells_ = 0;
};

void Reader::read_set(const file::Set& in) {
    const size_t index = module_.sets.size();
    const int count = in.lo_size();
    const bool wide = in.width() == 128;
    if (in.hi_size() != (wide ? count : 0))
        return broken(Declared::set, index, "upper and lower halves differ in number");
    if (!in.lengths().empty() && in.lengths().size() != static_cast<size_t>(count))
        return broken(Declared::set, index, "prefix lengths and members differ in number");
    SetDecl set{.name = in.name(), .width = saturated(in.width()), .live = false, .members = {}};
    set.members.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        const uint8_t length = in.lengths().empty()
                                   ? set.width
                                   : static_cast<uint8_t>(in.lengths()[static_cast<size_t>(i)]);
        set.members.push_back({.hi = wide ? in.hi(i) : 0, .lo = in.lo(i), .length = length});
    }
    module_.sets.push_back(std::move(set));
}

bool Reader::read_row(const file::Row& in, size_t keys, std::vector<RuleTest>& row) {
    size_t next = 0;
    for (const file::Test& test : in.tests()) {
        if (test.key() < next || test.key() >= keys) return false;
        next = test.key() + size_t{1};
        row[test.key()] = {
            .kind = test.kind() == file::PREFIX ? RuleTest::Kind::prefix : RuleTest::Kind::range,
            .hi = test.hi(),
            .lo = test.lo(),
            .last_hi = test.last_hi(),
            .last_lo = test.last_lo(),
            .length = saturated(test.length())};
    }
    return true;
}

void Reader::read_rules(const file::Rules& in) {
    const size_t index = module_.rule_tables.size();
    const auto keys = static_cast<size_t>(in.key_widths_size());
    if (keys > kMaxRuleKeys) return broken(Declared::rules, index, "more than 16 keys");
    cells_ += keys * static_cast<size_t>(in.rows_size());
    if (cells_ > kMaxCells)
        return broken(Declared::rules, index,
                      fmt::format("more than {} rows x keys in the module", kMaxCells));
    RuleTable rules{.name = in.name(), .key_widths = {}, .verdicts = {}, .rows = {}};
    for (const uint32_t width : in.key_widths()) rules.key_widths.push_back(saturated(width));
    rules.verdicts.resize(static_cast<size_t>(in.rows_size()));
    rules.rows.assign(static_cast<size_t>(in.rows_size()), {1, std::vector<RuleTest>(keys)});
    for (int i = 0; i < in.rows_size(); ++i)
        if (RuleRow& row = rules.rows[static_cast<size_t>(i)];
            row.rule = static_cast<uint32_t>(i) + 1, !read_row(in.rows(i), keys, row.tests))
            return broken(Declared::rules, index,
                          fmt::format("row {}: tests name no key or do not ascend", i + 1));
    module_.rule_tables.push_back(std::move(rules));
}

void Reader::read_source(const file::Source& in) {
    if (in.name().size() > kMaxName || in.text().size() > kMaxText)
        return broken(Declared::line, 0, "the source text or its name is too long");
    if (in.offsets_size() != in.lines_size() || in.offsets_size() != in.columns_size())
        return broken(Declared::line, 0, "offsets, lines and columns differ in number");
    module_.source_name = in.name();
    module_.source_text = in.text();
    for (int i = 0; i < in.offsets_size(); ++i)
        module_.lines.push_back({in.offsets(i), {in.lines(i), in.columns(i)}});
}

/// Where in the file a faulty declaration begins.
uint64_t place_of(const DeclarationFault& fault, const std::vector<WirePlace>& places) {
    static constexpr int fields[] = {
        file::Module::kTablesFieldNumber,  file::Module::kSetsFieldNumber,
        file::Module::kImportsFieldNumber, file::Module::kRulesFieldNumber,
        file::Module::kSourceFieldNumber,  file::Module::kSourceFieldNumber};
    const int field = fields[static_cast<size_t>(fault.what)];
    size_t left = fault.what == Declared::line ? 0 : fault.index;
    for (const WirePlace& place : places)
        if (place.field == field && left-- == 0) return place.offset;
    return 0;
}

Result<Module> parse_module(ByteView bytes, const std::string& name) {
    const auto broken = [&](uint64_t offset, const std::string& why) {
        return fail(Diagnostic::at_offset(name, offset, "broken module: " + why));
    };
    if (bytes.size() > kMaxFile) return broken(0, fmt::format("more than {} bytes", kMaxFile));
    std::vector<WirePlace> places;
    if (const auto fault = check_wire(bytes, kModuleSchema, places))
        return broken(fault->offset, fault->reason);
    file::Module message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return broken(0, "not a message of the schema");
    Reader reader(message);
    Module module = reader.read();
    auto fault = reader.fault();
    if (!fault) fault = find_declaration_fault(module);
    if (fault) return broken(place_of(*fault, places), fault->reason);

    // What is left are second ways to write the same: long forms of numbers, defaults spelt out.
    const Bytes canonical = module_bytes(module);
    const auto differs = std::ranges::mismatch(bytes, canonical).in1;
    if (differs != bytes.end() || canonical.size() != bytes.size())
        return broken(static_cast<uint64_t>(differs - bytes.begin()), "not in its shortest form");
    return module;
}

}  // namespace

bool is_module_file(ByteView bytes) {
    static constexpr uint8_t begin[] = {0x0a, 0x04, 'V', 'F', 'M', 0x01};
    return bytes.size() >= sizeof begin &&
           std::equal(std::begin(begin), std::end(begin), bytes.begin());
}

Result<Module> parse_program(ByteView bytes, const std::string& name) {
    Module module;
    if (is_module_file(bytes))
        module = TRY(parse_module(bytes, name));
    else if (bytes.size() <= kMaxCode)
        module.code.assign(bytes.begin(), bytes.end());
    const size_t size = is_module_file(bytes) ? module.code.size() : bytes.size();
    if (const std::string why = code_size_fault(size); !why.empty()) {
        Diagnostic rejected = Diagnostic::at_offset(name, 0, why);
        rejected.kind = error_name(ErrorKind::invalid_program);
        return fail(std::move(rejected));
    }
    return module;
}

Bytes module_bytes(const Module& module) {
    const file::Module message = to_message(module);
    std::string out;
    {
        google::protobuf::io::StringOutputStream stream(&out);
        google::protobuf::io::CodedOutputStream coded(&stream);
        coded.SetSerializationDeterministic(true);
        VFM_CHECK(message.SerializeToCodedStream(&coded), "a module can always be written");
    }
    return Bytes(out.begin(), out.end());
}

Bytes program_bytes(const Module& module) {
    return module.is_raw() ? module.code : module_bytes(module);
}

}  // namespace vfm
