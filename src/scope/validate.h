/* For the tests, which compile validate.c themselves: the library does without it. */
#ifndef SCOPE_VALIDATE_H
#define SCOPE_VALIDATE_H

struct slu_scope;

/* Assert every invariant of the scope and all below it. Any thread, at any time. */
void scope_validate(struct slu_scope *top);

#endif
