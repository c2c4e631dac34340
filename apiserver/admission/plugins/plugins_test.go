package plugins

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

var (
	n1    = &user.DefaultInfo{Name: "system:node:n1", Groups: []string{user.NodesGroup}}
	admin = &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}
)

type world struct {
	*authtest.Lister
	chain    *admission.Chain
	warnings []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Lister: authtest.New()}
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }
	w.Add("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gone"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tight", Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted",
		}}})
	w.Add("serviceaccounts",
		&corev1.ServiceAccount{ObjectMeta: in("default"), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "tight", Name: "default"}},
		&corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "strict", Annotations: map[string]string{"kubernetes.io/enforce-mountable-secrets": "true"}},
			Secrets:    []corev1.ObjectReference{{Name: "lent"}},
		})
	w.Add("nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u1", Labels: map[string]string{"topology.kubernetes.io/zone": "z"}}})
	denied := authorizer.AuthorizerFunc(func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
		return authorizer.DecisionNoOpinion, "", nil
	})
	chain, err := New(Deps{Lister: w, Authorizer: denied}, nil, []string{"PodTopologyLabels"})
	if err != nil {
		t.Fatal(err)
	}
	w.chain = chain
	return w
}

// row names a resource: "pods", "priorityclasses.scheduling.k8s.io".
func row(name string) *resource.Resource {
	of := schema.ParseGroupResource(name)
	clusterScoped := map[string]bool{"nodes": true, "namespaces": true, "priorityclasses": true}
	return &resource.Resource{Name: of.Resource, Group: of.Group, Namespaced: !clusterScoped[of.Resource]}
}

// write is what a server does with a write: it lets the chain change and judge, and returns the refusal.
func (w *world) write(u user.Info, of string, obj, old runtime.Object) string {
	name, sub, _ := strings.Cut(of, "/")
	a := &admission.Attributes{
		Operation: admission.Create, Resource: row(name), Subresource: sub, Object: obj, Old: old, User: u,
		Warn: func(text string) { w.warnings = append(w.warnings, text) },
	}
	switch {
	case obj == nil:
		a.Operation = admission.Delete
	case old != nil:
		a.Operation = admission.Update
	}
	for _, of := range []runtime.Object{old, obj} {
		if of != nil {
			meta := of.(metav1.Object)
			a.Name, a.Namespace = meta.GetName(), meta.GetNamespace()
		}
	}
	ctx := context.Background()
	if err := w.chain.Admit(ctx, a); err != nil {
		return err.Error()
	}
	if err := w.chain.Validate(ctx, a); err != nil {
		return err.Error()
	}
	return ""
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q\nwant %q", what, got, want)
	}
}

func newPod(change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}},
	}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func TestTolerationsThatAnUpdateLeavesOutComeBack(t *testing.T) {
	w := newWorld(t)
	old := newPod(func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
	own := corev1.Toleration{Key: "own", Operator: corev1.TolerationOpExists}
	pod := newPod(func(p *corev1.Pod) { p.Spec.NodeName, p.Spec.Tolerations = "n1", []corev1.Toleration{own} })
	expect(t, "update", w.write(admin, "pods", pod, old), "")
	var keys []string
	for _, toleration := range pod.Spec.Tolerations {
		keys = append(keys, toleration.Key)
	}
	expect(t, "tolerations", strings.Join(keys, " "), "own node.kubernetes.io/not-ready node.kubernetes.io/unreachable")
}

func TestChangesNeedWhatTheNodeDeclares(t *testing.T) {
	w := newWorld(t)
	resized := func(node, cpu string) *corev1.Pod {
		return newPod(func(p *corev1.Pod) {
			requests := corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse(cpu)}
			p.Spec.NodeName, p.Spec.Resources = node, &corev1.ResourceRequirements{Requests: requests}
			p.Spec.InitContainers = []corev1.Container{{Name: "i", Resources: corev1.ResourceRequirements{Requests: requests}}}
		})
	}
	const resize = "pods/resize"
	expect(t, "the node declares neither", w.write(admin, resize, resized("n1", "2"), resized("n1", "1")), `pods "p" is forbidden: pod update requires features `+
		`InPlacePodLevelResourcesVerticalScaling, InPlacePodVerticalScalingInitContainers which are not available on node "n1"`)
	expect(t, "nothing changes", w.write(admin, resize, resized("n1", "1"), resized("n1", "1")), "")
	expect(t, "there is no such node", w.write(admin, resize, resized("n2", "2"), resized("n2", "1")), `pods "p" is forbidden: node "n2" not found`)
	w.Add("nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2"}, Status: corev1.NodeStatus{
		DeclaredFeatures: []string{"InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers"},
		Allocatable:      corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("2")},
	}})
	expect(t, "the node declares both", w.write(admin, resize, resized("n2", "2"), resized("n2", "1")), "")
}

