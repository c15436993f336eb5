#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vfm.h>

/* A TCP packet from 10.0.0.1 to port 443. */
static void make_packet(uint8_t packet[60]) {
    for (unsigned i = 0; i < 60; i++) packet[i] = 0;
    packet[12] = 0x08;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[26] = 10;
    packet[29] = 1;
    packet[36] = 443 >> 8;
    packet[37] = 443 & 0xff;
}

static void print_counters(vfm_state_t* vm) {
    vfm_counter_t counter;
    for (uint32_t i = 0; vfm_counter_get(vm, i, &counter) == VFM_SUCCESS; i++)
        printf("%s:%" PRIu32 " %s: %" PRIu64 " packets, %" PRIu64 " bytes\n", counter.file,
               counter.line, counter.name[0] ? counter.name : counter.text, counter.packets,
               counter.bytes);
}

static int print_entry(void* user, const uint64_t* key, uint32_t words, uint64_t value) {
    char text[64];
    vfm_flow_key_text((vfm_state_t*)user, 0, key, words, text, sizeof(text));
    printf("%s = %" PRIu64 "\n", text, value);
    return 0; /* go on */
}

int main(int argc, char** argv) {
    uint8_t* bytecode;
    uint32_t bytecode_len;
    char message[512];
    int code = vfl_compile_file(argc > 1 ? argv[1] : "policy.vfl", NULL, &bytecode, &bytecode_len,
                                message, sizeof(message));
    if (message[0]) fprintf(stderr, "%s\n", message); /* what is wrong, or warnings */
    if (code != VFM_SUCCESS) return 1;

    vfm_state_t* vm = vfm_create();
    code = vm ? vfm_load_program(vm, bytecode, bytecode_len) : VFM_ERROR_NO_MEMORY;
    free(bytecode);
    if (code != VFM_SUCCESS) return 1;

    uint8_t packet[60];
    make_packet(packet);
    for (unsigned i = 0; i < 5; i++) printf("%d", vfm_execute(vm, packet, sizeof(packet)));
    printf("\n");
    print_counters(vm);

    /* The table `seen`: its entries, and one of them taken away. */
    int seen = vfm_flow_table_find(vm, "seen");
    if (seen < 0 || vfm_flow_each(vm, (uint32_t)seen, print_entry, vm) != VFM_SUCCESS) return 1;
    const uint64_t key[] = {0, UINT64_C(0xffff0a000001), 443}; /* ::ffff:10.0.0.1, a port */
    uint64_t value;
    if (vfm_flow_get(vm, (uint32_t)seen, key, 3, &value) != VFM_SUCCESS) return 1;
    if (vfm_flow_delete(vm, (uint32_t)seen, key, 3) != VFM_SUCCESS) return 1;
    printf("after %" PRIu64 ": %d\n", value, vfm_execute(vm, packet, sizeof(packet)));
    vfm_destroy(vm);
    return 0;
}
