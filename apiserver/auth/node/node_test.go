package node

import (
	"context"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

func world() *authtest.Lister {
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }
	pod := &corev1.Pod{ObjectMeta: in("np"), Spec: corev1.PodSpec{
		NodeName: "n1", ServiceAccountName: "foo",
		Containers: []corev1.Container{{Name: "a", Env: []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s1"}},
		}}}}},
		Volumes: []corev1.Volume{
			{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "pvc1"}}},
			{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c1"}}}},
			{Name: "t", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
			}}}},
		},
	}}
	mirror := pod.DeepCopy()
	mirror.Name, mirror.Annotations = "mirror", map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	mirror.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name = "s2"
	return authtest.New().
		Add("pods", pod, mirror, &corev1.Pod{ObjectMeta: in("p1")}).
		Add("persistentvolumes", &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv1"}, Spec: corev1.PersistentVolumeSpec{
			ClaimRef: &corev1.ObjectReference{Namespace: "default", Name: "pvc1"},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				NodeStageSecretRef: &corev1.SecretReference{Namespace: "drivers", Name: "login"},
			}},
		}}).
		Add("volumeattachments.storage.k8s.io", &storagev1.VolumeAttachment{
			ObjectMeta: metav1.ObjectMeta{Name: "va1"}, Spec: storagev1.VolumeAttachmentSpec{NodeName: "n1"}}).
		Add("resourceslices.resource.k8s.io", &resourcev1.ResourceSlice{
			ObjectMeta: metav1.ObjectMeta{Name: "sl1"}, Spec: resourcev1.ResourceSliceSpec{NodeName: ptr.To("n1")}})
}

// TestDecisions asks what testdata/decisions.txt lists: the decisions and reasons of upstream v1.36.3, observed by
// SubjectAccessReviews for system:node:n1 over the same objects.
func TestDecisions(t *testing.T) {
	data, err := os.ReadFile("testdata/decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	authz := New(world())
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), "|", 3)
		if len(parts) != 3 {
			continue
		}
		want, question, wantReason := strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2])
		decision, reason, err := authz.Authorize(context.Background(), ask(question))
		if err != nil {
			t.Fatal(err)
		}
		if (decision == authorizer.DecisionAllow) != (want == "ALLOW") || reason != wantReason {
			t.Errorf("%s: %v %q, want %s %q", question, decision, reason, want, wantReason)
		}
	}
}

// ask reads "verb resource[/sub][@group] [namespace]/[name] [field=value]".
func ask(question string) authorizer.AttributesRecord {
	words := strings.Fields(question)
	a := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "system:node:n1", Groups: []string{user.NodesGroup}}, Verb: words[0], ResourceRequest: true,
	}
	resource, group, _ := strings.Cut(words[1], "@")
	a.APIGroup = group
	a.Resource, a.Subresource, _ = strings.Cut(resource, "/")
	a.Namespace, a.Name, _ = strings.Cut(words[2], "/")
	if len(words) > 3 {
		field, value, _ := strings.Cut(words[3], "=")
		a.FieldSelectorRequirements = fields.Requirements{{Field: field, Operator: selection.Equals, Value: value}}
	}
	return a
}

// TestFoldersOfANode: a node may follow the volumes that are folders of its own, and no others.
func TestFoldersOfANode(t *testing.T) {
	long := strings.Repeat("n", 70)
	lister := world().Add("persistentvolumes", &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "mine", Labels: map[string]string{localNode: "n1"}}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{localNode: "n2"}}})
	for _, c := range []struct {
		question, node, selector string
		want                     bool
	}{
		{"list persistentvolumes /", "n1", localNode + "=n1", true},
		{"watch persistentvolumes /", "n1", localNode + "=n1,a=b", true},
		{"list persistentvolumes /", "n1", localNode + "=n2", false},
		{"list persistentvolumes /", "n1", localNode + " in (n1,n2)", false},
		{"list persistentvolumes /", "n1", localNode, false},
		{"list persistentvolumes /", "n1", localNode + "!=n1", false},
		{"list persistentvolumes /", "n1", "", false},
		{"delete persistentvolumes /mine", "n1", localNode + "=n1", false},
		{"list persistentvolumes /", long, localNode + "=" + localValue(long), true},
		{"patch persistentvolumes/status /mine", "n1", "", true},
		{"patch persistentvolumes/status /other", "n1", "", false},
		{"patch persistentvolumes /mine", "n1", "", false},
		{"update persistentvolumes/status /mine", "n1", "", false},
	} {
		a := ask(c.question)
		a.User = &user.DefaultInfo{Name: "system:node:" + c.node, Groups: []string{user.NodesGroup}}
		selector, err := labels.Parse(c.selector)
		if err != nil {
			t.Fatal(err)
		}
		a.LabelSelectorRequirements, _ = selector.Requirements()
		decision, reason, err := New(lister).Authorize(context.Background(), a)
		if err != nil || (decision == authorizer.DecisionAllow) != c.want {
			t.Errorf("%s %s of %s: %v %q %v", c.question, c.selector, c.node, decision, reason, err)
		}
	}
}

func TestOthersAreLeftAlone(t *testing.T) {
	for _, u := range []user.Info{
		&user.DefaultInfo{Name: "bob", Groups: []string{user.NodesGroup}},
		&user.DefaultInfo{Name: "system:node:n1"},
	} {
		a := ask("get pods default/np")
		a.User = u
		if decision, _, _ := New(world()).Authorize(context.Background(), a); decision != authorizer.DecisionNoOpinion {
			t.Errorf("%v: %v", u, decision)
		}
	}
}