func TestDefaultsOfAPod(t *testing.T) {
	w := newWorld(t)
	w.Add("priorityclasses.scheduling.k8s.io", &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "dflt"}, Value: 7, GlobalDefault: true})
	pod := newPod()
	expect(t, "create", w.write(admin, "pods", pod, nil), "")
	volume := pod.Spec.Volumes[0].Name
	if !strings.HasPrefix(volume, "kube-api-access-") || len(volume) != len("kube-api-access-")+5 {
		t.Errorf("volume %s", volume)
	}
	pod.Spec.Volumes[0].Name, pod.Spec.Containers[0].VolumeMounts[0].Name = "kube-api-access", "kube-api-access"
	want := newPod().Spec
	want.ServiceAccountName, want.DeprecatedServiceAccount = "default", "default"
	want.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	want.Priority, want.PriorityClassName, want.PreemptionPolicy = ptr.To[int32](7), "dflt", ptr.To(corev1.PreemptLowerPriority)
	want.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "kube-api-access", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}}
	for _, key := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
		want.Tolerations = append(want.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)})
	}
	want.Volumes = []corev1.Volume{{Name: "kube-api-access", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To[int32](420), Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To[int64](3607)}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
		}}}}}
	if diff := cmp.Diff(want, pod.Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusalsOfPods(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"no namespace":     {func(p *corev1.Pod) { p.Namespace = "nope" }, `namespaces "nope" not found`},
		"terminating":      {func(p *corev1.Pod) { p.Namespace = "gone" }, `pods "p" is forbidden: unable to create new content in namespace gone because it is being terminated`},
		"no account":       {func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }, `pods "p" is forbidden: error looking up service account default/x: serviceaccount "x" not found`},
		"no class":         {func(p *corev1.Pod) { p.Spec.PriorityClassName = "x" }, `pods "p" is forbidden: no PriorityClass with name x was found`},
		"no runtime class": {func(p *corev1.Pod) { p.Spec.RuntimeClassName = ptr.To("x") }, `pods "p" is forbidden: pod rejected: RuntimeClass "x" not found`},
		"priority": {func(p *corev1.Pod) { p.Spec.Priority = ptr.To[int32](5) },
			`pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name`},
		"pod security": {func(p *corev1.Pod) { p.Namespace, p.Spec.HostNetwork = "tight", true },
			`pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`},
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, newWorld(t).write(admin, "pods", newPod(c.change), nil), c.want) })
	}
}

func TestPodSecurityWarns(t *testing.T) {
	w := newWorld(t)
	expect(t, "create", w.write(admin, "pods", newPod(func(p *corev1.Pod) { p.Namespace = "tight" }), nil), "")
	want := `would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`
	if len(w.warnings) != 1 || w.warnings[0] != want {
		t.Errorf("warnings %q", w.warnings)
	}
}

func TestLimitRanger(t *testing.T) {
	q := func(text string) apiresource.Quantity { return apiresource.MustParse(text) }
	cpu := func(text string) corev1.ResourceList { return corev1.ResourceList{corev1.ResourceCPU: q(text)} }
	for name, c := range map[string]struct {
		resources corev1.ResourceRequirements
		want      string
	}{
		"nothing": {corev1.ResourceRequirements{}, `pods "p" is forbidden: maximum memory usage per Pod is 1Gi.  No limit is specified`},
		"too much": {corev1.ResourceRequirements{Limits: cpu("2"), Requests: cpu("2")},
			`pods "p" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Pod is 1Gi.  No limit is specified]`},
		"too little": {corev1.ResourceRequirements{Requests: cpu("10m")},
			`pods "p" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, cpu max limit to request ratio per Container is 4, but provided ratio is 20.000000, minimum cpu usage per Pod is 60m, but request is 10m, maximum memory usage per Pod is 1Gi.  No limit is specified]`},
	} {
		w := newWorld(t)
		w.Add("limitranges", &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "lr"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{
			{Type: corev1.LimitTypeContainer, Default: cpu("200m"), DefaultRequest: cpu("100m"), Max: cpu("1"), Min: cpu("50m"), MaxLimitRequestRatio: cpu("4")},
			{Type: corev1.LimitTypePod, Max: corev1.ResourceList{corev1.ResourceCPU: q("2"), corev1.ResourceMemory: q("1Gi")}, Min: cpu("60m")},
		}}})
		pod := newPod(func(p *corev1.Pod) { p.Spec.Containers[0].Resources = c.resources })
		expect(t, name, w.write(admin, "pods", pod, nil), c.want)
		if name == "nothing" {
			expect(t, "annotation", pod.Annotations["kubernetes.io/limit-ranger"], "LimitRanger plugin set: cpu request for container a; cpu limit for container a")
		}
	}
}

