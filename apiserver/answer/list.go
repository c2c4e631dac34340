package answer

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/runs"
)

// EncodedItem is the encoding from which lists in JSON, YAML and protobuf are made.
func (c *Answer) EncodedItem(entry *cache.Entry) ([]byte, error) {
	if c.Accept.Media != codec.CBOR || c.Partial() || !c.At.Protobuf {
		return c.Encoded(entry)
	}
	obj, err := c.At.Object(c.Context(), entry)
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
	if c.At.KeepsPacked() {
		return encode() // as in Encoded
	}
	return entry.Encoding(c.At.EncodingKey(codec.CBOR, false)+" item", encode)
}

// inList is an object without its kind, where that is what the list says.
func (c *Answer) inList(obj runtime.Object) runtime.Object {
	if c.Partial() || !c.At.Protobuf {
		return obj
	}
	obj = obj.DeepCopyObject()
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return obj
}

// WriteItems answers with a list of encoded items.
func (c *Answer) WriteItems(code int, items *runs.List, meta metav1.ListMeta) error {
	list := &codec.List{Kind: c.shownListKind(), Item: c.ShownKind(), Meta: meta, Items: items.Data(), KeepKinds: c.Partial() || !c.At.Protobuf, Whole: c.At.Custom != nil && !c.Partial()}
	if c.Accept.Media == codec.YAML || c.Accept.Pretty {
		var all strings.Builder
		media := c.Accept.Media
		if media == codec.YAML {
			media = codec.JSON
		}
		if err := list.Write(&all, media); err != nil {
			return err
		}
		data := []byte(all.String())
		if c.Accept.Media == codec.YAML {
			var err error
			if data, err = codec.YAMLFromJSON(data); err != nil {
				return err
			}
		}
		WriteBody(c.W, c.Accept, code, data)
		return nil
	}
	c.W.Header().Set("Content-Type", c.Accept.Media.String())
	zip := worthCompressing(c.R, list.Items)
	if zip {
		c.W.Header().Set("Content-Encoding", "gzip")
		c.W.Header().Add("Vary", "Accept-Encoding")
	}
	c.W.WriteHeader(code)
	if zip && items.Kept() {
		_ = writeZipped(c.W, list, items, c.Accept.Media) // as below
		return nil
	}
	out := newOutput(c.W, zip)
	defer out.close()
	_ = list.Write(out, c.Accept.Media) // fails only when the client is gone, and nobody can be told any more
	return nil
}

// WriteList answers with a list of objects that come from writes.
func (c *Answer) WriteList(code int, objects []resource.Object, meta metav1.ListMeta) error {
	if c.Accept.As == "Table" {
		return c.WriteTable(code, objects, meta)
	}
	items := make([][]byte, 0, len(objects))
	for _, obj := range objects {
		shown, err := c.shown(obj)
		if err != nil {
			return err
		}
		encode := func() ([]byte, error) { return kinds.Encode(shown, codec.JSON) }
		switch c.Accept.Media {
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
	return c.WriteItems(code, runs.Once(items), meta)
}

// ShownKind is the kind of what is shown of single objects.
func (c *Answer) ShownKind() schema.GroupVersionKind {
	if c.Partial() {
		return c.partialVersion().WithKind("PartialObjectMetadata")
	}
	return c.At.GVK
}

func (c *Answer) shownListKind() schema.GroupVersionKind {
	if c.Partial() {
		return c.partialVersion().WithKind("PartialObjectMetadataList")
	}
	return c.At.ListGVK
}

// partialVersion is the version of meta.k8s.io that the client named, for there is an older one.
func (c *Answer) partialVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: metav1.GroupName, Version: c.Accept.AsVersion}
}
