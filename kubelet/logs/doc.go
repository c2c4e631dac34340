// Package logs keeps the logs of running containers below their limits: a log that is full is moved aside, the runtime opens a new
// one, and the newest of the old ones stay, compressed. It looks at sizes often while a log grows, and ever less while none does.
package logs
