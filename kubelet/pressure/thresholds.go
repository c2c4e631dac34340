package pressure

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Thresholds are what must stay free on the node, by the names of a KubeletConfiguration's evictionHard.
type Thresholds struct {
	MemoryAvailable, NodeFsAvailable, NodeFsInodesFree, ImageFsAvailable Amount
}

// Amount is a number of bytes (of inodes), or a percentage of all there are.
type Amount struct {
	Number  int64
	Percent float64
}

// Default are upstream's.
func Default() *Thresholds {
	return &Thresholds{
		MemoryAvailable: Amount{Number: 100 << 20}, NodeFsAvailable: Amount{Percent: 10}, NodeFsInodesFree: Amount{Percent: 5}, ImageFsAvailable: Amount{Percent: 15},
	}
}

// under says whether less than the amount is free.
func (a Amount) under(free, all uint64) bool {
	return float64(free) < float64(a.Number)+float64(all)*a.Percent/100
}

// Parse reads evictionHard. What it does not name has no threshold.
func Parse(texts map[string]string) (*Thresholds, error) {
	t := &Thresholds{}
	signals := map[string]*Amount{
		"memory.available": &t.MemoryAvailable, "nodefs.available": &t.NodeFsAvailable, "nodefs.inodesFree": &t.NodeFsInodesFree, "imagefs.available": &t.ImageFsAvailable,
		"imagefs.inodesFree": {}, "containerfs.available": {}, "containerfs.inodesFree": {}, "pid.available": {}, // the image file system is one of these two
	}
	for signal, text := range texts {
		amount, known := signals[signal]
		if !known {
			return nil, fmt.Errorf("reading evictionHard: unknown signal %q", signal)
		}
		var err error
		if *amount, err = parseAmount(text); err != nil {
			return nil, fmt.Errorf("reading evictionHard %s: %w", signal, err)
		}
	}
	return t, nil
}

func parseAmount(text string) (Amount, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err == nil && (percent < 0 || percent > 100) {
			err = fmt.Errorf("%s is no percentage", text)
		}
		return Amount{Percent: percent}, err
	}
	quantity, err := resource.ParseQuantity(text)
	return Amount{Number: quantity.Value()}, err
}
