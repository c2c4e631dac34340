// Package codec turns bytes into objects and back: the media types of the wire (JSON, YAML, protobuf),
// their negotiation, the frames of a watch, the splicing of lists from the encodings of their items, and the
// form in which objects are stored.
//
// It reads and writes nothing but what it is handed, and knows no resource by name.
package codec
