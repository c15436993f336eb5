// An object file of one eBPF program, of clang's or of ours, as the machine in user space takes it:
// to run it where no kernel is asked, and to count what it executes.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "userspace/ebpf/machine.h"

namespace vfm::test {

struct ObjectProgram {
    std::vector<bpf_insn> insns;
    std::vector<ebpf::MapSpec> maps;
    std::vector<ebpf::MapUse> map_uses;
    Bytes data;  ///< `.rodata`
    std::vector<uint32_t> data_uses;

    /// Lives no longer than this.
    ebpf::Image image() const;
};

/// Fails with Status::refused for what is no such object, and for one with data that it writes.
Result<ObjectProgram> read_object(ByteView file, const std::string& name);

}  // namespace vfm::test
