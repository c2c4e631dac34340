package images

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"
)

const (
	// maxReported is how many images a node's status lists, maxNames how many names of each.
	maxReported = 50
	maxNames    = 5
	// minAge is how long an image stays although nothing uses it.
	minAge = 2 * time.Minute
)

// Collector knows the images of the node and removes unused ones. Its exported fields are inputs.
type Collector struct {
	Images runtimeapi.ImageServiceClient
	Clock  clock.Clock
	// InUse returns the ids and references of the images that containers have.
	InUse func(ctx context.Context) (map[string]bool, error)

	mu   sync.Mutex
	used map[string]time.Time // when an image was last given to a container, or first seen
}

// Used notes that a container gets the image.
func (c *Collector) Used(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used == nil {
		c.used = map[string]time.Time{}
	}
	c.used[id] = c.Clock.Now()
}

// List returns the node's images as its status shows them: the largest first. Nil when the runtime does not answer.
func (c *Collector) List(ctx context.Context) []corev1.ContainerImage {
	r, err := c.Images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return nil
	}
	all := r.Images
	slices.SortStableFunc(all, func(a, b *runtimeapi.Image) int {
		if a.Size != b.Size {
			if a.Size > b.Size {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Id, b.Id)
	})
	var out []corev1.ContainerImage
	for _, image := range all[:min(len(all), maxReported)] {
		names := append(slices.Clone(image.RepoDigests), image.RepoTags...)
		out = append(out, corev1.ContainerImage{Names: names[:min(len(names), maxNames)], SizeBytes: int64(image.Size)})
	}
	return out
}

// Free removes images that nothing uses, the least recently used first, until enough bytes are free. It returns how many bytes it freed.
func (c *Collector) Free(ctx context.Context, enough uint64) (uint64, error) {
	inUse, err := c.InUse(ctx)
	if err != nil {
		return 0, err
	}
	r, err := c.Images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return 0, err
	}
	candidates := slices.DeleteFunc(r.Images, func(i *runtimeapi.Image) bool { return i.Pinned || c.needed(i, inUse) })
	slices.SortStableFunc(candidates, func(a, b *runtimeapi.Image) int { return c.lastUse(a.Id).Compare(c.lastUse(b.Id)) })
	var freed uint64
	for _, image := range candidates {
		if freed >= enough {
			break
		}
		if c.Clock.Since(c.lastUse(image.Id)) < minAge {
			continue
		}
		if _, err := c.Images.RemoveImage(ctx, &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: image.Id}}); err != nil {
			return freed, err
		}
		freed += image.Size
	}
	return freed, nil
}

func (c *Collector) needed(i *runtimeapi.Image, inUse map[string]bool) bool {
	return inUse[i.Id] || slices.ContainsFunc(append(slices.Clone(i.RepoTags), i.RepoDigests...), func(n string) bool { return inUse[n] })
}

// lastUse is when an image was last used; one never seen before counts from now.
func (c *Collector) lastUse(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used == nil {
		c.used = map[string]time.Time{}
	}
	if _, seen := c.used[id]; !seen {
		c.used[id] = c.Clock.Now()
	}
	return c.used[id]
}
