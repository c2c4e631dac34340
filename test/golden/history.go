package golden

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/yaml"
)

// history is what was written, by the audit log.
//
// It shows what a controller made of an object within one instant, not how many writes it took: what happens at the same time in a real
// cluster, such as two pods' becoming ready, is seen in any order. How many writes a change takes is counted elsewhere.
type history struct {
	accounts []string
	objects  map[string]map[string]any // as they were last answered, by resource and name
	names    *strings.Replacer         // what is random in the names that the API server made
	made     []string
	idle     []string                  // writes that changed nothing
	written  map[string]time.Time      // last, by resource and name
	told     map[string]map[string]any // Events, by what they say
	ledger   *ledger
}

// record is one recorded request.
type record struct {
	auditv1.Event
	sent, answer map[string]any
	revision     int
}

// told says whether it is an Event that was refused for its name, which is its time: in a bubble several happen at once.
func (r *record) told() bool {
	return r.ObjectRef.Resource == "events" && r.Verb == "create" && r.ResponseStatus.Code == http.StatusConflict
}

// migrator asks for objects as they are: the API server stores those anew that are stored otherwise.
const migrator = "storage-version-migrator-controller"

// isIdle tells whether one of our components wrote what was there.
func (r *record) isIdle(before map[string]any) bool {
	if r.what() != "change" || r.ObjectRef.Resource == "events" || !isComponent(r.User.Username) || account(r.User.Username) == migrator {
		return false
	}
	is, was := unstructured.Unstructured{Object: r.answer}, unstructured.Unstructured{Object: before}
	gone := is.GetDeletionTimestamp() != nil && len(is.GetFinalizers()) == 0 // with the last finalizer that a write takes away
	return !gone && is.GetResourceVersion() != "" && is.GetResourceVersion() == was.GetResourceVersion()
}

// change is what one writer does to one object in an instant.
type change struct {
	at            time.Time
	who, what     string
	before, after map[string]any
	sent          map[string]any // what it asked for first
}

// skip leaves out what others have made of the object since the last write of c: it is before the next as they left it.
func (c *change) skip(before map[string]any) error {
	if c.before == nil || before["kind"] != c.before["kind"] || before["kind"] != c.after["kind"] {
		return nil
	}
	ours, err := json.Marshal(c.after)
	if err != nil {
		return err
	}
	theirs, err := json.Marshal(before)
	if err != nil {
		return err
	}
	change, err := jsonpatch.CreateMergePatch(ours, theirs)
	if err != nil || string(change) == "{}" {
		return err
	}
	first, err := json.Marshal(c.before)
	if err != nil {
		return err
	}
	if first, err = jsonpatch.MergePatch(first, change); err != nil {
		return err
	}
	c.before = nil // nothing of what is in it may stay
	return json.Unmarshal(first, &c.before)
}

func newHistory(accounts []string) *history {
	return &history{accounts: accounts, objects: map[string]map[string]any{}, names: strings.NewReplacer(), written: map[string]time.Time{}, told: map[string]map[string]any{}, ledger: newLedger()}
}

// read takes up what was recorded since, and returns what the accounts wrote, in lines.
func (h *history) read(log []auditv1.Event, since time.Time) (string, error) {
	records, err := decode(log)
	if err != nil {
		return "", err
	}
	h.ledger.note(records)
	var changes []*change
	open := map[string]*change{}
	for _, one := range records {
		if one.ResponseStatus == nil || one.ObjectRef == nil || one.ResponseStatus.Code >= http.StatusBadRequest && !one.told() {
			continue
		}
		key, before := h.take(one)
		late := one.StageTimestamp.After(h.written[key]) // who writes at the same time cannot know
		if one.ResponseStatus.Code < http.StatusBadRequest {
			h.written[key] = one.StageTimestamp.Time
		}
		if late && one.isIdle(before) {
			h.idle = append(h.idle, fmt.Sprintf("%s: %s %s", one.User.Username, one.Verb, strings.Join(strings.Fields(key+" "+one.ObjectRef.Subresource), "/")))
		}
		if !slices.Contains(h.accounts, account(one.User.Username)) {
			continue
		}
		what := one.what()
		if one.ObjectRef.Resource == "events" && (one.Verb == "create" || one.Verb == "patch") {
			key, what = h.tell(one), "create"
		}
		instant := one.StageTimestamp.String()
		if what == "change" { // by the second, as it is printed: who was refused tries again a little later
			instant = one.StageTimestamp.Sub(since).Round(time.Second).String()
		}
		same := strings.Join([]string{instant, one.User.Username, what, one.ObjectRef.Subresource, key}, " ")
		if open[same] == nil {
			open[same] = &change{at: one.StageTimestamp.Time, who: account(one.User.Username), what: strings.TrimSpace(what + " " + one.ObjectRef.Subresource), before: before, sent: one.sent}
			changes = append(changes, open[same])
		} else if err := open[same].skip(before); err != nil {
			return "", err
		}
		open[same].after = one.answer
	}
	return h.print(changes, since)
}

