/* exit() inside and outside of the guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/exit_guard.h"

/* Exit with 255 in a child, guarded or not. Returns its status; what it wrote to stderr is in SAID. */
static int exit_in_child(int before, int after, char *said, size_t size)
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		if (before)
			exit_guard_begin();
		if (after)
			exit_guard_end();
		exit(255);
	}
	close(ends[1]);
	ssize_t got = read(ends[0], said, size - 1);
	assert_true(got >= 0);
	said[got] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void an_exit_inside_is_an_ordinary_failure(void **state)
{
	char said[256];
	(void)state;
	assert_int_equal(exit_in_child(1, 0, said, sizeof said), 1);
	assert_string_equal(said, "molbuild: out of memory\n");
}

static void an_exit_outside_keeps_its_status(void **state)
{
	char said[256];
	(void)state;
	assert_int_equal(exit_in_child(1, 1, said, sizeof said), 255);
	assert_string_equal(said, "");
	assert_int_equal(exit_in_child(0, 0, said, sizeof said), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_inside_is_an_ordinary_failure),
		cmocka_unit_test(an_exit_outside_keeps_its_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
