package state

// Column is the value that each node has for one label, so that many nodes are compared without looking at one of them:
//
//	Column("zone")  ->  {Values: ["", "east", "west"], Of: [1, 2, 1, 0]}	// the last node has none
//
// It is of the current cycle only, and must not be changed.
type Column struct {
	// Of is where a node's value is among the values, by the node's position; 0 for nodes without the label.
	Of     []int32
	Values []string
}

// FewValues of a label are gone through rather than looked up when they are asked for.
const FewValues = 64

// Few says whether what is the same for all nodes with the same value is worth finding out once for each value.
func (c *Column) Few() bool { return len(c.Values) <= FewValues }

// maxColumns bounds the labels that are remembered, which pods name.
const maxColumns = 64

// Column of a label. It is made anew when nodes have come, gone or changed their labels.
func (t *Topology) Column(key string) *Column {
	if c := t.columns[key]; c != nil {
		return c
	}
	if t.columns == nil || len(t.columns) == maxColumns {
		t.columns = map[string]*Column{}
	}
	c := &Column{Of: make([]int32, len(t.snapshot.all)), Values: []string{""}}
	places := map[string]int32{}
	for i, node := range t.snapshot.all {
		value, ok := node.Node().Labels[key]
		if !ok {
			continue
		}
		place, known := places[value]
		if !known {
			place = int32(len(c.Values)) //nolint:gosec // there are not as many nodes
			places[value], c.Values = place, append(c.Values, value)
		}
		c.Of[i] = place
	}
	t.columns[key] = c
	return c
}

// Everywhere says whether all nodes have a label.
func (t *Topology) Everywhere(key string) bool {
	sum := 0
	for _, nodes := range t.Domains(key) {
		sum += nodes
	}
	return sum == len(t.snapshot.all)
}
