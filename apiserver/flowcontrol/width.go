package flowcontrol

import (
	"math"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

const (
	// maxSeats bounds the width of any request, and oneIn that of a request in a level: no more than so much of its seats.
	maxSeats = 10
	oneIn    = 0.15
	// objectsPerSeat of a list: writing that many costs about as much as any other request.
	objectsPerSeat = 100
	// watchersPerSeat are those that one more seat is for, while they are told of a write, for tellFor. An event is encoded once for
	// all of them; what is left per watcher is a write to its connection.
	watchersPerSeat = 1000
	tellFor         = 5 * time.Millisecond
)

// work is how much of the server a request takes: seats while it is answered, and others afterwards for some time.
type work struct {
	seats, after int
	afterFor     time.Duration
	// told is how many watchers are told of a write; -1 for what writes nothing, or nothing that is watched.
	told int
}

// Load says how much there is of a resource.
type Load interface {
	// Objects is the number of objects of the resource that is asked for, or 0 where that is not known.
	Objects(info *request.Info) int
	// Watchers is the number of watches of it.
	Watchers(info *request.Info) int
}

// widthOf estimates a request. most is the widest that its level lets pass.
func widthOf(info *request.Info, most int, load Load) work {
	w := work{seats: 1, told: -1}
	if load == nil || !info.IsResource {
		return w
	}
	switch info.Verb {
	case "list", "watch":
		if info.Name != "" || info.Verb == "watch" && !info.Initial {
			return w
		}
		objects := load.Objects(info)
		if info.Limit > 0 {
			objects = min(objects, info.Limit)
		}
		w.seats = min(max(1, (objects+objectsPerSeat-1)/objectsPerSeat), most)
	case "create", "update", "patch", "delete", "deletecollection":
		if w.told = load.Watchers(info); w.told >= watchersPerSeat {
			w.after = min(w.told/watchersPerSeat, most)
			w.afterFor = tellFor
		}
	}
	return w
}

// widest is how many seats one request may take of so many.
func widest(nominal int) int {
	return min(max(1, int(math.Ceil(float64(nominal)*oneIn))), maxSeats)
}
