// Whose fault a refusal is: told by errno and by what Linux 6.1 and 6.18 write in the log.
#include "loader/blame.h"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <string>

BOOST_AUTO_TEST_SUITE(blame_test)

using namespace vfm;

namespace {

constexpr int kNotSupported = 524;

Blame blame(int error, std::string_view complaint, bool has_perfmon = true) {
    const std::string log = complaint.empty() ? "processed 2 insns (limit 1000000)\n"
                                              : "27: (0f) r3 += r4\n" + std::string(complaint) +
                                                    "\nprocessed 27 insns (limit 1000000)\n";
    return blame_for_load(error, read_verifier_log(log), has_perfmon);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_verifier_rejects_the_filter) {
    for (const char* complaint :
         {"R0 !read_ok", "BPF program is too large. Processed 1000001 insn",
          "The sequence of 8193 jumps is too complex.",
          "combined stack size of 2 calls is 544. Too large",
          "The total number of maps per program has reached the limit of 64",
          "insn 40 cannot be patched due to 16-bit range",
          "R3 bitwise operator &= on pointer prohibited"})
        for (const int error : {EACCES, EINVAL, E2BIG, ERANGE})
            BOOST_TEST((blame(error, complaint) == Blame::filter), complaint);
}

BOOST_AUTO_TEST_CASE(a_missing_capability_is_no_fault_of_the_filter) {
    for (const char* complaint :
         {"R3 has pointer with unsupported alu operation, pointer arithmetic with it prohibited "
          "for "
          "!root",
          "R2 variable stack access prohibited for !root, var_off=(0x0; 0xf8) off=-64",
          "R7 pointer comparison prohibited", "R0 leaks addr as return value",
          "R1 leaks addr into map"})
        for (const int error : {EACCES, EPERM, EINVAL})
            for (const bool has_perfmon : {false, true})
                BOOST_TEST((blame(error, complaint, has_perfmon) == Blame::system), complaint);
}

BOOST_AUTO_TEST_CASE(a_stricter_verifier_is_not_believed) {
    for (const char* complaint :
         {"R0 !read_ok", "BPF program is too large. Processed 1000001 insn"})
        BOOST_TEST((blame(EACCES, complaint, false) == Blame::system), complaint);
}

BOOST_AUTO_TEST_CASE(errors_of_the_system) {
    for (const int error : {EPERM, ENOMEM, ENOSYS, EMFILE, ENFILE, EAGAIN, EINTR})
        for (const char* complaint : {"", "R0 !read_ok"})
            BOOST_TEST((blame(error, complaint) == Blame::system), error);
    // A security module, a program type that this kernel lacks, a directory that is gone.
    for (const int error : {EACCES, EINVAL, EOPNOTSUPP, ENOENT, EBUSY})
        BOOST_TEST((blame(error, "") == Blame::system), error);
}

BOOST_AUTO_TEST_CASE(limits_that_the_kernel_keeps_silently) {
    for (const int error : {E2BIG, ENOSPC, ERANGE, EFAULT, kNotSupported, 4003})
        BOOST_TEST((blame(error, "") == Blame::filter), error);
}

BOOST_AUTO_TEST_SUITE_END()
