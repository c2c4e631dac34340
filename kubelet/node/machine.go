package node

import (
	"bufio"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Machine is what the node's hardware and operating system are.
type Machine struct {
	Capacity corev1.ResourceList
	Info     corev1.NodeSystemInfo
}

// ReadMachine looks at this machine. rootDir is on the file system that pods' ephemeral storage counts against.
func ReadMachine(rootDir string, maxPods int) (Machine, error) {
	memory, err := memTotal()
	if err != nil {
		return Machine{}, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(rootDir, &fs); err != nil {
		return Machine{}, fmt.Errorf("reading the size of the file system of %s: %w", rootDir, err)
	}
	m := Machine{
		Capacity: corev1.ResourceList{
			corev1.ResourceCPU:              *resource.NewQuantity(int64(goruntime.NumCPU()), resource.DecimalSI),
			corev1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
			corev1.ResourceEphemeralStorage: *resource.NewQuantity(int64(fs.Blocks)*fs.Bsize, resource.BinarySI),
			corev1.ResourcePods:             *resource.NewQuantity(int64(maxPods), resource.DecimalSI),
		},
		Info: corev1.NodeSystemInfo{
			MachineID: line("/etc/machine-id"), SystemUUID: line("/sys/class/dmi/id/product_uuid"), BootID: line("/proc/sys/kernel/random/boot_id"),
			KernelVersion: line("/proc/sys/kernel/osrelease"), OSImage: osImage(), OperatingSystem: goruntime.GOOS, Architecture: goruntime.GOARCH,
		},
	}
	if m.Info.SystemUUID == "" {
		m.Info.SystemUUID = m.Info.MachineID
	}
	hugepages(m.Capacity)
	return m, nil
}

func line(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func memTotal() (int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("reading the memory size: %w", err)
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		words := strings.Fields(scanner.Text())
		if len(words) >= 2 && words[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading the memory size: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("reading the memory size: /proc/meminfo has no MemTotal")
}

func osImage() string {
	raw, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// hugepages adds the pages that the kernel has set aside, by size: hugepages-2Mi.
func hugepages(list corev1.ResourceList) {
	const dir = "/sys/kernel/mm/hugepages"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		size, ok := strings.CutPrefix(e.Name(), "hugepages-")
		kib, err := strconv.ParseInt(strings.TrimSuffix(size, "kB"), 10, 64)
		if !ok || err != nil {
			continue
		}
		pages, err := strconv.ParseInt(line(dir+"/"+e.Name()+"/nr_hugepages"), 10, 64)
		if err != nil {
			continue
		}
		name := resource.NewQuantity(kib<<10, resource.BinarySI).String()
		list[corev1.ResourceName(corev1.ResourceHugePagesPrefix+name)] = *resource.NewQuantity(pages*kib<<10, resource.BinarySI)
	}
}

// Allocatable is the capacity without what is reserved and, for ephemeral storage, without what eviction would keep free.
func Allocatable(capacity, reserved corev1.ResourceList) corev1.ResourceList {
	out := capacity.DeepCopy()
	for name, q := range reserved {
		if have, ok := out[name]; ok {
			have.Sub(q)
			if have.Sign() < 0 {
				have = *resource.NewQuantity(0, have.Format)
			}
			out[name] = have
		}
	}
	return out
}
