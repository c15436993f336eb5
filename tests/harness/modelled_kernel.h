// Is the running kernel the one whose verifier predictions model?
#pragma once

#include <sys/utsname.h>

#include <cstdio>

namespace vfm::test {

inline bool kernel_is_modelled() {
    utsname name{};
    int major = 0, minor = 0;
    return uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           major == 6 && minor == 18;
}

}  // namespace vfm::test
