package nftables

import (
	"strconv"
	"time"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// affinityClients bounds how many clients of one pool are remembered.
const affinityClients = 1 << 16

// poolState is what the kernel has of a pool.
type poolState struct {
	rules.Pool
	// sets hold the endpoints of the pool's present rules; their names are new with every change.
	sets []string
}

// setPool writes the pool's chain anew, over new sets.
//
// The old sets stay until the next sweep: a packet that is on its way through the old rules while the transaction commits looks into
// them, and elements vanish for it at once, unlike rules.
func (t *table) setPool(p rules.Pool) {
	old, had := t.pools[p.Name]
	for _, s := range old.sets {
		t.staleSets[s] = true
	}
	name := poolChain(p.Name)
	var clients *nft.Set
	if p.Affinity > 0 {
		clients = t.clients(p.Name)
		if !had || old.Affinity == 0 {
			if t.staleSets[clients.Name] {
				delete(t.staleSets, clients.Name)
			} else {
				t.addSet(clients, nil)
			}
		}
	} else if had && old.Affinity > 0 {
		t.staleSets[t.clients(p.Name).Name] = true
	}
	next := poolState{Pool: p}
	var body []exprs
	if clients != nil {
		body = append(body, t.returning(&next, clients))
	}
	body = append(body, t.picking(&next, clients))
	t.chain(name, body...)
	t.pools[p.Name] = next
}

func (t *table) deletePool(name string) {
	p, had := t.pools[name]
	if !had {
		return
	}
	delete(t.pools, name)
	t.staleChains[poolChain(name)] = true
	for _, s := range p.sets {
		t.staleSets[s] = true
	}
	if p.Affinity > 0 {
		t.staleSets[t.clients(name).Name] = true
	}
}

// clients is the map from a client's address to the endpoint that it used last. The kernel fills it and forgets its entries.
func (t *table) clients(pool string) *nft.Set {
	return &nft.Set{
		Table: t.nft, Name: "clients-" + hash(pool), ID: t.nextSetID(), IsMap: true, Dynamic: true, HasTimeout: true, Size: affinityClients,
		KeyType: t.family.address, DataType: t.endpointType(),
	}
}

func (t *table) endpointType() nft.SetDatatype {
	return nft.MustConcatSetType(t.family.address, nft.TypeInetService)
}

// returning is the rule for a client that is remembered, as long as its endpoint is still one of the pool.
func (t *table) returning(p *poolState, clients *nft.Set) exprs {
	members := &nft.Set{Table: t.nft, ID: t.nextSetID(), KeyType: t.endpointType(), Concatenation: true}
	var keys []nft.SetElement
	for _, e := range p.Endpoints {
		keys = append(keys, nft.SetElement{Key: addressPort(e)})
	}
	t.addPoolSet(p, "members-", members, keys)
	return join(t.family.loadSource(), lookup(reg0, clients, regPicked), matchSet(regPicked, members),
		remember(clients, unix.NFT_DYNSET_OP_UPDATE, p.Affinity), t.family.rewrite())
}

// picking is the rule that picks an endpoint at random.
func (t *table) picking(p *poolState, clients *nft.Set) exprs {
	// The key is a plain number; of the types for those, nft can print and parse marks.
	choices := &nft.Set{Table: t.nft, ID: t.nextSetID(), IsMap: true, KeyType: nft.TypeMark, DataType: t.endpointType()}
	var all []nft.SetElement
	for i, e := range p.Endpoints {
		all = append(all, nft.SetElement{Key: native(uint32(i)), Val: addressPort(e)})
	}
	t.addPoolSet(p, "endpoints-", choices, all)
	pick := join(exprs{&expr.Numgen{Register: regRandom, Modulus: uint32(len(all)), Type: unix.NFT_NG_RANDOM}}, lookup(regRandom, choices, regPicked))
	if clients != nil {
		// An update keeps the endpoint that the client had before, so that one is forgotten first.
		pick = join(pick, t.family.loadSource(), remember(clients, dynsetDelete, 0), remember(clients, unix.NFT_DYNSET_OP_UPDATE, p.Affinity))
	}
	return join(pick, t.family.rewrite())
}

// addPoolSet adds a set under a name that the pool has not had yet.
func (t *table) addPoolSet(p *poolState, prefix string, s *nft.Set, all []nft.SetElement) {
	t.generation++
	s.Name = prefix + hash(p.Name) + "-" + strconv.FormatUint(t.generation, 36)
	p.sets = append(p.sets, s.Name)
	t.addSet(s, all)
}

// dynsetDelete is NFT_DYNSET_OP_DELETE, which x/sys does not name.
const dynsetDelete = 2

func remember(clients *nft.Set, operation uint32, timeout time.Duration) exprs {
	return exprs{&expr.Dynset{
		SrcRegKey: reg0, SrcRegData: regPicked, SetName: clients.Name, SetID: clients.ID,
		Operation: operation, Timeout: timeout,
	}}
}
