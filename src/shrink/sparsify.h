/*
 * Zeros in place of weights, within files of the same size: those that matter least by their size
 * (magnitude), by size times what they read (Wanda: Sun et al., arXiv:2306.11695), or by what their
 * loss costs after the others have made it good (SparseGPT: Frantar & Alistarh, arXiv:2301.00774).
 */
#ifndef INK_SHRINK_SPARSIFY_H
#define INK_SHRINK_SPARSIFY_H

#include "inkling.h"

/* For ink_prune_model, with a sparsity. */
ink_status ink_sparsify_model(const char *in, const char *out, const ink_pruning *options,
                              int n_threads, ink_error *error);

#endif
