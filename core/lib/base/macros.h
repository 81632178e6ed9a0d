/* Small compiler helpers every other header may use. */
#ifndef MOLBUILD_MACROS_H
#define MOLBUILD_MACROS_H

#define WARN_UNUSED                          __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define ARRAY_LEN(array)                     (sizeof(array) / sizeof((array)[0]))

#endif
