/* Marks shared by every public header: linkage, visibility, must-use results. */
#ifndef SLUICE_API_H
#define SLUICE_API_H

#ifdef __cplusplus
#define SLU_BEGIN_DECLS extern "C" {
#define SLU_END_DECLS   }
#else
#define SLU_BEGIN_DECLS
#define SLU_END_DECLS
#endif

#define SLU_API          __attribute__((visibility("default")))
#define SLU_MUST_USE     __attribute__((warn_unused_result))
#define SLU_PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
