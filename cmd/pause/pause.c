/* pause keeps the namespaces of a pod alive: it is the first process of every sandbox. It ends on SIGINT and
 * SIGTERM, and reaps the orphans that a shared PID namespace leaves to it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) {
	(void)signal;
	_exit(0);
}

static void reap(int signal) {
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

int main(void) {
	struct sigaction ends = {.sa_handler = end};
	struct sigaction reaps = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
	if (sigaction(SIGINT, &ends, NULL) < 0 || sigaction(SIGTERM, &ends, NULL) < 0 || sigaction(SIGCHLD, &reaps, NULL) < 0) {
		perror("pause: setting signal handlers");
		return 1;
	}
	for (;;) {
		pause();
	}
}
