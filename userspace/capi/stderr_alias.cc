// Lets libasmjit.a into a shared library. Debian compiles it for programs; its code is position
// independent but for one reference to data of another library, `stderr`, which it expects in the
// program. The linker's --wrap makes that, wherever it stands in libvfm.so, a reference to the
// variable here. (asmjit prints there when an assertion of its own fails, and so does VFM_CHECK.)
#include <cstdio>

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {
extern FILE* __real_stderr;
extern FILE* __wrap_stderr;
FILE* __wrap_stderr = __real_stderr;
}
// NOLINTEND(bugprone-reserved-identifier)
