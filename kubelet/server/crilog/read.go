package crilog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options select what is read.
type Options struct {
	// Tail is how many of the last lines are read; nil reads all.
	Tail *int64
	// Since leaves out entries that are older.
	Since time.Time
	// Timestamps puts each line's timestamp in front of it.
	Timestamps bool
	// LimitBytes ends the output after so many bytes; nil has no limit.
	LimitBytes *int64
	// Stream is "stdout", "stderr" or "" for both.
	Stream string
	// Ended, if not nil, makes Read follow the log until it is closed.
	Ended <-chan struct{}
}

// Read copies the log at path to out, as options say. When it follows it calls flush whenever it has caught up.
func Read(ctx context.Context, path string, options Options, out io.Writer, flush func()) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("failed to try resolving symlinks in path %q: %w", path, err)
	}
	r := &reader{path: real, options: options, out: out, lineStart: map[string]bool{"stdout": true, "stderr": true}}
	if options.Ended != nil {
		// Watching begins before reading, so that nothing written in between is missed.
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("watching log file: %w", err)
		}
		defer watcher.Close()
		if err := watcher.Add(filepath.Dir(real)); err != nil {
			return fmt.Errorf("watching log file: %w", err)
		}
		r.watcher = watcher
	}
	if err := r.open(); err != nil {
		return err
	}
	defer func() { r.file.Close() }()
	if options.Tail != nil {
		if err := r.seekTail(*options.Tail); err != nil {
			return fmt.Errorf("finding the last %d lines: %w", *options.Tail, err)
		}
	}
	err = r.run(ctx, flush)
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

var errLimit = errors.New("the limit is reached")

type reader struct {
	path    string
	options Options
	out     io.Writer
	watcher *fsnotify.Watcher

	file      *os.File
	lines     *bufio.Reader
	rest      []byte // an entry that is not fully written yet
	written   int64
	lineStart map[string]bool // whether the stream's next entry begins a line
}

func (r *reader) open() error {
	file, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("failed to open log file %q: %w", r.path, err)
	}
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.lines, r.rest = file, bufio.NewReaderSize(file, 32<<10), nil
	return nil
}

func (r *reader) seekTail(n int64) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	start, err := tailStart(r.file, info.Size(), n, r.options.Stream)
	if err != nil {
		return err
	}
	_, err = r.file.Seek(start, io.SeekStart)
	return err
}

func (r *reader) run(ctx context.Context, flush func()) error {
	for {
		if err := r.drain(ctx); err != nil || r.watcher == nil {
			return errors.Join(err, r.lastEntry(err))
		}
		flush()
		rotated, ended, err := r.wait(ctx)
		if err != nil {
			return err
		}
		if !rotated && !ended {
			continue
		}
		// What was written to the old file until now comes first.
		if err := r.drain(ctx); err != nil {
			return err
		}
		if rotated {
			if err := r.lastEntry(nil); err != nil {
				return err
			}
			if err := r.open(); err != nil {
				return err
			}
			continue
		}
		r.watcher = nil // one more round reads what a rotation at the very end may have left
		if replaced, err := r.replaced(); err == nil && replaced {
			if err := r.open(); err != nil {
				return err
			}
		}
	}
}

// replaced says whether the path now names another file than the open one.
func (r *reader) replaced() (bool, error) {
	now, err := os.Stat(r.path)
	if err != nil {
		return false, err
	}
	open, err := r.file.Stat()
	return err == nil && !os.SameFile(now, open), err
}

// wait blocks until the log has grown, was rotated, or its container has ended.
func (r *reader) wait(ctx context.Context) (rotated, ended bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, false, ctx.Err()
		case <-r.options.Ended:
			return false, true, nil
		case err := <-r.watcher.Errors:
			return false, false, fmt.Errorf("watching log file: %w", err)
		case event := <-r.watcher.Events:
			if event.Name != r.path {
				continue
			}
			if event.Has(fsnotify.Create) {
				replaced, err := r.replaced()
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					return false, false, err
				}
				return replaced, false, nil
			}
			if event.Has(fsnotify.Write) {
				return false, false, nil
			}
		}
	}
}

// drain writes every whole entry that the file has.
func (r *reader) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		line, err := r.lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			r.rest = append(r.rest, line...)
			return nil
		}
		if err != nil {
			return fmt.Errorf("failed to read log file %q: %w", r.path, err)
		}
		if len(r.rest) > 0 {
			line = append(r.rest, line...)
			r.rest = nil
		}
		if err := r.write(line); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lastEntry writes an entry that ended without a newline, once no more can come.
func (r *reader) lastEntry(failed error) error {
	if failed != nil || len(r.rest) == 0 {
		return nil
	}
	rest := r.rest
	r.rest = nil
	return r.write(rest)
}

func (r *reader) write(line []byte) error {
	e, err := parse(line)
	if err != nil {
		return nil // as a torn write after a crash leaves it: the log goes on behind it
	}
	if r.options.Stream != "" && e.stream != r.options.Stream || !r.options.Since.IsZero() && e.before(r.options.Since) {
		return nil
	}
	if r.options.Timestamps && r.lineStart[e.stream] {
		if err := r.put(append(append([]byte{}, e.stamp...), ' ')); err != nil {
			return err
		}
	}
	r.lineStart[e.stream] = !e.partial
	return r.put(e.content)
}

func (r *reader) put(data []byte) error {
	if limit := r.options.LimitBytes; limit != nil && r.written+int64(len(data)) >= *limit {
		if _, err := r.out.Write(data[:*limit-r.written]); err != nil {
			return err
		}
		return errLimit
	}
	n, err := r.out.Write(data)
	r.written += int64(n)
	return err
}
