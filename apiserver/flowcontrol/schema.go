package flowcontrol

import (
	"cmp"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// schema is a FlowSchema whose level exists.
type schema struct {
	name       string
	precedence int32
	by         flowcontrolv1.FlowDistinguisherMethodType // "" puts all into one flow
	rules      []flowcontrolv1.PolicyRulesWithSubjects
	level      *level
	stats      *stats // what it has brought to the level
	widest     int    // seats of one request at the level
	// Headers of answers, made once.
	uidHeader, levelHeader []string
}

// sortSchemas puts those that are asked first in front.
func sortSchemas(schemas []*schema) {
	slices.SortFunc(schemas, func(a, b *schema) int {
		return cmp.Or(cmp.Compare(a.precedence, b.precedence), strings.Compare(a.name, b.name))
	})
}

// matches says whether one of the rules is about the request.
func (s *schema) matches(info *request.Info, caller user.Info) bool {
	for i := range s.rules {
		if ruleMatches(&s.rules[i], info, caller) {
			return true
		}
	}
	return false
}

// distinguisher tells the flows of a schema apart.
func (s *schema) distinguisher(info *request.Info, caller user.Info) string {
	switch s.by {
	case flowcontrolv1.FlowDistinguisherMethodByUserType:
		return caller.GetName()
	case flowcontrolv1.FlowDistinguisherMethodByNamespaceType:
		return info.Namespace
	}
	return ""
}

func ruleMatches(rule *flowcontrolv1.PolicyRulesWithSubjects, info *request.Info, caller user.Info) bool {
	if !slices.ContainsFunc(rule.Subjects, func(s flowcontrolv1.Subject) bool { return subjectMatches(&s, caller) }) {
		return false
	}
	if info.IsResource {
		for i := range rule.ResourceRules {
			if resourceMatches(&rule.ResourceRules[i], info) {
				return true
			}
		}
		return false
	}
	for i := range rule.NonResourceRules {
		if pathMatches(&rule.NonResourceRules[i], info) {
			return true
		}
	}
	return false
}

func subjectMatches(s *flowcontrolv1.Subject, caller user.Info) bool {
	switch s.Kind {
	case flowcontrolv1.SubjectKindUser:
		return s.User != nil && (s.User.Name == flowcontrolv1.NameAll || s.User.Name == caller.GetName())
	case flowcontrolv1.SubjectKindGroup:
		return s.Group != nil && (s.Group.Name == flowcontrolv1.NameAll || slices.Contains(caller.GetGroups(), s.Group.Name))
	case flowcontrolv1.SubjectKindServiceAccount:
		account := s.ServiceAccount
		if account == nil {
			return false
		}
		if account.Name == flowcontrolv1.NameAll {
			rest, ok := strings.CutPrefix(caller.GetName(), serviceaccount.ServiceAccountUsernamePrefix)
			namespace, _, named := strings.Cut(rest, ":")
			return ok && named && namespace == account.Namespace
		}
		return serviceaccount.MatchesUsername(account.Namespace, account.Name, caller.GetName())
	}
	return false
}

func resourceMatches(rule *flowcontrolv1.ResourcePolicyRule, info *request.Info) bool {
	return has(rule.Verbs, info.Verb) &&
		has(rule.APIGroups, info.Group) &&
		hasResource(rule.Resources, info) &&
		(info.Namespace == "" && rule.ClusterScope || info.Namespace != "" && has(rule.Namespaces, info.Namespace))
}

func pathMatches(rule *flowcontrolv1.NonResourcePolicyRule, info *request.Info) bool {
	return has(rule.Verbs, info.Verb) && slices.ContainsFunc(rule.NonResourceURLs, func(url string) bool {
		if url == flowcontrolv1.NonResourceAll || url == info.Path {
			return true
		}
		prefix, open := strings.CutSuffix(url, "*")
		return open && strings.HasPrefix(info.Path, prefix)
	})
}

// has finds the value, or the * that stands for all verbs, groups and namespaces alike.
func has(list []string, value string) bool {
	return slices.Contains(list, value) || slices.Contains(list, "*")
}

// hasResource finds pods, or pods/status for a subresource.
func hasResource(list []string, info *request.Info) bool {
	for _, entry := range list {
		if entry == flowcontrolv1.ResourceAll {
			return true
		}
		name, sub, _ := strings.Cut(entry, "/")
		if name == info.Resource && sub == info.Subresource {
			return true
		}
	}
	return false
}
