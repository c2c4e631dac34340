package persistentvolume

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// teller says of volumes that are emptied what is said of the pods that do it: why a pod does not start is told of the pod only, and who
// looks at the volume does not know of the pod. Each pod is listened to for as long as it is at work.
type teller struct {
	// client watches events.
	client   func() (client.WithWatch, error)
	recorder record.EventRecorder

	mu        sync.Mutex
	listening map[types.UID]*listener // by volume
}

type listener struct {
	pod   types.UID
	leave context.CancelFunc
}

// follow begins to listen to what is said of the pod of a volume, unless that has begun. It ends with ctx, which is the controller's, or by
// leave.
func (t *teller) follow(ctx context.Context, v *corev1.PersistentVolume, pod *corev1.Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.listening[v.UID]
	if before != nil && before.pod == pod.UID || t.client == nil {
		return
	}
	t.end(v.UID, before)
	ctx, leave := context.WithCancel(ctx)
	l := &listener{pod.UID, leave}
	if t.listening == nil {
		t.listening = map[types.UID]*listener{}
	}
	t.listening[v.UID] = l
	go func() {
		if err := t.hand(ctx, v, l.pod); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).V(1).Info("Nobody listens to what is said of a recycler", "volume", v.Name, "err", err)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.end(v.UID, l)
	}()
}

// leave ends listening to the pod of a volume.
func (t *teller) leave(volume types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(volume, t.listening[volume])
}

// end is leave for one that may not be the volume's any more. It is called with mu.
func (t *teller) end(volume types.UID, l *listener) {
	if l == nil {
		return
	}
	l.leave()
	if t.listening[volume] == l {
		delete(t.listening, volume)
	}
}

// hand tells of a volume what is said of a pod, until ctx or the watch ends.
func (t *teller) hand(ctx context.Context, v *corev1.PersistentVolume, pod types.UID) error {
	events, err := t.client()
	if err != nil {
		return err
	}
	said, err := events.Watch(ctx, &corev1.EventList{}, client.InNamespace(recyclerNamespace), client.MatchingFields{"involvedObject.uid": string(pod)})
	if err != nil {
		return err
	}
	defer said.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case one, open := <-said.ResultChan():
			if !open {
				return nil
			}
			if e, ok := one.Object.(*corev1.Event); ok && (one.Type == watch.Added || one.Type == watch.Modified) {
				t.recorder.Event(v, e.Type, "RecyclerPod", "Recycler pod: "+e.Message)
			}
		}
	}
}
