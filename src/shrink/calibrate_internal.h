/* What the files of calibration share. */
#ifndef INK_SHRINK_CALIBRATE_INTERNAL_H
#define INK_SHRINK_CALIBRATE_INTERNAL_H

#include "shrink/calibrate.h"

/* Reads all windows with a session that is observed. */
ink_status ink_calibration_read(const ink_calibration *calibration, const ink_observer *observer,
                                ink_error *error);

/* Tells of windows that are done; CANCELLED. */
ink_status ink_calibration_go_on(const ink_calibration *calibration, size_t n_done,
                                 ink_error *error);

/* Those of a product's matrix; NULL: the node is none. */
ink_inputs *ink_inputs_of(const ink_statistics *statistics, const ink_array *node);

/* What a product reads: the floats, not what they were quantized to. */
ink_array *ink_inputs_source(const ink_array *node);

/* One more input, x[k]. */
void ink_inputs_add(ink_inputs *inputs, size_t expert, const float *x);

#endif
