/* What src/jpeg/transform.rs needs of libjpeg's private structures: where a decompressor keeps the functions that transform a block,
   and the quantisation factors of a component. */

#include <stdio.h>

#define JPEG_INTERNALS
#include "jpeglib.h"
#include "jdct.h"

typedef void (*block_function)(JCOEFPTR coefficients, const int *factors, JSAMPARRAY rows, size_t column);

_Static_assert(sizeof(ISLOW_MULT_TYPE) == sizeof(int), "libjpeg without vector code keeps factors as int");
_Static_assert(sizeof(JCOEF) == 2 && sizeof(JSAMPLE) == 1 && DCTSIZE == 8, "blocks are as transform.rs takes them");

static void transform(j_decompress_ptr info, jpeg_component_info *component, JCOEFPTR coefficients, JSAMPARRAY rows,
                      JDIMENSION column) {
  ((block_function)info->client_data)(coefficients, (const int *)component->dct_table, rows, column);
}

/* Makes a decompressor that was started call the function for each block. */
void pictures_set_inverse_dct(j_decompress_ptr info, block_function function) {
  info->client_data = (void *)function;
  for (int i = 0; i < info->num_components; i++)
    info->idct->inverse_DCT[i] = transform;
}
