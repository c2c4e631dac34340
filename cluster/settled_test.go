package cluster

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// oneOfEach is an object for each controller that there can be one for without a machine.
func oneOfEach() []client.Object {
	in := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": name}}
	}
	template := func(name string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}, Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}}
	}
	selecting := func(name string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	}
	once := batchv1.JobSpec{Template: template("job")}
	once.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	ports := []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}}
	rc := template("rc")
	claim := corev1.PersistentVolumeClaimSpec{
		StorageClassName: ptr.To(""), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
	token := in("token")
	token.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	return []client.Object{
		withPods("deployment"),
		&appsv1.ReplicaSet{ObjectMeta: in("rs"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](2), Selector: selecting("rs"), Template: template("rs")}},
		&corev1.ReplicationController{ObjectMeta: in("rc"), Spec: corev1.ReplicationControllerSpec{Replicas: ptr.To[int32](2), Template: &rc}},
		&appsv1.StatefulSet{ObjectMeta: in("sts"), Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](2), Selector: selecting("sts"), Template: template("sts")}},
		&appsv1.DaemonSet{ObjectMeta: in("ds"), Spec: appsv1.DaemonSetSpec{Selector: selecting("ds"), Template: template("ds")}},
		&batchv1.Job{ObjectMeta: in("job"), Spec: once},
		&batchv1.CronJob{ObjectMeta: in("cron"), Spec: batchv1.CronJobSpec{Schedule: "0 0 29 2 *", JobTemplate: batchv1.JobTemplateSpec{Spec: once}}},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: in("hpa"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MaxReplicas: 10, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "deployment"},
		}},
		&policyv1.PodDisruptionBudget{ObjectMeta: in("pdb"), Spec: policyv1.PodDisruptionBudgetSpec{Selector: selecting("sts"), MinAvailable: ptr.To(intstr.FromInt32(1))}},
		&corev1.Service{ObjectMeta: in("sts"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "sts"}, Ports: ports}},
		&corev1.Service{ObjectMeta: in("byhand"), Spec: corev1.ServiceSpec{Ports: ports}},
		&corev1.Endpoints{ObjectMeta: in("byhand"), Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: "192.0.2.1"}}, Ports: []corev1.EndpointPort{{Port: 80}},
		}}},
		&corev1.Secret{ObjectMeta: token, Type: corev1.SecretTypeServiceAccountToken},
		&corev1.PersistentVolumeClaim{ObjectMeta: in("claim"), Spec: claim},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume"}, Spec: corev1.PersistentVolumeSpec{
			Capacity: claim.Resources.Requests, AccessModes: claim.AccessModes,
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/nowhere"}},
		}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "sum"}, AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{*selecting("part")}}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "part", Labels: map[string]string{"app": "part"}}, Rules: []rbacv1.PolicyRule{{
			Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"},
		}}},
		&storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: "vac"}, DriverName: "d.example", Parameters: map[string]string{"a": "b"}},
	}
}

// kept lists what controllers write, but for the nodes, which are written by themselves, too.
func kept() map[string]client.ObjectList {
	return map[string]client.ObjectList{
		"pods": &corev1.PodList{}, "deployments": &appsv1.DeploymentList{}, "replicasets": &appsv1.ReplicaSetList{},
		"replicationcontrollers": &corev1.ReplicationControllerList{}, "statefulsets": &appsv1.StatefulSetList{}, "daemonsets": &appsv1.DaemonSetList{},
		"controllerrevisions": &appsv1.ControllerRevisionList{}, "jobs": &batchv1.JobList{}, "cronjobs": &batchv1.CronJobList{},
		"horizontalpodautoscalers": &autoscalingv2.HorizontalPodAutoscalerList{}, "poddisruptionbudgets": &policyv1.PodDisruptionBudgetList{},
		"resourcequotas": &corev1.ResourceQuotaList{}, "services": &corev1.ServiceList{}, "endpointslices": &discoveryv1.EndpointSliceList{},
		"endpoints": &corev1.EndpointsList{}, "secrets": &corev1.SecretList{}, "configmaps": &corev1.ConfigMapList{},
		"serviceaccounts": &corev1.ServiceAccountList{}, "persistentvolumeclaims": &corev1.PersistentVolumeClaimList{}, "persistentvolumes": &corev1.PersistentVolumeList{},
		"clusterroles": &rbacv1.ClusterRoleList{}, "volumeattributesclasses": &storagev1.VolumeAttributesClassList{}, "namespaces": &corev1.NamespaceList{},
		"servicecidrs": &networkingv1.ServiceCIDRList{}, "ipaddresses": &networkingv1.IPAddressList{},
	}
}

