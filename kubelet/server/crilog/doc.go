// Package crilog reads container logs as container runtimes write them, one entry a line:
//
//	2026-01-02T03:04:05.123456789Z stdout F a whole line, or the last part of one
//	2026-01-02T03:04:05.123456789Z stderr P a part of a line that goes on in the stream's next entry
//
// It reads only the file it is given and, when it follows, that file's successors under the same name. It is woken by
// inotify and never polls. It writes nothing but the output it is given.
package crilog
