// Emitted objects in this machine's kernel.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bpf/vfm_abi.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {

inline std::string why_not() {
    const bpf_insn insns[] = {ebpf::mov_imm(BPF_REG_0, 0), ebpf::exit_insn()};
    const int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", insns, 2, nullptr);
    if (fd < 0) return std::strerror(errno);
    close(fd);
    return {};
}

/// Tests that need the kernel are skipped, with the reason, where it cannot be asked.
inline boost::test_tools::assertion_result kernel(boost::unit_test::test_unit_id) {
    static const std::string reason = why_not();
    boost::test_tools::assertion_result result(reason.empty());
    if (!reason.empty()) result.message() << "this kernel loads no BPF programs here: " << reason;
    return result;
}

/// An object in the kernel, as libbpf reads it from the file.
class Loaded {
  public:
    explicit Loaded(const Program& program) : program_(program) {
        libbpf_set_print(nullptr);
        const Bytes file = write_elf(program);
        log_.resize(1 << 20);
        LIBBPF_OPTS(bpf_object_open_opts, options);
        options.kernel_log_buf = log_.data();
        options.kernel_log_size = log_.size();
        options.kernel_log_level = 4;
        object_ = bpf_object__open_mem(file.data(), file.size(), &options);
        BOOST_REQUIRE(object_ != nullptr);
        bpf_program* main = bpf_object__next_program(object_, nullptr);
        BOOST_REQUIRE(main != nullptr);
        const int status = bpf_object__load(object_);
        BOOST_REQUIRE_MESSAGE(status == 0, "load: " << status << "\n" << log_.data());
        fd_ = bpf_program__fd(main);
    }
    ~Loaded() { bpf_object__close(object_); }
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;

    bpf_prog_info info() const {
        bpf_prog_info info{};
        uint32_t size = sizeof info;
        BOOST_REQUIRE(bpf_obj_get_info_by_fd(fd_, &info, &size) == 0);
        return info;
    }
    int map(MapRole role) const {
        for (const Map& map : program_.maps) {
            if (map.role == role) return bpf_object__find_map_fd_by_name(object_, map.name.c_str());
        }
        return -1;
    }
    int map(const Map& map) const {
        return bpf_object__find_map_fd_by_name(object_, map.name.c_str());
    }
    uint32_t run(ByteView packet) {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = packet.data();
        options.data_size_in = static_cast<uint32_t>(packet.size());
        options.repeat = 1;
        const int status = bpf_prog_test_run_opts(fd_, &options);
        BOOST_REQUIRE_MESSAGE(status == 0, "test run of " << packet.size() << ": " << status);
        return options.retval;
    }
    // So that result() does not find what an earlier run left on another CPU.
    void forget_result() {
        const std::vector<vfm_result> per_cpu(libbpf_num_possible_cpus());
        const uint32_t zero = 0;
        BOOST_REQUIRE(bpf_map_update_elem(map(MapRole::result), &zero, per_cpu.data(), BPF_ANY) ==
                      0);
    }
    // The result of the last run, whichever CPU it was on.
    vfm_result result() const {
        std::vector<vfm_result> per_cpu(libbpf_num_possible_cpus());
        const uint32_t zero = 0;
        BOOST_REQUIRE(bpf_map_lookup_elem(map(MapRole::result), &zero, per_cpu.data()) == 0);
        for (const vfm_result& one : per_cpu) {
            if (one.value != 0 || one.error != 0) return one;
        }
        return {};
    }

  private:
    const Program& program_;
    std::vector<char> log_;
    bpf_object* object_ = nullptr;
    int fd_ = -1;
};

}  // namespace vfm::bpf
