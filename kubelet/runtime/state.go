package runtime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubelettypes "k8s.io/kubelet/pkg/types"
)

// Pod is what the runtime has of one pod.
type Pod struct {
	UID             types.UID
	Namespace, Name string
	// Sandboxes and Containers are ordered newest first.
	Sandboxes  []Sandbox
	Containers []*Container
}

// Sandbox is one pod sandbox.
type Sandbox struct {
	ID        string
	Attempt   uint32
	Ready     bool
	CreatedAt time.Time
	IPs       []string
	HostNet   bool
}

// Container is one container instance: a container of a pod has one per start.
type Container struct {
	ID, SandboxID, Name  string
	Attempt              int
	State                runtimeapi.ContainerState
	Hash                 string
	Image, ImageRef      string
	CreatedAt            time.Time
	StartedAt            time.Time
	FinishedAt           time.Time
	ExitCode             int32
	Reason, Message      string
	LogPath              string
	Annotations          map[string]string
	User                 *corev1.LinuxContainerUser
	StopSignal           string
	Resources            *runtimeapi.LinuxContainerResources
	terminationCollected bool
}

// Running says that the container's process runs.
func (c *Container) Running() bool {
	return c != nil && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING
}

// Exited says that it ran, or was to run, and will not any more.
func (c *Container) Exited() bool {
	return c != nil && (c.State == runtimeapi.ContainerState_CONTAINER_EXITED || c.State == runtimeapi.ContainerState_CONTAINER_UNKNOWN)
}

// Current returns the newest instance of the named container, or nil.
func (p *Pod) Current(name string) *Container { return p.Instance(name, 0) }

// Instance returns the n-th newest instance of the named container, or nil.
func (p *Pod) Instance(name string, n int) *Container {
	if p == nil {
		return nil
	}
	for _, c := range p.Containers {
		if c.Name != name {
			continue
		}
		if n == 0 {
			return c
		}
		n--
	}
	return nil
}

// ByID returns the container instance with the id, or nil.
func (p *Pod) ByID(id string) *Container {
	if p == nil {
		return nil
	}
	for _, c := range p.Containers {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Sandbox returns the newest sandbox, or nil.
func (p *Pod) Sandbox() *Sandbox {
	if p == nil || len(p.Sandboxes) == 0 {
		return nil
	}
	return &p.Sandboxes[0]
}

// IPs returns the addresses of the newest ready sandbox.
func (p *Pod) IPs() []string {
	if s := p.Sandbox(); s != nil && s.Ready {
		return s.IPs
	}
	return nil
}

// AnyRunning says whether a container process of the pod may still run.
func (p *Pod) AnyRunning() bool {
	return p != nil && slices.ContainsFunc(p.Containers, func(c *Container) bool { return c.Running() })
}

// notFound says that the runtime does not know what was asked about.
func notFound(err error) bool { return grpcstatus.Code(err) == codes.NotFound }

// Read asks the runtime for all that it has of a pod. Exited containers do not change any more and are taken over
// from before, which may be nil.
func (c *Client) Read(ctx context.Context, uid types.UID, before *Pod) (*Pod, error) {
	selector := map[string]string{kubelettypes.KubernetesPodUIDLabel: string(uid)}
	pod := &Pod{UID: uid}
	if before != nil {
		pod.Namespace, pod.Name = before.Namespace, before.Name
	}
	sandboxes, err := c.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{LabelSelector: selector}})
	if err != nil {
		return nil, fmt.Errorf("listing sandboxes: %w", err)
	}
	containers, err := c.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{LabelSelector: selector}})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	for _, s := range sandboxes.Items {
		pod.Namespace, pod.Name = s.Metadata.Namespace, s.Metadata.Name
		sandbox, err := c.readSandbox(ctx, s)
		if err != nil {
			return nil, err
		}
		if sandbox != nil {
			pod.Sandboxes = append(pod.Sandboxes, *sandbox)
		}
	}
	for _, item := range containers.Containers {
		if old := before.ByID(item.Id); old.Exited() {
			pod.Containers = append(pod.Containers, old)
			continue
		}
		container, err := c.readContainer(ctx, item)
		if err != nil {
			return nil, err
		}
		if container != nil {
			pod.Containers = append(pod.Containers, container)
		}
	}
	pod.sort()
	return pod, nil
}

