#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vfm.h>

static int debug_execute(vfm_state_t* vm, const uint8_t* packet, uint16_t len) {
    int result = vfm_step_begin(vm, packet, len);
    if (result != VFM_SUCCESS) return result;

    uint64_t value;
    while ((result = vfm_step(vm, &value)) == VFM_STEP_MORE) {
        printf("Step %" PRIu64 ": PC=%" PRIu32 ", Stack depth=%" PRIu32 "\n",
               vfm_get_insn_count(vm), vfm_get_pc(vm), vfm_get_stack_depth(vm));
        for (uint32_t i = 0; i < vfm_get_stack_depth(vm); i++)
            printf("  [%" PRIu32 "] = %" PRIu64 "\n", i, vfm_get_stack_value(vm, i));
    }
    if (result == VFM_SUCCESS) printf("Value %" PRIu64 "\n", value);
    return result;
}

int main(void) {
    /* LD16 12, PUSH16 0x0800, JEQ accept, PUSH8 0, RET, accept: PUSH8 1, RET */
    static const uint8_t program[] = {1, 12, 0, 135, 0, 8, 18, 3, 0, 134, 0, 22, 134, 1, 22};
    static uint8_t packet[60];
    packet[12] = 0x08;

    vfm_state_t* vm = vfm_create();
    if (!vm || vfm_load_program(vm, program, sizeof(program)) != VFM_SUCCESS) return 1;

    int result = debug_execute(vm, packet, sizeof(packet));
    printf("%s\n", vfm_error_string(result));

    /* A limit that does not pay for the first block, and the old one again. */
    uint64_t saved_limit = vfm_get_insn_limit(vm);
    if (vfm_set_insn_limit(vm, 2) != VFM_SUCCESS) return 1;
    result = debug_execute(vm, packet, sizeof(packet));
    printf("%s after %" PRIu64 " steps\n", vfm_error_string(result), vfm_get_insn_count(vm));
    if (vfm_set_insn_limit(vm, saved_limit) != VFM_SUCCESS) return 1;

    result = debug_execute(vm, packet, 13);
    printf("%s at PC=%" PRIu32 "\n", vfm_error_string(result), vfm_get_pc(vm));
    vfm_destroy(vm);
    return 0;
}
