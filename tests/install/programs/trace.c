#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vfm.h>

static void print_step(void* user, const vfm_trace_step_t* step) {
    const uint64_t* packet = (const uint64_t*)user;
    printf("%" PRIu64 "  %" PRIu32 ":%-4" PRIu32 "%s = %s", *packet, step->line, step->column,
           step->text, step->value_text);
    if (step->bytes_size)
        printf(", bytes %" PRIu32 " to %" PRIu32, step->bytes_offset,
               step->bytes_offset + step->bytes_size - 1);
    if (step->table && step->wrote)
        printf(", %s[%s] %" PRIu64 " -> %" PRIu64, step->table, step->key_text, step->before,
               step->after);
    if (step->decided) printf(", rule %" PRIu32, step->decided_rule);
    printf("\n");
}

int main(void) {
    static const char filter[] =
        "(deftable seen :key ip)\n"
        "(rules (when (= tcp.dport 22) drop)"
        " (when (> (flow-add! seen ip.src 1) 1) drop) (default pass))";
    uint8_t* bytecode;
    uint32_t bytecode_len;
    char error_msg[256];
    if (vfl_compile_string(filter, &bytecode, &bytecode_len, error_msg, sizeof(error_msg)) < 0) {
        fprintf(stderr, "%s\n", error_msg);
        return 1;
    }
    vfm_state_t* vm = vfm_create();
    int code = vm ? vfm_load_program(vm, bytecode, bytecode_len) : VFM_ERROR_NO_MEMORY;
    free(bytecode);
    uint64_t number = 0;
    if (code != VFM_SUCCESS || vfm_set_step_trace(vm, print_step, &number) != VFM_SUCCESS) return 1;

    uint8_t packet[60] = {0}; /* TCP from 10.0.0.1 to port 443 */
    packet[12] = 0x08;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[26] = 10;
    packet[29] = 1;
    packet[36] = 443 >> 8;
    packet[37] = 443 & 0xff;
    while (++number <= 2) {
        uint64_t value;
        if (vfm_step_begin(vm, packet, sizeof(packet)) != VFM_SUCCESS) return 1;
        while ((code = vfm_step(vm, &value)) == VFM_STEP_MORE) continue;
        printf("%s, value %" PRIu64 "\n", vfm_error_string(code), value);
    }
    vfm_destroy(vm);
    return 0;
}
