/*
 * Property: any bytes are refused with a message, or give a model in which all references lead
 * somewhere and of which each sample's value is counted once; in pieces as in one.
 */
#include <stddef.h>
#include <stdint.h>

#include "profile_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    profile_judge(bytes, len);
    return 0;
}
