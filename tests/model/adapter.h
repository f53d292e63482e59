/* Adapters for stories260K (dim 64, feed-forward 172, five layers), right or wrong in one thing. */
#ifndef INK_TESTS_ADAPTER_H
#define INK_TESTS_ADAPTER_H

#include "../support.h"

typedef struct ink_test_tensor {
    const char *name;
    uint64_t shape[3]; /* in file order; 0: no such dimension */
    uint32_t type;     /* GGUF's number; F32, F16 and Q8_0 can be filled */
    float first;       /* in place of the first value, where it is not 0 */
} ink_test_tensor;

typedef struct ink_test_adapter {
    const char *general_type, *adapter_type, *architecture; /* NULL: none */
    float alpha;
    bool no_alpha, text_alpha, alora;
    uint64_t seed; /* of the values, from -1/8 to 1/8 */
    ink_test_tensor tensors[6];
} ink_test_adapter;

/* Fails the test when it cannot be written. */
void ink_write_adapter(const ink_test_adapter *adapter, const char *path);

#define ADAPTER_HEAD \
    .general_type = "adapter", .adapter_type = "lora", .architecture = "llama", .alpha = 8

/* Rank 4, of two matrices of two layers. */
extern const ink_test_adapter ink_plain_adapter;

#endif