// revisions are those of all that there is, by what it is.
func revisions(t *testing.T, c client.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for kind, list := range kept() {
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		if err := meta.EachListItem(list, func(item runtime.Object) error {
			obj := item.(client.Object)
			all[fmt.Sprintf("%s %s/%s", kind, obj.GetNamespace(), obj.GetName())] = obj.GetResourceVersion()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// quiet waits until nothing has been written for a while, and returns what is there then.
func quiet(t *testing.T, c client.Client) map[string]string {
	t.Helper()
	before, since := revisions(t, c), time.Now()
	eventually(t, "things do not settle", func() error {
		if now := revisions(t, c); !maps.Equal(now, before) {
			before, since = now, time.Now()
		}
		if time.Since(since) < 2*time.Second {
			return fmt.Errorf("there was a write %s ago", time.Since(since))
		}
		return nil
	})
	return before
}

// Controllers that see all there is for the first time, after a restart, write nothing of it when it is settled.
func TestControllersWriteNothingOfWhatIsSettled(t *testing.T) {
	options := ForTest(t.TempDir())
	options.Ephemeral, options.SimulatedNodes = false, 2
	running, c := started(t, options)
	takesPods(t, c)
	for _, obj := range oneOfEach() {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatalf("creating %T: %v", obj, err)
		}
	}
	eventually(t, "pods do not run", func() error {
		d := &appsv1.Deployment{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "deployment"}, d); err != nil || d.Status.AvailableReplicas != 10 {
			return fmt.Errorf("%d pods are available: %v", d.Status.AvailableReplicas, err)
		}
		return nil
	})
	quiet(t, c)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "quota"}} // one that is there before is charged, and then counted
	quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("100")}
	if err := c.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	var found string
	for round := range 4 { // on a slow machine something may not have been settled after all, but not each time
		before := quiet(t, c)
		if err := running.Stop(); err != nil {
			t.Fatal(err)
		}
		running, c = started(t, options)
		if found = rewritten(t, running, c, before, fmt.Sprintf("later%d", round)); found == "" {
			return
		}
		t.Log(found)
	}
	t.Errorf("what was settled was written again:%s", found)
}

// rewritten says what has been written since a cluster was started with what there was before. A namespace that is made now tells when
// controllers run.
func rewritten(t *testing.T, running *Cluster, c client.Client, before map[string]string, later string) string {
	t.Helper()
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: later}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no controllers run", func() error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: later, Name: "default"}, &corev1.ServiceAccount{})
	})
	after := quiet(t, c)
	// cluster-info names the port of the server, which is another one now.
	for _, what := range []string{"namespaces /" + later, "serviceaccounts " + later + "/default", "configmaps " + later + "/kube-root-ca.crt", "configmaps kube-public/cluster-info"} {
		delete(before, what)
		delete(after, what)
	}
	var kinds []string
	for kind := range kept() {
		if kind != "configmaps" {
			kinds = append(kinds, kind)
		}
	}
	again := writes(t, running, kinds...)
	maps.DeleteFunc(again, func(what string, _ int) bool { // those are of the namespace
		return what == "POST namespaces 201" || what == "POST serviceaccounts 201"
	})
	if len(again) == 0 {
		return cmp.Diff(before, after)
	}
	return again.String() + "\n" + cmp.Diff(before, after)
}
