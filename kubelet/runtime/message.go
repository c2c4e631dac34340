package runtime

import (
	"bytes"
	"io"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Limits of a termination message: from the file, and from the end of the log.
const (
	messageBytes    = 4096
	messageLogBytes = 2048
	messageLogLines = 80
)

// collectMessage reads the termination message that an exited container left, as its policy says.
func (c *Container) collectMessage() {
	if c.terminationCollected {
		return
	}
	c.terminationCollected = true
	if path := c.Annotations[annotationMessageHostPath]; path != "" {
		if text := readTail(path, messageBytes); text != "" {
			c.Message = text
			return
		}
	}
	if c.ExitCode != 0 && c.Annotations[annotationMessagePolicy] == string(corev1.TerminationMessageFallbackToLogsOnError) {
		if text := logTail(c.LogPath); text != "" {
			c.Message = text
		}
	}
}

// readTail returns the last limit bytes of a file; a container may have made it anything, so only regular files count.
func readTail(path string, limit int64) string {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info.Size() > limit {
		if _, err := f.Seek(-limit, io.SeekEnd); err != nil {
			return ""
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(raw), "")
}

// logTail returns the last lines of a CRI log without the time stamps: at most 80 lines and 2048 bytes.
func logTail(path string) string {
	raw := readTail(path, 4*messageLogBytes+messageLogLines*64)
	var out bytes.Buffer
	lines := strings.SplitAfter(raw, "\n")
	if len(lines) > messageLogLines+1 {
		lines = lines[len(lines)-messageLogLines-1:]
	}
	for _, line := range lines {
		// "<time> <stream> <F or P> <content>\n"
		parts := strings.SplitN(line, " ", 4)
		if len(parts) < 4 {
			continue
		}
		content := parts[3]
		if parts[2] == "P" {
			content = strings.TrimSuffix(content, "\n")
		}
		out.WriteString(content)
	}
	text := out.String()
	if len(text) > messageLogBytes {
		text = text[len(text)-messageLogBytes:]
	}
	return strings.ToValidUTF8(text, "")
}
