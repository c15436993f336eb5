#include "userspace/jit/x64/constants.h"

#include <utility>

namespace vfm::jit {

asmjit::Label Constants::add(Bytes bytes) {
    const asmjit::Label label = out_.newLabel();
    tables_.push_back({label, std::move(bytes)});
    return label;
}

void Constants::place() {
    for (const Table& table : tables_) {
        out_.align(asmjit::AlignMode::kData, 64);
        out_.bind(table.label);
        out_.embed(table.bytes.data(), table.bytes.size());
    }
}

}  // namespace vfm::jit
