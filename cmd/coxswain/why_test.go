package main

import "testing"

func TestPodNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // "" is an error
	}{
		{[]string{"pod/web"}, "web"}, {[]string{"po/web"}, "web"}, {[]string{"web"}, "web"}, {[]string{"pod", "web"}, "web"},
		{[]string{"node/a"}, ""}, {[]string{"pod/"}, ""}, {[]string{"pod/a", "pod/b"}, ""},
	} {
		name, err := podNamed(c.args)
		if name != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q: %q, %v", c.args, name, err)
		}
	}
}
