#include "userspace/flow/shared_tables.h"

#include "core/base/check.h"

namespace vfm {
namespace {

std::vector<PlacedTable> placed(std::span<const TableDecl> declarations,
                                std::span<const std::span<std::byte>> memories) {
    VFM_CHECK(declarations.size() == memories.size(), "one memory a table");
    std::vector<PlacedTable> all;
    for (size_t i = 0; i < declarations.size(); ++i) all.push_back({declarations[i], memories[i]});
    return all;
}

}  // namespace

SharedTables::SharedTables(std::span<const TableDecl> declarations,
                           std::span<const std::span<std::byte>> memories)
    : tables_(placed(declarations, memories)) {}

SharedTables::Changes::Changes(SharedTables* shared) : shared_(shared) {
    if (!shared_) return;
    shared_->mutex_.lock();
    shared_->tables_.begin_changes();
}

SharedTables::Changes::~Changes() {
    if (!shared_) return;
    shared_->tables_.end_changes();
    shared_->mutex_.unlock();
}

}  // namespace vfm
