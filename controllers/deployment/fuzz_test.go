package deployment

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		d := &appsv1.Deployment{}
		fill.Fill(d)
		all := split(d, fuzzing.List[appsv1.ReplicaSet](fill, 4))
		now := fuzzing.Now()
		status := d.Status.DeepCopy()
		setPaused(status, d, now)
		out := computeStatus(d, all, status, now)
		_ = deadlineIn(d, out, now)
		_ = isScaling(d, all)
		_ = resized(d, all)
		_ = surplus(d, all.old)
		_ = emptied(all.old)
		hash, err := templateHash(&d.Spec.Template, d.Status.CollisionCount)
		if err != nil || hash == "" {
			t.Errorf("templateHash() = %q, %v", hash, err)
		}
		if all.current != nil {
			_ = currentSize(d, all)
			_ = oldSizes(d, all)
			annotate(all.current, d, nextRevision(all.old))
			annotateSize(all.current, d)
		}
	})
}
