package services

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// portsKey is where the bitmap of node ports is kept.
const portsKey = storage.Root + "ranges/servicenodeports"

// portMap is the bitmap of the node ports in use.
type portMap struct {
	Ranges
	counted  *Metrics
	bits     *big.Int
	revision int64 // 0 when there is none yet
	changed  bool
}

// fill it with what all Services have.
func (m *portMap) fill(each func(yield func(*corev1.Service))) {
	each(func(service *corev1.Service) {
		for _, port := range ports(service) {
			m.set(port, true)
		}
	})
}

// count is how many are taken.
func (m *portMap) count() (n int) {
	for i := range m.bits.BitLen() {
		n += int(m.bits.Bit(i))
	}
	return n
}

func (a *Allocator) rangeText() string { return fmt.Sprintf("%d-%d", a.FirstPort, a.LastPort) }

func (a *Allocator) loadPorts(ctx context.Context) (*portMap, error) {
	m := &portMap{Ranges: a.Ranges, counted: a.Counted, bits: new(big.Int)}
	record, err := a.Store.Get(ctx, portsKey)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("reading node ports: %w", err)
	}
	m.revision = record.Revision
	stored := &corev1.RangeAllocation{}
	if err == nil {
		if _, err := codec.DecodeStored(record.Value, stored); err != nil {
			return nil, fmt.Errorf("reading node ports: %w", err)
		}
	}
	if stored.Range == a.rangeText() {
		m.bits.SetBytes(stored.Data)
		return m, nil
	}
	// None yet, or of another range: it is what the Services say.
	if a.Each != nil {
		m.fill(a.Each)
	}
	m.changed = true
	return m, nil
}

func (m *portMap) has(port int32) bool { return m.bits.Bit(int(port)-m.FirstPort) == 1 }

func (m *portMap) set(port int32, used bool) {
	if int(port) < m.FirstPort || int(port) > m.LastPort {
		return
	}
	bit := uint(0)
	if used {
		bit = 1
	}
	m.bits.SetBit(m.bits, int(port)-m.FirstPort, bit)
	m.changed = true
}

func (m *portMap) release(held ...int32) {
	for _, port := range held {
		m.set(port, false)
	}
}

// free returns a port that is not in use.
func (m *portMap) free() (int32, error) {
	port, err := m.find()
	m.counted.port(false, err == nil)
	return port, err
}

// find one from a random one on; the lowest are left to those who ask for them.
func (m *portMap) find() (int32, error) {
	size := m.LastPort - m.FirstPort + 1
	reserved := min(max(16, size/32), 128)
	if size <= 16 {
		reserved = 0
	}
	for _, part := range [][2]int{{reserved, size}, {0, reserved}} {
		span := part[1] - part[0]
		if span <= 0 {
			continue
		}
		start := rand.IntN(span)
		for i := range span {
			if port := int32(m.FirstPort + part[0] + (start+i)%span); !m.has(port) {
				return port, nil
			}
		}
	}
	return 0, errFull
}

// op stores the bitmap, if it changed and nobody changed it meanwhile.
func (m *portMap) op() ([]storage.Op, error) {
	if !m.changed {
		return nil, nil
	}
	value, err := codec.EncodeStored(&corev1.RangeAllocation{
		TypeMeta: metav1.TypeMeta{Kind: "RangeAllocation", APIVersion: "v1"},
		Range:    fmt.Sprintf("%d-%d", m.FirstPort, m.LastPort), Data: m.bits.Bytes(),
	})
	return []storage.Op{{Key: portsKey, Value: value, Expected: m.revision}}, err
}

// ports that a Service holds.
func ports(service *corev1.Service) []int32 {
	if service == nil || !mayHaveNodePort(service) {
		return nil
	}
	var held []int32
	for i := range service.Spec.Ports {
		if port := service.Spec.Ports[i].NodePort; port != 0 && !slices.Contains(held, port) {
			held = append(held, port)
		}
	}
	if port := service.Spec.HealthCheckNodePort; port != 0 && !slices.Contains(held, port) {
		held = append(held, port)
	}
	return held
}

