package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// block is one role of policy.txt, whose first lines explain the format.
type block struct {
	namespace, name string
	to, from        string
	rules           []rbacv1.PolicyRule
	bound           bool
	bindingName     string
	subjects        []rbacv1.Subject
}

const controllerPrefix = "system:controller:"

func parse(table string) ([]block, error) {
	var blocks []block
	number := 0
	for line := range strings.Lines(table) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		if !strings.HasPrefix(line, " ") {
			var b block
			b, err = parseHead(words)
			blocks = append(blocks, b)
		} else if len(blocks) > 0 {
			err = blocks[len(blocks)-1].parseLine(words)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return blocks, nil
}

func parseHead(words []string) (block, error) {
	if len(words) < 2 {
		return block{}, fmt.Errorf("a role without a name")
	}
	b := block{name: words[1]}
	switch words[0] {
	case "controller":
		b.bound = true
		b.subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "kube-system", Name: b.name}}
		b.name = controllerPrefix + b.name
	case "role":
		if namespace, name, found := strings.Cut(b.name, "/"); found {
			b.namespace, b.name = namespace, name
		}
	default:
		return block{}, fmt.Errorf("unknown word %q", words[0])
	}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, ":")
		switch key {
		case "to":
			b.to = value
		case "from":
			b.from = value
		default:
			return block{}, fmt.Errorf("unknown word %q", word)
		}
	}
	return b, nil
}

func (b *block) parseLine(words []string) error {
	switch {
	case words[0] == "report":
		b.rules = append(b.rules, rbacv1.PolicyRule{
			Verbs: []string{"create", "patch", "update"}, APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"},
		})
		return nil
	case words[0] == "bound":
		return b.parseBinding(words[1:])
	case len(words) < 2:
		return fmt.Errorf("a rule without resources")
	}
	rule := rbacv1.PolicyRule{Verbs: verbs(words[0])}
	if strings.HasPrefix(words[1], "/") || words[1] == "*" && len(words) == 2 {
		rule.NonResourceURLs = words[1:]
		b.rules = append(b.rules, rule)
		return nil
	}
	rule.Resources, rule.APIGroups = strings.Split(words[1], ","), []string{""}
	for _, word := range words[2:] {
		switch word[0] {
		case '@':
			rule.APIGroups = strings.Split(word[1:], ",")
			for i, group := range rule.APIGroups {
				if group == "core" {
					rule.APIGroups[i] = ""
				}
			}
		case '=':
			rule.ResourceNames = strings.Split(word[1:], ",")
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	b.rules = append(b.rules, rule)
	return nil
}

func (b *block) parseBinding(words []string) error {
	b.bound = true
	for _, word := range words {
		kind, name, _ := strings.Cut(word, ":")
		switch kind {
		case "as":
			b.bindingName = name
		case rbacv1.ServiceAccountKind:
			namespace, name, _ := strings.Cut(name, "/")
			b.subjects = append(b.subjects, rbacv1.Subject{Kind: kind, Namespace: namespace, Name: name})
		case rbacv1.UserKind, rbacv1.GroupKind:
			b.subjects = append(b.subjects, rbacv1.Subject{Kind: kind, APIGroup: rbacv1.GroupName, Name: name})
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	return nil
}

// verbs expands the short forms and sorts.
func verbs(word string) []string {
	var all []string
	for _, verb := range strings.Split(word, ",") {
		if verb == "read" || verb == "all" {
			all = append(all, "get", "list", "watch")
		}
		if verb == "write" || verb == "all" {
			all = append(all, "create", "delete", "deletecollection", "patch", "update")
		}
		if verb != "read" && verb != "write" && verb != "all" {
			all = append(all, verb)
		}
	}
	slices.Sort(all)
	return all
}
