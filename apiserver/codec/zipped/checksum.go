package zipped

import "hash/crc32"

// A checksum is what is left when the bytes, read as a polynomial over two elements, are divided by that of IEEE: bit 31 is the coefficient
// of x^0. What follows behind shifts the polynomial, which multiplies the checksum by a power of x.
const (
	one      = uint32(1) << 31
	shift8   = one >> 8 // x^8: what one byte behind does
	lowest   = uint32(1)
	bitsOfIt = 32
)

// times multiplies two polynomials, modulo that of IEEE.
func times(a, b uint32) uint32 {
	var product uint32
	for i := range bitsOfIt {
		if a&(one>>i) != 0 {
			product ^= b
		}
		if b&lowest != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}

// shiftBy is what a checksum is multiplied by when so many bytes follow.
func shiftBy(bytes int) uint32 {
	result, power := one, shift8
	for ; bytes > 0; bytes >>= 1 {
		if bytes&1 != 0 {
			result = times(result, power)
		}
		power = times(power, power)
	}
	return result
}
