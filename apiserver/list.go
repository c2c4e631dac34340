package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// list answers with a page of the objects that the selectors choose, spliced from encodings that the cache keeps.
func (c *call) list() error {
	options, err := c.listOptions()
	if err != nil {
		return err
	}
	selected, err := c.selection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	page, err := c.page(options, selected)
	if err != nil {
		return err
	}
	if err := c.at.prepare(c.ctx(), page.entries); err != nil {
		return err
	}
	if c.accept.As == "Table" {
		objects := make([]resource.Object, 0, len(page.entries))
		for _, entry := range page.entries {
			obj, err := c.at.object(c.ctx(), entry)
			if err != nil {
				return err
			}
			objects = append(objects, obj)
		}
		return c.writeTable(http.StatusOK, objects, page.meta)
	}
	items := make([][]byte, 0, len(page.entries))
	for _, entry := range page.entries {
		data, err := c.encodedItem(entry)
		if err != nil {
			return err
		}
		items = append(items, data)
	}
	return c.writeItems(http.StatusOK, items, page.meta)
}

// encodedItem is the encoding from which lists in JSON, YAML and protobuf are made.
func (c *call) encodedItem(entry *cache.Entry) ([]byte, error) {
	if c.accept.Media != codec.CBOR || c.partial() || !c.at.protobuf {
		return c.encoded(entry)
	}
	obj, err := c.at.object(c.ctx(), entry)
	if err != nil {
		return nil, err
	}
	encode := func() ([]byte, error) {
		shown, err := c.shown(obj)
		if err != nil {
			return nil, err
		}
		return codec.Encode(c.inList(shown), codec.CBOR)
	}
	if c.at.packer != nil {
		return encode() // as in encoded
	}
	return entry.Encoding(c.at.keys.cbor+" item", encode)
}

// inList is an object without its kind, where that is what the list says.
func (c *call) inList(obj runtime.Object) runtime.Object {
	if c.partial() || !c.at.protobuf {
		return obj
	}
	obj = obj.DeepCopyObject()
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return obj
}

// writeItems answers with a list of encoded items.
func (c *call) writeItems(code int, items [][]byte, meta metav1.ListMeta) error {
	list := &codec.List{Kind: c.shownListKind(), Item: c.shownKind(), Meta: meta, Items: items, KeepKinds: c.partial() || !c.at.protobuf, Whole: c.at.custom != nil && !c.partial()}
	if c.accept.Media == codec.YAML || c.accept.Pretty {
		var all strings.Builder
		media := c.accept.Media
		if media == codec.YAML {
			media = codec.JSON
		}
		if err := list.Write(&all, media); err != nil {
			return err
		}
		data := []byte(all.String())
		if c.accept.Media == codec.YAML {
			var err error
			if data, err = codec.YAMLFromJSON(data); err != nil {
				return err
			}
		}
		writeBody(c.w, c.accept, code, data)
		return nil
	}
	c.w.Header().Set("Content-Type", c.accept.Media.String())
	zip := worthCompressing(c.r, items)
	if zip {
		c.w.Header().Set("Content-Encoding", "gzip")
		c.w.Header().Add("Vary", "Accept-Encoding")
	}
	c.w.WriteHeader(code)
	out := newOutput(c.w, zip)
	defer out.close()
	_ = list.Write(out, c.accept.Media) // fails only when the client is gone, and nobody can be told any more
	return nil
}

// writeList answers with a list of objects that come from writes.
func (c *call) writeList(code int, objects []resource.Object, meta metav1.ListMeta) error {
	if c.accept.As == "Table" {
		return c.writeTable(code, objects, meta)
	}
	items := make([][]byte, 0, len(objects))
	for _, obj := range objects {
		shown, err := c.shown(obj)
		if err != nil {
			return err
		}
		encode := func() ([]byte, error) { return encodeObject(shown, codec.JSON) }
		switch c.accept.Media {
		case codec.Protobuf:
			encode = func() ([]byte, error) { return codec.Message(shown) }
		case codec.CBOR:
			encode = func() ([]byte, error) { return codec.Encode(c.inList(shown), codec.CBOR) }
		}
		data, err := encode()
		if err != nil {
			return err
		}
		items = append(items, data)
	}
	return c.writeItems(code, items, meta)
}

func (c *call) shownKind() schema.GroupVersionKind {
	if c.partial() {
		return metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
	}
	return c.at.gvk
}

func (c *call) shownListKind() schema.GroupVersionKind {
	if c.partial() {
		return metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList")
	}
	return c.at.listGVK
}

// page is the part of a listing that is answered with.
type page struct {
	entries []*cache.Entry
	meta    metav1.ListMeta
}

