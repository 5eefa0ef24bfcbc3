/*
 * The library's errors: every function that can fail returns 0 or a negative errno value.
 *
 * -EINVAL     an argument or an option is outside its documented range
 * -EDQUOT     the byte budget is spent
 * -ENOMEM     the operating system gave no memory although the budget had room
 * -ENOBUFS    the caller's space is too small
 * -EOVERFLOW  a number would pass the range of its type
 * -ECANCELED  the scope was cancelled
 * -ETIMEDOUT  the scope's deadline passed
 * -ESTALE     a handle names something that is gone
 * -EBADMSG    the input is corrupt
 * -EAGAIN     nothing there, or no room, right now
 * -ENOENT     what was searched for does not exist
 * -EDEADLK    the caller would wait for itself
 */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * What an error of this library means, as a phrase for a message to a person.
 *
 * err      0 or a negative errno value
 * Returns  a constant string, never NULL; values that the library does not use read "unknown error"
 * Threads  any
 */
SLU_API const char *slu_error_text(int err);

SLU_END_DECLS

#endif
