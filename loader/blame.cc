#include "loader/blame.h"

#include <cerrno>

namespace vfm {
namespace {

// The kernel's own, which libc does not know: no machine code could be made of the program.
constexpr int kNotSupported = 524;
constexpr int kFirstOfLibbpf = 4000;  // libbpf cannot read what we have emitted

bool is_of_the_system(int error) {
    switch (error) {
        case EPERM:
        case ENOMEM:
        case ENOSYS:
        case EMFILE:
        case ENFILE:
        case EAGAIN:
        case EINTR:
            return true;
        default:
            return false;
    }
}

/// Errors of which the kernel says nothing in the log and that only a filter can cause.
bool is_of_the_filter(int error) {
    switch (error) {
        case E2BIG:   // too many instructions, or more than 64 maps
        case ENOSPC:  // a log beyond all bounds (before Linux 6.4)
        case ERANGE:
        case EFAULT:
        case kNotSupported:
            return true;
        default:
            return error >= kFirstOfLibbpf;
    }
}

}  // namespace

Blame blame_for_load(int error, const VerifierComplaint& complaint, bool has_perfmon) {
    if (is_of_the_system(error) || complaint.lacks_privilege) return Blame::system;
    if (!complaint.reason.empty()) return has_perfmon ? Blame::filter : Blame::system;
    return is_of_the_filter(error) ? Blame::filter : Blame::system;
}

}  // namespace vfm