// tell returns what an Event says, which it is about to say again if it is a change. Several have the same name here (see record.told).
func (h *history) tell(one *record) string {
	meta, _ := one.sent["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	name = cmp.Or(one.ObjectRef.Name, name)
	key := fmt.Sprint(name[:max(strings.LastIndex(name, "."), 0)], one.sent["message"])
	if one.Verb == "patch" {
		again := h.told[key]
		if again == nil {
			again = maps.Clone(one.answer)
			maps.Copy(again, one.sent)
		}
		one.sent = again
	}
	h.told[key] = one.sent
	return event(one.sent)
}

// finalizers are how many the answer has.
func (r *record) finalizers() int {
	is := unstructured.Unstructured{Object: r.answer}
	return len(is.GetFinalizers())
}

// decode brings requests into the order in which their writes were stored: the log has them in that of their ends.
func decode(log []auditv1.Event) ([]*record, error) {
	var all []*record
	for _, event := range log {
		one := &record{Event: event}
		for _, part := range []struct {
			from *runtime.Unknown
			into *map[string]any
		}{{event.RequestObject, &one.sent}, {event.ResponseObject, &one.answer}} {
			if part.from == nil || event.Verb != "create" && part.into == &one.sent && (event.ObjectRef == nil || event.ObjectRef.Resource != "events") {
				continue
			}
			if err := json.Unmarshal(part.from.Raw, part.into); err != nil {
				return nil, fmt.Errorf("reading what was sent or answered: %w", err)
			}
		}
		text, _, _ := unstructured.NestedString(one.answer, "metadata", "resourceVersion")
		one.revision, _ = strconv.Atoi(text) // 0 of an answer that is no object
		if one.revision == 0 && len(all) > 0 {
			one.revision = all[len(all)-1].revision
		}
		all = append(all, one)
	}
	latest := map[string]int{}
	for _, one := range all {
		uid, _, _ := unstructured.NestedString(one.answer, "metadata", "uid")
		latest[uid] = max(latest[uid], one.revision)
	}
	for _, one := range all { // a deletion comes after all that was written of what it deletes
		if uid, _, _ := unstructured.NestedString(one.answer, "details", "uid"); uid != "" {
			one.revision = max(one.revision, latest[uid]+1)
		}
	}
	held := map[int]bool{} // revisions with which objects have finalizers: who takes the last away is answered with the same
	for _, one := range all {
		held[one.revision] = held[one.revision] || one.finalizers() > 0
	}
	free := func(one *record) int {
		if held[one.revision] && one.finalizers() == 0 && one.what() == "change" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(free(a), free(b)))
	})
	return all, nil
}

// random is how long what the API server adds to a name is. A stateful set adds a number itself.
const random = 5

// take remembers the object as it was answered, and returns how it was before.
func (h *history) take(one *record) (key string, before map[string]any) {
	meta, _ := one.answer["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	if prefix, _ := meta["generateName"].(string); prefix != "" && len(name) == len(prefix)+random {
		h.made = append(h.made, name, prefix+"*")
		h.names = strings.NewReplacer(h.made...)
	}
	key = strings.Join([]string{one.ObjectRef.Resource, one.ObjectRef.Namespace, cmp.Or(one.ObjectRef.Name, name)}, " ")
	before = h.objects[key]
	switch {
	case one.ResponseStatus.Code >= http.StatusBadRequest || one.answer["kind"] == "Status":
	case before == nil || one.answer["kind"] == before["kind"]:
		h.objects[key] = one.answer
	case one.answer["kind"] == "PartialObjectMetadata": // who changes the metadata alone is answered with that
		h.objects[key] = maps.Clone(before)
		h.objects[key]["metadata"] = one.answer["metadata"]
	}
	return key, before
}

// account is the name of a service account of kube-system, or of a component.
func account(user string) string {
	return user[strings.LastIndex(user, ":")+1:]
}

// print puts changes into words: sorted within an instant, what is the same once.
func (h *history) print(changes []*change, since time.Time) (string, error) {
	counts, lines := map[string]int{}, []string{}
	for _, c := range changes {
		text, err := c.print()
		if err != nil {
			return "", err
		}
		if text == "" {
			continue
		}
		text = fmt.Sprintf("%7s %s", "+"+c.at.Sub(since).Round(time.Second).String(), h.mask(text))
		if counts[text]++; counts[text] == 1 {
			lines = append(lines, text)
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Or(cmp.Compare(offset(a), offset(b)), cmp.Compare(a, b)) })
	var all strings.Builder
	for _, line := range lines {
		head, body, _ := strings.Cut(line, "\n")
		switch n := counts[line]; {
		case n > 1 && strings.Contains(head, " Event Warning "):
			head += ", several times" // as often as it was tried meanwhile
		case n > 1:
			head = fmt.Sprintf("%s, %d times", head, n)
		}
		all.WriteString(head + "\n" + body)
	}
	return all.String(), nil
}

