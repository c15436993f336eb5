// A program with a schema `module.proto` of its own and the full runtime of protobuf, which knows
// all schemas of a process by name, beside a libvfm that reads a module.
#include <module.pb.h>
#include <vfm.h>

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    Module mine;
    mine.set_title("shelf mark");
    mine.set_shelf(7);
    if (mine.GetDescriptor()->file()->name() != "module.proto") return 1;

    vfm_state_t* vm = vfm_create();
    if (!vm) return 1;
    const uint8_t packet[60] = {};
    const bool good =
        vfm_load_program_file(vm, argv[1]) == VFM_SUCCESS && vfm_execute(vm, packet, 60) == 1;
    if (!good) std::fprintf(stderr, "%s\n", vfm_error_message(vm));
    vfm_destroy(vm);

    Module copy;
    return good && copy.ParseFromString(mine.SerializeAsString()) && copy.shelf() == 7 ? 0 : 1;
}
