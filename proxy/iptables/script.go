package iptables

import (
	"fmt"
	"strings"
)

// script is the input of one run of iptables-restore.
type script struct{ tables map[string]*tableScript }

// tableScript is the part of one table: chains are made, or emptied, first; chains that are no longer used are emptied first too
// and deleted last.
type tableScript struct {
	chains, lines, unused []string
	seen                  map[string]bool
}

func newScript() *script {
	return &script{tables: map[string]*tableScript{"filter": {seen: map[string]bool{}}, "nat": {seen: map[string]bool{}}}}
}

func (s *script) nat() *tableScript    { return s.tables["nat"] }
func (s *script) filter() *tableScript { return s.tables["filter"] }

// chain makes the chain, or empties it, and gives it the rules.
func (t *tableScript) chain(name string, rules ...string) {
	t.declare(name)
	for _, r := range rules {
		t.add(name, r)
	}
}

func (t *tableScript) declare(name string) {
	if !t.seen[name] {
		t.seen[name] = true
		t.chains = append(t.chains, name)
	}
}

func (t *tableScript) add(chain, rule string)    { t.line("-A", chain, rule) }
func (t *tableScript) remove(chain, rule string) { t.line("-D", chain, rule) }
func (t *tableScript) first(chain, rule string)  { t.line("-I", chain, rule) }

func (t *tableScript) line(verb, chain, rule string) {
	t.lines = append(t.lines, verb+" "+chain+" "+rule)
}

// drop deletes a chain that nothing leads to.
func (t *tableScript) drop(name string) {
	t.declare(name)
	t.unused = append(t.unused, name)
}

// String is empty when there is nothing to do.
func (s *script) String() string {
	var b strings.Builder
	for _, name := range []string{"filter", "nat"} {
		t := s.tables[name]
		if len(t.chains)+len(t.lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "*%s\n", name)
		for _, c := range t.chains {
			fmt.Fprintf(&b, ":%s - [0:0]\n", c)
		}
		for _, l := range t.lines {
			b.WriteString(l + "\n")
		}
		for _, c := range t.unused {
			fmt.Fprintf(&b, "-X %s\n", c)
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}
