// Package ttlafterfinished deletes finished Jobs when their ttlSecondsAfterFinished is
// over. It reads and deletes Jobs, nothing else.
package ttlafterfinished
