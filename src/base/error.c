#include <sluice/error.h>

#include <errno.h>

const char *slu_error_text(int err)
{
    switch (err) {
    case 0:
        return "no error";
    case -EINVAL:
        return "an argument is outside its range";
    case -EDQUOT:
        return "the byte budget is spent";
    case -ENOMEM:
        return "the operating system gave no memory";
    case -ENOBUFS:
        return "the space given for the result is too small";
    case -EOVERFLOW:
        return "a number would pass the range of its type";
    case -ECANCELED:
        return "the scope was cancelled";
    case -ETIMEDOUT:
        return "the deadline passed";
    case -ESTALE:
        return "the handle names something that is gone";
    case -EBADMSG:
        return "the input is corrupt";
    case -EAGAIN:
        return "not possible right now";
    case -ENOENT:
        return "what was searched for does not exist";
    case -EDEADLK:
        return "the caller would wait for itself";
    default:
        return "unknown error";
    }
}
