#include <stdio.h>
#include <stdlib.h>
#include <vfm.h>

static const char* verdict(vfm_state_t* vm, uint8_t last_byte) {
    uint8_t packet[60] = {0};
    packet[12] = 0x08;
    packet[14] = 0x45;
    packet[26] = 10;
    packet[29] = last_byte;
    return vfm_execute(vm, packet, sizeof(packet)) > 0 ? "pass" : "drop";
}

static void print_verdicts(vfm_state_t* vm, const char* when) {
    printf("%s: 10.0.0.1 %s, 10.0.0.9 %s\n", when, verdict(vm, 1), verdict(vm, 9));
}

int main(void) {
    uint8_t* bytecode;
    uint32_t bytecode_len;
    char error_msg[256];
    if (vfl_compile_string("(defset blocked :live 10.0.0.1)\n(not (in ip.src @blocked))", &bytecode,
                           &bytecode_len, error_msg, sizeof(error_msg)) < 0) {
        fprintf(stderr, "%s\n", error_msg);
        return 1;
    }
    vfm_state_t* vm = vfm_create();
    vfm_set_t* blocked;
    if (!vm || vfm_load_program(vm, bytecode, bytecode_len) != VFM_SUCCESS ||
        vfm_set_open(vm, "blocked", &blocked) != VFM_SUCCESS)
        return 1;
    print_verdicts(vm, "declared");

    /* Any thread may do this, whoever runs packets meanwhile. */
    const vfm_member_t net = {0, 0x0a000008, 29}; /* 10.0.0.8/29 */
    const vfm_member_t one = {0, 0x0a000001, 32};
    if (vfm_set_add(blocked, &net, 1, NULL) != VFM_SUCCESS) return 1;
    print_verdicts(vm, "added");
    size_t went;
    if (vfm_set_remove(blocked, &one, 1, &went) != VFM_SUCCESS) return 1;
    print_verdicts(vm, "removed");

    /* The program again, as if it had changed: its set is new, until it gets the one of before. */
    if (vfm_load_program(vm, bytecode, bytecode_len) != VFM_SUCCESS) return 1;
    print_verdicts(vm, "loaded");
    if (vfm_use_set(vm, "blocked", blocked) != VFM_SUCCESS) return 1;
    print_verdicts(vm, "kept");

    vfm_set_close(blocked);
    free(bytecode);
    vfm_destroy(vm);
    return 0;
}
