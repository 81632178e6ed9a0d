/* The helpers of macros.h; what always holds is checked here, whatever the build does. */
#undef MOLBUILD_DEBUG
#define MOLBUILD_DEBUG

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"

struct outer {
	int before;
	struct inner {
		char c;
	} inner;
};

static void a_member_leads_to_its_struct(void **state)
{
	struct outer outer;
	(void)state;
	assert_ptr_equal(CONTAINER_OF(&outer.inner, struct outer, inner), &outer);
	assert_ptr_equal(CONTAINER_OF(&outer.before, struct outer, before), &outer);
}

static void an_array_knows_its_length(void **state)
{
	static const short array[7];
	(void)state;
	assert_int_equal(ARRAY_LEN(array), 7);
}

static void what_holds_passes(void **state)
{
	(void)state;
	INVARIANT(1 + 1 == 2);
}

static void what_does_not_hold_is_reported_and_aborts(void **state)
{
	char text[256];
	size_t got = 0;
	int ends[2], status;
	ssize_t more;
	pid_t pid;
	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		INVARIANT(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	/* stderr is not buffered: the parts of the line may come one by one. */
	while (got < sizeof text - 1 && (more = read(ends[0], text + got, sizeof text - 1 - got)) > 0)
		got += (size_t)more;
	text[got] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "test_macros.c:"));
	assert_non_null(strstr(text, ": broken invariant: 1 + 1 == 3\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_leads_to_its_struct),
		cmocka_unit_test(an_array_knows_its_length),
		cmocka_unit_test(what_holds_passes),
		cmocka_unit_test(what_does_not_hold_is_reported_and_aborts),
	};
	return cmocka_run_group_tests_name("macros", tests, NULL, NULL);
}
