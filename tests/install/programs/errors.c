#include <stdio.h>
#include <vfm.h>

static const char* verdict(vfm_state_t* vm, const uint8_t* packet, uint16_t length) {
    int result = vfm_execute(vm, packet, length);
    switch (result) {
        case 0:
            return "drop";
        case 1:
            return "accept";
        case 2:
            return "accept and log";
        case VFM_ERROR_BOUNDS:
            return "packet too small";
        case VFM_ERROR_LIMIT:
            return "execution limit exceeded";
        default:
            return result < 0 ? vfm_error_string(result) : "accept";
    }
}

int main(void) {
    /* LD8 0, PUSH8 10, LD8 1, DIV, ADD, RET: the first byte and 10 / the second. */
    static const uint8_t program[] = {0, 0, 0, 134, 10, 0, 1, 0, 11, 8, 22};
    static const uint8_t packets[][2] = {{0, 20}, {1, 20}, {0, 5}, {7, 1}, {1, 0}};

    vfm_state_t* vm = vfm_create();
    if (!vm) {
        fprintf(stderr, "Failed to create VM\n");
        return 1;
    }
    int code = vfm_load_program(vm, program, sizeof(program));
    if (code != VFM_SUCCESS) {
        fprintf(stderr, "%s\n", vfm_error_message(vm));
        vfm_destroy(vm);
        return 1;
    }
    for (unsigned i = 0; i < sizeof(packets) / sizeof(packets[0]); ++i)
        printf("%u: %s\n", i, verdict(vm, packets[i], 2));
    printf("short: %s\n", verdict(vm, packets[0], 1));
    vfm_destroy(vm);
    return 0;
}
