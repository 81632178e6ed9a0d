#include "loop/cpu_alarm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static void (*volatile call)(void);
static pthread_t owner;

/* The kernel may choose a thread of libcurl. */
static void on_alarm(int signo)
{
	int saved = errno;
	void (*ring)(void) = call;
	if (!pthread_equal(pthread_self(), owner))
		pthread_kill(owner, signo);
	else if (ring)
		ring();
	errno = saved;
}

static void set_timer(long every_us)
{
	const struct itimerval every = {{0, every_us}, {0, every_us}};
	setitimer(ITIMER_VIRTUAL, &every, NULL);
}

void cpu_alarm_start(long every_us, void (*ring)(void))
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigset_t one;
	owner = pthread_self();
	call = ring;
	sigemptyset(&action.sa_mask);
	sigaction(SIGVTALRM, &action, NULL);
	sigemptyset(&one);
	sigaddset(&one, SIGVTALRM);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	set_timer(every_us);
}

void cpu_alarm_stop(void)
{
	set_timer(0);
	call = NULL;
}