// TestPeers21OldObject: admission judges by what is stored, not by what the client says was (CVE-2021-25735). A
// kubelet that writes a node as if it had the taint or label all along is compared with the stored one.
func TestPeers21OldObject(t *testing.T) {
	w := newWorld(t)
	old := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"node-restriction.kubernetes.io/team": "a"}},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}}}
	before := old.DeepCopy()
	untainted := old.DeepCopy()
	untainted.Spec.Taints = nil
	expect(t, "taint", w.write(n1, "nodes", untainted, old), `nodes "n1" is forbidden: node "n1" is not allowed to modify taints`)
	relabelled := old.DeepCopy()
	relabelled.Labels["node-restriction.kubernetes.io/team"] = "b"
	expect(t, "label", w.write(n1, "nodes", relabelled, old), `nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/team`)
	expect(t, "nothing", w.write(n1, "nodes", old.DeepCopy(), old), "")
	if diff := cmp.Diff(before, old); diff != "" {
		t.Errorf("the stored object was changed:\n%s", diff)
	}
	// A pod that is on another node stays there, whatever the update says.
	elsewhere := newPod(func(p *corev1.Pod) { p.Spec.NodeName = "n2" })
	claimed := newPod(func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
	expect(t, "pod", w.write(n1, "pods/status", claimed, elsewhere), `pods "p" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself`)
}

// TestPeers22EveryContainerAndReference: secrets that the account does not lend are found in every kind of container and
// by every kind of reference (CVE-2023-2727, CVE-2023-2728, CVE-2024-3177).
func TestPeers22EveryContainerAndReference(t *testing.T) {
	key := []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "other"}}}}}
	from := []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "other"}}}}
	const end = ` secret.secretName="other" is not allowed because service account strict does not reference that secret`
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"volume": {func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other"}}}}
		}, "volume with" + end},
		"container env":     {func(p *corev1.Pod) { p.Spec.Containers[0].Env = key }, "container a with envVar X referencing" + end},
		"container envFrom": {func(p *corev1.Pod) { p.Spec.Containers[0].EnvFrom = from }, "container a with envFrom referencing" + end},
		"init env":          {func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "i", Env: key}} }, "init container i with envVar X referencing" + end},
		"init envFrom":      {func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "i", EnvFrom: from}} }, "init container i with envFrom referencing" + end},
		"imagePullSecrets":  {func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "other"}} }, `imagePullSecrets[0].name="other" is not allowed because service account strict does not reference that imagePullSecret`},
		"one that it lends": {func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "lent"}}}}
		}, ""},
		"a config map's name": {func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}}
		}, ""},
	} {
		want := c.want
		if want != "" {
			want = `pods "p" is forbidden: ` + want
		}
		pod := newPod(c.change, func(p *corev1.Pod) { p.Spec.ServiceAccountName = "strict" })
		expect(t, name, newWorld(t).write(admin, "pods", pod, nil), want)
	}
	stored := newPod(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "strict" })
	for what, c := range map[string]corev1.EphemeralContainerCommon{
		"container e with envVar X referencing": {Name: "e", Env: key}, "container e with envFrom referencing": {Name: "e", EnvFrom: from},
	} {
		debugged := stored.DeepCopy()
		debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: c}}
		expect(t, what, newWorld(t).write(admin, "pods/ephemeralcontainers", debugged, stored), `pods "p" is forbidden: ephemeral `+what+end)
	}
}