// allocatePorts fills in node ports and the health check's port.
func (a *Allocator) allocatePorts(ctx context.Context, service, old *corev1.Service) ([]storage.Op, field.ErrorList, error) {
	had := ports(old)
	if !wantsPorts(service) && len(had) == 0 {
		return nil, nil, nil
	}
	if slices.Equal(had, ports(service)) && complete(service) {
		return nil, nil, nil
	}
	m, err := a.loadPorts(ctx)
	if err != nil {
		return nil, nil, err
	}
	taken := slices.Clone(had)
	if errs := m.takeNodePorts(service, &taken); len(errs) > 0 {
		return nil, errs, nil
	}
	if err := m.takeHealthPort(service, &taken); err != nil {
		return nil, nil, apierrors.NewInternalError(err)
	}
	has := ports(service)
	for _, port := range had {
		if !slices.Contains(has, port) {
			m.release(port)
		}
	}
	ops, err := m.op()
	return ops, nil, err
}

func wantsPorts(service *corev1.Service) bool {
	return needsNodePort(service) || needsHealthPort(service) || len(ports(service)) > 0
}

// complete Services have all the ports they want.
func complete(service *corev1.Service) bool {
	if needsHealthPort(service) && service.Spec.HealthCheckNodePort == 0 {
		return false
	}
	return !needsNodePort(service) || !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort == 0 })
}

// takeNodePorts takes the node ports that a Service names, and then free ones for its other ports. A port of another protocol with the same
// number has the same node port.
func (m *portMap) takeNodePorts(service *corev1.Service, taken *[]int32) field.ErrorList {
	if !mayHaveNodePort(service) {
		return nil
	}
	given, errs := m.takeNamed(service, taken)
	if len(errs) > 0 || !needsNodePort(service) {
		return errs
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.NodePort != 0 {
			continue
		}
		if same, ok := given[port.Port]; ok {
			port.NodePort = same
			continue
		}
		free, err := m.free()
		if err != nil {
			return field.ErrorList{field.InternalError(specPath.Child("ports").Index(i).Child("nodePort"), fmt.Errorf("failed to allocate a nodePort: %w", err))}
		}
		port.NodePort, given[port.Port] = free, free
		*taken = append(*taken, free)
		m.set(free, true)
	}
	return nil
}

// takeNamed takes the node ports that a Service names, and returns them by the ports that they are of.
func (m *portMap) takeNamed(service *corev1.Service, taken *[]int32) (map[int32]int32, field.ErrorList) {
	given := map[int32]int32{}
	protocols := map[int32][]corev1.Protocol{}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.NodePort == 0 {
			continue
		}
		path := specPath.Child("ports").Index(i).Child("nodePort")
		if slices.Contains(protocols[port.NodePort], port.Protocol) {
			return nil, field.ErrorList{field.Invalid(path, port.NodePort, "provided port is already allocated")}
		}
		protocols[port.NodePort] = append(protocols[port.NodePort], port.Protocol)
		if err := m.take(port.NodePort, path, taken); err != nil {
			return nil, field.ErrorList{err}
		}
		given[port.Port] = port.NodePort
	}
	return given, nil
}

func (m *portMap) takeHealthPort(service *corev1.Service, taken *[]int32) error {
	if !needsHealthPort(service) {
		return nil
	}
	if port := service.Spec.HealthCheckNodePort; port != 0 {
		if err := m.take(port, specPath, taken); err != nil {
			return fmt.Errorf("failed to allocate requested HealthCheck NodePort %d: %s", port, err.Detail)
		}
		return nil
	}
	free, err := m.free()
	if err != nil {
		return fmt.Errorf("failed to allocate a HealthCheck NodePort: %w", err)
	}
	service.Spec.HealthCheckNodePort = free
	m.set(free, true)
	return nil
}

// take a port that was asked for.
func (m *portMap) take(port int32, path *field.Path, taken *[]int32) *field.Error {
	if slices.Contains(*taken, port) {
		return nil
	}
	if int(port) < m.FirstPort || int(port) > m.LastPort {
		m.counted.port(true, false)
		return field.Invalid(path, port, fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", m.FirstPort, m.LastPort))
	}
	if m.has(port) {
		m.counted.port(true, false)
		return field.Invalid(path, port, "provided port is already allocated")
	}
	m.counted.port(true, true)
	*taken = append(*taken, port)
	m.set(port, true)
	return nil
}
