// Package histories checks that the store and the watch cache are linearizable: concurrent clients write and read, what they
// asked and what they were told is recorded, and porcupine looks for one order of all operations that explains every answer.
//
// It is tests only, and owns nothing else: histories on a healthy store, with slow readers and compaction; of a process that is
// killed at chosen points of a commit or a compaction; on a full disk; and under clocks that jump. They last seconds;
// COXSWAIN_HISTORY=10m has each last that long.
package histories
