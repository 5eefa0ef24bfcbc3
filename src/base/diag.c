#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

static void diag_write(struct slu_diag *diag, uint32_t line, uint32_t column, const char *format,
                       va_list arguments) SLU_PRINTF(4, 0);

static void diag_write(struct slu_diag *diag, uint32_t line, uint32_t column, const char *format,
                       va_list arguments)
{
    if (diag == NULL) {
        return;
    }
    diag->line = line;
    diag->column = column;
    int len = vsnprintf(diag->message, sizeof(diag->message), format, arguments);
    if (len < 0) {
        diag->message[0] = '\0';
    }
}

int diag_fail(struct slu_diag *diag, int err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    diag_write(diag, 0, 0, format, arguments);
    va_end(arguments);
    return err;
}

int diag_fail_at(struct slu_diag *diag, int err, uint32_t line, uint32_t column, const char *format,
                 ...)
{
    va_list arguments;
    va_start(arguments, format);
    diag_write(diag, line, column, format, arguments);
    va_end(arguments);
    return err;
}
