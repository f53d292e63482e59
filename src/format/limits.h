/* What a model file may ask for. Each limit is reported by its value when it is reached. */
#ifndef INK_FORMAT_LIMITS_H
#define INK_FORMAT_LIMITS_H

/*
 * The largest real header (a vocabulary of 262,144 with merges) has 16 MB. Also bounds every offset
 * to 32 bits.
 */
#define INK_GGUF_MAX_HEADER_BYTES (128u << 20)

#define INK_GGUF_MAX_KEYS (1u << 16)
#define INK_GGUF_MAX_TENSORS (1u << 16)
#define INK_GGUF_MAX_KEY_BYTES 65535u /* by the specification */
#define INK_GGUF_MAX_NAME_BYTES 255u  /* of a tensor; the specification has 64 */
#define INK_GGUF_MAX_DIMS 4u

/* Arrays of arrays: how deep, and how many in all. */
#define INK_GGUF_MAX_DEPTH 8u
#define INK_GGUF_MAX_NESTED (1u << 16)

/* Alignments are powers of two between these; the specification asks for multiples of 8. */
#define INK_GGUF_MIN_ALIGNMENT 8u
#define INK_GGUF_MAX_ALIGNMENT (1u << 20)
#define INK_GGUF_DEFAULT_ALIGNMENT 32u

/* Each part of a split set holds a file descriptor. */
#define INK_GGUF_MAX_PARTS 512u

#endif
