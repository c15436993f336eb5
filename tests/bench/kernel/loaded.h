// A program of ours or of clang's in the kernel, and what the kernel tells of it.
#pragma once

#include <functional>

#include "bpfgen/object.h"
#include "tests/bench/kernel/subjects.h"

namespace vfm::bench {

/// Opens an object file anew, ready to be loaded.
using Opener = std::function<Result<twins::ObjectFile>()>;

/// What is measured of ours: the build for frames of one buffer, for which the C is written, too.
/// It is what is loaded where the MTU is that of Ethernet.
Result<bpf::Program> our_build(const VerifiedModule& program);

/// Ours of this program, translated once; fails where the back end refuses it.
Result<Opener> ours_of(const VerifiedModule& program);
Opener twin_of(const twins::Twin& twin);

struct Size {
    unsigned loaded = 0;     ///< instructions after the kernel's rewriting
    unsigned processed = 0;  ///< instructions that the verifier walked
    unsigned machine_bytes = 0;
};

/// Not thread safe. Lives as long as what runs it.
class Loaded {
  public:
    /// With maps of its own. Fails with Status::refused where the kernel does not take it.
    static Result<Loaded> load(const Opener& opener);

    /// Loads the same program once more, with the maps that are there, and forgets it: ms of
    /// libbpf's and the kernel's time.
    Result<double> load_again(const Opener& opener) const;

    int fd() const;
    /// The descriptor of a map; fails where there is none of this name.
    Result<int> map(const char* name) const;
    Size size() const;

  private:
    twins::ObjectFile object_;
};

}  // namespace vfm::bench
