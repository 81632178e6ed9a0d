/* How long a test waits for a condition before it fails. Only a test that hangs waits so long: the limit must hold on a
 * machine that runs many other programs. */
#ifndef MOLBUILD_TEST_LIMIT_H
#define MOLBUILD_TEST_LIMIT_H

#include "base/clock.h"

#define TEST_LIMIT_NS (600 * NS_PER_S)

#endif
