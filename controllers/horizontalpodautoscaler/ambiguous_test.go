package horizontalpodautoscaler

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Two autoscalers that take the same pods would scale against each other: none scales, and both say so.
func TestPodsOfSeveralAutoscalers(t *testing.T) {
	f := newFixture(t, 3, cpu(50), nil)
	f.use(750)
	other := f.historyOf(types.NamespacedName{Namespace: "default", Name: "also"})
	other.selector = labels.SelectorFromSet(labels.Set{"app": "db"})
	f.historyOf(types.NamespacedName{Namespace: "elsewhere", Name: "web"}).selector = labels.Everything()
	f.expect("others have other pods", "5: SucceededRescale ValidMetricFound DesiredWithinRange")
	<-f.recorder.Events

	other.selector = labels.Everything()
	f.use(5000)
	f.expect("another has these, too", "5: SucceededGetScale AmbiguousSelector DesiredWithinRange")
	for _, want := range []string{
		"Warning AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [default/also default/web]",
		"Warning FailedComputeMetricsReplicas pods by selector app=web are controlled by multiple HPAs: [default/also default/web]",
	} {
		if got := <-f.recorder.Events; got != want {
			t.Errorf("event %q\nwant %q", got, want)
		}
	}

	f.forget(&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "also"}})
	f.expect("the other is gone", "10: SucceededRescale ValidMetricFound TooManyReplicas")
}
