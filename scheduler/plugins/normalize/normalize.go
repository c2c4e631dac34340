// Package normalize brings the scores of nodes onto the framework's scale.
package normalize

import fwk "k8s.io/kube-scheduler/framework"

// Highest scales scores so that the largest becomes fwk.MaxScore; all stay 0 if the largest is.
func Highest(scores fwk.NodeScoreList) {
	top := largest(scores)
	for i := range scores {
		if top > 0 {
			scores[i].Score = scores[i].Score * fwk.MaxScore / top
		}
	}
}

// Lowest scales scores so that 0 becomes fwk.MaxScore and the largest becomes 0.
func Lowest(scores fwk.NodeScoreList) {
	top := largest(scores)
	for i := range scores {
		if top > 0 {
			scores[i].Score = fwk.MaxScore - scores[i].Score*fwk.MaxScore/top
		} else {
			scores[i].Score = fwk.MaxScore
		}
	}
}

func largest(scores fwk.NodeScoreList) int64 {
	var top int64
	for _, score := range scores {
		top = max(top, score.Score)
	}
	return top
}
