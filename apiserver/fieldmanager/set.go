package fieldmanager

import "slices"

// A fieldSet is a set of paths, as a tree. Items are in the order of structured-merge-diff, elements are unique, and no item is
// without meaning: it is a member of the set, or something below it is. Sets are never changed once they are made, and share
// items with each other.
//
//	{"f:spec":{"f:replicas":{},"f:ports":{".":{},"k:{\"port\":80}":{}}}}
//
// is an item f:spec, no member, with two children: f:ports, a member with a child, and f:replicas, a member.
type fieldSet []item

type item struct {
	element  string // as between the quotes of FieldsV1, escapes and all
	member   bool
	children fieldSet
}

func (i item) empty() bool { return !i.member && len(i.children) == 0 }

// roomy has room for a few items, so that a set that is being made does not grow with each of its first ones.
func (s fieldSet) roomy() fieldSet {
	if s == nil {
		return make(fieldSet, 0, 4)
	}
	return s
}

// sort puts a set in order that was made as its items came.
func (s fieldSet) sort() {
	slices.SortFunc(s, func(a, b item) int { return compareElements(a.element, b.element) })
}

// union returns what is in either set.
func (s fieldSet) union(other fieldSet) fieldSet {
	if len(s) == 0 {
		return other
	}
	if len(other) == 0 {
		return s
	}
	out := make(fieldSet, 0, max(len(s), len(other)))
	for len(s) > 0 && len(other) > 0 {
		switch c := compareElements(s[0].element, other[0].element); {
		case c < 0:
			out, s = append(out, s[0]), s[1:]
		case c > 0:
			out, other = append(out, other[0]), other[1:]
		default:
			out = append(out, item{element: s[0].element, member: s[0].member || other[0].member, children: s[0].children.union(other[0].children)})
			s, other = s[1:], other[1:]
		}
	}
	return append(append(out, s...), other...)
}

// without returns the set less the members of the other, and whether that changed anything. What lies below a removed member stays.
func (s fieldSet) without(other fieldSet) (fieldSet, bool) {
	return s.subtract(other, func(mine, theirs item) item {
		mine.member = mine.member && !theirs.member
		mine.children, _ = mine.children.without(theirs.children)
		return mine
	})
}

// withoutBelow returns the set less the members of the other and all that lies below them.
func (s fieldSet) withoutBelow(other fieldSet) fieldSet {
	out, _ := s.subtract(other, func(mine, theirs item) item {
		if theirs.member {
			return item{}
		}
		mine.children = mine.children.withoutBelow(theirs.children)
		return mine
	})
	return out
}

// subtract returns the set with the items that are in both replaced by what rest says of them.
func (s fieldSet) subtract(other fieldSet, rest func(mine, theirs item) item) (fieldSet, bool) {
	var out fieldSet
	changed := false
	for i := range s {
		for len(other) > 0 && compareElements(other[0].element, s[i].element) < 0 {
			other = other[1:]
		}
		left := s[i]
		if len(other) > 0 && other[0].element == left.element {
			left = rest(left, other[0])
		}
		same := left.member == s[i].member && len(left.children) == len(s[i].children) && (len(left.children) == 0 || &left.children[0] == &s[i].children[0])
		if !same && !changed {
			changed = true
			out = append(make(fieldSet, 0, len(s)), s[:i]...)
		}
		if changed && !left.empty() {
			out = append(out, left)
		}
	}
	if !changed {
		return s, false
	}
	return out, true
}

// setOf returns the set of some paths of field names, which come in order.
func setOf(paths ...[]string) fieldSet {
	var out fieldSet
	for _, path := range paths {
		var one fieldSet
		for i := len(path) - 1; i >= 0; i-- {
			one = fieldSet{{element: "f:" + path[i], member: i == len(path)-1, children: one}}
		}
		out = out.union(one)
	}
	return out
}
