#include "userspace/jit/burst/vector_code.h"

#include <asmjit/x86.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "userspace/jit/burst/vector_emit.h"

namespace vfm::jit {
namespace {

// The code reads packets as three words: where, how many bytes, when.
bool packets_are_as_expected() {
    static constexpr uint8_t kByte = 0;
    const Packet packet{.bytes = ByteView(&kByte, 1), .timestamp = 7};
    uint64_t words[3];
    static_assert(sizeof packet == sizeof words);
    std::memcpy(words, &packet, sizeof words);
    return words[0] == reinterpret_cast<uintptr_t>(&kByte) && words[1] == 1 && words[2] == 7;
}

bool make_tables(const VectorPlan& plan, VectorTables& tables) {
    for (const auto& keys : plan.sets) {
        auto set = TwoPlaceSet::make(keys);
        if (!set) return false;
        tables.sets.push_back(*std::move(set));
    }
    for (const auto& rows : plan.rows) {
        LaneRows& made = tables.rows.emplace_back();
        made.rows = rows;
        while (made.rows.size() % LaneRows::kAtATime != 0) made.rows.push_back(rows.back());
        made.exact_b = std::ranges::all_of(
            rows, [](const LaneRow& row) { return row.mask_b == ~uint32_t{0}; });
    }
    return true;
}

// Keeps the first error that asmjit reports.
class FirstError : public asmjit::ErrorHandler {
  public:
    void handleError(asmjit::Error error, const char*, asmjit::BaseEmitter*) override {
        if (error_ == asmjit::kErrorOk) error_ = error;
    }
    /// Want of memory is thrown, as everywhere.
    bool any() const {
        if (error_ == asmjit::kErrorOutOfMemory) throw std::bad_alloc();
        return error_ != asmjit::kErrorOk;
    }

  private:
    asmjit::Error error_ = asmjit::kErrorOk;
};

}  // namespace

VectorCode::~VectorCode() = default;

std::unique_ptr<const VectorCode> VectorCode::make(VectorPlan plan, VectorIsa isa, bool notes) {
    auto tables = std::make_unique<VectorTables>();
    if (!packets_are_as_expected() || !make_tables(plan, *tables)) return nullptr;
    const size_t steps = plan.cost();
    if (isa == VectorIsa::avx512) fuse_comparisons(plan);
    asmjit::CodeHolder code;
    FirstError errors;
    if (code.init(asmjit::Environment(asmjit::Arch::kX64)) != asmjit::kErrorOk)
        throw std::bad_alloc();
    code.setErrorHandler(&errors);
    const auto emitter = isa == VectorIsa::avx512 ? make_avx512_emitter(code, plan, *tables)
                                                  : make_avx2_emitter(code, plan, *tables);
    std::vector<NativeNote> said;
    if (notes) emitter->note_into(&said);
    const auto entry = emitter->emit();
    if (errors.any() || !entry) return nullptr;
    const asmjit::CodeBuffer& buffer = code.sectionById(0)->buffer();
    auto memory = CodeMemory::make({buffer.data(), buffer.size()});
    if (!memory) return nullptr;
    std::unique_ptr<VectorCode> result(new VectorCode);
    result->memory_ = *std::move(memory);
    result->tables_ = std::move(tables);
    result->function_ = result->memory_.entry<VectorFunction>(*entry);
    result->notes_ = std::move(said);
    result->instruction_bytes_ = emitter->instruction_bytes();
    result->steps_ = steps;
    result->lanes_ = isa == VectorIsa::avx512 ? 16 : 8;
    result->least_length_ = plan.least_length;
    result->stateful_ = plan.stateful;
    result->dear_ = !plan.sets.empty() || !plan.rows.empty();
    return result;
}

}  // namespace vfm::jit
