package paths

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// A Set is a set of paths, as a tree. Items are in the order of structured-merge-diff, elements are unique, and no item is
// without meaning: it is a member of the set, or something below it is. Sets are never changed once they are made, and share
// items with each other.
//
//	{"f:spec":{"f:replicas":{},"f:ports":{".":{},"k:{\"port\":80}":{}}}}
//
// is an item f:spec, no member, with two children: f:ports, a member with a child, and f:replicas, a member.
type Set []Item

// Item is one step of paths, and all that lies below it.
type Item struct {
	Element  string // as between the quotes of FieldsV1, escapes and all
	Member   bool
	Children Set
}

func (i Item) empty() bool { return !i.Member && len(i.Children) == 0 }

// Appended is the set with one more item at its end, if there is anything in that. A set that is being made has room for a few items,
// so that it does not grow with each of its first ones.
func (s Set) Appended(one Item) Set {
	if one.empty() {
		return s
	}
	if s == nil {
		s = make(Set, 0, 4)
	}
	return append(s, one)
}

// Copied is the set in memory of its own, which is as large as it is.
func (s Set) Copied() Set {
	if len(s) == 0 {
		return nil
	}
	own := make(Set, len(s))
	copy(own, s)
	return own
}

// Sort puts a set in order that was made as its items came.
func (s Set) Sort() {
	slices.SortFunc(s, func(a, b Item) int { return compareElements(a.Element, b.Element) })
}

// Union returns what is in either set.
func (s Set) Union(other Set) Set {
	if len(s) == 0 {
		return other
	}
	if len(other) == 0 {
		return s
	}
	out := make(Set, 0, max(len(s), len(other)))
	for len(s) > 0 && len(other) > 0 {
		switch c := compareElements(s[0].Element, other[0].Element); {
		case c < 0:
			out, s = append(out, s[0]), s[1:]
		case c > 0:
			out, other = append(out, other[0]), other[1:]
		default:
			out = append(out, Item{Element: s[0].Element, Member: s[0].Member || other[0].Member, Children: s[0].Children.Union(other[0].Children)})
			s, other = s[1:], other[1:]
		}
	}
	return append(append(out, s...), other...)
}

// Without returns the set less the members of the other, and whether that changed anything. What lies below a removed member stays.
func (s Set) Without(other Set) (Set, bool) {
	return s.subtract(other, func(mine, theirs Item) Item {
		mine.Member = mine.Member && !theirs.Member
		mine.Children, _ = mine.Children.Without(theirs.Children)
		return mine
	})
}

// WithoutBelow returns the set less the members of the other and all that lies below them.
func (s Set) WithoutBelow(other Set) Set {
	out, _ := s.subtract(other, func(mine, theirs Item) Item {
		if theirs.Member {
			return Item{}
		}
		mine.Children = mine.Children.WithoutBelow(theirs.Children)
		return mine
	})
	return out
}

// subtract returns the set with the items that are in both replaced by what rest says of them.
func (s Set) subtract(other Set, rest func(mine, theirs Item) Item) (Set, bool) {
	var out Set
	changed := false
	for i := range s {
		for len(other) > 0 && compareElements(other[0].Element, s[i].Element) < 0 {
			other = other[1:]
		}
		left := s[i]
		if len(other) > 0 && other[0].Element == left.Element {
			left = rest(left, other[0])
		}
		same := left.Member == s[i].Member && len(left.Children) == len(s[i].Children) && (len(left.Children) == 0 || &left.Children[0] == &s[i].Children[0])
		if !same && !changed {
			changed = true
			out = append(make(Set, 0, len(s)), s[:i]...)
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

// Of returns the set of some paths of field names, which come in order.
func Of(paths ...[]string) Set {
	var out Set
	for _, path := range paths {
		var one Set
		for i := len(path) - 1; i >= 0; i-- {
			one = Set{{Element: "f:" + path[i], Member: i == len(path)-1, Children: one}}
		}
		out = out.Union(one)
	}
	return out
}

// Visit calls see with each member of the set: those of a level in their order, then those below.
func (s Set) Visit(to fieldpath.Path, see func(fieldpath.Path)) {
	to = slices.Clip(to)
	for i := range s {
		if s[i].Member {
			see(append(to, pathElement(s[i].Element)))
		}
	}
	for i := range s {
		if len(s[i].Children) > 0 {
			s[i].Children.Visit(append(to, pathElement(s[i].Element)), see)
		}
	}
}

// Intersect returns what is in both sets.
func (s Set) Intersect(other Set) Set {
	var out Set
	for len(s) > 0 && len(other) > 0 {
		switch c := compareElements(s[0].Element, other[0].Element); {
		case c < 0:
			s = s[1:]
		case c > 0:
			other = other[1:]
		default:
			both := Item{Element: s[0].Element, Member: s[0].Member && other[0].Member, Children: s[0].Children.Intersect(other[0].Children)}
			if !both.empty() {
				out = append(out, both)
			}
			s, other = s[1:], other[1:]
		}
	}
	return out
}

// At returns what the set has at an element.
func (s Set) At(element string) Item {
	if len(s) > manyMembers {
		if at, found := slices.BinarySearchFunc(s, element, func(i Item, e string) int { return compareElements(i.Element, e) }); found {
			return s[at]
		}
		return Item{}
	}
	for i := range s {
		if s[i].Element == element {
			return s[i]
		}
	}
	return Item{}
}

// manyMembers is where halving begins to cost less than looking at each one.
const manyMembers = 24
