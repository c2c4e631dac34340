package process

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram takes the pages of the program out of this process's memory. Those that are needed come back from the kernel's page
// cache as they are used. The start uses nearly all pages, a tenth of them is used later. What smaps says was changed is left alone.
func forgetProgram(smaps string) {
	for _, area := range unchanged(smaps) {
		// What fails costs memory and nothing else.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, area.start, area.end-area.start, unix.MADV_DONTNEED)
	}
}

// area of memory.
type area struct{ start, end uintptr }

// unchanged returns the areas into which the program's file is mapped and in which nothing was ever written, as smaps of
// proc(5) describes them.
func unchanged(smaps string) (found []area) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	file, err := os.Open(smaps)
	if err != nil {
		return nil
	}
	defer file.Close()
	var at *area
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		var next area
		switch {
		case len(fields) < 2:
		case isArea(fields[0], &next):
			at = nil
			if len(fields) == 6 && fields[5] == program && fields[1][1] == '-' {
				at = &next
			}
		case at != nil && fields[0] == "Anonymous:" && fields[1] == "0":
			found = append(found, *at)
		}
	}
	return found
}

func isArea(field string, a *area) bool {
	n, err := fmt.Sscanf(field, "%x-%x", &a.start, &a.end)
	return err == nil && n == 2
}
