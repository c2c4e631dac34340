package merge

import "slices"

// place says where an item of a merged list comes from: its index in the object's list and in the configuration's, or -1.
type place struct{ left, right int }

// interleave orders the items of a merged list. Those of the configuration are in its order. Those that only the object has stay
// before what they stood before, so far as that is possible:
//
//	object        a b c d
//	configuration   d x b
//	merged        a c d x b
//
// a is only in the object and comes first; b is passed over, because d is wanted before it; c is again only in the object.
func interleave(left, right []string) []place {
	inLeft, inRight := indexOf(left, right), indexOf(right, left)
	out := make([]place, 0, max(len(left), len(right)))
	at, shared := 0, 0
	for r := range right {
		for shared < len(right) && (shared < r || inLeft[shared] < 0) {
			shared++ // to the next one that the object has too
		}
		for ; at < len(left); at++ {
			if inRight[at] < 0 {
				out = append(out, place{at, -1})
				continue
			}
			if shared == len(right) || inRight[at] == shared {
				break
			}
		}
		out = append(out, place{inLeft[r], r})
		// The item itself is done with. After the last that both have, one that was passed over goes with each new item.
		if at < len(left) && (inRight[at] == r || shared == len(right)) {
			at++
		}
	}
	for ; at < len(left); at++ {
		if inRight[at] < 0 {
			out = append(out, place{at, -1})
		}
	}
	return out
}

// indexOf returns for each of some elements where it is among others, or -1.
func indexOf(others, elements []string) []int {
	out := make([]int, len(elements))
	for i := range elements {
		if i < len(others) && others[i] == elements[i] {
			out[i] = i // as nearly always
			continue
		}
		out[i] = slices.Index(others, elements[i])
	}
	return out
}
