// A bpffs for tests, which are skipped where BPF is not available.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "loader/test_run.h"

namespace vfm::test {

/// A bpffs that only this process sees, and that goes with it.
class PrivateBpffs {
  public:
    PrivateBpffs() {
        char name[] = "/tmp/vfm-shared-XXXXXX";
        if (unshare(CLONE_NEWNS) != 0 ||
            mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || !mkdtemp(name))
            return;
        directory_ = name;
        if (mount("vfm", name, "bpf", 0, nullptr) == 0) return;
        rmdir(name);
        directory_.clear();
    }
    ~PrivateBpffs() {
        if (directory_.empty()) return;
        umount(directory_.c_str());
        rmdir(directory_.c_str());
    }
    const std::string& directory() const { return directory_; }

  private:
    std::string directory_;
};

inline const std::string& bpffs() {
    static const PrivateBpffs mounted;
    return mounted.directory();
}

inline boost::test_tools::assertion_result bpf_is_there(boost::unit_test::test_unit_id) {
    std::string missing = kernel_engine_missing();
    if (missing.empty() && bpffs().empty()) missing = "no bpffs can be mounted here";
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << "no BPF: " << missing;
    return result;
}

}  // namespace vfm::test
