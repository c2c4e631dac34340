package paths

// FromTree is the set of a tree of maps, as FieldsV1 reads as JSON. It returns false if something in it is odd.
func FromTree(tree map[string]any) (Set, bool) {
	if _, itself := tree["."]; itself {
		return nil, false
	}
	set, _, ok := setFrom(tree, 0)
	return set, ok
}

// setFrom is the set of a tree, and whether what the tree stands for is a member itself.
func setFrom(tree map[string]any, depth int) (set Set, member, ok bool) {
	if len(tree) == 0 {
		return nil, true, true
	}
	set = make(Set, 0, len(tree))
	for name, value := range tree {
		below, isMap := value.(map[string]any)
		if !isMap || depth > maxDepth {
			return nil, false, false
		}
		if name == "." {
			member = true
			continue
		}
		children, itself, fits := setFrom(below, depth+1)
		if !fits {
			return nil, false, false
		}
		set = append(set, Item{Element: escape(name), Member: itself, Children: children})
	}
	p := parser{}
	for i := range set { // before they are sorted, for which they must be known
		p.check(nil, set[i].Element, set[i].Children, set[i].Member)
	}
	if p.odd {
		return nil, false, false
	}
	set.Sort()
	return set, member, true
}

// Tree is the set as a tree of maps.
func (s Set) Tree() map[string]any { return s.treeBelow(false) }

func (s Set) treeBelow(member bool) map[string]any {
	out := make(map[string]any, len(s)+1)
	if member && len(s) > 0 {
		out["."] = map[string]any{}
	}
	for i := range s {
		out[Unescape(s[i].Element)] = s[i].Children.treeBelow(s[i].Member)
	}
	return out
}