// page finds the entries: as fresh as resourceVersion and resourceVersionMatch ask, at most limit, behind continue.
func (c *call) page(options *metav1.ListOptions, selected *selection) (*page, error) {
	if options.Continue != "" {
		token, err := parseContinue(options.Continue, c.at.prefix)
		if err != nil {
			return nil, err
		}
		if options.ResourceVersion != "" && options.ResourceVersion != "0" {
			return nil, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
		}
		if token.revision > 0 {
			return c.pageAt(token.revision, token.start, options, selected)
		}
		if err := c.waitFresh(c.ctx(), ""); err != nil {
			return nil, err
		}
		return c.cut(c.at.cached.Snapshot(), token.start, options, selected), nil
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
	if err := c.waitFresh(c.ctx(), options.ResourceVersion); err != nil {
		return nil, err
	}
	return c.cut(c.at.cached.Snapshot(), "", options, selected), nil
}

// pageAt pages through the state as of a revision: the cache's memory of it, or what the store still has.
func (c *call) pageAt(revision int64, start string, options *metav1.ListOptions, selected *selection) (*page, error) {
	if err := c.waitRevision(c.ctx(), revision); err != nil {
		return nil, err
	}
	if revision < c.compacted.Load() {
		return nil, expiredPage(start, c.at.prefix)
	}
	snapshot, err := c.at.cached.SnapshotAt(revision)
	if errors.Is(err, storage.ErrCompacted) {
		return c.pageFromStore(c.ctx(), revision, start, options, selected)
	}
	if err != nil {
		return nil, err
	}
	return c.cut(snapshot, start, options, selected), nil
}

// cut takes a page out of a snapshot.
func (c *call) cut(snapshot cache.Snapshot, start string, options *metav1.ListOptions, selected *selection) *page {
	p := &page{meta: metav1.ListMeta{ResourceVersion: strconv.FormatInt(snapshot.Revision, 10)}}
	if selected.name != "" && (c.info.Namespace != "" || !c.at.row.Namespaced) {
		if entry, found := snapshot.Get(c.namespaceOfKeys(), selected.name); found && c.chosen(entry, selected) && entry.Key >= start {
			p.entries = []*cache.Entry{entry}
		}
		return p
	}
	var rest int64
	more := ""
	snapshot.Ascend(c.namespaceOfKeys(), start, func(entry *cache.Entry) bool {
		if options.Limit > 0 && int64(len(p.entries)) >= options.Limit {
			if !selected.empty() {
				if more == "" && c.chosen(entry, selected) {
					more = entry.Key
				}
				return more == ""
			}
			if more == "" {
				more = entry.Key
			}
			rest++
			return true
		}
		if c.chosen(entry, selected) {
			p.entries = append(p.entries, entry)
		}
		return true
	})
	if more != "" {
		last := p.entries[len(p.entries)-1].Key
		p.meta.Continue = makeContinue(snapshot.Revision, last+"\x00", c.at.prefix)
		if selected.empty() {
			p.meta.RemainingItemCount = &rest
		}
	}
	return p
}

// chosen: entries that cannot be read are not left out silently, the answer fails on them.
func (c *call) chosen(entry *cache.Entry, selected *selection) bool {
	if entry.Err != nil {
		return true
	}
	return selected.empty() || selected.matches(entry.Object.(resource.Object))
}

func (c *call) namespaceOfKeys() string {
	if !c.at.row.Namespaced {
		return ""
	}
	return c.info.Namespace
}

// pageFromStore reads a state that the cache has forgotten.
func (c *call) pageFromStore(ctx context.Context, revision int64, start string, options *metav1.ListOptions, selected *selection) (*page, error) {
	prefix := c.at.prefix
	if namespace := c.namespaceOfKeys(); namespace != "" {
		prefix += namespace + "/"
	}
	p := &page{meta: metav1.ListMeta{ResourceVersion: strconv.FormatInt(revision, 10)}}
	for {
		found, err := c.Store.Range(ctx, storage.Range{Prefix: prefix, From: start, Limit: 500, Revision: revision})
		if errors.Is(err, storage.ErrCompacted) {
			return nil, expiredPage(start, c.at.prefix)
		}
		if err != nil {
			return nil, err
		}
		for _, record := range found.Records {
			if options.Limit > 0 && int64(len(p.entries)) >= options.Limit {
				p.meta.Continue = makeContinue(revision, p.entries[len(p.entries)-1].Key+"\x00", c.at.prefix)
				return p, nil
			}
			start = record.Key + "\x00"
			entry, err := c.entryOf(record)
			if err != nil {
				return nil, err
			}
			if c.chosen(entry, selected) {
				p.entries = append(p.entries, entry)
			}
		}
		if !found.More {
			return p, nil
		}
	}
}

func (c *call) entryOf(record storage.Record) (*cache.Entry, error) {
	obj, err := c.at.decode(record.Value, record.Revision)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", record.Key, err)
	}
	stored := obj.(resource.Object)
	return &cache.Entry{
		Key: record.Key, Namespace: stored.GetNamespace(), Name: stored.GetName(),
		Revision: record.Revision, Created: record.Created, Object: obj, Raw: record.Value,
	}, nil
}
