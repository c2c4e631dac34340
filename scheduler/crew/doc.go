// Package crew runs functions beside their caller on goroutines that stay for the next.
//
// It owns those goroutines and how long they stay. It bounds nothing and knows nothing of what it runs.
package crew
