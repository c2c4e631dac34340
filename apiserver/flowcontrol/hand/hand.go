package hand

import "hash/maphash"

// Max is the largest hand that fits the bits of one hash.
const Max = 60

// Dealer gives every flow a hand of queues: different flows get different hands, so that one that floods its own leaves
// others at least one queue that it does not share.
//
// A hand of 2 out of 4 queues for the hash 7: 7 mod 4 = 3 is queue 3; 7/4 = 1, 1 mod 3 = 1 is the second of the rest, queue 1.
type Dealer struct {
	seed maphash.Seed
}

// New chooses the hands of this process.
func New() Dealer { return Dealer{seed: maphash.MakeSeed()} }

// Hash of a flow. It differs from process to process, so that nobody can choose names that share a hand.
func (d Dealer) Hash(schema, distinguisher string) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	_, _ = h.WriteString(schema)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(distinguisher)
	return h.Sum64()
}

// Deal puts hand distinct numbers below deck into into and returns it.
func Deal(hash uint64, deck, hand int, into []int) []int {
	into = into[:0]
	for i := range min(hand, deck) {
		left := uint64(deck - i) //nolint:gosec // i is below deck
		card := int(hash % left) //nolint:gosec // below deck
		hash /= left
		// The card counts those that are left: step over those that are dealt, which are kept in order.
		at := 0
		for at < len(into) && into[at] <= card {
			card++
			at++
		}
		into = append(into, 0)
		copy(into[at+1:], into[at:])
		into[at] = card
	}
	return into
}
