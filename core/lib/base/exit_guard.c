#include "base/exit_guard.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd_now.h"
#include "base/restore_terminal.h"

static int registered, guarded;

static void on_exit_inside(void)
{
	static const char line[] = "molbuild: out of memory\n";
	if (!guarded)
		return;
	restore_terminal_now();
	ssize_t put = fd_write_now(STDERR_FILENO, line, sizeof line - 1);
	(void)put;
	_exit(EXIT_FAILURE);
}

void exit_guard_begin(void)
{
	if (!registered && atexit(on_exit_inside) == 0)
		registered = 1;
	guarded = 1;
}

void exit_guard_end(void)
{
	guarded = 0;
}
