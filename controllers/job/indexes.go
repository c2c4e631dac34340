package job

import (
	"slices"
	"strconv"
	"strings"
)

// indexes is a sorted set of completion indexes, as disjoint ranges. It is written
// "1,3-5,7": ranges of three and more with a dash.
type indexes []interval

type interval struct{ first, last int }

// parseIndexes reads the written form; what is not well-formed or at or above limit is
// left out.
func parseIndexes(text string, limit int) indexes {
	var out indexes
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(low)
		if err != nil {
			continue
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(high); err != nil {
				continue
			}
		}
		last = min(last, limit-1)
		if first < 0 || first > last {
			continue
		}
		out = out.withInterval(interval{first, last})
	}
	return out
}

func (s indexes) has(index int) bool {
	_, found := slices.BinarySearchFunc(s, index, func(in interval, i int) int {
		switch {
		case in.last < i:
			return -1
		case in.first > i:
			return 1
		}
		return 0
	})
	return found
}

func (s indexes) with(index int) indexes { return s.withInterval(interval{index, index}) }

func (s indexes) withInterval(added interval) indexes {
	var out indexes
	for _, in := range s {
		switch {
		case in.last+1 < added.first || added.last+1 < in.first:
			out = append(out, in)
		default: // touching: one interval
			added = interval{min(in.first, added.first), max(in.last, added.last)}
		}
	}
	out = append(out, added)
	slices.SortFunc(out, func(a, b interval) int { return a.first - b.first })
	return out
}

func (s indexes) count() int {
	n := 0
	for _, in := range s {
		n += in.last - in.first + 1
	}
	return n
}

func (s indexes) String() string {
	var parts []string
	for _, in := range s {
		first, last := strconv.Itoa(in.first), strconv.Itoa(in.last)
		switch in.last - in.first {
		case 0:
			parts = append(parts, first)
		case 1:
			parts = append(parts, first, last)
		default:
			parts = append(parts, first+"-"+last)
		}
	}
	return strings.Join(parts, ",")
}