// TestPeers23NodeRestriction: a kubelet can neither create, update nor by the status path write what would give it
// more pods or secrets, or hang its node on an owner that takes it away (CVE-2025-5187).
func TestPeers23NodeRestriction(t *testing.T) {
	node := func(name string, change ...func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u1"}}
		for _, c := range change {
			c(n)
		}
		return n
	}
	owned := func(n *corev1.Node) {
		n.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "x", UID: "y"}}
	}
	labelled := func(n *corev1.Node) {
		n.Labels = map[string]string{"foo.kubernetes.io/x": "y", "kubelet.kubernetes.io/ok": "1"}
	}
	const notOwners = `nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences`
	w := newWorld(t)
	expect(t, "create another", w.write(n1, "nodes", node("n2"), nil), `nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"`)
	expect(t, "create itself", w.write(n1, "nodes", node("n1"), nil), "")
	expect(t, "create owned", w.write(n1, "nodes", node("n1", owned), nil), notOwners)
	expect(t, "create labelled", w.write(n1, "nodes", node("n1", labelled), nil), `nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: foo.kubernetes.io/x`)
	for _, path := range []string{"nodes", "nodes/status"} {
		expect(t, path+" of another", w.write(n1, path, node("n2"), node("n2")), `nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"`)
		expect(t, path+" owned", w.write(n1, path, node("n1", owned), node("n1")), notOwners)
		expect(t, path+" labelled", w.write(n1, path, node("n1", labelled), node("n1")), `nodes "n1" is forbidden: is not allowed to modify labels: foo.kubernetes.io/x`)
	}
	mirror := func(p *corev1.Pod) {
		p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		p.Spec.NodeName = "n1"
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "u1", Controller: ptr.To(true)}}
	}
	expect(t, "a pod", w.write(n1, "pods", newPod(), nil), `pods "p" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods`)
	expect(t, "a mirror pod", w.write(n1, "pods", newPod(mirror), nil), "")
	expect(t, "a mirror pod of another", w.write(n1, "pods", newPod(mirror, func(p *corev1.Pod) { p.OwnerReferences[0].UID = "zz" }), nil),
		`pods "p" is forbidden: node n1 UID mismatch: expected zz got u1`)
	expect(t, "a mirror pod with a config map", w.write(n1, "pods", newPod(mirror, func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "c"}}}}}
	}), nil), `pods "p" is forbidden: node "n1" can not create pods that reference configmaps`)
	here := func(p *corev1.Pod) { p.Spec.NodeName = "n1" }
	expect(t, "labels by status", w.write(n1, "pods/status", newPod(here, func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }), newPod(here)),
		`pods "p" is forbidden: node "n1" cannot update labels through pod status`)
	expect(t, "delete elsewhere", w.write(n1, "pods", nil, newPod()), `pods "p" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself`)
	w.Add("pods", newPod())
	expect(t, "evict elsewhere", w.write(n1, "pods/eviction", &policyv1.Eviction{ObjectMeta: newPod().ObjectMeta}, nil),
		`pods "p" is forbidden: node n1 can only evict pods with spec.nodeName set to itself`)
	w.Add("pods", newPod(here))
	expect(t, "evict here", w.write(n1, "pods/eviction", &policyv1.Eviction{ObjectMeta: newPod().ObjectMeta}, nil), "")
	expect(t, "the deletion that follows", w.write(n1, "pods/eviction", nil, newPod(here)), "")
	expect(t, "an unbound token", w.write(n1, "serviceaccounts/token", &authenticationv1.TokenRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}}, nil), `serviceaccounts "default" is forbidden: node requested token not bound to a pod`)
}

func TestSwitches(t *testing.T) {
	deps := Deps{Lister: authtest.New()}
	chain, err := New(deps, []string{"OwnerReferencesPermissionEnforcement", "ValidatingAdmissionWebhook"}, []string{"ServiceAccount", "ImagePolicyWebhook"})
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Join(chain.Names(), " ")
	if strings.Contains(names, "ServiceAccount") || !strings.Contains(names, "OwnerReferencesPermissionEnforcement") {
		t.Error(names)
	}
	if _, err := New(deps, []string{"JobValidation"}, nil); err != nil {
		t.Errorf("one that upstream has on by default: %v", err)
	}
	for _, wrong := range []string{"Nonsense", "ImagePolicyWebhook"} { // the latter without a configuration
		if _, err := New(deps, []string{wrong}, nil); err == nil {
			t.Errorf("%s was switched on", wrong)
		}
	}
}

// TestPeers20ExternalIPs: where the plugin is asked for, a service gets no addresses of the world (CVE-2020-8554).
func TestPeers20ExternalIPs(t *testing.T) {
	chain, err := New(Deps{Lister: authtest.New()}, []string{"DenyServiceExternalIPs"}, []string{"NamespaceLifecycle"})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{chain: chain}
	service := func(ips ...string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s"}, Spec: corev1.ServiceSpec{ExternalIPs: ips}}
	}
	const refused = `services "s" is forbidden: Use of external IPs is denied by admission control.`
	expect(t, "none", w.write(admin, "services", service(), nil), "")
	expect(t, "created with one", w.write(admin, "services", service("8.8.8.8"), nil), refused)
	expect(t, "one more", w.write(admin, "services", service("8.8.8.8", "1.1.1.1"), service("8.8.8.8")), refused)
	expect(t, "another", w.write(admin, "services", service("1.1.1.1"), service("8.8.8.8")), refused)
	expect(t, "kept and taken away", w.write(admin, "services", service("8.8.8.8"), service("8.8.8.8", "1.1.1.1")), "")
}
