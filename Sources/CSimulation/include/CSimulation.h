// A run queue in place of Swift's global executor: every job that the calling thread enqueues waits here until that
// thread runs it. Other threads keep the ordinary executor.
#ifndef CSIMULATION_H
#define CSIMULATION_H

#include <stddef.h>

// From now on the calling thread's jobs come here.
void csimulation_enter(void);
// Ends that; whatever is still queued goes to the ordinary executor.
void csimulation_leave(void);
// Runs jobs, first come first served, until none is left. Returns how many ran.
size_t csimulation_run(void);

#endif