// offset is the time at which a line begins.
func offset(line string) time.Duration {
	d, err := time.ParseDuration(strings.TrimPrefix(strings.Fields(line)[0], "+"))
	if err != nil {
		return 0
	}
	return d
}

func (c *change) print() (string, error) {
	of := c.after
	if c.before != nil {
		of = c.before
	}
	kind, _ := of["kind"].(string)
	if c.sent["kind"] == "Binding" { // which may be answered before the pod's creation
		kind, of = "Pod", c.sent
	}
	meta, _ := of["metadata"].(map[string]any)
	namespace, _ := meta["namespace"].(string)
	name, _ := meta["name"].(string)
	if c.sent["kind"] == "Event" {
		return event(c.sent), nil
	}
	head := fmt.Sprintf("%s: %s %s\n", c.who, c.what, nameOf(kind, namespace, name))
	if c.what == "delete" || c.after["kind"] == "Status" {
		return head, nil
	}
	before, after := map[string]any{}, c.sent
	if strings.HasPrefix(c.what, "change") {
		before, after = c.before, c.after
	}
	if before["kind"] != after["kind"] && len(before) > 0 { // metadata alone, or a scale
		part := "spec"
		if after["spec"] == nil {
			part = "metadata"
		}
		before, after = map[string]any{part: before[part]}, map[string]any{part: after[part]}
		if part == "spec" {
			before = map[string]any{}
		}
	}
	body, err := difference(trim(before, c.what), trim(after, c.what))
	if err != nil || body == "" && strings.HasPrefix(c.what, "change") {
		return "", err
	}
	return head + body, nil
}

// event is one line about an Event.
func event(of map[string]any) string {
	about, _ := of["involvedObject"].(map[string]any)
	message := of["message"]
	if about == nil { // events.k8s.io
		about, _ = of["regarding"].(map[string]any)
		message = of["note"]
	}
	return fmt.Sprintf("Event %v %v %v %v/%v: %v\n", of["type"], of["reason"], about["kind"], about["namespace"], about["name"], message)
}

// trim leaves out what the API server says of every object, and what others change meanwhile.
func trim(of map[string]any, what string) map[string]any {
	all := map[string]any{}
	for field, value := range of {
		all[field] = value
	}
	delete(all, "apiVersion")
	delete(all, "kind")
	if !strings.HasSuffix(what, "status") && !strings.HasSuffix(what, "approval") {
		delete(all, "status")
	}
	if meta, ok := all["metadata"].(map[string]any); ok {
		kept := map[string]any{}
		for field, value := range meta {
			if !slices.Contains([]string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "name", "namespace", "generateName"}, field) {
				kept[field] = value
			}
		}
		all["metadata"] = kept
	}
	drop(all)
	return all
}

// drop leaves out what is empty, at every depth.
func drop(from map[string]any) {
	for field, value := range from {
		if list, ok := value.([]any); ok {
			for _, item := range list {
				if inner, ok := item.(map[string]any); ok {
					drop(inner)
				}
			}
		}
		if inner, ok := value.(map[string]any); ok {
			if drop(inner); len(inner) == 0 {
				delete(from, field)
			}
		}
	}
}

// difference is the merge patch from one object to another, in YAML. "" says that there is none.
func difference(before, after map[string]any) (string, error) {
	from, err := json.Marshal(before)
	if err != nil {
		return "", err
	}
	to, err := json.Marshal(after)
	if err != nil {
		return "", err
	}
	patch, err := jsonpatch.CreateMergePatch(from, to)
	if err != nil || string(patch) == "{}" {
		return "", err
	}
	text, err := yaml.JSONToYAML(patch)
	if err != nil {
		return "", err
	}
	return "          " + strings.TrimSuffix(strings.ReplaceAll(string(text), "\n", "\n          "), "          "), nil
}

// revisions count everything that is written, by anybody.
var revisions = regexp.MustCompile(`resourceVersion: "[0-9]+"`)

// uuids are unlike from run to run.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// pem is keys and certificates, in text or in base64.
var pem = regexp.MustCompile(`LS0tLS1CRUdJTi[0-9A-Za-z+/=]+|-----BEGIN [^-]+-----[^-]+-----END [^-]+-----`)

// refused are names that the API server made for what it did not take.
var refused = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}" is forbidden`)

// tokens are what service accounts show, in base64.
var tokens = regexp.MustCompile(`ZXlK[0-9A-Za-z+/=]{100,}`)

// mask puts a word for what is unlike from run to run.
func (h *history) mask(text string) string {
	text = tokens.ReplaceAllString(text, "TOKEN")
	text = pem.ReplaceAllString(uuids.ReplaceAllString(h.names.Replace(text), "UID"), "PEM")
	text = refused.ReplaceAllString(text, `-*" is forbidden`)
	return revisions.ReplaceAllString(text, `resourceVersion: "N"`)
}