func (p *Pod) sort() {
	slices.SortStableFunc(p.Sandboxes, func(a, b Sandbox) int { return b.CreatedAt.Compare(a.CreatedAt) })
	slices.SortStableFunc(p.Containers, func(a, b *Container) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

func (c *Client) readSandbox(ctx context.Context, item *runtimeapi.PodSandbox) (*Sandbox, error) {
	r, err := c.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: item.Id})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading sandbox %s: %w", item.Id, err)
	}
	s := &Sandbox{
		ID: item.Id, Attempt: item.GetMetadata().GetAttempt(), CreatedAt: time.Unix(0, item.CreatedAt),
		Ready:   r.Status.State == runtimeapi.PodSandboxState_SANDBOX_READY,
		HostNet: r.Status.GetLinux().GetNamespaces().GetOptions().GetNetwork() == runtimeapi.NamespaceMode_NODE,
	}
	if ip := r.Status.GetNetwork().GetIp(); ip != "" {
		s.IPs = append(s.IPs, ip)
	}
	for _, extra := range r.Status.GetNetwork().GetAdditionalIps() {
		s.IPs = append(s.IPs, extra.Ip)
	}
	return s, nil
}

func (c *Client) readContainer(ctx context.Context, item *runtimeapi.Container) (*Container, error) {
	r, err := c.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: item.Id})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading container %s: %w", item.Id, err)
	}
	container := fromStatus(r.Status)
	container.SandboxID = item.PodSandboxId
	if container.Exited() {
		container.collectMessage()
	}
	return container, nil
}

func fromStatus(s *runtimeapi.ContainerStatus) *Container {
	c := &Container{
		ID: s.Id, Name: s.GetMetadata().GetName(), Attempt: int(s.GetMetadata().GetAttempt()), State: s.State,
		Hash: s.Annotations[annotationHash], Image: s.GetImage().GetImage(), ImageRef: s.ImageRef,
		CreatedAt: time.Unix(0, s.CreatedAt), ExitCode: s.ExitCode, Reason: s.Reason, Message: s.Message,
		LogPath: s.LogPath, Annotations: s.Annotations, Resources: s.GetResources().GetLinux(),
	}
	if interrupted(s) {
		c.State = runtimeapi.ContainerState_CONTAINER_CREATED
	}
	if s.StartedAt > 0 {
		c.StartedAt = time.Unix(0, s.StartedAt)
	}
	if s.FinishedAt > 0 {
		c.FinishedAt = time.Unix(0, s.FinishedAt)
	}
	if u := s.GetUser().GetLinux(); u != nil {
		c.User = &corev1.LinuxContainerUser{UID: u.Uid, GID: u.Gid, SupplementalGroups: u.SupplementalGroups}
	}
	if s.StopSignal != runtimeapi.Signal_RUNTIME_DEFAULT {
		c.StopSignal = s.StopSignal.String()
	}
	return c
}

// interrupted says that a start was given up because the kubelet that asked for it ended: the container never ran, so
// that it is no restart to start it again. containerd reports a failed start with the reason StartError, and its caller's
// end with the message of a cancelled context.
func interrupted(s *runtimeapi.ContainerStatus) bool {
	return s.State == runtimeapi.ContainerState_CONTAINER_EXITED && s.StartedAt == 0 && s.Reason == "StartError" &&
		strings.Contains(s.Message, context.Canceled.Error())
}

// List returns the UIDs of all pods that the runtime has anything of, with namespace and name.
func (c *Client) List(ctx context.Context) ([]*Pod, error) {
	sandboxes, err := c.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing sandboxes: %w", err)
	}
	containers, err := c.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	byUID := map[types.UID]*Pod{}
	see := func(labels map[string]string) *Pod {
		uid := types.UID(kubelettypes.GetPodUID(labels))
		if uid == "" {
			return nil
		}
		if byUID[uid] == nil {
			byUID[uid] = &Pod{UID: uid, Namespace: kubelettypes.GetPodNamespace(labels), Name: kubelettypes.GetPodName(labels)}
		}
		return byUID[uid]
	}
	for _, s := range sandboxes.Items {
		if p := see(s.Labels); p != nil {
			p.Sandboxes = append(p.Sandboxes, Sandbox{ID: s.Id, Attempt: s.GetMetadata().GetAttempt(), CreatedAt: time.Unix(0, s.CreatedAt), Ready: s.State == runtimeapi.PodSandboxState_SANDBOX_READY})
		}
	}
	for _, item := range containers.Containers {
		if p := see(item.Labels); p != nil {
			p.Containers = append(p.Containers, &Container{
				ID: item.Id, SandboxID: item.PodSandboxId, Name: item.GetMetadata().GetName(), Attempt: int(item.GetMetadata().GetAttempt()),
				State: item.State, Image: item.GetImage().GetImage(), ImageRef: item.ImageRef, CreatedAt: time.Unix(0, item.CreatedAt), Annotations: item.Annotations,
			})
		}
	}
	pods := make([]*Pod, 0, len(byUID))
	for _, p := range byUID {
		p.sort()
		pods = append(pods, p)
	}
	return pods, nil
}
