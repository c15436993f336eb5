#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vfm.h>

/* A function of this program that the filter calls: the price of a packet. */
static uint64_t price(void* user, const uint64_t* arguments) {
    return *(const uint64_t*)user * arguments[0];
}

int main(int argc, char** argv) {
    uint64_t per_byte = 3;
    vfm_state_t* vm = vfm_create();
    if (!vm || vfm_register_function(vm, "price", 1, price, &per_byte) != VFM_SUCCESS) return 1;
    if (vfm_load_program_file(vm, argc > 1 ? argv[1] : "price.mod") != VFM_SUCCESS) {
        fprintf(stderr, "%s\n", vfm_error_message(vm));
        vfm_destroy(vm);
        return 1;
    }

    uint8_t bytes[3][100];
    memset(bytes, 0, sizeof(bytes));
    vfm_packet_t packets[3];
    for (unsigned i = 0; i < 3; i++) {
        packets[i].data = bytes[i];
        packets[i].len = 50 + 20 * i;
        packets[i].timestamp = 0;
    }
    vfm_outcome_t outcomes[3];
    if (vfm_execute_batch(vm, packets, 3, outcomes) != VFM_SUCCESS) return 1;
    for (unsigned i = 0; i < 3; i++)
        printf("%u: %" PRIu64 ", %s\n", i, outcomes[i].value, vfm_error_string(outcomes[i].error));

    /* Values that do not fit an int are clamped by vfm_execute() and whole from vfm_execute64(). */
    uint64_t value;
    per_byte = UINT64_C(1) << 40;
    printf("%d", vfm_execute(vm, bytes[0], 60));
    printf(" %s", vfm_error_string(vfm_execute64(vm, bytes[0], 60, &value)));
    printf(" %" PRIu64 "\n", value);
    vfm_destroy(vm);
    return 0;
}
