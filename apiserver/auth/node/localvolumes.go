package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// localNode labels a volume whose data is a folder of a node with the node's name, or with its hash where a label cannot have it:
// the contract of controllers/localpath, whose folders a node makes and removes itself.
const localNode = "coxswain.io/local-path-node"

func localValue(node string) string {
	if len(node) <= validation.LabelValueMaxLength {
		return node
	}
	sum := sha256.Sum256([]byte(node))
	return hex.EncodeToString(sum[:20])
}

// volume lets a node get the volumes that its pods use, as upstream's does, and besides follow those that are folders of its own,
// and say that it has removed one.
func (n *Authorizer) volume(ctx context.Context, node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	switch verb, subresource := a.GetVerb(), a.GetSubresource(); {
	case subresource == "" && (verb == "list" || verb == "watch") && selectsOwnFolders(a, node):
		return authorizer.DecisionAllow, "", nil
	case subresource == "status" && verb == "patch":
		return n.related(ctx, node, a, n.hasFolder)
	}
	return n.get(ctx, node, a, n.usesVolume)
}

func selectsOwnFolders(a authorizer.Attributes, node string) bool {
	requirements, err := a.GetLabelSelector()
	if err != nil {
		return false
	}
	for _, r := range requirements {
		exact := r.Operator() == selection.Equals || r.Operator() == selection.DoubleEquals || r.Operator() == selection.In
		if r.Key() == localNode && exact && slices.Equal(r.ValuesUnsorted(), []string{localValue(node)}) {
			return true
		}
	}
	return false
}

func (n *Authorizer) hasFolder(node, _, name string) bool {
	volume, ok := auth.Get[*corev1.PersistentVolume](n.lister, volumes, "", name)
	return ok && volume.Labels[localNode] == localValue(node)
}
