package revision

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// The collector takes the revisions of what is deleted in the foreground: they are not made anew.
func TestNoRevisionForWhatIsDeleted(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}}
	api := fake.NewClientBuilder().Build()
	h := &History{Client: api}
	want := Wanted{Owner: podcontrol.Owner{Object: set, GVK: appsv1.SchemeGroupVersion.WithKind("StatefulSet")}, Template: &corev1.PodTemplateSpec{}}
	rev, err := h.create(context.Background(), want, []byte("{}"), 1)
	if err != nil || rev == nil || rev.Name == "" {
		t.Fatalf("%v, %v, want one to name in the status", rev, err)
	}
	var all appsv1.ControllerRevisionList
	if err := api.List(context.Background(), &all); err != nil || len(all.Items) > 0 {
		t.Errorf("%d revisions were made, %v", len(all.Items), err)
	}
}
