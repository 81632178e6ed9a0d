/* Small compiler helpers that every other header may use. */
#ifndef MOLBUILD_MACROS_H
#define MOLBUILD_MACROS_H

#include <stddef.h>
#include <stdint.h>

#define WARN_UNUSED                          __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define ARRAY_LEN(array)                     (sizeof(array) / sizeof((array)[0]))

/* The struct of TYPE whose MEMBER is at POINTER: for callbacks, which get a pointer to a timer, a watch or a child. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* An invariant of a struct, checked in debug builds (make asan): MOLBUILD_DEBUG. */
#ifdef MOLBUILD_DEBUG
#define INVARIANT(condition) ((condition) ? (void)0 : invariant_broken(__FILE__, __LINE__, #condition))
#else
#define INVARIANT(condition) ((void)0)
#endif

/* Print the position and the condition to stderr, and abort(). */
void invariant_broken(const char *file, int line, const char *condition) __attribute__((noreturn));

/* As a number of bytes or things: no bound. */
#define NO_BOUND INT64_MAX

#endif
