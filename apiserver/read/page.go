package read

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Page is the part of a listing that is answered with.
type Page struct {
	Entries []*cache.Entry
	Meta    metav1.ListMeta
	looked  int // at so many entries of the cache
}

// counted counts a page out of the cache.
func (c Verbs) counted(options *metav1.ListOptions, p *Page) *Page {
	c.At.Cached.Listed(options.ResourceVersion == "" && options.Continue == "", p.looked, len(p.Entries))
	return p
}

// Page finds the entries: as fresh as resourceVersion and resourceVersionMatch ask, at most limit, behind continue.
func (c Verbs) Page(options *metav1.ListOptions, selected *Selection) (*Page, error) {
	if options.Continue != "" {
		token, err := parseContinue(options.Continue, c.At.Prefix)
		if err != nil {
			return nil, err
		}
		if options.ResourceVersion != "" && options.ResourceVersion != "0" {
			return nil, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
		}
		if token.revision > 0 {
			return c.pageAt(token.revision, token.start, options, selected)
		}
		if err := c.waitForList(""); err != nil {
			return nil, err
		}
		return c.counted(options, c.cut(c.At.Cached.Snapshot(), token.start, options, selected)), nil
	}
	exact := options.ResourceVersionMatch == metav1.ResourceVersionMatchExact ||
		options.ResourceVersionMatch == "" && options.Limit > 0 && options.ResourceVersion != "" && options.ResourceVersion != "0"
	if exact {
		revision, err := parseRevision(options.ResourceVersion)
		if err != nil {
			return nil, err
		}
		return c.pageAt(revision, "", options, selected)
	}
	if err := c.waitForList(options.ResourceVersion); err != nil {
		return nil, err
	}
	return c.counted(options, c.cut(c.At.Cached.Snapshot(), "", options, selected)), nil
}

// pageAt pages through the state as of a revision: the cache's memory of it, or what the store still has.
func (c Verbs) pageAt(revision int64, start string, options *metav1.ListOptions, selected *Selection) (*Page, error) {
	if err := c.waitRevision(c.Context(), revision); err != nil {
		return nil, err
	}
	if revision < c.Compacted.Load() {
		return nil, expiredPage(start, c.At.Prefix)
	}
	snapshot, err := c.At.Cached.SnapshotAt(revision)
	if errors.Is(err, storage.ErrCompacted) {
		return c.pageFromStore(c.Context(), revision, start, options, selected)
	}
	if err != nil {
		return nil, err
	}
	return c.counted(options, c.cut(snapshot, start, options, selected)), nil
}

func metaOf(snapshot cache.Snapshot) metav1.ListMeta {
	return metav1.ListMeta{ResourceVersion: strconv.FormatInt(snapshot.Revision, 10)}
}

// cut takes a page out of a snapshot.
func (c Verbs) cut(snapshot cache.Snapshot, start string, options *metav1.ListOptions, selected *Selection) *Page {
	p := &Page{Meta: metaOf(snapshot)}
	if selected.name != "" && (c.Info.Namespace != "" || !c.At.Row.Namespaced) {
		if entry, found := snapshot.Get(c.namespaceOfKeys(), selected.name); found && entry.Key >= start {
			if p.looked = 1; c.chosen(entry, selected) {
				p.Entries = []*cache.Entry{entry}
			}
		}
		return p
	}
	var rest int64
	more := false
	snapshot.Ascend(c.namespaceOfKeys(), start, func(entry *cache.Entry) bool {
		if options.Limit > 0 && int64(len(p.Entries)) >= options.Limit {
			more = true
			rest++
			return selected.empty() // else whether any of the rest is chosen is left to the next page, as upstream's
		}
		if p.looked++; c.chosen(entry, selected) {
			p.Entries = append(p.Entries, entry)
		}
		return true
	})
	if more {
		last := p.Entries[len(p.Entries)-1].Key
		p.Meta.Continue = makeContinue(snapshot.Revision, last+"\x00", c.At.Prefix)
		if selected.empty() {
			p.Meta.RemainingItemCount = &rest
		}
	}
	return p
}

// chosen: entries that cannot be read are not left out silently, the answer fails on them.
func (c Verbs) chosen(entry *cache.Entry, selected *Selection) bool {
	if entry.Err != nil {
		return true
	}
	return selected.empty() || selected.Matches(entry.Object.(resource.Object))
}

func (c Verbs) namespaceOfKeys() string {
	if !c.At.Row.Namespaced {
		return ""
	}
	return c.Info.Namespace
}

// pageFromStore reads a state that the cache has forgotten.
func (c Verbs) pageFromStore(ctx context.Context, revision int64, start string, options *metav1.ListOptions, selected *Selection) (*Page, error) {
	prefix := c.At.Prefix
	if namespace := c.namespaceOfKeys(); namespace != "" {
		prefix += namespace + "/"
	}
	p := &Page{Meta: metav1.ListMeta{ResourceVersion: strconv.FormatInt(revision, 10)}}
	for {
		found, err := c.Store.Range(ctx, storage.Range{Prefix: prefix, From: start, Limit: 500, Revision: revision})
		if errors.Is(err, storage.ErrCompacted) {
			return nil, expiredPage(start, c.At.Prefix)
		}
		if err != nil {
			return nil, err
		}
		for _, record := range found.Records {
			if options.Limit > 0 && int64(len(p.Entries)) >= options.Limit {
				p.Meta.Continue = makeContinue(revision, p.Entries[len(p.Entries)-1].Key+"\x00", c.At.Prefix)
				return p, nil
			}
			start = record.Key + "\x00"
			entry, err := c.entryOf(record)
			if err != nil {
				return nil, err
			}
			if c.chosen(entry, selected) {
				p.Entries = append(p.Entries, entry)
			}
		}
		if !found.More {
			return p, nil
		}
	}
}

func (c Verbs) entryOf(record storage.Record) (*cache.Entry, error) {
	obj, err := c.At.Decode(record.Value, record.Revision)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", record.Key, err)
	}
	stored := obj.(resource.Object)
	return &cache.Entry{
		Key: record.Key, Namespace: stored.GetNamespace(), Name: stored.GetName(),
		Revision: record.Revision, Created: record.Created, Object: obj, Raw: record.Value,
	}, nil
}
