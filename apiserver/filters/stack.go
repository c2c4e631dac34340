package filters

// roomForCall is about as much stack as a write takes.
const roomForCall = 24 << 10

// growStack makes the stack of this goroutine large while there is little on it. A request comes on a new one, whose stack
// would else be copied each time that it doubles, the deeper the costlier: that was a tenth of what a call takes. The
// index keeps the compiler from leaving the array out.
//
//go:noinline
func growStack(index int) byte {
	var room [roomForCall]byte
	return room[index%roomForCall]
}
